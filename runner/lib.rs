//! The runner: a plan on a base commit becomes a run, and all effects are here.
//!
//! It does what the plan says, or nothing. The scheduler is pure; the
//! dispatcher writes each fact to the journal before it acts on it; the steps
//! do the acts. It never sees the grammar or a spec. See docs/architecture.md.

mod admission;
pub mod agents;
mod beneath;
mod beside;
mod cache;
mod capture;
mod clock;
pub mod confine;
mod constitution;
pub mod cost;
mod counter;
mod dispatcher;
pub mod doctor;
mod durable;
mod environments;
mod error;
mod event;
mod executors;
mod file_system;
pub mod gates;
pub mod gateway;
pub mod gc;
mod git;
mod globs;
mod guard;
mod inputs;
mod journal;
pub mod key;
pub mod layers;
pub mod ledger;
pub mod limits;
mod lists;
mod meant;
pub mod model;
mod monitor;
pub mod nest;
mod node;
mod orphans;
mod output;
pub mod pages;
pub mod people;
mod preflight;
pub mod printable;
pub mod process;
mod process_stat;
mod programs;
pub mod protections;
mod proxy;
mod pulse;
mod reach;
pub mod rehearsal;
mod reindex;
mod remove;
mod replay;
mod replayed;
mod report;
pub mod reporters;
mod reserve;
pub mod rules;
mod run;
mod running;
pub mod sandbox;
mod scheduler;
#[cfg(test)]
mod scheduler_test;
#[cfg(test)]
mod scheduler_world;
mod scripts;
mod seal;
pub mod secrets;
mod settled;
mod sight;
mod signals;
mod size;
mod state;
#[cfg(test)]
mod state_test;
mod steps;
mod store;
mod supervise;
pub mod supported;
mod trial;
pub mod verify;
mod waivers;
pub mod why;
mod window;
mod workers;
mod workshop;

pub use dispatcher::Stop;
pub use error::RunError;
pub use event::Outcome;
pub use preflight::Host;
pub use report::{
    AnswerReport, GateReport, NodeReport, NodeReports, PaceReport, QuestionReport, RuleReport,
    RunReport,
};
pub use run::{Done, Order, run};
pub use seal::done_before;
pub use size::Size;
