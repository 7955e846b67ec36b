//! Landlock: whether a thread can close files to itself. Tried on a thread of
//! its own, which ends with what it was denied; unaware of rule sets.

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, LandlockStatus, RestrictionStatus, Ruleset, RulesetAttr as _,
    RulesetError,
};

use super::{Bench, Facility, Finding};

pub(super) const FACILITY: Facility =
    Facility { name: "landlock", purpose: "closes files where there is no bubblewrap", examine };

/// Since this version all that changes a file is covered, truncation too.
const ABI_MIN: ABI = ABI::V3;

const WAY_OUT: &str = "boot a kernel with Landlock (Linux 6.2 or newer, `landlock` among lsm=); in \
                       a container, let its seccomp profile allow the landlock system calls";

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
    match (closed, version >= ABI_MIN as i32) {
        (true, true) => Finding::enforced(how),
        (true, false) => {
            Finding::best_effort(format!("{how}; too old to cover truncation"), WAY_OUT)
        }
        (false, _) => Finding::missing(format!("{how}, and could be opened"), WAY_OUT),
    }
}
