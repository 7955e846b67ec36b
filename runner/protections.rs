//! The protections that a run may do without, if a person permits it by name.
//!
//! What is missing ends a run before it begins; `--allow-degraded=NAME` lets it
//! run all the same, and the journal keeps that it did. Unaware of how a
//! protection is found missing.

use serde::{Deserialize, Serialize};

/// A protection that can be missing on a host.
#[derive(Debug, PartialEq, Eq)]
pub struct Protection {
    /// Its name: the one of its facility in `eufm doctor`.
    pub name: &'static str,
    /// What holds without it, one line.
    pub without: &'static str,
}

/// All protections that can be done without, the first to be missing first.
pub const PROTECTIONS: &[Protection] = &[
    Protection {
        name: "bubblewrap",
        without: "Landlock and seccomp close files and the network; the worktree is not at /repo, \
                  a stop ends descendants as far as they are found, and agents do not run",
    },
    Protection {
        name: "landlock",
        without: "commands and gates reach every file and process that you reach",
    },
    Protection {
        name: "seccomp",
        without: "dangerous system calls stay open, such as those of keys and io_uring; without \
                  bubblewrap, the network and the sockets of the host too",
    },
];

/// Finds a protection by its name.
#[must_use]
pub fn protection(name: &str) -> Option<&'static Protection> {
    PROTECTIONS.iter().find(|protection| protection.name == name)
}

/// A protection that is missing, and was permitted to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Degraded {
    /// The name of the protection.
    pub name: String,
    /// In which way it is missing, one line.
    pub how: String,
}

impl std::fmt::Display for Degraded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let without = protection(&self.name).map_or("", |protection| protection.without);
        write!(f, "{} is missing ({}), as permitted: {without}", self.name, self.how)
    }
}

/// How a runner's host keeps apart what runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guarded {
    /// How well.
    pub isolation: crate::doctor::Isolation,
    /// What is missing, as was permitted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub degraded: Vec<Degraded>,
}
