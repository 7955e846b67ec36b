//! What the gateway adds between an agent and a provider: time to the first
//! event of an answer, and processor time while many answers stream, beside the
//! same client and provider without it, in the same run.
//!
//! `make bench` runs it; the provider is of this process, on loopback, without
//! TLS. It prints figures and judges nothing. Unaware of the run: requests are
//! let out at once, or behind a record that is synced, as a run does.

#![expect(clippy::print_stdout, reason = "the figures are the result")]

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use eufm_plan::{AgentIndex, NodeIndex};
use eufm_runner::gateway::circuit::Circuit;
use eufm_runner::gateway::upstream::{Endpoint, Key, Patience, Proxies, Upstream};
use eufm_runner::gateway::{
    Admission, Answer, Counter, Door, DoorGuard, Gateway, Live, Provider, Report, SOCKET, Way,
};
use eufm_runner::ledger::{Quote, Reservation, Spent};
use tokio::sync::oneshot;

/// How many answers stream at once.
const STREAMS: usize = 20;
/// How many events each of them has a second.
const EVENTS_PER_SECOND: usize = 100;
/// How long they stream.
const SECONDS: usize = 10;
/// How many answers are timed.
const ANSWERS: usize = 300;
/// The size of a request: that of a session which has gone on for a while.
const REQUEST_BYTES: usize = 200_000;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let provider = Source::start()?;
    let direct = Place::Tcp(provider.address.clone());
    let plain = Bench::open(&provider, &dir.path().join("plain"), Unmetered::default())?;
    let record = File::create(dir.path().join("record"))?;
    let synced = Unmetered { record: Some(Mutex::new(record)), ..Unmetered::default() };
    let synced = Bench::open(&provider, &dir.path().join("synced"), synced)?;
    println!(
        "to the first event of an answer, request of {} kB, {ANSWERS} answers, microseconds",
        REQUEST_BYTES / 1_000
    );
    // In turn, so that what else the machine does meets all of them.
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..ANSWERS {
        times[0].push(first_event(&direct)?);
        times[1].push(first_event(&plain.doors[0].0)?);
        times[2].push(first_event(&synced.doors[0].0)?);
    }
    let names = ["direct", "gateway", "gateway, a synced record before"];
    for (name, times) in names.iter().zip(&mut times) {
        times.sort_unstable();
        let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or(0);
        println!("  {name:<34} median {:>6}  p90 {:>6}  p99 {:>6}", at(50), at(90), at(99));
    }
    println!("{STREAMS} streams of {EVENTS_PER_SECOND} events a second for {SECONDS} s");
    let agents: Vec<Place> = plain.doors.iter().map(|(place, _)| place.clone()).collect();
    let before = gateway_time()?;
    let (events, took) = streams(&provider, &agents)?;
    let used = gateway_time()?.saturating_sub(before);
    let hundredths = used.as_nanos() * 10_000 / took.as_nanos().max(1);
    let each = used.as_nanos() / u128::try_from(events.max(1))?;
    println!(
        "  gateway: {events} events, {}.{:02} % of one core, {each} ns an event",
        hundredths / 100,
        hundredths % 100
    );
    let (events, _) = streams(&provider, &vec![direct; STREAMS])?;
    println!("  direct: {events} events");
    Ok(())
}

/// Where an agent finds the model.
#[derive(Clone)]
enum Place {
    Tcp(String),
    Unix(PathBuf),
}

/// A gateway with a door for each agent.
struct Bench {
    doors: Vec<(Place, DoorGuard)>,
    _gateway: Gateway,
}

impl Bench {
    fn open(provider: &Source, dir: &Path, counter: Unmetered) -> Result<Self> {
        let url = format!("http://{}/v1", provider.address);
        let (key, proxies, patience) = (Key::new("key")?, Proxies::default(), Patience::default());
        let way = Way {
            upstream: Arc::new(Upstream::new(Endpoint { url, key, proxies, patience })?),
            circuit: Circuit::new(1, |_| {}),
            model: "m".to_owned(),
            output_fixed: None,
        };
        let provider = Provider::Live(Live::new(vec![Arc::new(way)], None, None));
        let gateway = Gateway::start(provider, counter)?;
        let mut doors = Vec::new();
        for number in 0..STREAMS {
            let folder = dir.join(number.to_string());
            fs::create_dir_all(&folder)?;
            let door = gateway.open(Door {
                node: format!("n{number}"),
                index: NodeIndex::new(number),
                agent: AgentIndex::new(0),
                folder: folder.clone(),
                token: "token".to_owned(),
            })?;
            doors.push((Place::Unix(folder.join(SOCKET)), door));
        }
        Ok(Self { doors, _gateway: gateway })
    }
}

/// Lets everything out, behind a synced record if there is a file for it.
#[derive(Default)]
struct Unmetered {
    requests: AtomicU32,
    record: Option<Mutex<File>>,
}

impl Counter for Unmetered {
    fn ask(&self, _: NodeIndex, _: Quote) -> oneshot::Receiver<Answer> {
        if let Some(file) = &self.record
            && let Ok(mut file) = file.lock()
        {
            // What a disk that fails does to the figures is plain to see.
            let _ = file.write_all(&[b'x'; 200]).and_then(|()| file.sync_data());
        }
        let (answer, answered) = oneshot::channel();
        let request = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let reservation = Reservation { most: Spent::default(), output: 1_000, is_short: false };
        // Nobody waits for it if the agent is gone.
        let _ = answer.send(Answer::Admitted(Admission { request, reservation }));
        answered
    }

    fn note(&self, _: Report) {}

    fn tell(&self, _: Report) -> std::result::Result<(), Box<dyn Error + Send + Sync>> {
        Ok(())
    }
}

/// A provider: it answers each request whose prompt is `short` at once, and
/// hands the connections of the others out to be streamed on.
struct Source {
    address: String,
    streams: Receiver<TcpStream>,
}

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                      transfer-encoding: chunked\r\n\r\n";

impl Source {
    fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let (sender, streams) = channel();
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let sender = sender.clone();
                // A client that hangs up ends its thread.
                thread::spawn(move || answer(stream, &sender).ok());
            }
        });
        Ok(Self { address, streams })
    }
}

fn answer(mut stream: TcpStream, long: &Sender<TcpStream>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let body = request(&mut reader)?;
        if body.windows(4).any(|part| part == b"long") {
            stream.write_all(HEAD)?;
            return long.send(stream).map_err(std::io::Error::other);
        }
        let mut all = HEAD.to_vec();
        all.extend(chunk(&delta(0)));
        all.extend(chunk(COMPLETED));
        all.extend(b"0\r\n\r\n");
        stream.write_all(&all)?;
    }
}

/// Reads a request and returns its body.
fn request(reader: &mut impl std::io::BufRead) -> std::io::Result<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().map_err(std::io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}

const COMPLETED: &str = "event: response.completed\ndata: {\"type\":\"response.completed\",\
    \"response\":{\"id\":\"r\",\"usage\":{\"input_tokens\":9,\"output_tokens\":2}}}\n\n";

/// An event of the usual size.
fn delta(number: usize) -> String {
    format!(
        "event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\
         \"sequence_number\":{number},\"item_id\":\"msg_0123456789abcdef0123456789abcdef\",\
         \"output_index\":0,\"content_index\":0,\"delta\":\" word\",\"logprobs\":[]}}\n\n"
    )
}

fn chunk(text: &str) -> Vec<u8> {
    format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()
}

fn ask(prompt: &str) -> Vec<u8> {
    let padding = "x".repeat(REQUEST_BYTES);
    let body = format!(
        "{{\"model\":\"m\",\"stream\":true,\"store\":false,\"input\":[{{\"type\":\"message\",\
         \"role\":\"user\",\"content\":[{{\"type\":\"input_text\",\"text\":\"{padding}\"}}]}},\
         {{\"type\":\"message\",\"role\":\"user\",\"content\":[{{\"type\":\"input_text\",\
         \"text\":\"{prompt}\"}}]}}]}}"
    );
    let head = format!(
        "POST /v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer token\r\n\
         connection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body.into_bytes()].concat()
}

/// Sends a request and returns the connection.
fn send(place: &Place, request: &[u8]) -> Result<Box<dyn Read + Send>> {
    Ok(match place {
        Place::Tcp(address) => {
            let mut stream = TcpStream::connect(address)?;
            stream.write_all(request)?;
            Box::new(stream)
        }
        Place::Unix(path) => {
            let mut stream = UnixStream::connect(path)?;
            stream.write_all(request)?;
            Box::new(stream)
        }
    })
}

/// Returns how long the first event of an answer takes, in microseconds.
fn first_event(place: &Place) -> Result<u64> {
    let request = ask("short");
    let started = Instant::now();
    let mut reader = BufReader::new(send(place, &request)?);
    let mut line = String::new();
    while !line.starts_with("data: ") {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err("the answer has no event".into());
        }
    }
    Ok(u64::try_from(started.elapsed().as_micros())?)
}

/// Lets answers stream to agents at these places; returns how many events came
/// and how long it took.
fn streams(provider: &Source, places: &[Place]) -> Result<(usize, Duration)> {
    let mut agents = Vec::new();
    let mut streams = Vec::new();
    for place in places {
        let reader = BufReader::new(send(place, &ask("long"))?);
        agents.push(thread::spawn(move || count(reader)));
        streams.push(provider.streams.recv_timeout(Duration::from_secs(30))?);
    }
    let started = Instant::now();
    // Each stream at a moment of its own: events of many agents do not come together.
    let step = Duration::from_secs(1) / u32::try_from(EVENTS_PER_SECOND * STREAMS)?;
    let mut due = started;
    for number in 0..EVENTS_PER_SECOND * SECONDS {
        let event = chunk(&delta(number));
        for stream in &mut streams {
            stream.write_all(&event)?;
            due += step;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }
    let took = started.elapsed();
    for stream in &mut streams {
        stream.write_all(&[chunk(COMPLETED), b"0\r\n\r\n".to_vec()].concat())?;
        stream.shutdown(std::net::Shutdown::Both)?;
    }
    let mut events = 0;
    for agent in agents {
        events += agent.join().map_err(|_| "an agent failed")??;
    }
    Ok((events, took))
}

fn count(mut reader: BufReader<Box<dyn Read + Send>>) -> std::io::Result<usize> {
    let (mut events, mut line) = (0, Vec::new());
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(events);
        }
        events += usize::from(line.starts_with(b"event: response.output_text.delta"));
    }
}

/// Returns the processor time of the gateways' threads. Those to which they hand
/// what may block have the name that tokio gives them; nobody else here has any.
fn gateway_time() -> Result<Duration> {
    let mut sum = Duration::ZERO;
    for task in fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        // A thread that has ended meanwhile had nothing to do.
        let name = fs::read_to_string(task.join("comm")).unwrap_or_default();
        if name.trim_end() == "gateway" || name.starts_with("tokio-") {
            let times = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
            let on_processor = times.split(' ').next().and_then(|time| time.parse().ok());
            sum += Duration::from_nanos(on_processor.unwrap_or(0));
        }
    }
    Ok(sum)
}
