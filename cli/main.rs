//! The `eufm` command: reads the arguments, runs one command, ends with its
//! exit status.
//!
//! This crate alone owns the standard streams, the exit statuses and the
//! environment. It is unaware of how anything is compiled or run.

mod args;
mod catalog;
mod codes;
mod commands;
mod decimal;
mod exit;
mod host;
mod keys;
mod litellm;
mod price_table;
mod render;
mod secrets;
mod sources;
mod specs;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command};

/// A tree of 100,000 tasks is millions of small pieces, made on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Clap ends by itself with status 2 for a bad command line, as the table
    // of exit statuses has it, and with 0 for help and version.
    let args = Args::parse();
    let result = match args.command {
        Command::Check(args) => commands::check::run(&args),
        Command::Compile(args) => commands::compile::run(&args),
        Command::Fmt(args) => commands::fmt::run(&args),
        Command::Exec(args) => commands::exec::run(&args),
        Command::Approve(args) => commands::people::approve(&args),
        Command::Reject(args) => commands::people::reject(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::Cost(args) => commands::cost::run(&args),
        Command::Diff(args) => commands::diff::run(&args),
        Command::Gc(args) => commands::gc::run(&args),
        Command::Explain(args) => commands::explain::run(&args),
        Command::Init(args) => commands::init::run(&args),
        Command::Prices(args) => commands::prices::run(&args),
        Command::Cassette(args) => commands::cassette::run(&args),
        Command::Verify(args) => commands::verify::run(&args),
        Command::Show(args) => commands::show::run(&args),
        Command::Graph(args) => commands::show::graph(&args),
        Command::Why(args) => commands::why::run(&args),
        Command::Forward(args) => commands::forward::run(&args),
        Command::Confine(args) => commands::confine::run(&args),
        Command::Filter(args) => commands::confine::filter(&args),
        Command::Secrets(args) => commands::confine::secrets(&args),
        Command::Limit(args) => commands::limit::run(&args),
        Command::Now(args) => commands::now::run(&args),
        Command::Layers(args) => commands::layers::run(&args),
    };
    match result {
        Ok(status) => status.into(),
        Err(failure) => {
            render::failure(&failure.message);
            failure.status.into()
        }
    }
}
