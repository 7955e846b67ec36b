//! Tests of the client over real connections: what goes out, what comes back,
//! and what each way to break is taken for. Where a limit must pass, the clock is
//! virtual: it goes on by itself when there is nothing else to do.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

use super::{Answer, Class, Endpoint, Key, Kind, Patience, Phase, Proxies, Trouble, Upstream};
use crate::gateway::Usage;

const KEY: &str = "sk-test-0123456789";
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req_7\r\n\
                    transfer-encoding: chunked\r\n\r\n";
const CREATED: &str = "event: response.created\ndata: {\"type\":\"response.created\"}\n\n";
const COMPLETED: &str = "event: response.completed\ndata: {\"type\":\"response.completed\",\
    \"response\":{\"usage\":{\"input_tokens\":9,\"output_tokens\":2}}}\n\n";

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// What the server does with its connections, one after the other.
#[derive(Clone)]
enum Play {
    /// Says this and closes.
    Say(String),
    /// Says this, and nothing more.
    SayAndHold(String),
    /// Says this and resets the connection.
    SayAndReset(String),
}

/// Serves each connection by the next play, and passes on what was asked.
async fn server(plays: Vec<Play>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let (sender, asked) = channel();
    tokio::spawn(async move {
        let mut held = Vec::new();
        for play in plays {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            sender.send(request(&mut stream).await).expect("the test listens");
            match play {
                Play::Say(text) => {
                    stream.write_all(text.as_bytes()).await.expect("it reads");
                }
                Play::SayAndHold(text) => {
                    stream.write_all(text.as_bytes()).await.expect("it reads");
                    held.push(stream);
                }
                Play::SayAndReset(text) => {
                    stream.write_all(text.as_bytes()).await.expect("it reads");
                    stream.set_zero_linger().expect("a socket");
                }
            }
        }
        std::future::pending::<()>().await;
    });
    (format!("http://{address}/v1"), asked)
}

/// Reads a request with its body.
async fn request(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    loop {
        let mut piece = [0; 4_096];
        let length = stream.read(&mut piece).await.expect("it is sent");
        text.extend_from_slice(&piece[..length]);
        let so_far = String::from_utf8_lossy(&text);
        let Some((head, body)) = so_far.split_once("\r\n\r\n") else { continue };
        let head = head.to_ascii_lowercase();
        let due = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        if length == 0 || due.is_none_or(|due| body.len() >= due.parse().expect("a number")) {
            return so_far.into_owned();
        }
    }
}

fn upstream(url: &str, seconds: u64) -> Upstream {
    let limit = Duration::from_secs(seconds);
    let patience = Patience { connect: limit, first_byte: limit, idle: limit };
    let key = Key::new(KEY).expect("a key");
    let proxies = Proxies::default();
    Upstream::new(Endpoint { url: url.to_owned(), key, proxies, patience }).expect("an address")
}

async fn ask(upstream: &Upstream) -> Result<Answer, Trouble> {
    upstream.send(Bytes::from_static(b"{\"model\":\"m\"}")).await
}

/// Reads an answer to its end.
async fn all(mut answer: Answer) -> (String, Result<Vec<Kind>, Trouble>) {
    let (mut bytes, mut kinds) = (Vec::new(), Vec::new());
    loop {
        match answer.next().await {
            Ok(Some(frame)) => {
                bytes.extend_from_slice(&frame.bytes);
                kinds.push(frame.kind);
            }
            end => {
                let text = String::from_utf8(bytes).expect("text");
                return (text, end.map(|_| kinds));
            }
        }
    }
}

/// Plays one connection and returns the trouble it gives.
fn trouble(play: Play) -> Trouble {
    let holds = matches!(play, Play::SayAndHold(_));
    runtime().block_on(async {
        let (url, _asked) = server(vec![play]).await;
        if holds {
            tokio::time::pause();
        }
        match ask(&upstream(&url, 60)).await {
            Err(trouble) => trouble,
            Ok(answer) => all(answer).await.1.expect_err("it does not end well"),
        }
    })
}

#[test]
fn a_request_goes_out_as_it_is_and_the_events_come_back_as_they_are() {
    runtime().block_on(async {
        let text = format!("{HEAD}{}{}0\r\n\r\n", chunk(CREATED), chunk(COMPLETED));
        let (url, asked) = server(vec![Play::Say(text)]).await;
        let answer = ask(&upstream(&url, 60)).await.expect("it answers");
        assert_eq!(answer.request_id(), Some("req_7"));
        let (text, kinds) = all(answer).await;
        assert_eq!(text, format!("{CREATED}{COMPLETED}"));
        let usage = Usage { input: 9, output: 2, ..Usage::default() };
        assert_eq!(kinds, Ok(vec![Kind::Other, Kind::Completed(Some(usage))]));
        let request = asked.recv().expect("it was asked").to_ascii_lowercase();
        let (head, body) = request.split_once("\r\n\r\n").expect("head and body");
        assert_eq!(body, "{\"model\":\"m\"}");
        let mut lines: Vec<&str> = head.lines().collect();
        lines.sort_unstable();
        let host = format!("host: {}", &url["http://".len()..url.len() - "/v1".len()]);
        let agent = concat!("user-agent: eufm/", env!("CARGO_PKG_VERSION"));
        let mut expected = vec![
            "accept: text/event-stream",
            "authorization: bearer sk-test-0123456789",
            "content-length: 13",
            "content-type: application/json",
            &host,
            "post /v1/responses http/1.1",
            agent,
        ];
        expected.sort_unstable();
        assert_eq!(lines, expected, "nothing else goes out");
    });
}

#[test]
fn what_comes_behind_the_last_event_is_dropped_and_the_connection_is_used_again() {
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            for _ in 0..3 {
                request(&mut stream).await;
                let text = format!("{HEAD}{}", chunk(COMPLETED));
                stream.write_all(text.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
                let rest = format!("{}0\r\n\r\n", chunk(": ping\n\ndata: [DONE]\n\n"));
                stream.write_all(rest.as_bytes()).await.unwrap();
            }
        });
        let upstream = upstream(&url, 60);
        for _ in 0..3 {
            let (text, kinds) = all(ask(&upstream).await.expect("it answers")).await;
            assert_eq!(text, COMPLETED);
            assert_eq!(kinds.expect("it ends well").len(), 1);
            // Until the end of the body has been seen: that is a task of its own.
            let metrics = tokio::runtime::Handle::current().metrics();
            let alive = metrics.num_alive_tasks();
            while metrics.num_alive_tasks() >= alive {
                tokio::task::yield_now().await;
            }
        }
        serving.await.expect("one connection carried all");
    });
}

#[test]
fn nobody_there_costs_nothing() {
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        drop(listener);
        let trouble = ask(&upstream(&url, 60)).await.expect_err("nobody listens");
        assert_eq!((trouble.phase, trouble.class), (Phase::Unsent, Class::Network));
        assert!(trouble.message.contains("127.0.0.1 cannot be reached"), "{trouble}");
        assert!(trouble.message.contains("refused"), "{trouble}");
    });
}

#[test]
fn a_name_that_leads_nowhere_costs_nothing() {
    runtime().block_on(async {
        // A part of it is longer than any may be, so no resolver asks for it.
        let url = format!("http://{}.invalid/v1", "a".repeat(70));
        let trouble = ask(&upstream(&url, 60)).await.expect_err("no host");
        assert_eq!((trouble.phase, trouble.class), (Phase::Unsent, Class::Network));
    });
}

#[test]
fn one_who_takes_the_request_and_says_nothing_is_silent() {
    let trouble = trouble(Play::SayAndHold(String::new()));
    assert_eq!((trouble.phase, trouble.class), (Phase::Unanswered, Class::Silent));
    assert!(trouble.message.contains("said nothing in 60s"), "{trouble}");
}

#[test]
fn one_who_hangs_up_before_a_status_has_not_answered() {
    for play in [Play::Say(String::new()), Play::SayAndReset(String::new())] {
        let trouble = trouble(play);
        assert_eq!((trouble.phase, trouble.class), (Phase::Unanswered, Class::Network));
    }
    let trouble = trouble(Play::Say("SSH-2.0-OpenSSH\r\n".to_owned()));
    assert_eq!((trouble.phase, trouble.class), (Phase::Unanswered, Class::Network));
}

#[test]
fn a_stream_on_which_nothing_comes_has_stalled() {
    let began = Play::SayAndHold(format!("{HEAD}{}", chunk(CREATED)));
    let half = Play::SayAndHold(format!("{HEAD}{}", chunk("data: {\"type\"")));
    for play in [Play::SayAndHold(HEAD.to_owned()), began, half] {
        let trouble = trouble(play);
        assert_eq!((trouble.phase, trouble.class), (Phase::Broken, Class::Stalled));
        assert_eq!(trouble.message, "no event came for 60s");
    }
}

#[test]
fn pings_alone_are_no_answer() {
    for pause in [10, 1_000, 50_000] {
        pings(Duration::from_millis(pause));
    }
}

/// Begins an answer and sends nothing but pings, with these pauses.
fn pings(pause: Duration) {
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            request(&mut stream).await;
            stream.write_all(HEAD.as_bytes()).await.unwrap();
            let mut tick = tokio::time::interval(pause);
            while stream.write_all(chunk(": ping\n\n").as_bytes()).await.is_ok() {
                tick.tick().await;
            }
        });
        let answer = ask(&upstream(&url, 60)).await.expect("it answers");
        tokio::time::pause();
        let start = tokio::time::Instant::now();
        let trouble = all(answer).await.1.expect_err("nothing comes");
        assert_eq!((trouble.phase, trouble.class), (Phase::Broken, Class::Stalled));
        assert!(start.elapsed() < Duration::from_secs(61), "{pause:?}: {:?}", start.elapsed());
    });
}

#[test]
fn a_stream_that_ends_before_its_end_is_broken() {
    let whole = format!("{HEAD}{}0\r\n\r\n", chunk(CREATED));
    let cut = format!("{HEAD}{}", chunk(CREATED));
    let half = format!("{HEAD}{}0\r\n\r\n", chunk(COMPLETED.trim_end()));
    let plays = [Play::Say(whole), Play::Say(cut.clone()), Play::SayAndReset(cut), Play::Say(half)];
    for play in plays {
        let trouble = trouble(play);
        assert_eq!((trouble.phase, trouble.class), (Phase::Broken, Class::Broken), "{trouble}");
    }
}

#[test]
fn a_refusal_is_classified_with_its_wait_and_without_the_key() {
    let body = format!("{{\"error\":{{\"message\":\"Slow down, {KEY}.\",\"type\":\"requests\"}}}}");
    let head = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 20\r\nx-request-id: req_9";
    let text = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let trouble = trouble(Play::Say(text));
    assert_eq!((trouble.phase, trouble.class), (Phase::Rejected, Class::RateLimited));
    assert_eq!(trouble.retry_after, Some(Duration::from_secs(20)));
    let expected = "HTTP 429 Too Many Requests: Slow down, [key]. (request req_9)";
    assert_eq!(trouble.message, expected);
}

#[test]
fn a_refusal_whose_body_does_not_come_is_one_by_its_status() {
    let head = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 99\r\n\r\n{";
    for play in [Play::SayAndHold(head.to_owned()), Play::Say(head.to_owned())] {
        let trouble = trouble(play);
        assert_eq!((trouble.phase, trouble.class), (Phase::Rejected, Class::Overloaded));
    }
}

#[test]
fn a_redirect_is_not_followed() {
    runtime().block_on(async {
        let (elsewhere, asked) = server(vec![Play::Say(String::new())]).await;
        let text = format!(
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\n\r\n"
        );
        let (url, _asked) = server(vec![Play::Say(text)]).await;
        let trouble = ask(&upstream(&url, 60)).await.expect_err("a redirect");
        assert_eq!((trouble.phase, trouble.class), (Phase::Rejected, Class::NotFound));
        assert!(trouble.message.contains(&elsewhere), "{trouble}");
        assert!(asked.try_recv().is_err(), "nobody was asked there");
    });
}

#[test]
fn a_page_is_no_answer() {
    let page = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi";
    let trouble = trouble(Play::Say(page.to_owned()));
    assert_eq!((trouble.phase, trouble.class), (Phase::Broken, Class::Malformed));
    assert!(!trouble.is_transient());
    let packed = HEAD.replace("x-request-id: req_7", "content-encoding: gzip");
    let trouble = self::trouble(Play::Say(packed));
    assert_eq!((trouble.phase, trouble.class), (Phase::Broken, Class::Malformed));
}

#[test]
fn an_event_of_failure_ends_the_answer() {
    runtime().block_on(async {
        let event = format!(
            "data: {{\"type\":\"response.failed\",\"response\":{{\"error\":{{\"code\":\
             \"rate_limit_exceeded\",\"message\":\"{KEY}: try again in 1.5s\"}}}}}}\n\n"
        );
        let text = format!("{HEAD}{}{}", chunk(CREATED), chunk(&event));
        let (url, _asked) = server(vec![Play::SayAndHold(text)]).await;
        let answer = ask(&upstream(&url, 60)).await.expect("it answers");
        let (_, kinds) = all(answer).await;
        let Ok([Kind::Other, Kind::Failed(trouble, None)]) = kinds.as_deref() else {
            panic!("{kinds:?}");
        };
        assert_eq!((trouble.phase, trouble.class), (Phase::Failed, Class::RateLimited));
        assert_eq!(trouble.retry_after, Some(Duration::from_millis(1_500)));
        assert!(!trouble.message.contains(KEY), "{trouble}");
    });
}

#[test]
fn an_answer_begins_at_once_and_what_flows_is_gathered() {
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            request(&mut stream).await;
            stream.write_all(HEAD.as_bytes()).await.unwrap();
            for _ in 0..100 {
                stream.write_all(chunk(CREATED).as_bytes()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            stream.write_all(chunk(COMPLETED).as_bytes()).await.unwrap();
            std::future::pending::<()>().await;
        });
        let mut answer = ask(&upstream(&url, 60)).await.expect("it answers");
        tokio::time::pause();
        let (mut times, mut events) = (Vec::new(), 0);
        while let Some(frame) = answer.next().await.expect("it goes on") {
            times.push(tokio::time::Instant::now());
            events += usize::from(frame.kind == Kind::Other);
        }
        times.dedup();
        assert_eq!(events, 100);
        let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps[..10].iter().all(|gap| *gap < Duration::from_millis(20)), "{gaps:?}");
        let longest = gaps.iter().max().expect("there are gaps");
        assert!(*longest < Duration::from_millis(60), "{gaps:?}");
        assert!((20..50).contains(&gaps.len()), "{gaps:?}");
    });
}
