//! The file system of the state: of which kind, and how much of it is free.
//! Unaware of what is kept there. A state that is not there yet would lie where
//! the nearest folder above it lies.

use std::path::Path;

use super::{Bench, Facility, Finding};
use crate::file_system::FileSystem;
use crate::size::Size;

pub(super) const FACILITY: Facility = Facility {
    name: "state file system",
    purpose: "keeps the journal, whose locks and syncs must hold",
    examine,
};

/// Below this, the first build of a run may not fit, in bytes.
const FREE_MIN: u64 = 1 << 30;

fn examine(bench: &Bench<'_>) -> Finding {
    let Some(folder) = bench.state.ancestors().find(|folder| folder.is_dir()) else {
        return Finding::missing(
            format!("no folder above {} is there", bench.state.display()),
            "name another folder with --state DIR",
        );
    };
    match FileSystem::of(folder) {
        Ok(found) => judge(&found, bench.state),
        Err(error) => Finding::missing(
            format!("{}: {error}", folder.display()),
            "name another folder with --state DIR",
        ),
    }
}

fn judge(found: &FileSystem, state: &Path) -> Finding {
    let how = format!("{}, {} free, for {}", found.name, Size(found.free_bytes), state.display());
    if found.is_shared {
        return Finding::missing(
            format!("{how}: locks and syncs do not hold on it"),
            "name a folder on a local disk with --state DIR",
        );
    }
    if !found.is_lasting {
        return Finding::best_effort(
            format!("{how}: in memory, so a run is lost with a power loss"),
            "name a folder on a disk with --state DIR",
        );
    }
    if found.free_bytes < FREE_MIN {
        return Finding::best_effort(
            how,
            "free some space, or name another folder with --state DIR",
        );
    }
    Finding::enforced(how)
}
