//! The proxy over real sockets: what passes, what does not, and what is noted.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use super::{Passage, Proxy, RECORD, SOCKET, dial};

/// A proxy with one open passage.
struct Open {
    dir: TempDir,
    passage: Passage,
    _proxy: Proxy,
}

impl Open {
    fn to(hosts: &[&str]) -> Self {
        Self::with(hosts, Proxy::start().expect("a proxy"))
    }

    fn with(hosts: &[&str], proxy: Proxy) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let passage = proxy.open(dir.path(), &hosts, &dir.path().join(RECORD)).expect("open");
        Self { dir, passage, _proxy: proxy }
    }

    fn client(&self) -> UnixStream {
        UnixStream::connect(self.dir.path().join(SOCKET)).expect("it listens")
    }

    /// Sends a request and returns the head of the answer and the stream.
    fn ask(&self, request: &str) -> (String, BufReader<UnixStream>) {
        let mut client = self.client();
        client.write_all(request.as_bytes()).expect("sent");
        let mut client = BufReader::new(client);
        (head(&mut client), client)
    }

    fn record(&self) -> PathBuf {
        self.dir.path().join(RECORD)
    }

    fn close(self) -> (Option<String>, Vec<Value>) {
        let record = self.record();
        let remark = self.passage.close().expect("recorded").remark();
        let text = std::fs::read_to_string(record).expect("a record");
        (remark, text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect())
    }
}

fn head(client: &mut BufReader<UnixStream>) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if client.read_line(&mut head).expect("an answer") == 0 {
            break;
        }
    }
    head
}

fn body(head: &str, client: &mut BufReader<UnixStream>) -> String {
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok())
        .expect("a length");
    let mut bytes = vec![0; length];
    client.read_exact(&mut bytes).expect("a body");
    String::from_utf8(bytes).expect("text")
}

/// A host on loopback that does something with its first connection.
fn host<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (u16, thread::JoinHandle<T>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let port = listener.local_addr().expect("it has an address").port();
    (port, thread::spawn(move || serve(listener.accept().expect("a connection").0)))
}

fn echo(mut stream: TcpStream) {
    let mut asked = Vec::new();
    stream.read_to_end(&mut asked).expect("read");
    stream.write_all(&asked).expect("written");
}

/// A host that reads one request without a body, answers and returns the head.
fn answer(mut stream: TcpStream) -> String {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        reader.read_line(&mut head).expect("a request");
    }
    let reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Hop: 1\r\nConnection: x-hop\r\n\r\nok";
    stream.write_all(reply.as_bytes()).expect("answered");
    head
}

#[test]
fn what_is_named_is_reached_through_a_tunnel_and_counted() {
    let (port, host) = host(echo);
    let open = Open::to(&[&format!("127.0.0.1:{port}")]);
    let (head, mut client) =
        open.ask(&format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: anything\r\n\r\n"));
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let question: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let mut writer = client.get_ref().try_clone().expect("a second handle");
    writer.write_all(&question).expect("sent");
    writer.shutdown(std::net::Shutdown::Write).expect("said");
    let mut reply = Vec::new();
    client.read_to_end(&mut reply).expect("answered");
    assert_eq!(reply, question);
    host.join().expect("served");
    let (remark, lines) = open.close();
    assert_eq!(remark, None);
    assert_eq!(lines.len(), 2, "{lines:?}");
    for line in lines {
        assert_eq!(line["host"], "127.0.0.1");
        assert_eq!(line["port"], port);
        assert_eq!(
            (&line["bytes_sent"], &line["bytes_received"]),
            (&300_000.into(), &300_000.into())
        );
    }
}

#[test]
fn what_is_not_named_is_refused_by_its_name_and_not_reached() {
    let (port, _host) = host(|_| panic!("nobody may come"));
    let open = Open::to(&["registry.example"]);
    let target = format!("127.0.0.1:{port}");
    let requests = [
        format!("CONNECT {target} HTTP/1.1\r\nHost: registry.example:443\r\n\r\n"),
        format!("GET http://{target}/ HTTP/1.1\r\nHost: registry.example\r\n\r\n"),
        // In other spellings of the same address.
        format!("CONNECT 2130706433:{port} HTTP/1.1\r\n\r\n"),
        format!("CONNECT [::1]:{port} HTTP/1.1\r\n\r\n"),
        format!("CONNECT localhost:{port} HTTP/1.1\r\n\r\n"),
        "CONNECT registry.example:22 HTTP/1.1\r\n\r\n".to_owned(),
    ];
    for request in &requests {
        let (head, mut client) = open.ask(request);
        assert!(head.starts_with("HTTP/1.1 403"), "{request}: {head}");
        let said = body(&head, &mut client);
        assert!(
            said.starts_with("eufm: refused: ") && said.contains(", not in `network`"),
            "{said}"
        );
    }
    let (remark, lines) = open.close();
    let remark = remark.expect("a remark");
    assert!(remark.starts_with(&format!("refused: {target}, not in `network`; ")), "{remark}");
    assert!(remark.ends_with("and 2 more"), "{remark}");
    assert_eq!(lines.iter().filter(|line| line["outcome"] == "refused").count(), requests.len());
}

#[test]
fn what_is_no_request_to_a_proxy_is_told_so() {
    let open = Open::to(&["registry.example"]);
    for request in [
        "GET / HTTP/1.1\r\nHost: registry.example\r\n\r\n",
        "GET https://registry.example/ HTTP/1.1\r\n\r\n",
        "GET ftp://registry.example/ HTTP/1.1\r\n\r\n",
        "CONNECT registry.example HTTP/1.1\r\n\r\n",
        "nonsense\r\n\r\n",
    ] {
        let (head, _) = open.ask(request);
        assert!(head.starts_with("HTTP/1.1 400"), "{request}: {head}");
    }
}

#[test]
fn a_plain_request_goes_to_the_host_of_its_address_without_the_hops_headers() {
    let (port, host) = host(answer);
    let open = Open::to(&[&format!("localhost:{port}")]);
    let (head, mut client) = open.ask(&format!(
        "GET http://LOCALHOST:{port}/a?b=c HTTP/1.1\r\nHost: other.example\r\nX-Kept: 1\r\n\
         Proxy-Authorization: Basic x\r\nProxy-Connection: keep-alive\r\nX-Hop: 1\r\n\
         Connection: x-hop\r\n\r\n"
    ));
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(!head.to_ascii_lowercase().contains("x-hop"), "{head}");
    assert_eq!(body(&head, &mut client), "ok");
    let seen = host.join().expect("served").to_ascii_lowercase();
    assert!(seen.starts_with("get /a?b=c http/1.1\r\n"), "{seen}");
    assert!(seen.contains(&format!("\r\nhost: localhost:{port}\r\n")), "{seen}");
    assert!(seen.contains("\r\nx-kept: 1\r\n"), "{seen}");
    for gone in ["other.example", "proxy-", "x-hop", "connection:"] {
        assert!(!seen.contains(gone), "{gone}: {seen}");
    }
    // The connection of the client goes on; the next host is judged anew.
    let next = "GET http://other.example/ HTTP/1.1\r\n\r\n";
    client.get_mut().write_all(next.as_bytes()).expect("sent");
    let second = self::head(&mut client);
    assert!(second.starts_with("HTTP/1.1 403"), "{second}");
    let (_, lines) = open.close();
    let connected = lines.iter().find(|line| line["outcome"] == "connected").expect("noted");
    assert!(
        connected["bytes_sent"].as_u64() > Some(50)
            && connected["bytes_received"].as_u64() > Some(50)
    );
}

#[test]
fn a_name_that_leads_inside_is_refused_unless_the_address_is_named_too() {
    let (port, host) = host(echo);
    let asked = Arc::new(AtomicUsize::new(0));
    let proxy = || {
        let asked = Arc::clone(&asked);
        // It leads elsewhere when it is asked a second time.
        Proxy::with_resolver(Arc::new(move |_: &str, port| {
            let last = if asked.fetch_add(1, Ordering::SeqCst) == 0 { 1 } else { 2 };
            Ok(vec![SocketAddr::from(([127, 0, 0, last], port))])
        }))
        .expect("a proxy")
    };
    let name = format!("registry.example:{port}");
    let connect = format!("CONNECT {name} HTTP/1.1\r\n\r\n");
    let closed = Open::with(&[&name], proxy());
    let (head, _) = closed.ask(&connect);
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    let (remark, _) = closed.close();
    let remark = remark.expect("a remark");
    assert!(remark.contains("leads to 127.0.0.1, which is no public address"), "{remark}");
    asked.store(0, Ordering::SeqCst);
    let open = Open::with(&[&name, &format!("127.0.0.1:{port}")], proxy());
    let (head, client) = open.ask(&connect);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(asked.load(Ordering::SeqCst), 1, "it is looked up once");
    drop(client);
    host.join().expect("served");
}

#[test]
fn a_host_that_is_not_there_is_told_from_one_that_may_not_be_reached() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let port = listener.local_addr().expect("it has an address").port();
    drop(listener);
    let proxy = Proxy::with_resolver(Arc::new(|host: &str, port| match host {
        "gone.example" => Err(std::io::Error::other("no such host")),
        _ => dial::system_resolver(host, port),
    }));
    let open = Open::with(&[&format!("127.0.0.1:{port}"), "gone.example"], proxy.expect("a proxy"));
    for target in [format!("127.0.0.1:{port}"), "gone.example:443".to_owned()] {
        let (head, _) = open.ask(&format!("CONNECT {target} HTTP/1.1\r\n\r\n"));
        assert!(head.starts_with("HTTP/1.1 502"), "{target}: {head}");
    }
    let (remark, lines) = open.close();
    assert_eq!(remark, None);
    assert_eq!(lines.iter().filter(|line| line["outcome"] == "unreachable").count(), 2);
}

#[test]
fn closing_ends_what_is_under_way() {
    let (port, host) = host(|mut stream| {
        stream.write_all(b"hello").expect("written");
        // Ends only when the other side goes.
        stream.read_to_end(&mut Vec::new()).is_ok()
    });
    let open = Open::to(&[&format!("127.0.0.1:{port}")]);
    let (_, mut client) = open.ask(&format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n"));
    let mut hello = [0; 5];
    client.read_exact(&mut hello).expect("it is open");
    let socket = open.dir.path().join(SOCKET);
    let record = open.record();
    let Open { dir, passage, _proxy } = open;
    passage.close().expect("recorded");
    assert!(host.join().expect("served"));
    assert_eq!(client.read(&mut hello).unwrap_or(0), 0);
    assert!(!socket.exists());
    let text = std::fs::read_to_string(record).expect("a record");
    assert!(text.contains("\"bytes_received\":5"), "{text}");
    drop(dir);
}
