//! The exit statuses, in one table: Make, CI and engines tell runs apart by them.
//!
//! The meaning of a status never changes; docs/exit-status.md is the same
//! table for people, and a test compares the two.

use std::process::ExitCode;

use eufm_runner::{Outcome, RunError, Stop};

/// The status that a command ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExitStatus(u8);

impl ExitStatus {
    /// Done.
    pub(crate) const DONE: Self = Self(0);
    /// A node or a gate failed, or a check of the form found what it looks for.
    pub(crate) const FAILED: Self = Self(1);
    /// The command line does not fit, or names what is not there.
    pub(crate) const USAGE: Self = Self(2);
    /// The spec is invalid.
    pub(crate) const SPEC: Self = Self(3);
    /// The plan is stale or was altered.
    pub(crate) const STALE: Self = Self(4);
    /// A budget is used up.
    pub(crate) const BUDGET: Self = Self(5);
    /// The run waits for a person, and nothing else is left to do.
    pub(crate) const PERSON: Self = Self(6);
    /// The agent or the model cannot be had.
    pub(crate) const UNAVAILABLE: Self = Self(7);
    /// The host cannot hold the limits or protections.
    pub(crate) const HOST: Self = Self(8);
    /// The run's state is damaged or cannot be written.
    pub(crate) const STATE: Self = Self(9);
    /// Another run holds the lock.
    pub(crate) const LOCKED: Self = Self(75);

    /// Passes on the status of another program; a signal becomes 128 + its number.
    pub(crate) fn passed_on(exit: eufm_runner::process::Exit) -> Self {
        use eufm_runner::process::Exit;
        let code = match exit {
            Exit::Status(code) => code,
            Exit::Signal(signal) => 128 + signal,
        };
        Self(u8::try_from(code).unwrap_or(u8::MAX))
    }

    /// Says that a program could not be started, as shells do: it is not there
    /// (127), or it cannot be run (126).
    pub(crate) fn not_started(error: &std::io::Error) -> Self {
        Self(if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 })
    }

    /// Returns the status of comparing two plans: as for `diff`, but that what became
    /// looser is a spec that must not run without a look at it.
    pub(crate) fn of_comparison(is_escalated: bool, is_same: bool) -> Self {
        match (is_escalated, is_same) {
            (true, _) => Self::SPEC,
            (false, true) => Self::DONE,
            (false, false) => Self::FAILED,
        }
    }

    /// Returns the status of a run that came to its end.
    pub(crate) fn of_outcome(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::DONE,
            Outcome::Failed => Self::FAILED,
            Outcome::BudgetExhausted => Self::BUDGET,
            Outcome::Unavailable => Self::UNAVAILABLE,
        }
    }

    /// Returns the status of a run that was stopped and can go on.
    pub(crate) fn of_stop(stop: &Stop) -> Self {
        match stop {
            Stop::Signal(signal) => Self(u8::try_from(128 + signal).unwrap_or(u8::MAX)),
            Stop::Host(_) => Self::STATE,
            Stop::Short(_) => Self::HOST,
            Stop::Outage(_) => Self::UNAVAILABLE,
            Stop::Person(_) => Self::PERSON,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.0)
    }
}

/// A command that failed, with what people are told.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The status to end with.
    pub(crate) status: ExitStatus,
    /// The message with place, cause and way out.
    pub(crate) message: String,
}

impl Failure {
    /// Makes a failure.
    pub(crate) fn new(status: ExitStatus, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let status = match &error {
            RunError::Usage(_) => ExitStatus::USAGE,
            RunError::Stale(_) => ExitStatus::STALE,
            RunError::Unavailable(_) => ExitStatus::UNAVAILABLE,
            RunError::Host(_) => ExitStatus::HOST,
            RunError::State(_) => ExitStatus::STATE,
            RunError::Locked(_) => ExitStatus::LOCKED,
            RunError::Stopped(signal) => ExitStatus::of_stop(&Stop::Signal(*signal)),
        };
        Self::new(status, error.to_string())
    }
}
