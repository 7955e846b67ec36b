//! What the user typed: the commands and their flags, without any logic.
//!
//! The texts here are the help pages.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

/// Compiles a specification of agent work into a plan that people review, and
/// runs it unattended within budgets and gates that hold.
#[derive(Debug, Parser)]
#[command(name = "eufm", version, max_term_width = 100)]
#[command(after_help = "Exit statuses: docs/exit-status.md. The language: docs/language.md.")]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say what is wrong with specs, and write nothing
    Check(CheckArgs),
    /// Compile a spec to plan.lock, for review
    Compile(CompileArgs),
    /// Give specs the one canonical form; comments and the plan stay as they are
    Fmt(FmtArgs),
    /// Run a plan, or go on with a run that was interrupted
    Exec(ExecArgs),
    /// Explain the code of a finding, or a kind of gate or agent
    Explain(ExplainArgs),
    /// Write a small spec to start from
    Init(InitArgs),
    /// Forward a local port to the gateway, then run a program (used inside sandboxes)
    #[command(name = eufm_runner::gateway::forward::SUBCOMMAND, hide = true)]
    Forward(ForwardArgs),
}

/// `eufm check`.
#[derive(Debug, ClapArgs)]
pub(crate) struct CheckArgs {
    /// Specs, and folders with specs: every `*.eufm` below them
    #[arg(default_value = ".", value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Print the findings as one JSON document (docs/schemas/diagnostics.schema.json)
    #[arg(long)]
    pub(crate) json: bool,
}

/// `eufm explain`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ExplainArgs {
    /// A code (`E0204`), `gate` or `agent`, or one kind of them (`gate tests`); all if not given
    #[arg(num_args = 0..=2)]
    pub(crate) topic: Vec<String>,
}

/// `eufm compile`.
#[derive(Debug, ClapArgs)]
pub(crate) struct CompileArgs {
    /// The spec
    pub(crate) spec: PathBuf,
    /// Write the plan to this file instead of plan.lock beside the spec
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Write nothing; fail when the plan on disk is not the one that would be written
    #[arg(long)]
    pub(crate) locked: bool,
    /// Print the findings as one JSON document (docs/schemas/diagnostics.schema.json)
    #[arg(long)]
    pub(crate) json: bool,
}

/// `eufm fmt`.
#[derive(Debug, ClapArgs)]
pub(crate) struct FmtArgs {
    /// Specs, folders (every *.eufm below them), or - for standard input to standard output
    #[arg(required = true, value_name = "FILE|FOLDER")]
    pub(crate) paths: Vec<PathBuf>,
    /// Write nothing; list the files that would change, and end with 1 if there is one
    #[arg(long)]
    pub(crate) check: bool,
}

/// `eufm exec`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ExecArgs {
    /// The plan that `eufm compile` wrote
    pub(crate) plan: PathBuf,
    /// Work on the repository in this folder instead of the one the plan lies in
    #[arg(long, value_name = "DIR")]
    pub(crate) repo: Option<PathBuf>,
    /// Keep the state of runs in this folder instead of $XDG_STATE_HOME/eufm/REPOSITORY
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Answer the agents from this recording instead of a model
    #[arg(long, value_name = "FILE")]
    pub(crate) cassette: Option<PathBuf>,
    /// Use this Codex CLI instead of the one on the PATH
    #[arg(long, value_name = "FILE", env = "EUFM_CODEX")]
    pub(crate) codex: Option<PathBuf>,
    /// Give the failed nodes of a finished run new attempts
    #[arg(long)]
    pub(crate) retry: bool,
    /// How to show progress
    #[arg(long, value_enum, default_value_t = Progress::Auto)]
    pub(crate) progress: Progress,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// Bars on a terminal, else lines
    Auto,
    /// Bars
    Bars,
    /// A line for each change, and at least every 30 s
    Plain,
}

/// `eufm init`.
#[derive(Debug, ClapArgs)]
pub(crate) struct InitArgs {
    /// The file to write
    #[arg(default_value = "spec.eufm")]
    pub(crate) file: PathBuf,
}

/// The forwarder.
#[derive(Debug, ClapArgs)]
pub(crate) struct ForwardArgs {
    /// The gateway's socket
    pub(crate) socket: PathBuf,
    /// The program to run and its arguments
    #[arg(last = true, required = true)]
    pub(crate) run: Vec<std::ffi::OsString>,
}
