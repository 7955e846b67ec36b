//! The provider's bill never passes a cap, and the ledger is never below the bill:
//! shown with a provider that counts for itself, agents that ask at the same
//! time and ask again, and runners that are killed and taken up again.
//!
//! A few scripts in the usual tests, 500 with EUFM_FAULTS=all.

use std::collections::VecDeque;
use std::error::Error;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use eufm_plan::units::{Currency, Money};
use eufm_plan::{AgentIndex, NodeIndex, Plan};
use fastrand::Rng;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::circuit::Circuit;
use super::test_provider::{Faults, TestProvider};
use super::upstream::{Endpoint, Key, Patience, Proxies, Upstream};
use super::{Admission, Answer, Counter, Door, Gateway, Live, Provider, Report, SOCKET, Way};
use crate::ledger::account_test::agents;
use crate::ledger::{Account, Decision, Quote, Spent};

/// The account of a run, as its dispatcher would keep it; it outlives runners.
#[derive(Clone)]
struct Bank(Arc<Mutex<Till>>);

struct Till {
    account: Account,
    asks: VecDeque<(NodeIndex, Quote, oneshot::Sender<Answer>)>,
    /// Which runner is the present one: what an earlier one says is not heard.
    runner: u32,
}

impl Bank {
    fn of(plan: &Plan) -> Self {
        let till = Till { account: Account::of(plan), asks: VecDeque::new(), runner: 0 };
        Self(Arc::new(Mutex::new(till)))
    }

    fn lock(&self) -> MutexGuard<'_, Till> {
        self.0.lock().expect("no panic")
    }

    /// The runner is killed: nobody learns any more what was open.
    fn crash(&self) {
        let mut till = self.lock();
        till.runner += 1;
        till.asks.clear();
        till.account.forfeit();
    }
}

impl Till {
    fn let_out(&mut self) {
        for _ in 0..self.asks.len() {
            let Some((node, quote, answer)) = self.asks.pop_front() else { break };
            match self.account.decide(node, quote) {
                Decision::Wait => self.asks.push_back((node, quote, answer)),
                Decision::Exhausted(why) => {
                    let _ = answer.send(Answer::Exhausted(why.to_string()));
                }
                Decision::Admitted(reservation) => {
                    let request = self.account.last_request(node) + 1;
                    self.account.reserve(node, request, reservation.most);
                    let admission = Admission { request, reservation };
                    if answer.send(Answer::Admitted(admission)).is_err() {
                        self.account.settle(node, Some(request), Spent::default());
                    }
                }
            }
        }
    }

    fn hear(&mut self, report: Report) {
        match report {
            Report::Answered(it) => {
                let micros = self.account.cost(it.node, it.usage).expect("a price");
                let reserved =
                    self.account.reserved(it.node, it.request.expect("one")).expect("open");
                assert!(micros <= reserved.micros, "{it:?} cost more than {reserved:?}");
                let spent = Spent { micros, tokens: it.usage.input + it.usage.output };
                self.account.settle(it.node, it.request, spent);
            }
            Report::Unanswered(it) => {
                self.account.settle(it.node, Some(it.request), it.spent);
            }
            _ => return,
        }
        self.let_out();
    }
}

/// One runner's way to the account.
struct Teller {
    bank: Bank,
    runner: u32,
}

impl Counter for Teller {
    fn ask(&self, node: NodeIndex, quote: Quote) -> oneshot::Receiver<Answer> {
        let (answer, answered) = oneshot::channel();
        let mut till = self.bank.lock();
        if till.runner == self.runner {
            till.asks.push_back((node, quote, answer));
            till.let_out();
        }
        answered
    }

    fn tell(&self, report: Report) -> Result<(), Box<dyn Error + Send + Sync>> {
        let mut till = self.bank.lock();
        if till.runner != self.runner {
            return Err("killed".into());
        }
        till.hear(report);
        Ok(())
    }

    fn note(&self, report: Report) {
        // A killed runner is not heard.
        let _ = self.tell(report);
    }
}

fn gateway(bank: &Bank, url: &str, seed: u64) -> Gateway {
    patient(bank, url, seed, None)
}

/// Makes a gateway that sends one request again for so long.
fn patient(bank: &Bank, url: &str, seed: u64, again: Option<Duration>) -> Gateway {
    let key = Key::new("sk-test").expect("a key");
    let (proxies, patience) = (Proxies::default(), Patience::default());
    let upstream = Upstream::new(Endpoint { url: url.to_owned(), key, proxies, patience });
    let way = Way {
        upstream: Arc::new(upstream.expect("an address")),
        circuit: Circuit::hasty(seed),
        model: "gpt-5.5".to_owned(),
        output_fixed: None,
    };
    let runner = bank.lock().runner;
    let teller = Teller { bank: bank.clone(), runner };
    Gateway::start(Provider::Live(Live::new(vec![Arc::new(way)], None, again)), teller)
        .expect("it starts")
}

/// How a request of an agent ended.
enum Ended {
    /// With an answer, whose item goes into the history.
    Answered(Value),
    /// A cap is used up.
    Exhausted,
    /// It is to be sent again.
    Broken,
}

fn ask(folder: &Path, body: &str) -> Ended {
    let answer = exchange(folder, body).unwrap_or_default();
    if answer.contains("insufficient_quota") {
        return Ended::Exhausted;
    }
    let item = answer.lines().filter_map(|line| line.strip_prefix("data: "));
    let item = item
        .filter_map(|data| serde_json::from_str::<Value>(data).ok())
        .find_map(|event| event.get("item").cloned());
    let ends = ["response.completed", "response.incomplete"];
    match item.filter(|_| ends.iter().any(|end| answer.contains(&format!("event: {end}")))) {
        Some(item) => Ended::Answered(item),
        None => Ended::Broken,
    }
}

fn exchange(folder: &Path, body: &str) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(folder.join(SOCKET))?;
    let length = body.len();
    write!(
        stream,
        "POST /v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer secret\r\n\
         connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = Vec::new();
    // What came before it broke off counts.
    let _ = stream.read_to_end(&mut answer);
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// An agent: its history grows with each answer, and with outputs of its own.
struct Agent {
    node: usize,
    history: Vec<Value>,
    rng: Rng,
    /// The longest output of a command, in bytes.
    largest: usize,
}

impl Agent {
    fn new(node: usize, seed: u64, largest: usize) -> Self {
        let history = vec![json!({"type": "message", "role": "user", "content": "Work."})];
        Self { node, history, rng: Rng::with_seed(seed), largest }
    }

    /// Asks until it has had so many answers, or a cap is used up; tells which.
    fn work(&mut self, gateway: &Gateway, root: &Path, answers: usize) -> bool {
        let folder = root.join(format!("{}-{}", self.node, self.rng.u64(..)));
        std::fs::create_dir(&folder).expect("a folder");
        let door = Door {
            node: format!("n{}", self.node),
            index: NodeIndex::new(self.node),
            agent: AgentIndex::new(0),
            folder: folder.clone(),
            token: "secret".to_owned(),
        };
        let _open = gateway.open(door).expect("it opens");
        let mut tries = 0;
        let mut had = 0;
        while had < answers && tries < answers * 4 {
            tries += 1;
            let instructions = "Be brief. ".repeat(400);
            let body = json!({"model": "gpt-5.5", "instructions": instructions, "stream": true,
                "store": false, "input": self.history});
            match ask(&folder, &body.to_string()) {
                Ended::Exhausted => return true,
                Ended::Broken => {}
                Ended::Answered(item) => {
                    had += 1;
                    self.history.push(item);
                    let output = "o".repeat(self.rng.usize(1..self.largest));
                    self.history.push(json!({"type": "function_call_output", "call_id": "c",
                        "output": output}));
                }
            }
        }
        false
    }
}

fn euros(micros: u64) -> Option<Money> {
    Some(Money { micros, currency: Currency::parse("EUR").expect("a currency") })
}

/// Plays one script: agents, faults, crashes and a cap from the seed. Returns how
/// many requests were billed.
fn play(seed: u64) -> u32 {
    let mut rng = Rng::with_seed(seed);
    let count = rng.usize(1..=8);
    let cap = 10_u64.pow(rng.u32(3..=7)) * rng.u64(1..10);
    let mut plan = agents(count, u32::try_from(count).expect("small"));
    plan.budget.cost = euros(cap);
    plan.nodes[0].budget.cost = euros(cap / rng.u64(1..4));
    let own = plan.nodes[0].budget.cost.expect("a cap").micros;
    let mut share = || rng.u8(0..12);
    let faults = Faults {
        refused: share(),
        silent: share(),
        broken: share(),
        failed: share(),
        long: share(),
    };
    let provider = TestProvider::start(seed, rng.u64(1..=4), faults);
    let bank = Bank::of(&plan);
    let root = tempfile::tempdir().expect("a folder");
    let largest = if rng.u8(0..4) == 0 { 300_000 } else { 4_000 };
    let mut all: Vec<Agent> =
        (0..count).map(|node| Agent::new(node, rng.u64(..), largest)).collect();
    let lives = rng.usize(1..=3);
    for life in 0..lives {
        let gateway = gateway(&bank, &provider.url, rng.u64(..));
        let is_last = life + 1 == lives;
        let killed_at = provider.bill().1 + rng.u32(0..12);
        let ended = AtomicUsize::new(0);
        thread::scope(|scope| {
            let answers = rng.usize(1..8);
            for agent in &mut all {
                let (gateway, root, ended) = (&gateway, root.path(), &ended);
                scope.spawn(move || {
                    agent.work(gateway, root, answers);
                    ended.fetch_add(1, Ordering::Relaxed);
                });
            }
            // In the middle of whatever is under way, if it comes so far.
            while provider.bill().1 < killed_at && ended.load(Ordering::Relaxed) < count {
                thread::yield_now();
            }
            if !is_last {
                bank.crash();
            }
        });
        drop(gateway);
        let (bill, _) = provider.bill();
        let used = bank.lock().account.used().micros;
        assert!(bill <= u128::from(cap) * 1_000_000, "seed {seed}: {bill} billed of {cap}");
        assert!(bill <= u128::from(used) * 1_000_000, "seed {seed}: {bill} billed, {used} known");
        assert!(used <= cap, "seed {seed}: {used} used of {cap}");
        let of_first = bank.lock().account.used_by(NodeIndex::new(0)).micros;
        assert!(of_first <= own, "seed {seed}: {of_first} used of its own {own}");
    }
    provider.bill().1
}

fn scripts() -> u64 {
    match std::env::var("EUFM_FAULTS").as_deref() {
        Ok("all") => 500,
        _ => 100,
    }
}

#[test]
fn the_bill_never_passes_a_cap_and_the_ledger_is_never_below_it() {
    let (next, requests) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= scripts() {
                        break;
                    }
                    requests.fetch_add(u64::from(play(seed)), Ordering::Relaxed);
                }
            });
        }
    });
    // Caps that let nothing out would hold, too.
    let requests = requests.into_inner();
    assert!(requests > scripts() * 5, "{requests} requests");
}

#[test]
fn most_of_a_cap_is_of_use_before_it_stops_a_node() {
    for seed in 0..50 {
        let mut rng = Rng::with_seed(seed);
        let mut plan = agents(1, 1);
        // The first request: 4,100 bytes and the least answer that is of use.
        let first = 4_100 * 5 + 1_024 * 30;
        let cap = first * rng.u64(10..30);
        plan.budget.cost = euros(cap);
        let provider = TestProvider::start(seed, rng.u64(3..=4), Faults::default());
        let bank = Bank::of(&plan);
        let root = tempfile::tempdir().expect("a folder");
        let gateway = gateway(&bank, &provider.url, seed);
        let mut agent = Agent::new(0, seed, 1_500);
        assert!(agent.work(&gateway, root.path(), 400), "seed {seed}: the cap was never used up");
        let (bill, requests) = provider.bill();
        let used = bank.lock().account.used().micros;
        assert!(used * 100 >= cap * 80, "seed {seed}: {used} of {cap} after {requests} requests");
        assert!(bill <= u128::from(cap) * 1_000_000, "seed {seed}");
    }
}

#[test]
fn a_request_that_never_gets_through_is_given_up() {
    let plan = agents(1, 1);
    let provider = TestProvider::start(1, 4, Faults { refused: 100, ..Faults::default() });
    let bank = Bank::of(&plan);
    let root = tempfile::tempdir().expect("a folder");
    let gateway = patient(&bank, &provider.url, 1, Some(Duration::ZERO));
    let mut agent = Agent::new(0, 1, 10);
    // Else it would be held for ever: nothing of it was ever billed.
    assert!(!agent.work(&gateway, root.path(), 1));
    assert_eq!((provider.bill().0, bank.lock().account.used().micros), (0, 0));
}
