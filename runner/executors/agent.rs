//! Runs an agent node: one turn of its backend in the sandbox.
//!
//! The agent's only way out is its own door of the gateway. Its output is read
//! as it comes; a turn's end is a fact only when the agent says so, and even
//! then the gates decide. Unaware of which backend it is.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use eufm_plan::Work;

use super::command::last_line;
use super::{Attempt, Executor, Ran};
use crate::agents::{AgentBackend, AgentEvent, Goes, Turn, backend};
use crate::beneath;
use crate::beside::{self, Beside, Session};
use crate::capture::Capture;
use crate::event::{Ending, NodeEvent};
use crate::gateway::{Door, forward};
use crate::nest::Nest;
use crate::printable;
use crate::process::{Command, Exit};
use crate::remove::remove_all;
use crate::state::Feedback;
use crate::supervise::{Charge, End, Limits, supervise};
use crate::workshop::{Message, StepError, Workshop};

/// How long an agent may say nothing, ask the model nothing and use no
/// processor. Codex itself waits for ever for a connection that says nothing.
const SILENCE_MAX: Duration = Duration::from_secs(10 * 60);

/// What an interrupted agent is told when its session goes on.
pub(crate) const GO_ON: &str = "Your work was interrupted from outside before you had finished. The files \
                     are as you left them, but a command that was running may not have finished. \
                     Go on with your task.";

/// What is added to the task when the session is lost but the work is not.
const WORK_KEPT: &str = "\n\n(An earlier attempt at this task was interrupted. The files it had \
                         changed are as it left them; look at them first.)";

/// The executor of agents.
#[derive(Debug)]
pub(super) struct AgentExecutor;

impl Executor for AgentExecutor {
    fn does(&self, work: &Work) -> bool {
        matches!(work, Work::Agent { .. })
    }

    fn execute(&self, shop: &Workshop, attempt: &Attempt<'_>) -> Result<Ran, StepError> {
        let Work::Agent { agent: index, prompt, .. } = &shop.node(attempt.node).work else {
            return Err(StepError::Left);
        };
        let agent = &shop.plan.agents[index.get()];
        let (Some(backend), Some(gateway)) = (backend(&agent.kind), &shop.gateway) else {
            return Err(StepError::Host(format!("no agent kind {}", agent.kind)));
        };
        let sessions = shop.node_dir(attempt.node).join("sessions");
        std::fs::create_dir_all(&sessions)?;
        let door_dir = attempt.place.beside("door");
        std::fs::create_dir_all(&door_dir)?;
        let token = token()?;
        let door = Door {
            node: shop.node(attempt.node).name.clone(),
            index: attempt.node,
            agent: *index,
            folder: door_dir.clone(),
            token: token.clone(),
        };
        let _open = gateway.open(door).map_err(|error| StepError::Host(error.to_string()))?;
        let session = attempt.session.filter(|id| backend.has_session(&sessions, id));
        let task = format!("{prompt}{}", attempt.handed.told);
        let prompt = prompt_of(&task, attempt, session);
        let session = goes(attempt, session, &sessions)?;
        let turn = Turn { prompt: &prompt, session, endpoint: &forward::endpoint(), token: &token };
        let invocation = backend.command(agent, &turn);
        let nest = Nest {
            installation: &shop.installations[index.get()],
            sessions: &sessions,
            door: &door_dir,
        };
        let tools = attempt.outfit.tools.clone();
        let confined = nest.agent(invocation, attempt.mounts(), tools);
        let command = shop.sandbox.command(attempt.place.worktree().dir(), &confined);
        let command = attempt.outfit.behind(command);
        turn_of(shop, attempt, backend, command, &sessions)
    }
}

/// Says in which session the turn goes on: in the node's own, else in a new one
/// of an empty home, or from that of another node, which is put there.
fn goes<'a>(
    attempt: &'a Attempt<'_>,
    own: Option<&'a str>,
    home: &Path,
) -> Result<Option<Goes<'a>>, StepError> {
    if let Some(own) = own {
        return Ok(Some(Goes::On(own)));
    }
    // Nothing in there was answered. What a kill left of the agent's own state
    // could keep it from starting: Codex then waits 30 s and gives up.
    remove_all(home)?;
    std::fs::create_dir_all(home)?;
    let Some(session) = &attempt.handed.session else { return Ok(None) };
    for (path, bytes) in &session.files {
        beneath::create(home, path)?.write_all(bytes)?;
    }
    Ok(Some(Goes::From(&session.id)))
}

fn prompt_of(prompt: &str, attempt: &Attempt<'_>, session: Option<&str>) -> String {
    match (attempt.feedback, session) {
        // Told a second time it would look like a second failure.
        (Some(_), Some(_)) if attempt.heard => GO_ON.to_owned(),
        (Some(Feedback::Rejected(told)), Some(_)) => told.clone(),
        (Some(Feedback::Rejected(told)), None) => format!("{prompt}\n\n{told}"),
        (Some(Feedback::Interrupted), Some(_)) => GO_ON.to_owned(),
        _ if attempt.has_work => format!("{prompt}{WORK_KEPT}"),
        _ => prompt.to_owned(),
    }
}

/// What the agent has said that decides how its turn ended.
#[derive(Debug, Default)]
struct Said {
    session: Option<String>,
    answer: Option<String>,
    completed: bool,
    failed: Option<String>,
}

fn turn_of(
    shop: &Workshop,
    attempt: &Attempt<'_>,
    backend: &'static dyn AgentBackend,
    command: Command,
    sessions: &Path,
) -> Result<Ran, StepError> {
    let (sender, events) = channel();
    let (stdout, out) = Capture::start(&attempt.logs.join("events.jsonl"), move |line| {
        if let Some(event) = backend.read(line) {
            // The receiver outlives the capture; without it nobody listens.
            let _ = sender.send(event);
        }
    })?;
    let (stderr, err) = Capture::start(&attempt.logs.join("stderr.log"), |_| {})?;
    let limits = Limits { wall: attempt.limit, silence: Some(SILENCE_MAX) };
    let pulse = &shop.pulses[attempt.node.get()];
    let mut folders = attempt.outfit.fillable(attempt.place.worktree().dir());
    folders.push(sessions.to_owned());
    let guard = shop.guard(attempt.node, attempt.place.folder(), folders)?;
    let charge = Charge { command, streams: (out, err), limits, guard, pulse, output: None };
    std::thread::scope(|scope| {
        let listener = scope.spawn(move || listen(shop, attempt, events));
        let mut told = Ok(());
        let end = supervise(&shop.running, charge, |process| {
            told = shop.courier.tell(attempt.node, NodeEvent::Spawned { process });
        });
        stdout.finish()?;
        let last = last_line(&stderr.finish()?.tail);
        let said = listener.join().map_err(|_| StepError::Host("listener panicked".to_owned()))?;
        told?;
        let refusal = shop.refusals.take(attempt.node);
        Ok(match (end?, refusal) {
            (End::Stopped, _) => Ran::Stopped,
            (_, Some(ending)) => Ran::Ended(ending),
            (End::TimedOut, _) => Ran::Ended(Ending::TimedOut),
            (End::Exceeded(limit), _) => Ran::Ended(Ending::exceeded(limit)),
            (End::Stalled, _) => {
                let minutes = SILENCE_MAX.as_secs() / 60;
                let reason = format!("it was silent and idle for {minutes} min");
                Ran::Ended(Ending::Failed { reason })
            }
            (End::Exited(exit), None) => {
                let said = said?;
                let ending = ending(exit, &said, &last);
                if ending == Ending::Completed {
                    keep(shop, attempt, backend, sessions, said)?;
                }
                Ran::Ended(ending)
            }
        })
    })
}

/// Reads the agent's events as they come, until its output ends.
fn listen(
    shop: &Workshop,
    attempt: &Attempt<'_>,
    events: Receiver<AgentEvent>,
) -> Result<Said, StepError> {
    let mut said = Said::default();
    for event in events {
        shop.pulses[attempt.node.get()].beat();
        match event {
            AgentEvent::Session(id) => {
                said.session = Some(id.clone());
                shop.courier.tell(attempt.node, NodeEvent::Session { id })?;
            }
            AgentEvent::Said(text) => {
                let shown = printable::line(&format!("says {text}"), 120);
                shop.courier.send(Message::Activity { node: attempt.node, text: shown });
                said.answer = Some(text);
            }
            AgentEvent::Activity(text) | AgentEvent::Notice(text) => {
                let text = printable::line(&text, 120);
                shop.courier.send(Message::Activity { node: attempt.node, text });
            }
            AgentEvent::Completed => said.completed = true,
            AgentEvent::Failed(reason) => said.failed = Some(printable::line(&reason, 400)),
        }
    }
    Ok(said)
}

/// Keeps what the agent said last, and its session, for nodes that read the one
/// or go on from the other. What was kept of this start stays as it is: a turn
/// that resolves a conflict comes after the result, and others read that.
fn keep(
    shop: &Workshop,
    attempt: &Attempt<'_>,
    backend: &dyn AgentBackend,
    home: &Path,
    said: Said,
) -> Result<(), StepError> {
    if shop.beside(attempt.node, attempt.start)?.is_some() {
        return Ok(());
    }
    let mut answer = said.answer.unwrap_or_default().into_bytes();
    beside::cut(&mut answer, true);
    let session = said.session.map(|id| session(backend, home, id)).transpose()?;
    let beside = Beside { answer: Some(answer), stdout: None, session };
    let name = beside::reference(&shop.run, &shop.node(attempt.node).name, attempt.start);
    beside.keep(&shop.vault, &name, attempt.stamp)?;
    Ok(())
}

/// Reads the files of a session. One that is not whole has none.
fn session(backend: &dyn AgentBackend, home: &Path, id: String) -> Result<Session, StepError> {
    let mut files = BTreeMap::new();
    for path in backend.session_files(home, &id) {
        // Others write there.
        let Some(file) = beneath::read(home, &path)? else {
            return Ok(Session { id, files: BTreeMap::new() });
        };
        let mut bytes = Vec::new();
        file.take(beside::SESSION_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        files.insert(path, bytes);
    }
    Ok(Session { id, files })
}

fn ending(exit: Exit, said: &Said, last: &str) -> Ending {
    match (&said.failed, said.completed) {
        (Some(reason), _) => {
            Ending::Failed { reason: format!("the agent's turn failed: {reason}") }
        }
        (None, true) if exit.is_success() => Ending::Completed,
        (None, true) => Ending::Failed { reason: format!("the agent ended with {exit}: {last}") },
        (None, false) => {
            let reason =
                format!("the agent ended with {exit} before its turn was complete: {last}");
            Ending::Failed { reason }
        }
    }
}

/// Makes a token that nobody can guess.
fn token() -> Result<String, StepError> {
    let mut bytes = [0; 16];
    let count = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(std::io::Error::from)?;
    if count != bytes.len() {
        return Err(StepError::Host("the system gives no random bytes".to_owned()));
    }
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_know_what_is_added_to_a_task_by_its_beginning() {
        assert!(WORK_KEPT.starts_with(crate::gateway::recording::WORK_KEPT));
    }
}
