//! Closes system calls by seccomp: the network, other processes, namespaces,
//! mounts, and parts of the kernel that no build or test needs.
//!
//! A list of what is denied, since programs use most calls there are; what it
//! leaves open is closed by Landlock and by the lack of rights. Unaware of who
//! calls.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use super::ConfineError;

/// Denied everywhere, whatever the arguments are.
const DANGEROUS: &[i64] = &[
    // Other processes; a tracer of its own ones is let be in namespaces.
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    // Ways around what was opened.
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Keys of the user's session, which no namespace hides.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // Parts of the kernel with a history.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_fanotify_init,
    libc::SYS_vhangup,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_syslog,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
];

/// Denied too where no namespace keeps apart what they reach.
const WITHOUT_NAMESPACES: &[i64] = &[
    // The network, and sockets of the host: Landlock knows neither UDP nor
    // sockets in folders. A pair of sockets reaches nobody, and stays.
    libc::SYS_socket,
    libc::SYS_ptrace,
    // Memory, semaphores and messages that processes share by number.
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_semget,
    libc::SYS_msgget,
    libc::SYS_mq_open,
    // Namespaces and mounts.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
];

/// The families of sockets that a network namespace keeps apart; of the others
/// some reach the host of a virtual machine, or old parts of the kernel.
const FAMILIES: &[libc::c_int] = &[libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// Bits of clone(2) that make a namespace.
const NAMESPACES: &[libc::c_int] = &[
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWUTS,
];

/// Requests of ioctl(2) that put words into a terminal.
const TYPING: &[u64] = &[libc::TIOCSTI, libc::TIOCLINUX];

/// The second way into the same calls on x86-64, which a filter sees as other
/// numbers.
#[cfg(target_arch = "x86_64")]
const X32_BIT: Option<i64> = Some(0x4000_0000);
#[cfg(not(target_arch = "x86_64"))]
const X32_BIT: Option<i64> = None;

/// Where the calls are closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Around {
    /// In namespaces, which close the rest.
    Namespaces,
    /// Nowhere: what namespaces would close is closed here.
    Nothing,
}

/// Closes the calls to this thread and whatever follows from it.
pub(super) fn close(around: Around) -> Result<(), ConfineError> {
    let failed = |error: &dyn std::fmt::Display| ConfineError::Calls(error.to_string());
    let mut all = vec![(denied(around).map_err(|error| failed(&error))?, rustix::io::Errno::PERM)];
    if around == Around::Nothing {
        // Its flags lie in memory, where no filter looks. A library that is told
        // that the call is not there takes clone(2).
        all.push((both_ways([(libc::SYS_clone3, Vec::new())]), rustix::io::Errno::NOSYS));
    }
    for (rules, errno) in all {
        let program = program(rules, errno).map_err(|error| failed(&error))?;
        seccompiler::apply_filter(&program).map_err(|error| failed(&error))?;
    }
    Ok(())
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn program(
    rules: Rules,
    errno: rustix::io::Errno,
) -> Result<BpfProgram, seccompiler::BackendError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let action = SeccompAction::Errno(errno.raw_os_error().unsigned_abs());
    // A call of another architecture ends the process: seccompiler's default.
    SeccompFilter::new(rules, SeccompAction::Allow, action, arch)?.try_into()
}

fn denied(around: Around) -> Result<Rules, seccompiler::BackendError> {
    let plain = DANGEROUS.iter().map(|call| (*call, Vec::new()));
    let mut ioctl = Vec::new();
    for request in TYPING {
        ioctl.push(when(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, *request)?);
    }
    let mut rules: Vec<(i64, Vec<SeccompRule>)> = plain.collect();
    rules.push((libc::SYS_ioctl, ioctl));
    match around {
        Around::Namespaces => rules.push((libc::SYS_socket, vec![other_families()?])),
        Around::Nothing => {
            rules.extend(WITHOUT_NAMESPACES.iter().map(|call| (*call, Vec::new())));
            rules.push((libc::SYS_clone, namespaces()?));
            // Limits of other processes; 0 is the caller itself.
            let other = when(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, 0)?;
            rules.push((libc::SYS_prlimit64, vec![other]));
        }
    }
    Ok(both_ways(rules))
}

fn namespaces() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let bits = NAMESPACES.iter().map(|bit| u64::from(bit.unsigned_abs()));
    bits.map(|bit| when(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(bit), bit)).collect()
}

/// A socket of any family but [`FAMILIES`].
fn other_families() -> Result<SeccompRule, seccompiler::BackendError> {
    let not = |family: &libc::c_int| {
        let family = u64::from(family.unsigned_abs());
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family)
    };
    SeccompRule::new(FAMILIES.iter().map(not).collect::<Result<_, _>>()?)
}

fn when(
    argument: u8,
    length: SeccompCmpArgLen,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, length, operator, value)?])
}

fn both_ways(rules: impl IntoIterator<Item = (i64, Vec<SeccompRule>)>) -> Rules {
    let twice = |(call, rules): (i64, Vec<SeccompRule>)| {
        let other = X32_BIT.map(|bit| (call | bit, rules.clone()));
        std::iter::once((call, rules)).chain(other)
    };
    rules.into_iter().flat_map(twice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_closed_its_calls_gets_no_socket_and_no_namespace() {
        let closed = std::thread::spawn(|| {
            close(Around::Nothing).expect("closed");
            use rustix::net::{AddressFamily, SocketType, socket};
            for family in [AddressFamily::INET, AddressFamily::INET6, AddressFamily::UNIX] {
                let made = socket(family, SocketType::STREAM, None);
                assert_eq!(made.expect_err("closed"), rustix::io::Errno::PERM);
            }
            // What programs need goes on: files, pairs of sockets, threads.
            std::fs::read("/proc/self/status").expect("read");
            std::os::unix::net::UnixStream::pair().expect("a pair");
            std::thread::spawn(|| 7).join().expect("a thread")
        });
        assert_eq!(closed.join().expect("not killed"), 7);
    }

    #[test]
    fn in_namespaces_their_own_sockets_stay_open() {
        let closed = std::thread::spawn(|| {
            close(Around::Namespaces).expect("closed");
            use rustix::net::{AddressFamily, SocketType, socket};
            for family in [AddressFamily::INET, AddressFamily::UNIX, AddressFamily::NETLINK] {
                socket(family, SocketType::DGRAM, None).expect("open");
            }
            for family in [AddressFamily::PACKET, AddressFamily::VSOCK] {
                let made = socket(family, SocketType::STREAM, None);
                assert_eq!(made.expect_err("closed"), rustix::io::Errno::PERM);
            }
        });
        closed.join().expect("not killed");
    }

    #[test]
    fn each_call_stands_once_in_the_lists() {
        let all = [DANGEROUS, WITHOUT_NAMESPACES].concat();
        let each: std::collections::BTreeSet<i64> = all.iter().copied().collect();
        assert_eq!(all.len(), each.len());
    }
}
