//! What a command of the model, a command node and a gate cannot reach.
//!
//! One probe tries everything in each of the three places, and once more
//! outside while the run is on: there it must reach what it may not reach
//! inside, so a dead probe cannot pass.

use std::collections::BTreeMap;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use eufm_runner::gateway::forward;
use serde_json::{Value, json};

use crate::support::{Invocation, Project, have_root, not_tested, until};

const PROBE: &str = include_str!("support/probe.py");

/// In every file that nobody inside may see.
const CANARY: &str = "canary-of-the-sandbox-test";

/// A variable of the runner's environment.
const KEY: &str = "OPENAI_API_KEY";

const SPEC: &str = r#"edition 1
pipeline probes { base = "main", budget { parallel <= 4 } }
agent builder is codex { cli = "0.169.0", model = "gpt-5.5", network = none }
gate probe is command { run = ["python3", "probe.py", "PLACES"] }
task agent by builder { prompt = "Probe.", writes = ["agent.json", "root.json"] }
command direct {
  run    = ["sh", "-c", "python3 probe.py \"$0\" > direct.json", "PLACES"]
  writes = ["direct.json"]
  gates  = [probe]
}
command other {
  run = ["sh", "-c", "echo CANARY > other; mkfifo wait; read line < wait; rm wait other"]
}
"#;

const CASSETTE: &str = r"format = 1
[[node.agent]]
shell = '''
python3 probe.py 'PLACES' > agent.json
python3 probe.py 'PRIVILEGED' > root.json
mkfifo hold; read line < hold; rm hold
'''
[[node.agent]]
say = 'Done.'
";

/// Where nothing may be written inside.
const CLOSED: &[&str] = &[
    "/",
    "/usr",
    "/etc",
    "/opt",
    "/opt/eufm",
    "/opt/codex",
    "/codex-home",
    "/run",
    "/run/eufm/door",
    "/repo/.git",
    "/home",
    "/proc",
    "/dev/pts",
];

/// A process of the host, and memory that processes share by a number.
struct Neighbour {
    process: Child,
    memory: u32,
}

impl Neighbour {
    fn new(root: &Path) -> Self {
        let mut sleep = Command::new("sleep");
        sleep.arg("600").current_dir(root).env_clear().env("SECRET", CANARY).process_group(0);
        sleep.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = sleep.spawn().expect("sleep runs");
        // Its own number is nobody else's.
        let memory = 0x65_00_00_00 | process.id();
        let neighbour = Self { process, memory };
        neighbour.share(&format!("assert c.shmget({memory}, 64, 0o1600) >= 0"));
        neighbour
    }

    fn share(&self, line: &str) {
        let script = format!("import ctypes; c = ctypes.CDLL(None); {line}");
        let status = Command::new("python3").args(["-c", &script]).status().expect("python3");
        assert!(status.success() || std::thread::panicking(), "no memory can be shared");
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.share(&format!("c.shmctl(c.shmget({}, 0, 0), 0, None)", self.memory));
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Listens where nobody inside may get through.
struct Listeners {
    neighbour: Neighbour,
    tcp: TcpListener,
    udp: UdpSocket,
    _forwarder: TcpListener,
    _unix: UnixListener,
    _abstract: UnixListener,
}

impl Listeners {
    fn new(root: &Path, name: &str) -> Self {
        let address = SocketAddr::from_abstract_name(name).expect("a short name");
        Self {
            neighbour: Neighbour::new(root),
            tcp: TcpListener::bind("127.0.0.1:0").expect("a port is free"),
            udp: UdpSocket::bind("127.0.0.1:0").expect("a port is free"),
            // The forwarder's port is open inside the agent's sandbox; here it
            // stands open for the control. Another test may hold it for a while.
            _forwarder: until("the forwarder's port", || {
                TcpListener::bind(("127.0.0.1", forward::PORT)).ok()
            }),
            _unix: UnixListener::bind(root.join("listener")).expect("a socket can be made"),
            _abstract: UnixListener::bind_addr(&address).expect("a socket can be made"),
        }
    }

    fn port(address: std::io::Result<std::net::SocketAddr>) -> u16 {
        address.expect("a bound socket has an address").port()
    }
}

/// In which way the probe is to try.
struct Probe<'a> {
    /// What its datagram says.
    tag: &'a str,
    /// Below which folder it looks for files and sockets.
    walk: &'a str,
    /// To which folders it tries to write.
    closed: &'a [&'a str],
    /// Whether it first takes all capabilities of a namespace of its own.
    privileged: bool,
}

/// What the probe is to try, as its argument. It is handed over backwards, so
/// that the words it looks for are not found in its own command line.
fn places(project: &Project, listeners: &Listeners, probe: &Probe<'_>) -> String {
    let root = project.root();
    let places = json!({
        "root": root,
        "home": root.join("home"),
        "users_home": std::env::home_dir().expect("there is a home"),
        "tcp": Listeners::port(listeners.tcp.local_addr()),
        "udp": Listeners::port(listeners.udp.local_addr()),
        "forwarder": forward::PORT,
        "abstract": root,
        "walk": probe.walk,
        "canary": CANARY,
        "victim": listeners.neighbour.process.id(),
        "memory": listeners.neighbour.memory,
        "key": format!("{KEY}="),
        "token": "EUFM_GATEWAY_TOKEN",
        "tag": probe.tag,
        "closed": probe.closed,
        "privileged": probe.privileged,
    });
    places.to_string().chars().rev().collect()
}

/// Reads what a probe printed: each attempt, with whether it succeeded.
fn results(text: &str) -> BTreeMap<String, bool> {
    let line = text.lines().find(|line| line.starts_with('{'));
    let line = line.unwrap_or_else(|| panic!("the probe printed nothing: {text}"));
    serde_json::from_str(line).expect("the probe prints JSON")
}

fn of_state(results: &BTreeMap<String, bool>, state: bool) -> Vec<&str> {
    let found = results.iter().filter(|(_, reached)| **reached == state);
    found.map(|(name, _)| name.as_str()).collect()
}

/// Lists the tags of the datagrams that came.
fn datagrams(socket: &UdpSocket) -> Vec<String> {
    socket.set_nonblocking(true).expect("set");
    let receive = || {
        let mut buffer = [0; 64];
        let length = socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    };
    std::iter::from_fn(receive).collect()
}

/// Makes the project: a canary in each place that nobody inside may see.
fn project(listeners: impl Fn(&Project) -> Listeners) -> (Project, Listeners) {
    project_of(SPEC, listeners)
}

/// Makes the project of a spec.
fn project_of(spec: &str, listeners: impl Fn(&Project) -> Listeners) -> (Project, Listeners) {
    let project = Project::new(&[("probe.py", PROBE)]);
    let listeners = listeners(&project);
    project.write("secret", CANARY);
    project.write("../home/secret", CANARY);
    project.write("../home/.ssh/id_ed25519", CANARY);
    let of = |tag, privileged| {
        places(&project, &listeners, &Probe { tag, walk: "/", closed: CLOSED, privileged })
    };
    let quoted = Value::String(of("command", false)).to_string();
    let quoted = quoted.trim_matches('"');
    let spec = spec.replace("PLACES", quoted).replace("CANARY", CANARY);
    project.write("spec.eufm", spec);
    let cassette = CASSETTE.replace("PLACES", &of("agent", false));
    project.write("cassette.toml", cassette.replace("PRIVILEGED", &of("agent", true)));
    project.compile().expect(0);
    (project, listeners)
}

/// Runs the probe where nothing is closed.
fn control(project: &Project, listeners: &Listeners, program: &[&str]) -> BTreeMap<String, bool> {
    let root = project.root().to_str().expect("a plain name");
    let closed = ["state", "home", "repo"].map(|name| format!("{root}/{name}"));
    let closed: Vec<&str> = closed.iter().map(String::as_str).collect();
    let probe = Probe { tag: "control", walk: root, closed: &closed, privileged: false };
    let places = places(project, listeners, &probe);
    let run = Invocation::of(Path::new(program[0]), project.root(), &project.repo())
        .args(&program[1..])
        .args(["python3", "probe.py", &places])
        .env(KEY, "a key")
        .env("EUFM_GATEWAY_TOKEN", "0a1b");
    results(&run.run().expect(0).stdout)
}

/// How many ways out are tried at least, beside the folders that are written to.
const WAYS_MIN: usize = 60;

/// What the host itself closes to all but root.
const ROOT_ALONE: &[&str] = &[
    "by_handle",
    "control_group",
    "core_pattern",
    "device_node",
    "fanotify",
    "kernel_log",
    "kernel_messages",
    "kernel_setting",
    "other_family",
    "other_user",
    "process_joined",
    "raw_socket",
    "sys",
];

/// Asserts that every way leads somewhere where nothing is closed: plainly, or
/// with all capabilities of a namespace; but to somebody else than root those that
/// need root.
fn assert_alive(plain: &BTreeMap<String, bool>, privileged: &BTreeMap<String, bool>) {
    let dead = of_state(plain, false);
    let dead: Vec<&&str> =
        dead.iter().filter(|name| !privileged.get(**name).unwrap_or(&false)).collect();
    let (by_root, dead): (Vec<&str>, Vec<&str>) =
        dead.into_iter().copied().partition(|name| !have_root() && ROOT_ALONE.contains(name));
    if !by_root.is_empty() {
        not_tested(&format!("ways that nobody but root has outside: {by_root:?}"));
    }
    // What becomes of a datagram its listener knows.
    assert_eq!(dead, ["udp"], "the controls do not reach these");
    let ways = plain.keys().filter(|name| !name.starts_with("writes "));
    assert!(ways.count() >= WAYS_MIN);
}

/// Lists what was tried, but for folders, which differ by place.
fn tried(found: &BTreeMap<String, bool>) -> Vec<String> {
    found.keys().filter(|name| !name.starts_with("writes ")).cloned().collect()
}

const ALL_CAPABILITIES: &[&str] = &[
    "bwrap",
    "--unshare-user",
    "--uid",
    "0",
    "--gid",
    "0",
    "--cap-add",
    "ALL",
    "--dev-bind",
    "/",
    "/",
];

#[test]
fn nothing_of_the_host_is_reached_from_inside() {
    let (project, listeners) = project(|project| {
        let name = project.root().to_str().expect("a plain name");
        Listeners::new(project.root(), name)
    });
    let run = project.exec_agents().env(KEY, CANARY).start();
    for pipe in ["hold", "wait"] {
        project.wait_for_file(pipe);
    }
    until("the gate's answer", || project.facts("direct", "judged").pop());
    // The run is on: its sockets, worktrees and processes are there to be found.
    let outside = control(&project, &listeners, &["env"]);
    let with_capabilities = control(&project, &listeners, ALL_CAPABILITIES);
    for pipe in ["hold", "wait"] {
        project.send(pipe, "go");
    }
    run.wait().expect(0);

    assert_alive(&outside, &with_capabilities);
    let log = project.run_dir().join("nodes/0001-direct/1/gate-probe.log");
    let gate = std::fs::read_to_string(log).expect("the gate's log");
    // Codex makes a sandbox of its own in ours, so namespaces can be made there
    // and have capabilities of their own; these must open nothing.
    let namespace: &[&str] = &["user_namespace"];
    let privileged: &[&str] =
        &["capability", "user_namespace", "mount", "chroot", "network_namespace", "host_name"];
    for (place, text, may) in [
        ("the model's command", project.merged("agent.json"), namespace),
        ("the model's command in a namespace", project.merged("root.json"), privileged),
        ("the command", project.merged("direct.json"), &[]),
        ("the gate", gate, &[]),
    ] {
        let found = results(&text);
        let reached = of_state(&found, true);
        assert!(reached.iter().all(|name| may.contains(name)), "{place} reached {reached:?}");
        assert_eq!(tried(&found), tried(&outside), "{place} tried the same");
    }
    assert_eq!(datagrams(&listeners.udp), ["control", "control"]);
    project.nothing_is_left();
}

/// What cannot be closed without namespaces, with the reason.
const OPEN_WITHOUT_NAMESPACES: &[(&str, &str)] = &[
    ("process_scheduled", "a filter sees numbers of processes, and not whose they are"),
    ("process_seen", "Landlock closes what a file holds, and not that it is there"),
    ("root_user", "the user stays the same; as root it is root, without rights"),
];

#[test]
fn little_of_the_host_is_reached_without_namespaces() {
    let spec = SPEC.lines().filter(|line| !line.contains("agent")).collect::<Vec<_>>().join("\n");
    let (project, listeners) = project_of(&spec, |project| {
        let name = project.root().to_str().expect("a plain name");
        Listeners::new(project.root(), name)
    });
    let bin = project.root().join("bin");
    std::fs::create_dir(&bin).expect("a folder can be made");
    let path = std::env::var_os("PATH").expect("there is a PATH");
    let git = std::env::split_paths(&path).map(|dir| dir.join("git")).find(|git| git.exists());
    std::os::unix::fs::symlink(git.expect("git is on the PATH"), bin.join("git")).expect("linked");
    let run = project.exec().arg("--allow-degraded=bubblewrap").env("PATH", &bin);
    let run = run.env(KEY, CANARY).start();
    until("the pipe", || {
        let pipes = project.run_dirs();
        let trees = pipes.iter().flat_map(|run| std::fs::read_dir(run.join("work")).ok());
        trees
            .flatten()
            .filter_map(Result::ok)
            .any(|it| it.path().join("tree/wait").exists())
            .then_some(())
    });
    until("the gate's answer", || project.facts("direct", "judged").pop());
    let outside = control(&project, &listeners, &["env"]);
    project.send("wait", "go");
    run.wait().expect(0);
    let log = project.run_dir().join("nodes/0000-direct/1/gate-probe.log");
    let gate = std::fs::read_to_string(log).expect("the gate's log");
    for (place, text) in [("the command", project.merged("direct.json")), ("the gate", gate)] {
        let found = results(&text);
        let reached = of_state(&found, true);
        let known = |name: &&str| OPEN_WITHOUT_NAMESPACES.iter().any(|(open, _)| open == name);
        let more: Vec<&&str> = reached.iter().filter(|name| !known(name)).collect();
        assert!(more.is_empty(), "{place} reached {more:?}");
        assert_eq!(tried(&found), tried(&outside), "{place} tried the same");
    }
    assert_eq!(datagrams(&listeners.udp), ["control"]);
    project.nothing_is_left();
}
