"""Tries to reach what a sandbox must not show, and prints what it reached.

Run with a JSON object of places: inside a sandbox nothing may be reached, and
outside everything must be, so that a dead probe cannot pass for a closed door.
"""
import ctypes, glob, json, os, re, socket, stat, sys

# Handed over backwards: the arguments stand in the agent's own records and in
# /proc, where the probe looks for the words that they hold.
place = json.loads(sys.argv[1][::-1])
CANARY = place["canary"].encode()
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


def status(key):
    lines = read("/proc/self/status").decode().splitlines()
    return next(l.split(":", 1)[1].strip() for l in lines if l.startswith(key + ":"))


def user_namespace():
    """In a child: the probe itself stays where it is."""
    child = os.fork()
    if child == 0:
        os._exit(ctypes.CDLL(None).unshare(0x10000000) != 0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


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
attempt("may_gain_privileges", lambda: status("NoNewPrivs") == "0")
attempt("capability", lambda: int(status("CapEff"), 16) | int(status("CapPrm"), 16))
attempt("user_namespace", user_namespace)
for folder in place["closed"]:
    if place["privileged"]:
        uncover(folder)
    attempt("writes " + folder, lambda: writes(folder))
print(json.dumps(reached, sort_keys=True))
