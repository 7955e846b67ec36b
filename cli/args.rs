//! What the user typed: the commands and their flags, without any logic.
//!
//! The texts here are the help pages.

mod looks;
mod people;
mod trust;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use eufm_compiler::Setting;
use eufm_plan::units::Bytes;
use eufm_runner::protections::{self, PROTECTIONS, Protection};

pub(crate) use looks::{CostArgs, DiffArgs, GraphArgs, ShowArgs, WhyArgs};
pub(crate) use people::{ApproveArgs, QuestionArgs, RejectArgs};
pub(crate) use trust::Trust;

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
    /// Answer a node that waits for a person with yes, or list those that wait
    Approve(ApproveArgs),
    /// Answer a node that waits for a person with no
    Reject(RejectArgs),
    /// Say what this host enforces, what is best effort and what is missing
    Doctor(DoctorArgs),
    /// Say of each node whether a run would do it now, and why; nothing is started or changed
    Why(WhyArgs),
    /// Say what a plan may cost, and what its run has cost so far; nothing is changed
    Cost(CostArgs),
    /// Show a plan: what it comes to and its nodes, or one node in full
    Show(ShowArgs),
    /// Draw a plan as a graph, for Mermaid or Graphviz
    Graph(GraphArgs),
    /// Say what differs between two plans, what became looser first
    Diff(DiffArgs),
    /// Remove what old runs left: their folders, references and results
    Gc(GcArgs),
    /// Explain the code of a finding, a kind of gate, agent or rule, or print a part of std
    Explain(ExplainArgs),
    /// Write a small spec to start from
    Init(InitArgs),
    /// Make price tables for specs
    Prices(PricesArgs),
    /// Show and check cassettes: scripts and recordings of runs
    Cassette(CassetteArgs),
    /// Look whether the state of runs is whole, and where each run stands
    Verify(VerifyArgs),
    /// Forward a local port to the gateway, then run a program (used inside sandboxes)
    #[command(name = eufm_runner::gateway::forward::SUBCOMMAND, hide = true)]
    Forward(ForwardArgs),
    /// Close files and system calls to a program, then run it (used where there is no bubblewrap)
    #[command(name = eufm_runner::confine::SUBCOMMAND, hide = true)]
    Confine(ConfineArgs),
    /// Close dangerous system calls to a program, then run it (used inside sandboxes)
    #[command(name = eufm_runner::confine::FILTER, hide = true)]
    Filter(FilterArgs),
    /// Put secrets into files, then become a program (used inside sandboxes)
    #[command(name = eufm_runner::secrets::SUBCOMMAND, hide = true)]
    Secrets(crate::secrets::SecretsArgs),
    /// Take limits, then become a program (used outside of sandboxes)
    #[command(name = eufm_runner::limits::SUBCOMMAND, hide = true)]
    Limit(LimitArgs),
    /// Say as JSON what a spec gives now (used at the start of a run)
    #[command(name = crate::commands::now::SUBCOMMAND, hide = true)]
    Now(NowArgs),
    /// Mount folders that can be changed unseen, then become a program (used for sandboxes)
    #[command(name = eufm_runner::layers::SUBCOMMAND, hide = true)]
    Layers(LayersArgs),
}

/// Finds a protection by its name.
fn protection(text: &str) -> Result<&'static Protection, String> {
    protections::protection(text).ok_or_else(|| {
        let names: Vec<&str> = PROTECTIONS.iter().map(|known| known.name).collect();
        format!("no protection has this name; there are {}", names.join(", "))
    })
}

/// Reads `NAME=VALUE`.
fn setting(text: &str) -> Result<Setting, String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => {
            Ok(Setting { name: name.trim().to_owned(), value: value.to_owned() })
        }
        _ => Err("write NAME=VALUE, as in `--set env=production`".to_owned()),
    }
}

/// `eufm check`.
#[derive(Debug, ClapArgs)]
pub(crate) struct CheckArgs {
    /// Specs, and folders with specs: every `*.eufm` below them
    #[arg(default_value = ".", value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Give a parameter of all specs a value
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<Setting>,
    /// Take paths as relative to this folder instead of the repository that each spec lies in
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Print the findings as one JSON document (docs/schemas/diagnostics.schema.json)
    #[arg(long)]
    pub(crate) json: bool,
}

/// `eufm explain`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ExplainArgs {
    /// A code (`E0204`), `gate`, `agent` or `rule`, one kind of them (`gate tests`), `std` or a part
    /// of it (`std.rust`); all if not given
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
    /// Give a parameter of the spec a value
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<Setting>,
    /// Take paths as relative to this folder instead of the repository that the spec lies in
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
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
    /// Begin a run though the spec is not there: the plan with this digest was reviewed
    #[arg(long, value_name = "DIGEST", value_parser = Trust::parse)]
    pub(crate) trust_lock: Option<Trust>,
    /// Answer the agents from this script instead of a model
    #[arg(long, value_name = "FILE")]
    pub(crate) cassette: Option<PathBuf>,
    /// Record what the agents ask and the model answers in this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["cassette", "replay"])]
    pub(crate) record: Option<PathBuf>,
    /// Answer the agents from this recording instead of a model
    #[arg(long, value_name = "DIR", conflicts_with = "cassette")]
    pub(crate) replay: Option<PathBuf>,
    /// Take the recorded answers by their order alone, whatever is asked
    #[arg(long, requires = "replay")]
    pub(crate) loose: bool,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// Take a secret from `file:PATH`, `env:VARIABLE` or `command:PROGRAM`; may be repeated
    #[arg(long = "secret", value_name = "NAME=PLACE")]
    pub(crate) secrets: Vec<String>,
    /// Stop, to go on another day, when the provider was away for so long
    #[arg(long, value_name = "DURATION", default_value = "12h", value_parser = span)]
    pub(crate) max_outage: Duration,
    /// Use this Codex CLI instead of the one on the PATH
    #[arg(long, value_name = "FILE", env = "EUFM_CODEX")]
    pub(crate) codex: Option<PathBuf>,
    /// Stay until people have answered, instead of ending with 6 when nothing else goes on
    #[arg(long)]
    pub(crate) wait: bool,
    /// Give the failed nodes of a finished run new attempts
    #[arg(long)]
    pub(crate) retry: bool,
    /// Begin another run of the plan, on the base as it is now; an unfinished one is closed
    #[arg(long, conflicts_with = "retry")]
    pub(crate) new: bool,
    /// Run every node anew instead of taking results of earlier runs over
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Run though this protection is missing here: bubblewrap, landlock or seccomp; may be repeated
    #[arg(long = "allow-degraded", value_name = "NAME", value_parser = protection)]
    pub(crate) allowed: Vec<&'static Protection>,
    /// How to show progress
    #[arg(long, value_enum, default_value_t = Progress::Auto)]
    pub(crate) progress: Progress,
}

/// Where the provider's key comes from.
#[derive(Debug, ClapArgs)]
#[group(multiple = false, conflicts_with_all = ["cassette", "replay"])]
pub(crate) struct KeyArgs {
    /// Take the provider's key from this variable instead of OPENAI_API_KEY
    #[arg(long, value_name = "NAME")]
    pub(crate) key_env: Option<String>,
    /// Take the provider's key from this file
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Take the provider's key from what this program prints; its arguments are split as a shell
    /// does, but no shell is run
    #[arg(long, value_name = "CMD")]
    pub(crate) key_command: Option<String>,
}

/// Reads a span of time, `7d`.
fn span(text: &str) -> Result<Duration, String> {
    const SECONDS: &[(&str, u64)] = &[("s", 1), ("min", 60), ("h", 3_600), ("d", 86_400)];
    let seconds = quantity(text, |count, unit| {
        let (_, length) = SECONDS.iter().find(|(name, _)| *name == unit)?;
        count.checked_mul(*length)
    });
    seconds.map(Duration::from_secs).ok_or_else(|| {
        "write a number with `s`, `min`, `h` or `d`, as in `--older-than 7d`".to_owned()
    })
}

/// Reads a size, `5GiB`; a number alone is bytes.
fn size(text: &str) -> Result<u64, String> {
    let bytes = quantity(text, |count, unit| {
        Bytes::from_unit(count, if unit.is_empty() { "B" } else { unit }).map(|bytes| bytes.0)
    });
    bytes.ok_or_else(|| "write bytes, or a number with a unit, as in `--max-size 5GiB`".to_owned())
}

/// Takes a number and its unit apart, with a blank between them or none.
fn quantity<T>(text: &str, of: impl Fn(u64, &str) -> Option<T>) -> Option<T> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (count, unit) = text.split_at(end);
    of(count.parse().ok()?, unit.strip_prefix(' ').unwrap_or(unit))
}

/// `eufm gc`.
#[derive(Debug, ClapArgs)]
pub(crate) struct GcArgs {
    /// Keep this many of the newest ended runs, however old
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) keep_runs: usize,
    /// Remove only what ended, or was used, longer ago
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = span)]
    pub(crate) older_than: Duration,
    /// Remove prepared environments, the oldest ended runs and unused results beyond this size,
    /// whatever the other limits say; unfinished runs and the last one stay
    #[arg(long, value_name = "BYTES", value_parser = size)]
    pub(crate) max_size: Option<u64>,
    /// Only say what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Clean up after this repository instead of the one the working folder lies in
    #[arg(long, value_name = "DIR")]
    pub(crate) repo: Option<PathBuf>,
    /// Clean up the state in this folder instead of $XDG_STATE_HOME/eufm/REPOSITORY
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Print what was removed as one JSON document (docs/schemas/gc.schema.json)
    #[arg(long)]
    pub(crate) json: bool,
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

/// `eufm doctor`.
#[derive(Debug, ClapArgs)]
pub(crate) struct DoctorArgs {
    /// Look at the state of runs in this folder instead of $XDG_STATE_HOME/eufm/REPOSITORY
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Try this Codex CLI instead of the one on the PATH
    #[arg(long, value_name = "FILE", env = "EUFM_CODEX")]
    pub(crate) codex: Option<PathBuf>,
    /// Judge as if this protection may be missing: bubblewrap, landlock or seccomp; may be repeated
    #[arg(long = "allow-degraded", value_name = "NAME", value_parser = protection)]
    pub(crate) allowed: Vec<&'static Protection>,
    /// Prepare the environments of this plan and run each of its gates on the base commit
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,
    /// The repository that the plan is for, instead of the one it lies in
    #[arg(long, value_name = "DIR", requires = "plan")]
    pub(crate) repo: Option<PathBuf>,
    /// Print the findings as one JSON document (docs/schemas/doctor.schema.json)
    #[arg(long)]
    pub(crate) json: bool,
}

/// `eufm init`.
#[derive(Debug, ClapArgs)]
pub(crate) struct InitArgs {
    /// The file to write
    #[arg(default_value = "spec.eufm")]
    pub(crate) file: PathBuf,
}

/// `eufm prices`.
#[derive(Debug, ClapArgs)]
pub(crate) struct PricesArgs {
    #[command(subcommand)]
    pub(crate) command: PricesCommand,
}

/// What can be done with prices.
#[derive(Debug, Subcommand)]
pub(crate) enum PricesCommand {
    /// Take prices over from LiteLLM's public table, exactly, and say what cannot be
    Import(PricesImportArgs),
}

/// Reads a day, `2026-06-12`.
fn day(text: &str) -> Result<String, String> {
    let number = |part: &str, length: usize| {
        let digits = part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
        if digits { part.parse::<u32>().ok() } else { None }
    };
    let parts: Vec<&str> = text.split('-').collect();
    let date = match parts.as_slice() {
        [year, month, day] => number(year, 4).zip(number(month, 2)).zip(number(day, 2)),
        _ => None,
    };
    let is_day = date.is_some_and(|((year, month), day)| {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 => 28 + u32::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => 0,
        };
        year >= 1970 && (1..=days).contains(&day)
    });
    if is_day {
        Ok(text.to_owned())
    } else {
        Err("write year, month and day, as in `--date 2026-06-12`".to_owned())
    }
}

/// `eufm prices import`.
#[derive(Debug, ClapArgs)]
pub(crate) struct PricesImportArgs {
    /// LiteLLM's model_prices_and_context_window.json
    pub(crate) file: PathBuf,
    /// Write the table to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The day on which the prices held; no clock is asked
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub(crate) date: String,
    /// Who says so, instead of the file's name
    #[arg(long, value_name = "TEXT")]
    pub(crate) source: Option<String>,
    /// Only models of this provider, as the table calls it; may be repeated
    #[arg(long = "provider", value_name = "NAME")]
    pub(crate) providers: Vec<String>,
    /// Only this model, as the table calls it; may be repeated
    #[arg(long = "model", value_name = "NAME")]
    pub(crate) models: Vec<String>,
}

/// `eufm cassette`.
#[derive(Debug, ClapArgs)]
pub(crate) struct CassetteArgs {
    #[command(subcommand)]
    pub(crate) command: CassetteCommand,
}

/// What can be done with cassettes.
#[derive(Debug, Subcommand)]
pub(crate) enum CassetteCommand {
    /// Show what was asked and answered, as a transcript
    Show(CassetteShowArgs),
    /// Look whether a cassette is whole, fits a plan and may be shared
    Check(CassetteCheckArgs),
}

/// `eufm cassette show`.
#[derive(Debug, ClapArgs)]
pub(crate) struct CassetteShowArgs {
    /// The folder of a recording, or the file of a script
    #[arg(value_name = "DIR|FILE")]
    pub(crate) cassette: PathBuf,
    /// Only this node; may be repeated
    #[arg(long = "node", value_name = "NAME")]
    pub(crate) nodes: Vec<String>,
    /// Print it as one JSON document (docs/schemas/cassette-show.schema.json)
    #[arg(long)]
    pub(crate) json: bool,
}

/// `eufm cassette check`.
#[derive(Debug, ClapArgs)]
pub(crate) struct CassetteCheckArgs {
    /// The folder of a recording, or the file of a script
    #[arg(value_name = "DIR|FILE")]
    pub(crate) cassette: PathBuf,
    /// The plan that it is to be played with
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,
    /// Print what was found as one JSON document (docs/schemas/cassette-check.schema.json)
    #[arg(long)]
    pub(crate) json: bool,
}

/// `eufm verify`.
#[derive(Debug, ClapArgs)]
pub(crate) struct VerifyArgs {
    /// Only this run
    pub(crate) run: Option<String>,
    /// The repository whose runs are meant instead of the one that this folder lies in
    #[arg(long, value_name = "DIR")]
    pub(crate) repo: Option<PathBuf>,
    /// The folder of the state, if it is not $XDG_STATE_HOME/eufm/REPOSITORY
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Print what was found as one JSON document (docs/schemas/verify.schema.json)
    #[arg(long)]
    pub(crate) json: bool,
}

/// The question what a spec gives now.
#[derive(Debug, ClapArgs)]
pub(crate) struct NowArgs {
    /// The spec
    pub(crate) spec: PathBuf,
    /// The folder that paths are relative to
    #[arg(long)]
    pub(crate) root: PathBuf,
    /// The values of its parameters
    #[arg(long = "set", value_parser = setting)]
    pub(crate) settings: Vec<Setting>,
}

/// The shim before a limited program.
#[derive(Debug, ClapArgs)]
pub(crate) struct LimitArgs {
    /// A file of a control group through which to join it
    #[arg(long)]
    pub(crate) join: Vec<PathBuf>,
    /// How large a file may be
    #[arg(long)]
    pub(crate) file_bytes: Option<u64>,
    /// How many processes the user may have
    #[arg(long)]
    pub(crate) processes: Option<u64>,
    /// The process to die with
    #[arg(long)]
    pub(crate) parent: Option<u32>,
    /// The program to become and its arguments
    #[arg(last = true, required = true)]
    pub(crate) run: Vec<std::ffi::OsString>,
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

/// The launcher of sandboxes without namespaces.
#[derive(Debug, ClapArgs)]
pub(crate) struct ConfineArgs {
    /// Become the program instead of keeping it
    #[arg(long)]
    pub(crate) enter: bool,
    /// The folder of the worktree
    #[arg(long)]
    pub(crate) worktree: PathBuf,
    /// The folder for its home and its temporary files
    #[arg(long)]
    pub(crate) private: PathBuf,
    /// Where it starts
    #[arg(long)]
    pub(crate) cwd: PathBuf,
    /// The git directory of the worktree
    #[arg(long)]
    pub(crate) git: Option<PathBuf>,
    /// What it may read beside the system
    #[arg(long)]
    pub(crate) read: Vec<PathBuf>,
    /// What it may change beside its own folders
    #[arg(long)]
    pub(crate) write: Vec<PathBuf>,
    /// A variable of the author's
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) var: Vec<(String, String)>,
    /// What stays open
    #[arg(long, value_enum)]
    pub(crate) open: Vec<Open>,
    /// The program to run and its arguments
    #[arg(last = true, required = true)]
    pub(crate) run: Vec<std::ffi::OsString>,
}

/// The filter inside sandboxes.
#[derive(Debug, ClapArgs)]
pub(crate) struct FilterArgs {
    /// A variable of the author's
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) var: Vec<(String, String)>,
    /// The program to run and its arguments
    #[arg(last = true, required = true)]
    pub(crate) run: Vec<std::ffi::OsString>,
}

/// What a host cannot close, and somebody permitted to do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Open {
    /// Files and signals
    Files,
    /// The network and dangerous system calls
    Calls,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}

/// The launcher of layers.
#[derive(Debug, ClapArgs)]
pub(crate) struct LayersArgs {
    /// Pairs of folders: what is seen at first, and where the changes go
    pub(crate) folders: Vec<PathBuf>,
    /// The program to become and its arguments
    #[arg(last = true, required = true)]
    pub(crate) run: Vec<std::ffi::OsString>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_sizes_have_units_and_anything_else_is_refused() {
        let seconds = |text| span(text).map(|span| span.as_secs()).ok();
        assert_eq!(seconds("90 min"), Some(5_400));
        assert_eq!(["0s", "2h", "7d"].map(seconds), [Some(0), Some(7_200), Some(604_800)]);
        for bad in ["", "7", "d", "-1d", "1.5h", "7 days", "7  d", "99999999999999999999d"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
        assert_eq!(
            ["0", "12 B", "2KiB", "5 GiB"].map(|text| size(text).ok()),
            [Some(0), Some(12), Some(2_048), Some(5 << 30)]
        );
        for bad in ["", "GiB", "1GB", "1.5GiB", "-1", "99999999999GiB"] {
            assert_eq!(size(bad).ok(), None, "{bad}");
        }
    }
}
