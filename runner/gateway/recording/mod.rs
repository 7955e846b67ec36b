//! Recordings: what agents asked and what the provider answered, in files that
//! people review and that play again without a provider.
//!
//! A recording is a folder with one file a node; docs/cassette.md describes it,
//! docs/design/0006-recordings.md why it is as it is. Unaware of HTTP, ledger
//! and journal: the gateway hands in requests and answers.

mod canonical;
mod capture;
#[cfg(test)]
mod captures_test;
mod check;
#[cfg(test)]
mod check_test;
mod credentials;
mod difference;
mod entry;
mod exchange;
mod folder;
mod form;
mod interrupted;
mod marks;
mod matcher;
mod read;
mod recorder;
mod remade;
mod secrets;
mod spelling;
mod stream;
mod tape;
mod volatile;
mod write;

#[cfg(test)]
pub(crate) use canonical::{GATE, WORK_KEPT};
pub use capture::Capture;
pub use check::Finding;
pub use difference::Difference;
pub use entry::Entry;
pub use exchange::{End, Recorded};
pub use folder::Head;
pub use matcher::{Matching, Played, Recording};
pub use recorder::{RecordError, Recorder, RecorderOptions};
