//! Finds the reply that is due, from the history in the request alone.
//!
//! No state is kept between requests: ids carry the node, the reply and how
//! often it was served, and come back in the history. So a killed and resumed
//! run goes on where its history ends, and a reply whose calls were cut short
//! is served again. Unaware of HTTP and of the wire form of a response.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::Usage;
use super::request::{Item, ModelRequest, Voice};
use super::script::{Reply, Script};

/// Which serving of which reply: what every id of a response is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Serving {
    /// Stands for the node: a fork's history holds another node's ids too.
    pub(super) tag: String,
    /// The reply's place in the node's list, from 0.
    pub(super) reply: u32,
    /// How often it was served before.
    pub(super) round: u32,
}

/// What is to be answered.
#[derive(Debug)]
pub(super) enum Turn<'c> {
    /// A reply of the script.
    Reply(Serving, &'c Reply),
    /// Commands of the last reply still run: wait for them.
    Wait(Serving, Vec<Poll>),
}

/// A wait for one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Poll {
    /// The call's place in its reply, from 0.
    pub(super) call: u32,
    /// Codex's number for the command.
    pub(super) session: u64,
    /// How many waits for it there were, this one included.
    pub(super) number: u32,
}

impl Turn<'_> {
    /// Returns what the response is made from.
    pub(super) fn serving(&self) -> &Serving {
        match self {
            Self::Reply(serving, _) | Self::Wait(serving, _) => serving,
        }
    }

    /// Returns what it costs. Waits are free: how many there are depends on
    /// the host's speed, and what a run costs must not.
    pub(super) fn usage(&self) -> Usage {
        match self {
            Self::Reply(_, reply) => reply.usage,
            Self::Wait(..) => Usage::default(),
        }
    }
}

impl Serving {
    /// Returns the id of the response, or of a part of it: `msg`, `rs`.
    pub(super) fn id(&self, prefix: &str) -> String {
        format!("{prefix}_{}_{}_{}", self.tag, self.reply, self.round)
    }

    /// Returns the id of a call, by its place in the reply.
    pub(super) fn call_id(&self, call: u32) -> String {
        format!("{}_{call}", self.id("call"))
    }

    /// Returns the id of a wait for a call.
    pub(super) fn poll_id(&self, poll: Poll) -> String {
        format!("{}_{}", self.call_id(poll.call), poll.number)
    }
}

/// An id of ours, taken apart.
struct Origin {
    reply: u32,
    round: u32,
    call: Option<u32>,
    poll: u32,
}

impl Origin {
    /// Reads an id of this node; `None` for any other.
    fn parse(id: &str, tag: &str) -> Option<Self> {
        let mut parts = id.split('_').skip(1);
        if parts.next() != Some(tag) {
            return None;
        }
        let numbers: Result<Vec<u32>, _> = parts.map(str::parse).collect();
        let numbers = numbers.ok()?;
        let (&reply, &round) = (numbers.first()?, numbers.get(1)?);
        let poll = numbers.get(3).copied().unwrap_or(0);
        Some(Self { reply, round, call: numbers.get(2).copied(), poll })
    }
}

/// How a call ended, as far as the history tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CallEnd {
    Finished,
    Interrupted,
    Running { session: u64, polls: u32 },
}

impl CallEnd {
    fn of(output: &str, polls: u32) -> Self {
        if is_placeholder(output) || (polls > 0 && output.contains("Unknown process id")) {
            return Self::Interrupted;
        }
        let head = output.split_once("\nOutput:").map_or(output, |(head, _)| head);
        let session = head.lines().find_map(|line| {
            line.strip_prefix("Process running with session ID ")?.trim().parse().ok()
        });
        session.map_or(Self::Finished, |session| Self::Running { session, polls })
    }
}

/// What Codex writes in place of an output that a kill or an interrupt cut off.
fn is_placeholder(output: &str) -> bool {
    let output = output.trim();
    output == "aborted"
        || output.starts_with("aborted by user")
        || (output.starts_with("Wall time: ") && output.ends_with("\naborted by user"))
}

/// What the history tells of one reply.
#[derive(Debug, Default, Clone)]
struct Trace {
    /// How often it was served.
    rounds: u32,
    /// How the calls of the last serving ended.
    calls: BTreeMap<u32, CallEnd>,
    /// Its message stands there, and nobody asked to go on right after it.
    said: bool,
}

/// Finds what to answer; the error says how request and script differ.
pub(super) fn due<'c>(
    script: &'c Script,
    node: &str,
    go_on: &str,
    request: &ModelRequest,
) -> Result<Turn<'c>, String> {
    let name = script.name();
    if let Some(model) = script.model()
        && model != request.model
    {
        let asked = &request.model;
        return Err(format!("{name}: it was written for the model `{model}`, not for `{asked}`"));
    }
    let replies = script
        .replies(node)
        .ok_or_else(|| format!("{name}: it has no replies for the node `{node}`"))?;
    let tag = tag(node);
    let traces = trace(&request.input, &tag, replies.len(), go_on);
    for (reply, (trace, number)) in replies.iter().zip(traces.iter().zip(0..)) {
        if let Some(polls) = running(reply, trace) {
            let serving = Serving { tag, reply: number, round: trace.rounds.saturating_sub(1) };
            return Ok(Turn::Wait(serving, polls));
        }
        if !is_consumed(reply, trace) {
            check(reply, number, &tag, request)
                .map_err(|fault| format!("{name}:{}: node `{node}`: {fault}", reply.line))?;
            let serving = Serving { tag, reply: number, round: trace.rounds };
            return Ok(Turn::Reply(serving, reply));
        }
    }
    let newest = excerpt(&newest_input(&request.input, u32::MAX, &tag));
    Err(format!(
        "{name}: node `{node}` has no reply left after its {}; the newest input begins {newest}",
        replies.len()
    ))
}

/// Stands for a node's name in ids, which have a short alphabet.
fn tag(node: &str) -> String {
    Sha256::digest(node.as_bytes()).iter().take(6).fold(String::new(), |mut tag, byte| {
        // Writing to a string cannot fail.
        let _ = write!(tag, "{byte:02x}");
        tag
    })
}

/// Reads the history once, from its beginning.
fn trace(items: &[Item], tag: &str, replies: usize, go_on: &str) -> Vec<Trace> {
    let mut traces: Vec<Trace> = vec![Trace::default(); replies];
    let mut last_word: Option<usize> = None;
    for item in items {
        let voice = item.voice();
        if voice == Voice::User {
            // Asked to go on right after its last word: the turn was cut off
            // before its end was seen, and ends by saying that word again.
            let said = item.said();
            if said.iter().any(|text| text.trim() == go_on.trim())
                && let Some(reply) = last_word
                && let Some(trace) = traces.get_mut(reply)
            {
                trace.said = false;
            }
            if !said.is_empty() {
                last_word = None;
            }
            continue;
        }
        let Some(origin) = item.origin().and_then(|id| Origin::parse(id, tag)) else { continue };
        let reply = origin.reply as usize;
        let Some(trace) = traces.get_mut(reply) else { continue };
        if origin.round >= trace.rounds {
            trace.rounds = origin.round.saturating_add(1);
            trace.calls.clear();
        }
        match (voice, origin.call) {
            (Voice::Output, Some(call)) if origin.round.saturating_add(1) == trace.rounds => {
                trace.calls.insert(call, CallEnd::of(&item.output(), origin.poll));
            }
            (Voice::Model, None) if item.is_message() => {
                trace.said = true;
                last_word = Some(reply);
            }
            _ => {}
        }
    }
    traces
}

fn is_consumed(reply: &Reply, trace: &Trace) -> bool {
    if reply.calls.is_empty() {
        return trace.said;
    }
    (0..).zip(&reply.calls).all(|(call, _)| trace.calls.get(&call) == Some(&CallEnd::Finished))
}

/// Returns the waits that are due when all calls of a reply have an output but
/// some still run. Codex would end them with the turn.
fn running(reply: &Reply, trace: &Trace) -> Option<Vec<Poll>> {
    let mut polls = Vec::new();
    for (call, _) in (0..).zip(&reply.calls) {
        match *trace.calls.get(&call)? {
            CallEnd::Finished => {}
            CallEnd::Interrupted => return None,
            CallEnd::Running { session, polls: before } => {
                polls.push(Poll { call, session, number: before.saturating_add(1) });
            }
        }
    }
    (!polls.is_empty()).then_some(polls)
}

/// Checks that the reply fits what is asked and what the agent can do.
fn check(reply: &Reply, number: u32, tag: &str, request: &ModelRequest) -> Result<(), String> {
    let count = number.saturating_add(1);
    if let Some(expect) = &reply.expect {
        let newest = newest_input(&request.input, number, tag);
        if !newest.iter().any(|text| text.contains(expect.as_str())) {
            return Err(format!(
                "reply {count} expects the newest input to contain {expect:?}, but it begins {}",
                excerpt(&newest)
            ));
        }
    }
    for call in &reply.calls {
        let tool = call.tool();
        if !request.offers(tool) {
            return Err(format!(
                "reply {count} needs the tool `{tool}`, which Codex does not offer for the model \
                 `{}`; use one with plain tools, such as gpt-5.5",
                request.model
            ));
        }
    }
    Ok(())
}

/// Returns what user and tools have said since the reply before `number`: an
/// interrupted serving of the same reply is no answer to it.
fn newest_input(items: &[Item], number: u32, tag: &str) -> Vec<String> {
    let is_own = |item: &Item| {
        item.origin()
            .and_then(|id| Origin::parse(id, tag))
            .is_some_and(|origin| origin.reply == number)
    };
    let before = items.iter().rposition(|item| item.voice() == Voice::Model && !is_own(item));
    let newest = items.get(before.map_or(0, |at| at + 1)..).unwrap_or_default();
    let mut texts = Vec::new();
    for item in newest {
        match item.voice() {
            Voice::User => texts.extend(item.said().into_iter().map(str::to_owned)),
            Voice::Output if !is_own(item) => texts.push(item.output()),
            Voice::Output | Voice::Model | Voice::Frame => {}
        }
    }
    texts
}

/// The beginning of the last text, as it can stand in a message.
fn excerpt(texts: &[String]) -> String {
    const CHARS: usize = 120;
    let last = texts.last().map_or("", |text| text.trim());
    format!("{:?}", last.chars().take(CHARS).collect::<String>())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const CASSETTE: &str = r#"format = 1
model = "m"
[[node.greet]]
expect = "Write it"
say = "I start."
calls = [{ shell = "make" }, { shell = "make check" }]
[[node.greet]]
expect = "checked"
say = "Done."
[[node.greet]]
expect = "red"
shell = "make fix"
[[node.greet]]
say = "Fixed."
"#;

    fn user(text: &str) -> Value {
        json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
    }

    fn said(reply: u32, round: u32) -> Value {
        let id = format!("msg_{}_{reply}_{round}", tag("greet"));
        json!({"type": "message", "role": "assistant", "id": id, "content": []})
    }

    fn call(rest: &str) -> Value {
        json!({"type": "function_call", "call_id": format!("call_{}_{rest}", tag("greet"))})
    }

    fn output(rest: &str, text: &str) -> Value {
        let id = format!("call_{}_{rest}", tag("greet"));
        json!({"type": "function_call_output", "call_id": id, "output": text})
    }

    /// What is due after a history, as `reply.round`, `wait CALL…` or the fault.
    fn due_after(history: &[Value]) -> String {
        due_for("greet", "m", history)
    }

    fn due_for(node: &str, model: &str, history: &[Value]) -> String {
        let script = Script::parse(CASSETTE, "c.toml").expect("a script");
        let tools = json!([{"type": "function", "name": "exec_command"}]);
        let body = json!({"model": model, "stream": true, "input": history, "tools": tools});
        let request = ModelRequest::parse(body.to_string().as_bytes()).expect("a request");
        match due(&script, node, "Go on.", &request) {
            Ok(Turn::Reply(serving, _)) => format!("{}.{}", serving.reply, serving.round),
            Ok(Turn::Wait(serving, polls)) => {
                polls.iter().fold("wait".to_owned(), |text, &poll| {
                    let id = serving.poll_id(poll);
                    let (_, rest) = id.split_once(&serving.tag).expect("the tag");
                    format!("{text} {}@{}", rest.trim_start_matches('_'), poll.session)
                })
            }
            Err(fault) => fault,
        }
    }

    #[test]
    fn replies_follow_each_other_by_what_the_history_holds() {
        let mut history = vec![user("Write it.")];
        assert_eq!(due_after(&history), "0.0");
        history.extend([said(0, 0), call("0_0_0"), call("0_0_1")]);
        history.extend([output("0_0_0", "made"), output("0_0_1", "checked")]);
        assert_eq!(due_after(&history), "1.0");
        history.extend([said(1, 0), user("The gate is red.")]);
        assert_eq!(due_after(&history), "2.0");
        history.extend([call("2_0_0"), output("2_0_0", "fixed")]);
        assert_eq!(due_after(&history), "3.0");
        history.extend([said(3, 0), user("Still red.")]);
        let expected = "c.toml: node `greet` has no reply left after its 4; the newest input \
                        begins \"Still red.\"";
        assert_eq!(due_after(&history), expected);
    }

    #[test]
    fn a_reply_whose_call_was_cut_off_is_served_again_until_it_is_not() {
        let mut history = vec![user("Write it."), said(0, 0), call("0_0_0"), call("0_0_1")];
        history.extend([output("0_0_1", "aborted"), output("0_0_0", "made"), user("Go on.")]);
        assert_eq!(due_after(&history), "0.1");
        history.extend([said(0, 1), call("0_1_0"), call("0_1_1"), output("0_1_0", "made")]);
        let interrupted = "Wall time: 2.4 seconds\naborted by user";
        history.extend([output("0_1_1", interrupted), user("Go on.")]);
        assert_eq!(due_after(&history), "0.2");
        history.extend([said(0, 2), call("0_2_0"), call("0_2_1"), output("0_2_0", "made")]);
        history.push(output("0_2_1", "Chunk ID: 1\nOutput:\nchecked\naborted"));
        assert_eq!(due_after(&history), "1.0");
    }

    #[test]
    fn a_response_that_was_cut_in_its_middle_is_served_again() {
        let history = [user("Write it."), said(0, 0), user("Go on.")];
        assert_eq!(due_after(&history), "0.1");
        let history = [user("Write it."), user("Go on.")];
        assert_eq!(due_after(&history), "0.0");
    }

    #[test]
    fn a_last_word_is_repeated_when_its_turn_was_cut_off() {
        let mut history = vec![user("Write it."), output("0_0_0", ""), output("0_0_1", "checked")];
        history.extend([said(1, 0), user("Go on.")]);
        assert_eq!(due_after(&history), "1.1");
        history.extend([said(1, 1), user("The gate is red.")]);
        assert_eq!(due_after(&history), "2.0");
        history.push(user("Go on."));
        assert_eq!(due_after(&history), "2.0");
    }

    #[test]
    fn a_command_that_still_runs_is_waited_for() {
        let running =
            |session: u32| format!("Process running with session ID {session}\nOutput:\n");
        let mut history = vec![user("Write it."), call("0_0_0"), call("0_0_1")];
        history.extend([output("0_0_0", &running(7)), output("0_0_1", "made")]);
        assert_eq!(due_after(&history), "wait 0_0_0_1@7");
        history.push(output("0_0_0_1", &running(7)));
        assert_eq!(due_after(&history), "wait 0_0_0_2@7");
        history.push(output("0_0_0_2", "Process exited with code 0\nOutput:\nchecked"));
        assert_eq!(due_after(&history), "1.0");
        history.pop();
        history.push(output("0_0_0_2", "write_stdin failed: Unknown process id 7"));
        assert_eq!(due_after(&history), "0.1");
    }

    #[test]
    fn a_command_may_print_what_looks_like_codexs_own_words() {
        let text = "Process exited with code 0\nOutput:\nProcess running with session ID 7\n";
        assert_eq!(CallEnd::of(text, 0), CallEnd::Finished);
        assert_eq!(CallEnd::of("Unknown process id", 0), CallEnd::Finished);
    }

    #[test]
    fn a_fork_of_another_nodes_session_begins_at_the_first_reply() {
        let other = format!("call_{}_0_0_0", tag("schema"));
        let history = [
            user("Write the schema."),
            json!({"type": "function_call", "call_id": other}),
            json!({"type": "function_call_output", "call_id": other, "output": "made"}),
            user("Write it."),
        ];
        assert_eq!(due_after(&history), "0.0");
    }

    #[test]
    fn what_the_script_did_not_expect_is_said() {
        let fault = due_after(&[user("Write something else.")]);
        let expected = "c.toml:3: node `greet`: reply 1 expects the newest input to contain \
                        \"Write it\", but it begins \"Write something else.\"";
        assert_eq!(fault, expected);
        let fault = due_for("greet", "other", &[]);
        assert_eq!(fault, "c.toml: it was written for the model `m`, not for `other`");
        let fault = due_for("readme", "m", &[]);
        assert_eq!(fault, "c.toml: it has no replies for the node `readme`");
    }

    #[test]
    fn ids_of_others_and_numbers_out_of_range_are_passed_over() {
        let history = [
            user("Write it."),
            output("4294967295_0_0", ""),
            output("0_4294967295_0", ""),
            output("99999999999_x", ""),
            json!({"type": "function_call_output", "call_id": "call_abc_0_0", "output": ["x"]}),
        ];
        assert_eq!(due_after(&history), "0.4294967295");
    }
}
