//! seccomp: whether a thread can give up system calls. Tried on a thread of its
//! own, which ends with what it was denied; unaware of the launcher's filter.

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

use super::{Bench, Facility, Finding};

pub(super) const FACILITY: Facility = Facility {
    name: "seccomp",
    purpose: "closes dangerous system calls, and the network where there is no bubblewrap",
    examine,
};

const WAY_OUT: &str = "boot a kernel with CONFIG_SECCOMP_FILTER; in a container, allow seccomp(2)";

fn examine(_: &Bench<'_>) -> Finding {
    match std::thread::spawn(try_out).join() {
        Ok(Ok(true)) => Finding::enforced("a filter was tried: a denied socket was refused"),
        Ok(Ok(false)) => Finding::missing("a filter was set, and denied nothing", WAY_OUT),
        Ok(Err(reason)) => Finding::missing(reason, WAY_OUT),
        Err(_) => Finding::missing("the thread that tried it panicked", WAY_OUT),
    }
}

/// Gives up sockets on this thread, and tells whether none can be made then.
fn try_out() -> Result<bool, String> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
    let rules = [(libc::SYS_socket, Vec::new())].into();
    let denied = SeccompAction::Errno(rustix::io::Errno::PERM.raw_os_error().unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, denied, arch)
        .map_err(|error| error.to_string())?;
    let program = BpfProgram::try_from(filter).map_err(|error| error.to_string())?;
    seccompiler::apply_filter(&program).map_err(|error| error.to_string())?;
    let made = rustix::net::socket(
        rustix::net::AddressFamily::UNIX,
        rustix::net::SocketType::STREAM,
        None,
    );
    Ok(made.is_err_and(|error| error == rustix::io::Errno::PERM))
}
