//! A provider for tests, with a bill of its own: it counts tokens, answers or
//! fails as its dice say, and knows what it asks for it.
//!
//! It knows nothing of the ledger: the bill is kept exactly, in millionths of
//! millionths, by the prices that the tests give the plan.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use fastrand::Rng;
use serde_json::{Value, json};

/// Millionths of a euro for a million tokens: input, cached, output.
const PRICES: (u64, u64, u64) = (5_000_000, 500_000, 30_000_000);

/// How often things go wrong, of a hundred requests each.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Faults {
    /// An HTTP error: it costs nothing.
    pub refused: u8,
    /// The connection is closed with no answer, and the answer is billed.
    pub silent: u8,
    /// The answer breaks off, and is billed.
    pub broken: u8,
    /// The answer fails, with an account of what it used.
    pub failed: u8,
    /// The answer is as long as it may be.
    pub long: u8,
}

/// What a provider was asked, and asks for it.
#[derive(Debug, Default)]
pub(super) struct Bill {
    /// In millionths of millionths of a euro.
    pub total: u128,
    /// How many requests came.
    pub requests: u32,
}

/// A provider that runs until the test ends.
pub(super) struct TestProvider {
    /// The base of its addresses.
    pub url: String,
    bill: Arc<Mutex<Bill>>,
}

impl TestProvider {
    /// Starts a provider whose tokens have so many bytes at most.
    pub(super) fn start(seed: u64, token_bytes: u64, faults: Faults) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let bill = Arc::new(Mutex::new(Bill::default()));
        let server = Arc::new(Server {
            bill: Arc::clone(&bill),
            rng: Mutex::new(Rng::with_seed(seed)),
            cached: Mutex::default(),
            token_bytes,
            faults,
        });
        // It ends with the process: a test has no need to end it.
        thread::spawn(move || {
            for stream in listener.incoming().filter_map(Result::ok) {
                let server = Arc::clone(&server);
                thread::spawn(move || {
                    // A client that is gone has its reasons.
                    let _ = server.serve(&stream);
                });
            }
        });
        Self { url, bill }
    }

    /// Returns the bill so far: in millionths of millionths, and for how many.
    pub(super) fn bill(&self) -> (u128, u32) {
        let bill = self.bill.lock().unwrap_or_else(PoisonError::into_inner);
        (bill.total, bill.requests)
    }
}

struct Server {
    bill: Arc<Mutex<Bill>>,
    rng: Mutex<Rng>,
    /// Prompts that were seen, with their tokens: their beginnings are cached.
    cached: Mutex<BTreeMap<String, u64>>,
    token_bytes: u64,
    faults: Faults,
}

impl Server {
    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        let request = read(stream)?;
        let most = request["max_output_tokens"].as_u64().expect("it is always said");
        let (input, cached) = self.count(&request);
        let (dice, drawn) = {
            let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
            (rng.u8(0..100), rng.u64(1..=3_000))
        };
        let Faults { refused, silent, broken, failed, long } = self.faults;
        let mut bound = refused;
        if dice < bound {
            return refuse(stream);
        }
        let mut falls = |share: u8| {
            bound += share;
            dice < bound
        };
        let (is_silent, is_broken, is_failed, is_long) =
            (falls(silent), falls(broken), falls(failed), falls(long));
        let output = if is_long { most } else { drawn.min(most) };
        self.charge(input, cached, output);
        if is_silent {
            return Ok(());
        }
        let mut out = String::from(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n",
        );
        let usage = json!({
            "input_tokens": input, "input_tokens_details": {"cached_tokens": cached},
            "output_tokens": output, "total_tokens": input + output,
        });
        event(&mut out, "response.created", &json!({"response": {"id": "r"}}));
        let text = "x".repeat(usize::try_from(output.min(2_000)).expect("small"));
        let item = json!({"type": "message", "role": "assistant", "id": "m",
            "content": [{"type": "output_text", "text": text}]});
        event(&mut out, "response.output_item.done", &json!({"item": item}));
        if !is_broken {
            let (kind, rest) = match (is_failed, output == most) {
                (true, _) => {
                    let error = json!({"code": "server_error", "message": "it failed"});
                    ("response.failed", json!({"usage": usage, "error": error}))
                }
                (false, true) => {
                    let details = json!({"reason": "max_output_tokens"});
                    ("response.incomplete", json!({"usage": usage, "incomplete_details": details}))
                }
                (false, false) => ("response.completed", json!({"usage": usage})),
            };
            event(&mut out, kind, &json!({"response": rest}));
        }
        (&mut &*stream).write_all(out.as_bytes())
    }

    /// Counts a prompt: each part has at least one token for so many bytes.
    fn count(&self, request: &Value) -> (u64, u64) {
        let tokens = |value: &Value| {
            let bytes = value.to_string().len() as u64;
            bytes.div_ceil(self.token_bytes)
        };
        let mut prompt = String::new();
        let (mut sum, mut cached) = (tokens(&request["instructions"]), 0);
        let mut known = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        prompt.push_str(&request["instructions"].to_string());
        for item in request["input"].as_array().expect("a list") {
            sum += tokens(item);
            prompt.push_str(&item.to_string());
            cached = known.get(&prompt).copied().unwrap_or(cached);
        }
        known.insert(prompt, sum);
        (sum, cached)
    }

    fn charge(&self, input: u64, cached: u64, output: u64) {
        let parts = [(input - cached, PRICES.0), (cached, PRICES.1), (output, PRICES.2)];
        let asked: u128 =
            parts.iter().map(|(tokens, price)| u128::from(*tokens) * u128::from(*price)).sum();
        let mut bill = self.bill.lock().unwrap_or_else(PoisonError::into_inner);
        bill.total += asked;
        bill.requests += 1;
    }
}

fn refuse(stream: &TcpStream) -> std::io::Result<()> {
    let body = r#"{"error":{"message":"busy","type":"server_error"}}"#;
    let length = body.len();
    write!(
        &mut &*stream,
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}

fn event(out: &mut String, kind: &str, data: &Value) {
    let mut data = data.clone();
    data["type"] = kind.into();
    out.push_str(&format!("event: {kind}\ndata: {data}\n\n"));
}

/// Reads a request's body.
fn read(stream: &TcpStream) -> std::io::Result<Value> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(serde_json::from_slice(&body)?)
}
