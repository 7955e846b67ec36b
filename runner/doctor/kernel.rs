//! The kernel: plans run on Linux only. Unaware of what it was built with: the
//! other facilities are tried one by one.

use super::{Bench, Facility, Finding};

pub(super) const FACILITY: Facility =
    Facility { name: "kernel", purpose: "all protections are the kernel's", examine };

fn examine(_: &Bench<'_>) -> Finding {
    let name = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let how =
        format!("{} {}, {}", text(name.sysname()), text(name.release()), text(name.machine()));
    if cfg!(target_os = "linux") {
        Finding::enforced(how)
    } else {
        Finding::missing(how, "plans run on Linux only; compile and review work here")
    }
}
