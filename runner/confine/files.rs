//! Closes files by Landlock: what is not named here cannot be opened.
//!
//! Unaware of what the paths are for.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible as _, RestrictionStatus, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
    path_beneath_rules,
};

use super::{ConfineError, Confinement};

/// Without this version, a file that may not be written could be truncated.
pub(crate) const ABI_MIN: ABI = ABI::V3;

/// The newest version that was tried: signals and abstract sockets with it.
const ABI_TRIED: ABI = ABI::V6;

/// Programs, libraries and what they read when they start.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc/alternatives",
    "/etc/group",
    "/etc/ld.so.cache",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/ssl/certs",
];

/// What the kernel tells everybody; nothing of other processes.
const KERNEL: &[&str] = &[
    "/proc/cpuinfo",
    "/proc/filesystems",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys/kernel/osrelease",
    "/proc/sys/kernel/ostype",
    "/proc/sys/vm/overcommit_memory",
    "/proc/uptime",
    "/proc/version",
];

const DEVICES: &[&str] = &["/dev/full", "/dev/null", "/dev/random", "/dev/urandom", "/dev/zero"];

/// Closes all files but those of the confinement to this thread.
pub(super) fn close(confinement: &Confinement) -> Result<(), ConfineError> {
    let status = restrict(confinement).map_err(|error| ConfineError::Files(error.to_string()))?;
    match status.ruleset {
        RulesetStatus::NotEnforced => {
            Err(ConfineError::Files("this kernel does not enforce Landlock".to_owned()))
        }
        RulesetStatus::PartiallyEnforced | RulesetStatus::FullyEnforced => Ok(()),
    }
}

fn restrict(confinement: &Confinement) -> Result<RestrictionStatus, RulesetError> {
    let read = AccessFs::from_read(ABI_TRIED);
    let all = AccessFs::from_all(ABI_TRIED);
    let change = all & !(AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev);
    let device = AccessFs::ReadFile | AccessFs::WriteFile;
    let own = [confinement.worktree.clone(), confinement.home(), confinement.temporary()];
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI_MIN))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .scope(Scope::from_all(ABI_TRIED))?
        .create()?
        .add_rules(path_beneath_rules(SYSTEM, read))?
        .add_rules(path_beneath_rules(KERNEL, AccessFs::ReadFile))?
        .add_rules(path_beneath_rules(own_process(), AccessFs::ReadFile | AccessFs::ReadDir))?
        .add_rules(path_beneath_rules(DEVICES, device))?
        .add_rules(path_beneath_rules(own, change))?
        .add_rules(path_beneath_rules(&confinement.writable, change))?
        .add_rules(path_beneath_rules(&confinement.readable, read))?
        .add_rules(path_beneath_rules(&confinement.git, read))?
        .restrict_self()
}

/// The program's own folder in /proc, which shells and runtimes look into; not
/// those of its children, which are not there yet.
fn own_process() -> Option<PathBuf> {
    Path::new("/proc/self").canonicalize().ok()
}
