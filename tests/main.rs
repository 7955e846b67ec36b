//! The tests of the whole program: the real binary, git, bubblewrap and the
//! real Codex CLI, with a cassette in place of the model. One topic a file.

mod admission;
mod check;
mod clocks;
mod commands;
mod compile;
mod corpus;
mod doctor;
mod done;
mod environments;
mod exec;
mod explain;
mod faults;
mod gates;
mod in_place;
mod journals;
mod kept;
mod layering;
mod limits;
mod lock;
mod mutations;
mod network;
mod plan;
mod prices;
mod progress;
mod refusals;
mod rehearsal;
mod resume;
mod root;
mod sandbox;
mod specs;
mod stdlib;
mod support;
mod toolchains;
mod verify;
