//! Landlock: whether a thread can close files to itself. Tried on a thread of
//! its own, which ends with what it was denied; unaware of rule sets.

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, LandlockStatus, RestrictionStatus, Ruleset, RulesetAttr as _,
    RulesetError,
};

use super::{Bench, Facility, Finding};
use crate::confine::ABI_MIN;

pub(super) const FACILITY: Facility =
    Facility { name: "landlock", purpose: "closes files where there is no bubblewrap", examine };

/// Since this version signals to processes outside are closed, too.
const ABI_SIGNALS: ABI = ABI::V6;

const WAY_OUT: &str = "boot a kernel with Landlock (Linux 6.12 or newer, `landlock` among lsm=); \
                       in a container, let its seccomp profile allow the landlock system calls";

fn examine(bench: &Bench<'_>) -> Finding {
    let file = match bench.folder("landlock").map(|folder| folder.join("closed")) {
        Ok(file) => file,
        Err(error) => return Finding::missing(error.to_string(), WAY_OUT),
    };
    if let Err(error) = std::fs::write(&file, "") {
        return Finding::missing(error.to_string(), WAY_OUT);
    }
    let tried = std::thread::scope(|scope| scope.spawn(|| try_out(&file)).join());
    match tried {
        Ok(Ok((status, closed))) => judge(&status.landlock, closed),
        Ok(Err(error)) => Finding::missing(error.to_string(), WAY_OUT),
        Err(_) => Finding::missing("the thread that tried it panicked", WAY_OUT),
    }
}

/// Closes everything to this thread, and tells whether a file is closed then.
fn try_out(file: &Path) -> Result<(RestrictionStatus, bool), RulesetError> {
    let all = AccessFs::from_all(ABI_MIN);
    let status = Ruleset::default().handle_access(all)?.create()?.restrict_self()?;
    Ok((status, std::fs::read(file).is_err() && std::fs::write(file, "x").is_err()))
}

fn judge(status: &LandlockStatus, closed: bool) -> Finding {
    let LandlockStatus::Available { effective_abi, kernel_abi } = status else {
        let how = match status {
            LandlockStatus::NotEnabled => "the kernel has it, but it is not enabled",
            _ => "the kernel does not have it, or a filter denies it",
        };
        return Finding::missing(how, WAY_OUT);
    };
    let version = kernel_abi.unwrap_or(*effective_abi as i32);
    let how = format!("version {version} of its interface; a closed file was tried");
    if !closed {
        return Finding::missing(format!("{how}, and could be opened"), WAY_OUT);
    }
    if version < ABI_MIN as i32 {
        return Finding::missing(format!("{how}; too old to close truncation"), WAY_OUT);
    }
    if version < ABI_SIGNALS as i32 {
        return Finding::best_effort(format!("{how}; too old to close signals"), WAY_OUT);
    }
    Finding::enforced(how)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn an_older_interface_is_worth_less() {
        let of = |effective_abi| LandlockStatus::Available { effective_abi, kernel_abi: None };
        for (status, closed, level) in [
            (LandlockStatus::NotEnabled, false, Level::Missing),
            (LandlockStatus::NotImplemented, false, Level::Missing),
            (of(ABI::V2), true, Level::Missing),
            (of(ABI::V3), true, Level::BestEffort),
            (of(ABI::V5), true, Level::BestEffort),
            (of(ABI::V6), true, Level::Enforced),
            (of(ABI::V6), false, Level::Missing),
        ] {
            assert_eq!(judge(&status, closed).level, level, "{status:?} {closed}");
        }
        let newer = LandlockStatus::Available { effective_abi: ABI::V6, kernel_abi: Some(99) };
        assert!(judge(&newer, true).how.starts_with("version 99 "));
    }
}
