//! Tests of the gateway over its socket: what a client sees, byte for byte,
//! and what the counter is told and when.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use eufm_plan::{AgentIndex, NodeIndex};

use super::test_counter::{lenient, telling};
use super::{
    Door, DoorGuard, Gateway, GatewayError, Provider, RefusalKind, Report, SOCKET, Script,
};

const CASSETTE: &str = "format = 1\nmodel = 'm'\n[[node.greet]]\nexpect = 'Write'\nsay = 'Done.'\n";
const ASK: &str = r#"{"model":"m","stream":true,"input":[{"type":"message","role":"user","content":"Write it."}]}"#;

fn provider() -> Provider {
    let script = Script::parse(CASSETTE, "c.toml").expect("a cassette");
    Provider::Script { script, go_on: "Go on.".to_owned() }
}

fn gateway() -> (Gateway, Receiver<Report>) {
    let (counter, reports) = lenient();
    (Gateway::start(provider(), counter).expect("it starts"), reports)
}

fn open(gateway: &Gateway, folder: &Path, node: &str) -> DoorGuard {
    let index = NodeIndex::new(3);
    let (node, token) = (node.to_owned(), "secret".to_owned());
    gateway
        .open(Door { node, index, agent: AgentIndex::new(0), folder: folder.to_owned(), token })
        .expect("it opens")
}

/// Sends one request and returns the whole answer.
fn send(folder: &Path, head: &str, body: &str) -> String {
    let mut stream = UnixStream::connect(folder.join(SOCKET)).expect("it listens");
    let length = body.len();
    let request =
        format!("{head}\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    // In one piece: a request may be refused, and its connection closed, by its head alone.
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

fn ask(folder: &Path, body: &str) -> String {
    send(folder, "POST /v1/responses HTTP/1.1\r\nauthorization: Bearer secret", body)
}

fn refusal(reports: &Receiver<Report>) -> (RefusalKind, String) {
    match reports.try_recv().expect("it was told") {
        Report::Refusal(refusal) => (refusal.kind, refusal.message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_is_answered_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, reports) = gateway();
    let _door = open(&gateway, folder.path(), "greet");
    let answer = ask(folder.path(), ASK);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("content-type: text/event-stream"), "{answer}");
    assert!(answer.contains("event: response.completed\ndata: {"), "{answer}");
    let Report::Answered(exchange) = reports.try_recv().unwrap() else { panic!("an exchange") };
    assert_eq!(exchange.node, NodeIndex::new(3));
    assert_eq!((exchange.reply, exchange.round, exchange.usage.input), (0, 0, 10_000));
}

#[test]
fn two_nodes_at_once_get_their_own_replies() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (gateway, reports) = gateway();
    let _doors = [open(&gateway, first.path(), "greet"), open(&gateway, second.path(), "readme")];
    assert!(ask(first.path(), ASK).contains(" 200 OK"));
    assert!(ask(second.path(), ASK).contains("it has no replies for the node `readme`"));
    assert!(matches!(reports.try_recv().unwrap(), Report::Answered(_)));
    assert_eq!(refusal(&reports).0, RefusalKind::Cassette);
}

#[test]
fn what_is_not_allowed_is_refused_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, reports) = gateway();
    let _door = open(&gateway, folder.path(), "greet");
    let auth = "authorization: Bearer secret";
    let cases = [
        (format!("GET /v1/models HTTP/1.1\r\n{auth}"), "404 Not Found", RefusalKind::Path),
        (format!("GET /v1/responses HTTP/1.1\r\n{auth}"), "404 Not Found", RefusalKind::Path),
        (format!("POST /v1/files HTTP/1.1\r\n{auth}"), "404 Not Found", RefusalKind::Path),
        ("POST /v1/responses HTTP/1.1".to_owned(), "401 Unauthorized", RefusalKind::Token),
        (
            "POST /v1/responses HTTP/1.1\r\nauthorization: Bearer secre".to_owned(),
            "401 Unauthorized",
            RefusalKind::Token,
        ),
        (
            format!("POST /v1/responses HTTP/1.1\r\n{auth}\r\ncontent-encoding: zstd"),
            "400 Bad Request",
            RefusalKind::Request,
        ),
    ];
    for (head, status, kind) in cases {
        let answer = send(folder.path(), &head, ASK);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{head}: {answer}");
        assert_eq!(refusal(&reports).0, kind, "{head}");
    }
    let answer = ask(
        folder.path(),
        r#"{"model":"m","tools":[{"type":"web_search"}],"input":[],"stream":true}"#,
    );
    assert!(answer.contains(r#""code":"request_not_allowed""#), "{answer}");
    assert!(refusal(&reports).1.contains("hosted tool `web_search`"));
    let answer = ask(folder.path(), &ASK.replace("Write", "Read"));
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    let expected = "c.toml:3: node `greet`: reply 1 expects the newest input to contain \"Write\", \
                    but it begins \"Read it.\"";
    assert_eq!(refusal(&reports), (RefusalKind::Cassette, expected.to_owned()));
}

#[test]
fn a_body_over_the_limit_is_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, reports) = gateway();
    let _door = open(&gateway, folder.path(), "greet");
    let mut stream = UnixStream::connect(folder.path().join(SOCKET)).unwrap();
    let length = (64_u64 << 20) + 1;
    write!(
        stream,
        "POST /v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer secret\r\ncontent-length: {length}\r\n\r\n"
    )
    .unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    assert_eq!(refusal(&reports).0, RefusalKind::Size);
}

#[test]
fn an_answer_that_cannot_be_accounted_is_kept_back() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(provider(), telling(|_| Err("the disk is full".into()))).unwrap();
    let _door = open(&gateway, folder.path(), "greet");
    let answer = ask(folder.path(), ASK);
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
    assert!(answer.contains("the disk is full"), "{answer}");
}

#[test]
fn nothing_goes_out_before_the_counter_has_returned() {
    let folder = tempfile::tempdir().unwrap();
    let (entered, told) = channel::<()>();
    let (go, wait): (Sender<()>, Receiver<()>) = channel();
    let wait = std::sync::Mutex::new(wait);
    let counter = telling(move |_| {
        entered.send(())?;
        wait.lock().expect("one caller").recv()?;
        Ok(())
    });
    let gateway = Gateway::start(provider(), counter).unwrap();
    let _door = open(&gateway, folder.path(), "greet");
    let path = folder.path().to_owned();
    let client = std::thread::spawn(move || ask(&path, ASK));
    told.recv().unwrap();
    assert!(!client.is_finished());
    go.send(()).unwrap();
    assert!(client.join().unwrap().contains(" 200 OK"));
}

#[test]
fn a_closed_door_leaves_no_socket_and_answers_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, reports) = gateway();
    let door = open(&gateway, folder.path(), "greet");
    // A client that was connected and comes back with a request afterwards.
    let mut early = UnixStream::connect(folder.path().join(SOCKET)).unwrap();
    drop(door);
    assert!(!folder.path().join(SOCKET).exists());
    let length = ASK.len();
    let asked = write!(
        early,
        "POST /v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer secret\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{ASK}"
    );
    let mut answer = String::new();
    let _ = asked.and_then(|()| early.read_to_string(&mut answer));
    assert!(!answer.contains("200 OK"), "{answer}");
    assert!(reports.try_recv().is_err());
    let _door = open(&gateway, folder.path(), "greet");
    assert!(ask(folder.path(), ASK).contains(" 200 OK"));
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let (gateway, _reports) = gateway();
    let door = Door {
        node: "greet".to_owned(),
        index: NodeIndex::new(0),
        agent: AgentIndex::new(0),
        folder: "/nowhere".into(),
        token: String::new(),
    };
    let fault = gateway.open(door).expect_err("no folder");
    assert!(matches!(fault, GatewayError::Socket { .. }));
    assert!(
        fault.to_string().starts_with("cannot make the gateway's socket /nowhere/gateway.sock: ")
    );
}
