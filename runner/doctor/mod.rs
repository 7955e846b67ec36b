//! What this host enforces, what is best effort and what is missing.
//!
//! One file a facility, registered in [`FACILITIES`]; each is tried, not
//! believed, and leaves nothing behind. From what was found follows the
//! isolation that agents, commands and gates get. Unaware of plans, and of how
//! the findings are shown.

mod bubblewrap;
mod cgroups;
mod codex;
mod file_system;
mod git;
mod isolation;
mod kernel;
mod landlock;
mod memory;
mod namespaces;
mod seccomp;

use std::io;
use std::path::{Path, PathBuf};

pub use isolation::{Isolation, Verdict, Verdicts};
use serde::Serialize;

use crate::preflight::Host;
use crate::protections::Protection;

/// How far a facility can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It was tried, and holds.
    Enforced,
    /// It holds in part, or can be got around.
    BestEffort,
    /// It is not there, or does not work.
    Missing,
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Enforced => "enforced",
            Self::BestEffort => "best effort",
            Self::Missing => "missing",
        })
    }
}

/// What was found of a facility.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How far it can be relied on.
    pub level: Level,
    /// What was found, and how it was tried; one line.
    pub how: String,
    /// What to do about it; nothing where it is enforced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way_out: Option<String>,
}

impl Finding {
    fn enforced(how: impl Into<String>) -> Self {
        Self { level: Level::Enforced, how: how.into(), way_out: None }
    }

    fn best_effort(how: impl Into<String>, way_out: impl Into<String>) -> Self {
        Self { level: Level::BestEffort, how: how.into(), way_out: Some(way_out.into()) }
    }

    fn missing(how: impl Into<String>, way_out: impl Into<String>) -> Self {
        Self { level: Level::Missing, how: how.into(), way_out: Some(way_out.into()) }
    }
}

/// Something of a host that a run rests on.
#[derive(Debug)]
pub struct Facility {
    /// Its name, as it is shown.
    pub name: &'static str,
    /// What a run has it for.
    pub purpose: &'static str,
    examine: fn(&Bench<'_>) -> Finding,
}

/// All facilities, in the order in which they are shown.
pub const FACILITIES: &[Facility] = &[
    kernel::FACILITY,
    bubblewrap::FACILITY,
    namespaces::USER,
    namespaces::PID,
    namespaces::NETWORK,
    namespaces::MOUNT,
    landlock::FACILITY,
    seccomp::FACILITY,
    cgroups::FACILITY,
    memory::FACILITY,
    file_system::FACILITY,
    git::FACILITY,
    codex::FACILITY,
    codex::SANDBOX,
];

/// What the facilities are tried with.
#[derive(Debug)]
struct Bench<'a> {
    host: &'a Host,
    /// Where the state lies or would lie; it need not be there.
    state: &'a Path,
    /// An empty folder for trials, gone afterwards.
    scratch: &'a Path,
}

impl Bench<'_> {
    /// Makes an empty folder for one trial.
    fn folder(&self, name: &str) -> io::Result<PathBuf> {
        let folder = self.scratch.join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Finds a program of the host.
    fn program(&self, name: &str) -> Option<PathBuf> {
        self.host.path.iter().map(|folder| folder.join(name)).find(|file| file.is_file())
    }
}

/// One facility with what was found.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// The name of the facility.
    pub facility: &'static str,
    /// What a run has it for.
    pub purpose: &'static str,
    /// What was found.
    #[serde(flatten)]
    pub finding: Finding,
}

/// All that was found.
#[derive(Debug, Clone, Serialize)]
pub struct Examination {
    /// How well what runs is kept apart from the host.
    pub isolation: Isolation,
    /// What that means for what runs.
    #[serde(flatten)]
    pub verdicts: Verdicts,
    /// Each facility, in the order of [`FACILITIES`].
    pub facilities: Vec<Line>,
}

/// Tries one facility, by its registered name. `scratch` is a folder of the state.
pub(crate) fn one(name: &str, host: &Host, scratch: &Path) -> Finding {
    let facility = FACILITIES.iter().find(|facility| facility.name == name);
    let facility = facility.expect("invariant: facilities are asked for by their registered names");
    let Ok(folder) = tempfile::Builder::new().prefix("trial-").tempdir_in(scratch) else {
        return Finding::missing("no folder for a trial can be made", "make room in the state");
    };
    (facility.examine)(&Bench { host, state: scratch, scratch: folder.path() })
}

/// Tries every facility of a host. `state` is where the state lies or would lie;
/// `allowed` are the protections that may be missing.
///
/// # Errors
/// Fails when no folder for the trials can be made.
pub fn examine(
    host: &Host,
    state: &Path,
    allowed: &[&'static Protection],
) -> io::Result<Examination> {
    // What a sandbox leaves behind for a moment falls to us, and is waited for.
    crate::process::adopt_orphans()?;
    let scratch = tempfile::Builder::new().prefix("eufm-doctor-").tempdir()?;
    // Sandboxes are found by their mounts: one spelling, without links.
    let folder = scratch.path().canonicalize()?;
    let bench = Bench { host, state, scratch: &folder };
    let line = |facility: &Facility| Line {
        facility: facility.name,
        purpose: facility.purpose,
        finding: (facility.examine)(&bench),
    };
    let facilities: Vec<Line> = FACILITIES.iter().map(line).collect();
    scratch.close()?;
    let (isolation, verdicts) = isolation::judge(&facilities, allowed);
    Ok(Examination { isolation, verdicts, facilities })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> Host {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Host {
            home: "/nonexistent".into(),
            path: std::env::split_paths(&path).collect(),
            codex: None,
            launcher: "/nonexistent/eufm".into(),
            ceilings: crate::limits::Ceilings::default(),
        }
    }

    #[test]
    fn every_facility_has_a_line_and_what_is_not_enforced_has_a_way_out() {
        let state = tempfile::tempdir().expect("a temporary folder");
        let found = examine(&host(), &state.path().join("not/there"), &[]).expect("examined");
        let names: Vec<&str> = found.facilities.iter().map(|line| line.facility).collect();
        let all: Vec<&str> = FACILITIES.iter().map(|facility| facility.name).collect();
        assert_eq!(names, all);
        for Line { facility, finding, .. } in &found.facilities {
            assert!(!finding.how.is_empty() && !finding.how.contains('\n'), "{facility}");
            let is_enforced = finding.level == Level::Enforced;
            assert_eq!(finding.way_out.is_none(), is_enforced, "{facility}: {finding:?}");
        }
        assert!(!state.path().join("not").exists(), "the state's folder was not made");
    }

    #[test]
    fn a_host_without_programs_is_told_so_and_not_trusted() {
        let bare = Host { path: Vec::new(), ..host() };
        let state = tempfile::tempdir().expect("a temporary folder");
        let found = examine(&bare, state.path(), &[]).expect("examined");
        let level = |name: &str| {
            found.facilities.iter().find(|line| line.facility == name).expect("there").finding.level
        };
        for name in ["bubblewrap", "user namespaces", "git", "codex", "codex sandbox"] {
            assert_eq!(level(name), Level::Missing, "{name}");
        }
        assert!(!found.verdicts.commands.runs && !found.verdicts.agents.runs);
    }
}
