"""Tries to reach what a sandbox must not show, and prints what it reached.

Run with a JSON object of places: inside a sandbox nothing may be reached, and
outside everything must be, so that a dead probe cannot pass for a closed door.
"""
import ctypes, glob, json, os, re, resource, socket, stat, struct, sys

# Handed over backwards: the arguments stand in the agent's own records and in
# /proc, where the probe looks for the words that they hold.
place = json.loads(sys.argv[1][::-1])
CANARY = place["canary"].encode()
victim = place["victim"]
reached = {}


def attempt(name, act):
    """Notes whether `act` gives something that is true."""
    try:
        reached[name] = bool(act())
    except Exception:
        reached[name] = False


def read(path):
    return open(path, "rb").read()


def walk(root, skip=("/usr", "/proc", "/sys", "/dev", "/lib", "/bin", "/sbin")):
    for folder, folders, files in os.walk(root):
        folders[:] = [f for f in folders if os.path.join(folder, f) not in skip]
        for name in files:
            yield os.path.join(folder, name)


def canaries():
    """Finds the canary's text in any file that can be seen, by content."""
    found = []
    for path in walk(place["walk"]):
        try:
            mode = os.lstat(path).st_mode
            if stat.S_ISREG(mode) and os.lstat(path).st_size < 1 << 20:
                if CANARY in read(path):
                    found.append(path)
        except OSError:
            pass
    return found


def sockets():
    """Connects to every socket that can be seen."""
    found = []
    for path in walk(place["walk"]):
        try:
            if stat.S_ISSOCK(os.lstat(path).st_mode):
                # A long path does not fit an address: it is given relatively.
                os.chdir(os.path.dirname(path))
                connect(socket.AF_UNIX, os.path.basename(path))
                found.append(path)
        except OSError:
            pass
    return found


def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(2)
        s.connect(address)
    return True


def datagram():
    """The listener knows whether it came; here it only counts as tried."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(place["tag"].encode(), ("127.0.0.1", place["udp"]))
    return False


def processes(pattern):
    """Lists the processes whose arguments or variables hold a pattern."""
    found = []
    for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
        try:
            if re.search(pattern, read(path)):
                found.append(path)
        except OSError:
            pass
    return found


libc = ctypes.CDLL(None, use_errno=True)


def call(number, *arguments):
    """Makes a system call; numbers are those that all architectures share, or x86-64's."""
    return libc.syscall(ctypes.c_long(number), *arguments)


def in_child(act):
    """Tells whether `act` is true in a child: the probe itself stays as it is."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if act() else 1)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def may_gain_privileges():
    return libc.prctl(39, 0, 0, 0, 0) == 0


def capability():
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, data) == 0
    return data[0] | data[1] | data[3] | data[4]


NEW_MOUNTS, NEW_UTS, NEW_NETWORK = 0x20000, 0x4000000, 0x40000000
X86 = os.uname().machine == "x86_64"


def user_namespace():
    return in_child(lambda: libc.unshare(0x10000000) == 0)


def mounted():
    """In mounts of its own if it can have them; so nothing of the host changes."""
    private, recursive = 1 << 18, 1 << 14
    libc.unshare(NEW_MOUNTS)
    libc.mount(None, b"/", None, ctypes.c_ulong(recursive | private), None)
    return libc.mount(b"none", here.encode(), b"tmpfs", ctypes.c_ulong(0), None) == 0


def joined():
    """Goes into the mounts of a process of the host."""
    return libc.setns(os.open("/proc/%d/ns/mnt" % victim, os.O_RDONLY), 0) == 0


def read_memory():
    """An address that nobody has: the kernel looks at the right to read first."""
    word = ctypes.create_string_buffer(8)
    local = (ctypes.c_void_p * 2)(ctypes.addressof(word), 8)
    far = (ctypes.c_void_p * 2)(8, 8)
    libc.process_vm_readv.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_ulong,
                                      ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong]
    ctypes.set_errno(0)
    libc.process_vm_readv(victim, local, 1, far, 1, 0)
    return ctypes.get_errno() == 14


def traced():
    """Attaches without stopping; the end of the child lets go."""
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    return libc.ptrace(0x4206, victim, None, None) == 0


def stolen_file():
    process = call(434, victim, 0)
    return process >= 0 and call(438, process, 0, 0) >= 0


def typed():
    """Types into a terminal of its own."""
    import fcntl, termios
    _, terminal = os.openpty()
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    fcntl.ioctl(terminal, termios.TIOCSTI, b"x")
    return True


def by_handle():
    """Opens a file by its number, past every folder above it."""
    handle = ctypes.create_string_buffer(struct.pack("II", 128, 0) + bytes(128))
    mount = ctypes.c_int()
    libc.name_to_handle_at.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p,
                                       ctypes.c_void_p, ctypes.c_int]
    assert libc.name_to_handle_at(-100, here.encode(), handle, ctypes.byref(mount), 0) == 0
    folder = os.open(here, os.O_RDONLY)
    return libc.open_by_handle_at(folder, handle, os.O_RDONLY) >= 0


def opens(path, flags):
    os.close(os.open(path, flags))
    return True


def made_device():
    os.mknod("eufm-device", 0o600 | stat.S_IFCHR, os.makedev(1, 7))
    os.remove("eufm-device")
    return True


def linked():
    """Makes a second name for a file of the host, and takes it away again."""
    os.link(place["root"] + "/home/secret", "eufm-link")
    os.remove("eufm-link")
    return True


def through_link():
    os.symlink(place["root"] + "/home/secret", "eufm-symlink")
    try:
        return read("eufm-symlink")
    finally:
        os.remove("eufm-symlink")


def moved_out():
    open("eufm-moved", "w").close()
    there = place["root"] + "/home/eufm-moved"
    try:
        os.rename("eufm-moved", there)
    except OSError:
        os.remove("eufm-moved")
        raise
    os.remove(there)
    return True


def first_mount(kind):
    lines = read("/proc/self/mountinfo").decode().splitlines()
    return next(l.split()[4] for l in lines if " - %s " % kind in l)


def other_family():
    """Opens a socket of a family that is in no namespace, or needs rights."""
    for family in (40, 38, 17, 21, 29, 30):
        try:
            socket.socket(family, socket.SOCK_SEQPACKET if family == 38 else socket.SOCK_DGRAM).close()
            return True
        except OSError:
            pass
    return False


def vm_socket():
    """Only opens it: nobody is spoken to."""
    socket.socket(40, socket.SOCK_STREAM).close()
    return True


def cause(number, *arguments):
    """Makes a system call that fails, and tells with which error."""
    ctypes.set_errno(0)
    call(number, *arguments)
    return ctypes.get_errno()


def writes(folder):
    path = os.path.join(folder, "eufm-probe")
    with open(path, "w") as file:
        file.write("x")
    os.remove(path)
    return True


def uncover(folder):
    """Tries with all capabilities of a namespace to get rid of what covers a folder."""
    libc = ctypes.CDLL(None)
    remount, bind, detach = 0x20, 0x1000, 2
    path = folder.encode()
    libc.mount(None, path, None, ctypes.c_ulong(remount | bind), None)
    libc.umount2(path, detach)


if place["privileged"]:
    # Without an exec, which would give the capabilities up again.
    user_and_mounts = 0x10000000 | 0x20000
    assert ctypes.CDLL(None).unshare(user_and_mounts) == 0, "no namespace"
here = os.getcwd()
attempt("home_file", lambda: read(place["home"] + "/secret"))
attempt("users_home", lambda: os.listdir(place["users_home"]))
attempt("users_repository", lambda: read(place["root"] + "/repo/secret"))
attempt("journal", lambda: read(glob.glob(place["root"] + "/state/runs/*/journal")[0]))
attempt("vault", lambda: read(place["root"] + "/state/vault.git/HEAD"))
attempt("other_worktree", lambda: read(glob.glob(place["root"] + "/state/runs/*/work/*/tree/other")[0]))
attempt("unix_socket", lambda: connect(socket.AF_UNIX, place["root"] + "/listener"))
attempt("abstract_socket", lambda: connect(socket.AF_UNIX, "\0" + place["abstract"]))
attempt("tcp", lambda: connect(socket.AF_INET, ("127.0.0.1", place["tcp"])))
attempt("forwarder", lambda: connect(socket.AF_INET, ("127.0.0.1", place["forwarder"])))
attempt("udp", datagram)
attempt("any_socket", sockets)
os.chdir(here)
attempt("canary", canaries)
attempt("key", lambda: processes(place["key"].encode()))
attempt("token", lambda: processes(place["token"].encode() + rb"[=\0][0-9a-f]+"))
attempt("runner", lambda: processes(rb"exec\0plan.lock"))
attempt("may_gain_privileges", may_gain_privileges)
attempt("capability", capability)
attempt("user_namespace", user_namespace)
of = lambda name: "/proc/%d/%s" % (victim, name)
state = place["root"] + "/state/"
# Files of the user and of the runner.
attempt("ssh_key", lambda: read(place["root"] + "/home/.ssh/id_ed25519"))
attempt("plan_overwritten", lambda: opens(place["root"] + "/repo/plan.lock", os.O_WRONLY))
attempt("journal_overwritten", lambda: opens(glob.glob(state + "runs/*/journal")[0], os.O_WRONLY))
attempt("vault_overwritten", lambda: opens(state + "vault.git/HEAD", os.O_WRONLY))
attempt("lock_opened", lambda: opens(state + "lock", os.O_RDWR))
attempt("hard_link_out", linked)
attempt("symbolic_link_out", through_link)
attempt("moved_out", moved_out)
attempt("by_handle", by_handle)
# A process of the host.
attempt("process_environment", lambda: CANARY in read(of("environ")))
attempt("process_memory", lambda: opens(of("mem"), os.O_RDONLY))
attempt("process_memory_written", lambda: opens(of("mem"), os.O_RDWR))
attempt("process_root", lambda: os.listdir(of("root")))
attempt("process_folder", lambda: os.readlink(of("cwd")))
attempt("process_files", lambda: os.readlink(of("fd/0")))
attempt("process_seen", lambda: os.path.exists(of("stat")))
attempt("process_signalled", lambda: os.kill(victim, 0) is None)
attempt("process_killed_by_group", lambda: os.killpg(victim, 0) is None)
attempt("process_traced", lambda: in_child(traced))
attempt("process_read", read_memory)
attempt("process_file_stolen", stolen_file)
attempt("process_limited", lambda: resource.prlimit(victim, resource.RLIMIT_CORE, (0, 0)) and True)
attempt("process_scheduled", lambda: os.sched_setaffinity(victim, os.sched_getaffinity(victim)) is None)
attempt("process_joined", lambda: in_child(joined))
attempt("shared_memory", lambda: libc.shmget(place["memory"], 0, 0) >= 0)
# Rights and namespaces.
attempt("root_user", lambda: in_child(lambda: os.setuid(0) is None))
attempt("other_user", lambda: in_child(lambda: os.setuid(4242) is None))
attempt("mount", lambda: in_child(mounted))
attempt("chroot", lambda: in_child(lambda: os.chroot("/") is None))
attempt("network_namespace", lambda: in_child(lambda: libc.unshare(NEW_NETWORK) == 0))
attempt("host_name", lambda: in_child(lambda: libc.unshare(NEW_UTS) == 0 and not libc.sethostname(b"x", 1)))
# Devices and the kernel.
attempt("device_node", made_device)
attempt("kernel_messages", lambda: opens("/dev/kmsg", os.O_RDONLY))
attempt("kernel_log", lambda: libc.klogctl(10, None, 0) > 0)
attempt("core_pattern", lambda: opens("/proc/sys/kernel/core_pattern", os.O_WRONLY))
attempt("kernel_setting", lambda: opens("/proc/sys/vm/overcommit_memory", os.O_WRONLY))
attempt("sys", lambda: opens("/sys/class/net/lo/mtu", os.O_WRONLY))
attempt("control_group", lambda: opens(first_mount("cgroup2") + "/cgroup.procs", os.O_WRONLY))
attempt("typed_into_terminal", lambda: in_child(typed))
attempt("keys", lambda: call(250 if X86 else 219, 0, -3, 1) >= 0)
attempt("key_added", lambda: call(248 if X86 else 217, b"user", b"eufm-probe", b"x", 1, -2) >= 0)
attempt("io_uring", lambda: call(425, 1, ctypes.create_string_buffer(120)) >= 0)
attempt("userfaultfd", lambda: call(323 if X86 else 282, 1) >= 0)
attempt("bpf", lambda: cause(321 if X86 else 280, 0, None, 0) not in (1, 38))
attempt("perf_events", lambda: cause(298 if X86 else 241, None, 0, -1, -1, 0) not in (1, 13, 38))
attempt("fanotify", lambda: call(300 if X86 else 262, 0, 0) >= 0)
attempt("raw_socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
attempt("other_family", other_family)
attempt("vm_socket", vm_socket)
for folder in place["closed"]:
    if place["privileged"]:
        uncover(folder)
    attempt("writes " + folder, lambda: writes(folder))
print(json.dumps(reached, sort_keys=True))
