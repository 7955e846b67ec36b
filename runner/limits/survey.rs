//! What this host holds of the limits, for people and programs.
//!
//! A list of facilities, each with how well it is held and by what. Made by
//! trying, at the start of each run; unaware of the plan.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::cgroup::Groups;
use super::mounts::Version;

/// How well a limit is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The kernel does not let anything pass it.
    Holds,
    /// What passes it is found a moment later, and ended.
    Watched,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Holds => "holds",
            Self::Watched => "watched",
        })
    }
}

/// Something that is limited, with how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facility {
    /// What is limited: memory, processes, file size, output, disk, wall, kill.
    pub name: String,
    /// How well.
    pub level: Level,
    /// By what, in a few words.
    pub how: String,
}

impl fmt::Display for Facility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.name, self.level, self.how)
    }
}

/// Finds out what this host holds, by trying; `launcher` is this program, and
/// `scratch` a folder for the time of the trial.
///
/// # Errors
/// Fails when the folder cannot be written.
pub fn survey(launcher: &Path, scratch: &Path) -> std::io::Result<Vec<Facility>> {
    super::clear(scratch)?;
    let limits = super::Limits::open(launcher, scratch, super::Ceilings::default(), None)?;
    let facilities = limits.facilities();
    super::clear(scratch)?;
    Ok(facilities)
}

/// Lists what the groups of a run hold, and what is held without them.
/// `counts` tells whether the kernel counts processes by their user.
pub(super) fn of(groups: &Groups, counts: bool) -> Vec<Facility> {
    use Level::{Holds, Watched};
    let facility = |name: &str, level, how: &str| {
        let (name, how) = (name.to_owned(), how.to_owned());
        Facility { name, level, how }
    };
    let version = |version| match version {
        Version::One => "cgroup v1",
        Version::Two => "cgroup v2",
    };
    vec![
        match &groups.memory {
            Some((_, it)) => facility("memory", Holds, version(*it)),
            None => facility("memory", Watched, "4 times a second"),
        },
        match (&groups.pids, counts) {
            (Some(dir), _) => {
                let is_two = groups.memory.as_ref().is_some_and(|(memory, _)| memory == dir);
                facility("processes", Holds, if is_two { "cgroup v2" } else { "cgroup v1" })
            }
            (None, true) => {
                facility("processes", Watched, "50 times a second, RLIMIT_NPROC behind it")
            }
            (None, false) => facility("processes", Watched, "50 times a second"),
        },
        facility("file size", Holds, "RLIMIT_FSIZE"),
        facility("output", Holds, "64 MiB of each stream are kept"),
        facility("disk", Watched, "each second or less often"),
        facility("wall", Holds, "the runner's clock"),
        match &groups.kill {
            Some(_) => facility("kill", Holds, "cgroup.kill and the PID namespace"),
            None => facility("kill", Holds, "the PID namespace"),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(groups: &Groups, counts: bool) -> Vec<String> {
        of(groups, counts).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_facility_that_is_missing_has_its_fallback() {
        let dir = |name: &str| Path::new("/sys/fs/cgroup").join(name);
        let all = Groups {
            memory: Some((dir("memory"), Version::One)),
            pids: Some(dir("pids")),
            kill: Some(dir("unified")),
        };
        let words = shown(&all, false);
        assert_eq!(words[0], "memory holds (cgroup v1)");
        assert_eq!(words[1], "processes holds (cgroup v1)");
        assert_eq!(words[6], "kill holds (cgroup.kill and the PID namespace)");
        let without = |change: fn(&mut Groups)| {
            let mut groups = all.clone();
            change(&mut groups);
            shown(&groups, false)
        };
        assert_eq!(without(|it| it.memory = None)[0], "memory watched (4 times a second)");
        assert_eq!(without(|it| it.pids = None)[1], "processes watched (50 times a second)");
        assert_eq!(without(|it| it.kill = None)[6], "kill holds (the PID namespace)");
        assert_eq!(
            shown(&Groups::default(), true)[1],
            "processes watched (50 times a second, RLIMIT_NPROC behind it)"
        );
    }
}
