//! The way of commands to the hosts that the plan names for them, and to no
//! others: real programs in the sandbox, a real host on loopback.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;

use crate::support::Project;

/// A host on loopback that answers every request, and counts them.
struct Host {
    port: u16,
    served: Arc<AtomicUsize>,
}

impl Host {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let served = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&served);
        // Ends with the tests; nobody waits for it.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let mut asked = [0; 4096];
                // What only looks whether the port is open says nothing.
                if stream.read(&mut asked).is_ok_and(|bytes| bytes > 0) {
                    count.fetch_add(1, Ordering::SeqCst);
                    let reply = "HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";
                    let _ = stream.write_all(reply.as_bytes());
                }
            }
        });
        Self { port, served }
    }

    fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }
}

/// Asks the addresses in its arguments as any program would, then tries to get
/// out without the proxy.
const CLIENT: &str = r#"
import os, socket, sys, urllib.request
port = int(sys.argv[1])
try:
    socket.create_connection(("127.0.0.1", port), 2)
    sys.exit("the host is reached without the proxy")
except OSError:
    pass
try:
    socket.getaddrinfo("registry.example", 443)
    sys.exit("a name is found without the proxy")
except OSError:
    pass
for address in sys.argv[2:]:
    if address.startswith("tunnel:"):
        _, host, port = address.split(":")
        proxy = os.environ["https_proxy"].removeprefix("http://").split(":")
        stream = socket.create_connection((proxy[0], int(proxy[1])), 10)
        stream.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\n\r\nGET / HTTP/1.0\r\n\r\n".encode())
        said = b""
        while part := stream.recv(4096):
            said += part
        print(said.decode().splitlines()[-1])
    else:
        print(urllib.request.urlopen(address, timeout=10).read().decode(), end="")
"#;

fn project(host: &Host, network: &str, asked: &[&str]) -> Project {
    let project = Project::new(&[("client.py", CLIENT)]);
    let port = host.port;
    let asked: String = asked.iter().map(|address| format!(", {address:?}")).collect();
    let spec = format!(
        r#"edition 1
pipeline small {{ base = "main" }}
command fetch {{
  run     = ["python3", "client.py", "{port}"{asked}]
  stdout  = "said.txt"
  writes  = ["said.txt"]
  network = [{network}]
}}
"#
    );
    project.write("spec.eufm", spec.replace("PORT", &port.to_string()));
    project.compile().expect(0);
    project
}

fn record(project: &Project) -> Vec<Value> {
    let path = project.run_dir().join("nodes/0000-fetch/1/network.jsonl");
    let text = std::fs::read_to_string(path).expect("a record");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_command_reaches_the_host_it_names_and_that_is_noted() {
    let host = Host::start();
    let (plain, tunnel) =
        (format!("http://127.0.0.1:{}/x", host.port), format!("tunnel:127.0.0.1:{}", host.port));
    let project = project(&host, r#""127.0.0.1:PORT""#, &[&plain, &tunnel]);
    project.exec().run().expect(0);
    assert_eq!(project.merged("said.txt"), "hello\nhello");
    assert_eq!(host.served(), 2);
    let lines = record(&project);
    let sum = lines.last().expect("sums");
    assert_eq!((&sum["outcome"], &sum["connections"]), (&"sum".into(), &2.into()), "{lines:?}");
    assert_eq!((&sum["port"], &sum["refused"]), (&host.port.into(), &0.into()), "{lines:?}");
    assert_eq!(sum["bytes_received"], 2 * 44, "{lines:?}");
    project.nothing_is_left();
}

#[test]
fn another_host_is_refused_and_the_reason_says_which() {
    let host = Host::start();
    let tunnel = format!("tunnel:127.0.0.1:{}", host.port);
    let asked = [&tunnel, "http://other.example/"];
    let project = project(&host, r#""registry.example""#, &asked);
    let why = format!(
        "refused: 127.0.0.1:{}, not in `network`; other.example:80, not in `network`",
        host.port
    );
    project.exec().run().expect(1).shows(&["HTTP Error 403", &why]);
    assert_eq!(host.served(), 0);
    assert_eq!(record(&project)[0]["outcome"], "refused");
    let reason = project.facts("fetch", "exited")[0]["ending"]["failed"]["reason"].clone();
    assert!(reason.as_str().is_some_and(|reason| reason.contains(&why)), "{reason}");
    project.nothing_is_left();
}

#[test]
fn a_command_that_names_no_host_has_no_way_out_at_all() {
    let look = "env | grep -i proxy; ls /run/eufm/proxy; true";
    let body = format!(
        "command one {{ run = [\"sh\", \"-c\", \"{look}\"], stdout = \"out\", writes = [\"out\"] }}"
    );
    let spec = |network: &str| {
        format!(
            "edition 1\npipeline small {{ base = \"main\" }}\n{}\n",
            body.replace(" }", &format!("{network} }}"))
        )
    };
    let closed = Project::of_spec(&spec(""));
    closed.exec().run().expect(0);
    assert!(closed.facts("one", "harvested")[0]["changes"] == 1, "an empty file is made");
    assert_eq!(closed.merged("out"), "");
    let open = Project::of_spec(&spec(", network = [\"registry.example\"]"));
    open.exec().run().expect(0);
    let said = open.merged("out");
    for word in
        ["HTTPS_PROXY=http://127.0.0.1:", "http_proxy=", "NO_PROXY=localhost,", "proxy.sock"]
    {
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[test]
fn what_a_command_left_running_does_not_keep_its_way_open() {
    let host = Host::start();
    let background = "import os,sys\nif os.fork(): sys.exit(0)\nos.setsid()\nwhile True: pass\n";
    let project = Project::new(&[("stay.py", background)]);
    let port = host.port;
    project.write(
        "spec.eufm",
        format!(
            "edition 1\npipeline small {{ base = \"main\" }}\ncommand stay {{ run = [\"python3\", \
             \"stay.py\"], network = [\"127.0.0.1:{port}\"] }}\n"
        ),
    );
    project.compile().expect(0);
    project.exec().run().expect(0);
    project.nothing_is_left();
}

#[test]
fn preparing_reaches_the_hosts_of_its_environment_and_says_what_it_may_not() {
    let host = Host::start();
    let project = Project::new(&[("client.py", CLIENT)]);
    let port = host.port;
    let spec = |asked: &str, network: &str| {
        format!(
            r#"edition 1
pipeline small {{ base = "main" }}
environment fetched {{
  prepare = ["sh", "-c", "python3 client.py {port} {asked} > cache/said"]
  network = ["{network}"]
  keep    = ["cache"]
}}
command one {{
  run    = ["sh", "-c", "cat cache/said > said.txt; env | grep -ci proxy >> said.txt; true"]
  writes = ["said.txt"]
  env    = [fetched]
}}
"#
        )
    };
    project.write("spec.eufm", spec("http://other.example/", "registry.example"));
    project.compile().expect(0);
    let ended = project.exec().run().expect(8);
    ended.says(&["ended with exit status 1; refused: other.example:80, not in `network`"]);
    assert_eq!(host.served(), 0);
    project.write(
        "spec.eufm",
        spec(&format!("tunnel:127.0.0.1:{port}"), &format!("127.0.0.1:{port}")),
    );
    project.compile().expect(0);
    project.exec().run().expect(0);
    assert_eq!(host.served(), 1);
    // The node that sees what was fetched has no way out itself.
    assert_eq!(project.merged("said.txt"), "hello\n0");
    project.nothing_is_left();
}
