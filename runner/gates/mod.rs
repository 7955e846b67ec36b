//! The gate kinds: one file each, registered in [`GATES`].
//!
//! A gate runs a command on the harvested tree and judges what it left behind.
//! Pure: a kind says what is to be run and reads the evidence; sandboxes and
//! processes belong to others. Unaware of nodes, attempts and budgets.

pub mod command;
mod junit;
pub mod tests;

use std::fmt;

use eufm_plan::QualityGate;
use eufm_plan::schema::{KindSchema, Need, Param, ParamType};
pub use junit::Failing;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::environments::Failure;
use crate::limits::Exceeded;
use crate::process::Exit;

/// All gate kinds, sorted by name.
pub const GATES: &[&dyn GateKind] = &[&command::Command, &tests::Tests];

/// The largest report that is judged, in bytes. Whoever reads a report reads
/// at most one byte more, so that a larger one is seen.
pub const REPORT_BYTES_MAX: u64 = 64 << 20;

/// Finds a gate kind by its name.
#[must_use]
pub fn kind(name: &str) -> Option<&'static dyn GateKind> {
    GATES.iter().copied().find(|kind| kind.schema().name == name)
}

/// An automated check of a node's result.
pub trait GateKind: Sync {
    /// Describes the parameters of `gate … is KIND { … }`.
    fn schema(&self) -> &'static KindSchema;

    /// Returns the program and the arguments that make the evidence.
    ///
    /// # Errors
    /// Fails when the plan gives none.
    fn command<'a>(&self, gate: &'a QualityGate) -> Result<&'a [String], GateError>;

    /// Returns the file that the command writes and [`Self::judge`] reads, relative
    /// to the worktree. It must be removed before the command is run: the tree
    /// that is judged may hold one, and nobody would know it from a fresh one.
    fn report(&self, _gate: &QualityGate) -> Option<String> {
        None
    }

    /// Judges what the command left behind.
    fn judge(&self, gate: &QualityGate, evidence: &Evidence) -> Judgement;

    /// Tells whether the judgement depends on what the command leaves on the tree that
    /// the node began with.
    fn is_compared(&self, _gate: &QualityGate, _evidence: &Evidence) -> bool {
        false
    }

    /// Says what of that the judgement depends on.
    ///
    /// # Errors
    /// Fails with the reason when nobody can tell.
    fn baseline(&self, _gate: &QualityGate, _evidence: &Evidence) -> Baseline {
        Ok(Failing::default())
    }

    /// Judges what the command left behind, beside what failed before.
    fn compare(&self, gate: &QualityGate, evidence: &Evidence, _baseline: &Baseline) -> Judgement {
        self.judge(gate, evidence)
    }
}

/// Which tests fail on the tree that a node began with, or why nobody can tell.
pub type Baseline = Result<Failing, String>;

/// What a gate's command left behind.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// How the command came to its end.
    pub finish: Finish,
    /// The bytes of the report; `None` when there is no regular file of its name.
    pub report: Option<Vec<u8>>,
}

/// How a gate's command came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// By itself or by a signal.
    Exited(Exit),
    /// It was ended when its time was up.
    TimedOut,
    /// It was ended because it passed another limit.
    Exceeded(Exceeded),
}

impl Finish {
    /// Returns the status of a command that ran and ended by itself.
    ///
    /// A status from 124 up is none: there shells, `env`, `timeout` and the
    /// sandbox report a command that was not found, could not be run or was
    /// ended by a signal.
    #[must_use]
    pub fn status(self) -> Option<i32> {
        match self {
            Self::Exited(Exit::Status(status)) if (0..124).contains(&status) => Some(status),
            Self::Exited(_) | Self::TimedOut | Self::Exceeded(_) => None,
        }
    }
}

impl fmt::Display for Finish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("the command timed out"),
            Self::Exceeded(limit) => write!(f, "the command was ended: {limit}"),
            Self::Exited(Exit::Signal(signal)) => {
                write!(f, "the command was ended by signal {signal}")
            }
            Self::Exited(exit @ Exit::Status(status)) => {
                write!(f, "the command ended with {exit}")?;
                match status {
                    126 => f.write_str(" (its program could not be run)"),
                    127 => f.write_str(" (its program was not found in the sandbox)"),
                    129..=192 => write!(f, " (signal {})", status - 128),
                    _ => Ok(()),
                }
            }
        }
    }
}

/// A gate's answer. Unknown is not a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The result is good enough.
    Pass,
    /// It is not.
    Fail,
    /// The gate itself could not tell; another attempt does not help it.
    Unknown,
}

impl Verdict {
    /// Tells whether the result may be taken over.
    #[must_use]
    pub fn is_pass(self) -> bool {
        self == Self::Pass
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
        })
    }
}

/// A verdict with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The answer.
    pub verdict: Verdict,
    /// Why, in one line for people; bounded, without control characters.
    pub reason: String,
    /// What was measured: name and value, in a fixed order.
    pub measured: Vec<(&'static str, String)>,
}

impl Judgement {
    fn new(verdict: Verdict, reason: impl Into<String>) -> Self {
        Self { verdict, reason: reason.into(), measured: Vec::new() }
    }

    /// Judges a result for which an environment cannot be prepared: that is the
    /// result's failure, since it was prepared for the base.
    #[must_use]
    pub(crate) fn unprepared(failure: &Failure) -> Self {
        Self::new(Verdict::Fail, crate::printable::line(&failure.to_string(), 400))
    }

    /// Makes the text that goes back to the agent when the gate did not pass:
    /// the gate, its command, the reason and the end of the command's output.
    #[must_use]
    pub fn feedback(&self, gate: &QualityGate, run: &[String], output: &[u8]) -> String {
        let run: Vec<String> = run.iter().map(|word| format!("{word:?}")).collect();
        let mut text = format!(
            "The gate `{}` did not pass ({}): {}\nIt ran: [{}]\n",
            gate.name,
            self.verdict,
            self.reason,
            run.join(", "),
        );
        let tail = tail(output);
        if tail.is_empty() {
            text.push_str("It wrote no output.\n");
        } else {
            text.push_str("The end of its output:\n\n");
            text.push_str(&tail);
            text.push('\n');
        }
        text
    }
}

/// Why a gate of a plan cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GateError {
    /// A parameter is not there or of another type.
    #[error("gate `{gate}`: `{key}` is missing in the plan; compile the spec again")]
    Missing {
        /// The gate.
        gate: String,
        /// The parameter.
        key: &'static str,
    },
    /// A threshold cannot be read.
    #[error("gate `{gate}`: `{text}` is not a threshold; compile the spec again")]
    Threshold {
        /// The gate.
        gate: String,
        /// What stands in the plan.
        text: String,
    },
}

/// The parameter `run` of every kind.
const RUN: Param = Param {
    name: "run",
    ty: ParamType::Command,
    need: Need::Required,
    doc: "The program and its arguments; run on the harvested tree, never through a shell.",
};

/// The parameter `cwd` of every kind.
const CWD: Param = Param {
    name: "cwd",
    ty: ParamType::Path,
    need: Need::Optional,
    doc: "The folder it runs in; the root if not given.",
};

/// The parameter `vars` of every kind.
const VARS: Param = Param {
    name: "vars",
    ty: ParamType::Variables,
    need: Need::Optional,
    doc: "Variables of its environment.",
};

/// The parameter `network` of every kind.
const NETWORK: Param = Param {
    name: "network",
    ty: ParamType::Word(&["none"]),
    need: Need::Default("none"),
    doc: "What it reaches: nothing.",
};

/// Returns the parameter `run`, which holds at least a program.
fn run(gate: &QualityGate) -> Result<&[String], GateError> {
    let run = gate.params.list("run").filter(|run| !run.is_empty());
    run.ok_or_else(|| GateError::Missing { gate: gate.name.clone(), key: "run" })
}

/// Returns the folder that a gate's command starts in, relative to the root.
#[must_use]
pub fn cwd(gate: &QualityGate) -> Option<&str> {
    gate.params.text("cwd")
}

/// Returns the variables of a gate's command.
#[must_use]
pub fn vars(gate: &QualityGate) -> Vec<(String, String)> {
    let lines = gate.params.list("vars").unwrap_or_default();
    let pair = |line: &String| {
        line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    lines.iter().filter_map(pair).collect()
}

/// How much of the end of an output goes back to an agent, in bytes.
const TAIL_BYTES_MAX: usize = 16 << 10;

/// Returns the end of an output, in whole lines if it was cut, without control
/// characters: they could hide text from people and mean nothing to a model.
fn tail(output: &[u8]) -> String {
    let start = output.len().saturating_sub(TAIL_BYTES_MAX);
    let mut bytes = &output[start..];
    if start > 0 {
        let line = bytes.iter().position(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        bytes = &bytes[line..];
    }
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
    let shown: String = text.chars().filter(|&c| matches!(c, '\n' | '\t') || is_shown(c)).collect();
    shown.trim_end().to_owned()
}

/// Tells whether a character is safe in a line for people: it neither controls
/// a terminal, nor is invisible, nor turns the direction of the text.
fn is_shown(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

#[cfg(test)]
mod unit {
    use super::*;

    fn gate() -> QualityGate {
        let params = eufm_plan::Params::default();
        QualityGate { name: "unit".to_owned(), kind: "command".to_owned(), params }
    }

    #[test]
    fn gates_are_sorted_and_found_by_name() {
        let names: Vec<_> = GATES.iter().map(|kind| kind.schema().name).collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        for name in names {
            assert_eq!(kind(name).map(|kind| kind.schema().name), Some(name));
        }
        assert!(kind("nope").is_none());
    }

    #[test]
    fn every_kind_needs_a_command() {
        for kind in GATES {
            let error = kind.command(&gate()).expect_err("no run");
            assert!(error.to_string().contains("`run` is missing"), "{error}");
            assert!(kind.schema().param("run").is_some_and(|param| param.need == Need::Required));
        }
    }

    #[test]
    fn only_pass_is_a_pass() {
        assert!(Verdict::Pass.is_pass());
        assert!(!Verdict::Fail.is_pass());
        assert!(!Verdict::Unknown.is_pass());
    }

    #[test]
    fn a_status_that_stands_for_a_signal_is_none() {
        for (finish, status, text) in [
            (Finish::Exited(Exit::Status(1)), Some(1), "ended with exit status 1"),
            (Finish::Exited(Exit::Status(127)), None, "was not found in the sandbox"),
            (Finish::Exited(Exit::Status(139)), None, "exit status 139 (signal 11)"),
            (Finish::Exited(Exit::Signal(9)), None, "was ended by signal 9"),
            (Finish::TimedOut, None, "timed out"),
            (Finish::Exceeded(Exceeded::Processes { cap: 9 }), None, "ended: it had as many"),
        ] {
            assert_eq!(finish.status(), status);
            assert!(finish.to_string().contains(text), "{finish}");
        }
    }

    #[test]
    fn feedback_names_gate_command_reason_and_output() {
        let judgement = Judgement::new(Verdict::Fail, "the command ended with exit status 1");
        let run = ["make".to_owned(), "a b".to_owned()];
        let text =
            judgement.feedback(&gate(), &run, b"one\r\n\x1b]0;t\x07two\xe2\x80\xae\t\xff\n\n");
        assert_eq!(
            text,
            "The gate `unit` did not pass (fail): the command ended with exit status 1\n\
             It ran: [\"make\", \"a b\"]\nThe end of its output:\n\none\n]0;ttwo\t\u{FFFD}\n",
        );
        assert!(judgement.feedback(&gate(), &run, b"\n").ends_with("It wrote no output.\n"));
        // Recordings know a gate's words by their beginning.
        assert!(text.starts_with(crate::gateway::recording::GATE));
    }

    #[test]
    fn feedback_keeps_the_end_in_whole_lines() {
        let output: String = (0..10_000).map(|line| format!("line {line} é\n")).collect();
        let tail = tail(output.as_bytes());
        assert!(tail.len() <= TAIL_BYTES_MAX && tail.len() > TAIL_BYTES_MAX - 32, "{}", tail.len());
        assert!(tail.starts_with("line ") && tail.ends_with("line 9999 é"), "{tail}");
        let endless = super::tail(&[b'x'; 1 << 20]);
        assert_eq!(endless.len(), TAIL_BYTES_MAX);
    }
}
