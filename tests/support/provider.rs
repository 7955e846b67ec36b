//! A provider on this host that plays what a test tells it to: answers, refusals
//! and each way to hang or break, and that keeps a bill of its own.
//!
//! It speaks the Responses API as far as Codex needs it. What to do with a
//! request is told by the request alone, so many nodes may ask at once and the
//! runner may be killed at any time. Unaware of runs.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use serde_json::{Value, json};

/// What the provider does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Answers, and the agent's turn ends with this text.
    Say(String),
    /// Answers as `Say`, and counts this many tokens for its answer.
    SayCounted(String, u64),
    /// Answers, and the agent runs this command line.
    Shell(String),
    /// Answers with this status, these header lines (each ended) and this body.
    Refuse(u16, String, String),
    /// Begins to answer, and says that it failed, with this error.
    Fail(Value),
    /// Answers with this command line, and says then that it failed, with this error.
    FailBehind(String, Value),
    /// Takes the request and says nothing.
    Silence,
    /// Says the first words of an answer, and nothing more.
    Stall,
    /// Says the first words of an answer, and closes the connection.
    Cut,
}

/// A request that the provider took.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Its place among all of them, from 0.
    pub(crate) number: usize,
    /// What came, as it came.
    pub(crate) body: String,
    /// Whether it was answered to its end.
    pub(crate) is_answered: bool,
    /// The header that shows the key.
    pub(crate) authorization: String,
}

impl Asked {
    /// Tells whether a text stands in the request.
    pub(crate) fn says(&self, text: &str) -> bool {
        self.body.contains(text)
    }

    /// Returns how many outputs of commands the request holds: how far its agent is.
    pub(crate) fn step(&self) -> usize {
        let body: Value = serde_json::from_str(&self.body).expect("a request is JSON");
        let input = body["input"].as_array().expect("it has a history");
        input.iter().filter(|item| item["type"] == "function_call_output").count()
    }
}

type Script = dyn Fn(&Asked) -> Act + Send + Sync;

/// The running provider; dropped, it is gone.
pub(crate) struct Provider {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    script: Box<Script>,
    asked: Mutex<Vec<Asked>>,
    open: Mutex<Vec<TcpStream>>,
    is_away: AtomicBool,
}

impl Provider {
    /// Starts a provider that does with each request what the script says.
    pub(crate) fn start(script: impl Fn(&Asked) -> Act + Send + Sync + 'static) -> Self {
        // Not the address from which others here connect: its port must still be
        // free when it comes back.
        let listener = TcpListener::bind("127.0.0.2:0").expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            script: Box::new(script),
            asked: Mutex::default(),
            open: Mutex::default(),
            is_away: AtomicBool::new(false),
        });
        let accepting = Mutex::new(Some(accept(Arc::clone(&shared), listener)));
        Self { shared, address, accepting }
    }

    /// Returns the base of its addresses, for `url`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Returns what was asked until now.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        lock(&self.shared.asked).clone()
    }

    /// Goes away: connections are cut, and new ones refused.
    pub(crate) fn go_away(&self) {
        self.shared.is_away.store(true, Ordering::SeqCst);
        // Wakes the one who waits for connections; it may be gone already.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = lock(&self.accepting).take() {
            accepting.join().expect("it accepts to its end");
        }
        for stream in lock(&self.shared.open).drain(..) {
            // Closed by the other side already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Comes back at the same address.
    pub(crate) fn come_back(&self) {
        self.shared.is_away.store(false, Ordering::SeqCst);
        let listener = TcpListener::bind(self.address).expect("its port is still free");
        *lock(&self.accepting) = Some(accept(Arc::clone(&self.shared), listener));
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.go_away();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread of the provider fails with it")
}

fn accept(shared: Arc<Shared>, listener: TcpListener) -> JoinHandle<()> {
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            if shared.is_away.load(Ordering::SeqCst) {
                return;
            }
            lock(&shared.open).push(stream.try_clone().expect("a second handle"));
            let shared = Arc::clone(&shared);
            // A connection that breaks is what some tests are about.
            std::thread::spawn(move || serve(&shared, &stream).ok());
        }
    })
}

/// Serves a connection until it is closed.
fn serve(shared: &Shared, stream: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(asked) = read(&mut reader)? {
        let asked = {
            let mut all = lock(&shared.asked);
            let asked = Asked { number: all.len(), ..asked };
            all.push(asked.clone());
            asked
        };
        let act = (shared.script)(&asked);
        let goes_on = play(stream, &mut reader, &asked, &act)?;
        if matches!(act, Act::Say(_) | Act::Shell(_)) {
            lock(&shared.asked)[asked.number].is_answered = true;
        }
        if !goes_on {
            return stream.shutdown(Shutdown::Both);
        }
    }
    Ok(())
}

/// Reads a request; `None` when the connection was closed.
fn read(reader: &mut BufReader<&TcpStream>) -> std::io::Result<Option<Asked>> {
    let (mut length, mut authorization, mut lines) = (0, String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let (name, value) = line.trim_end().split_once(": ").unwrap_or((line.trim_end(), ""));
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().expect("a length"),
            "authorization" => value.clone_into(&mut authorization),
            "" => break,
            _ => {}
        }
        lines += 1;
        assert!(lines < 100, "a request has few headers");
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body = String::from_utf8(body).expect("a request is text");
    Ok(Some(Asked { number: 0, body, is_answered: false, authorization }))
}

/// Does what is to be done; tells whether the connection can go on.
fn play(
    mut stream: &TcpStream,
    reader: &mut BufReader<&TcpStream>,
    asked: &Asked,
    act: &Act,
) -> std::io::Result<bool> {
    let id = format!("resp_{}", asked.number);
    let created = event("response.created", json!({"response": {"id": id}}));
    let words = json!({"item_id": "msg", "output_index": 0, "content_index": 0, "delta": "I"});
    let words = event("response.output_text.delta", words);
    let mut say = |text: String| stream.write_all(text.as_bytes());
    match act {
        Act::Refuse(status, headers, body) => {
            let length = body.len();
            say(format!(
                "HTTP/1.1 {status} Refused\r\n{headers}content-type: application/json\r\n\
                 content-length: {length}\r\n\r\n{body}"
            ))?;
        }
        Act::Silence => return wait(reader),
        Act::Stall => {
            say(format!("{HEAD}{}{}", chunk(&created), chunk(&words)))?;
            return wait(reader);
        }
        Act::Cut => {
            say(format!("{HEAD}{}{}", chunk(&created), chunk(&words)))?;
            return Ok(false);
        }
        Act::Fail(error) => {
            let failed = json!({"response": {"id": id, "status": "failed", "error": error}});
            let failed = event("response.failed", failed);
            say(format!("{HEAD}{}{}0\r\n\r\n", chunk(&created), chunk(&failed)))?;
        }
        Act::FailBehind(line, error) => {
            let failed = json!({"response": {"id": id, "status": "failed", "error": error}});
            let done = json!({"output_index": 0, "item": command(&id, line)});
            let events = [
                created,
                event("response.output_item.done", done),
                event("response.failed", failed),
            ];
            let chunks: String = events.iter().map(|event| chunk(event)).collect();
            say(format!("{HEAD}{chunks}0\r\n\r\n"))?;
        }
        Act::Say(text) => say(answer(&id, &created, &message(&id, text), OUTPUT))?,
        Act::SayCounted(text, output) => {
            say(answer(&id, &created, &message(&id, text), *output))?;
        }
        Act::Shell(line) => say(answer(&id, &created, &command(&id, line), OUTPUT))?,
    }
    Ok(true)
}

/// Waits until the other side gives up.
fn wait(reader: &mut BufReader<&TcpStream>) -> std::io::Result<bool> {
    reader.read_to_end(&mut Vec::new())?;
    Ok(false)
}

fn event(kind: &str, mut data: Value) -> String {
    data["type"] = kind.into();
    format!("event: {kind}\ndata: {data}\n\n")
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// How a stream of events begins.
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                    transfer-encoding: chunked\r\n\r\n";

/// How many tokens an answer has, if nothing else is said.
const OUTPUT: u64 = 200;

/// A whole answer with one item, for which so many tokens of output are counted.
fn answer(id: &str, created: &str, item: &Value, output: u64) -> String {
    let total = 10_000 + output;
    let usage = json!({"input_tokens": 10_000, "output_tokens": output, "total_tokens": total});
    let response = json!({"id": id, "status": "completed", "output": [item], "usage": usage});
    let events = [
        created.to_owned(),
        event("response.output_item.done", json!({"output_index": 0, "item": item})),
        event("response.completed", json!({"response": response})),
    ];
    let chunks: String = events.iter().map(|event| chunk(event)).collect();
    format!("{HEAD}{chunks}0\r\n\r\n")
}

fn message(id: &str, text: &str) -> Value {
    let content = json!([{"type": "output_text", "text": text, "annotations": []}]);
    json!({
        "type": "message", "id": format!("msg_{id}"), "role": "assistant", "status": "completed",
        "content": content,
    })
}

fn command(id: &str, line: &str) -> Value {
    let arguments = json!({"cmd": line, "yield_time_ms": 30_000}).to_string();
    json!({
        "type": "function_call", "id": format!("fc_{id}"), "call_id": format!("call_{id}"),
        "name": "exec_command", "arguments": arguments,
    })
}
