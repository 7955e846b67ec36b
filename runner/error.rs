//! Why a run cannot begin or go on, by the kind that the exit status tells.
//!
//! Each variant carries a message for people with the way out. Unaware of the
//! numbers: those are the command line's.

use thiserror::Error;

use crate::journal::JournalError;
use crate::store::StoreError;

/// Why a run cannot begin or go on.
#[derive(Debug, Error)]
pub enum RunError {
    /// What was asked for does not fit: no repository, no such base.
    #[error("{0}")]
    Usage(String),
    /// The plan is not what was reviewed, or does not fit this repository.
    #[error("{0}")]
    Stale(String),
    /// The agent or the model cannot be had.
    #[error("{0}")]
    Unavailable(String),
    /// The host cannot hold the limits or protections.
    #[error("{0}")]
    Host(String),
    /// The run's state is damaged or cannot be written.
    #[error("{0}")]
    State(String),
    /// A signal came before the run had begun or gone on.
    #[error("stopped by signal {0} while environments were prepared; the same command goes on")]
    Stopped(i32),
    /// Another runner holds the lock.
    #[error("{0}")]
    Locked(String),
}

impl From<StoreError> for RunError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Locked { .. } => {
                Self::Locked(format!("{error}\n  help: wait for its end, or stop it with Ctrl-C"))
            }
            StoreError::Shared { .. } => Self::Host(error.to_string()),
            StoreError::Exposed { .. } => Self::State(error.to_string()),
            StoreError::Io { .. } => Self::State(format!(
                "{error}\n  help: make it readable and writable, or keep the state elsewhere \
                 (--state DIR)"
            )),
        }
    }
}

impl From<JournalError> for RunError {
    fn from(error: JournalError) -> Self {
        Self::State(format!("{error}\n  help: {}", error.help()))
    }
}
