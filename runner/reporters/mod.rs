//! How a run is shown while it runs: one file each, listed in [`REPORTERS`].
//!
//! A reporter is told facts and moments and writes to the stream it was made
//! with. It is unaware of how the facts come about, and decides nothing.

mod bars;
mod plain;

use std::io::Write;

use eufm_plan::units::Money;
use eufm_plan::{NodeIndex, Plan};

use crate::admission::Short;
use crate::event::Event;
use crate::gateway::circuit::Away;
use crate::ledger::Paced;
use crate::printable;
use crate::state::RunState;

/// All reporters, by name.
pub const REPORTERS: &[(&str, Make)] = &[("bars", bars::reporter), ("plain", plain::reporter)];

/// Makes a reporter that writes to a stream.
pub type Make = fn(Sink) -> Box<dyn Reporter>;

/// How much of a reason is shown while the run runs; the journal has all of it.
const REASON_MAX: usize = 160;

/// Where a reporter writes.
pub type Sink = Box<dyn Write + Send>;

/// Makes a reporter by name.
#[must_use]
pub fn reporter(name: &str, sink: Sink) -> Option<Box<dyn Reporter>> {
    let (_, make) = REPORTERS.iter().find(|(known, _)| *known == name)?;
    Some(make(sink))
}

/// What a reporter sees of the run.
#[derive(Debug)]
pub struct View<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The state after the fact.
    pub state: &'a RunState,
    /// The active time, in milliseconds.
    pub at_ms: u64,
    /// The outage of the provider, while there is one.
    pub away: Option<&'a Away>,
    /// The node that waits for room on the host, and what there is too little of.
    pub held: Option<(NodeIndex, Short)>,
    /// Until when nothing is started for the hour, in words.
    pub closed: Option<String>,
    /// What was spent and what may be, while that holds agents back.
    pub paced: Option<Paced>,
    /// What each running agent was last seen to do, by node.
    pub activity: &'a std::collections::BTreeMap<NodeIndex, String>,
}

/// Shows a run while it runs.
pub trait Reporter: Send {
    /// Shows a fact.
    fn event(&mut self, view: &View<'_>, event: &Event);

    /// Shows what an agent does.
    fn activity(&mut self, view: &View<'_>, node: NodeIndex);

    /// Shows that time has passed; called at least every 30 s.
    fn tick(&mut self, view: &View<'_>);

    /// Shows a remark about the run.
    fn note(&mut self, text: &str);

    /// Takes the display down: the run has ended or is stopped.
    fn finish(&mut self);
}

/// Says what a fact means, in one line; `None` for those that people need not
/// see.
fn sentence(view: &View<'_>, event: &Event) -> Option<String> {
    let sentence = match event {
        Event::Run(event) => run_sentence(event),
        Event::Node(node, event) => {
            let name = &view.plan.nodes[node.get()].name;
            node_sentence(view, *node, event).map(|text| format!("{name}: {text}"))
        }
    };
    // Names of nodes and gates are the author's, and may hold any sign.
    sentence.map(|text| printable::lines(&text))
}

/// Says how what runs is kept apart, and what is missing.
fn guarded_sentence(guarded: &crate::protections::Guarded) -> String {
    let isolation = guarded.isolation;
    let mut sentence = format!("isolation {isolation:?}: {}", isolation.meaning());
    for degraded in &guarded.degraded {
        sentence.push_str(&format!("; degraded: {degraded}"));
    }
    sentence
}

fn run_sentence(event: &crate::event::RunEvent) -> Option<String> {
    use crate::event::RunEvent as E;
    match event {
        E::Opened { run, base, trusted, .. } => {
            let trusted = if *trusted { "; its plan is trusted by its digest" } else { "" };
            Some(format!("run {run} on base {}{trusted}", base.short()))
        }
        E::Resumed { .. } => Some("taken up again where it stood".to_owned()),
        E::Closed => Some("closed: another run takes its place".to_owned()),
        E::ProviderAway { class, reason } => {
            Some(format!("provider away ({}): {reason}; requests are held", class.words()))
        }
        E::ProviderBack => Some("provider back; requests go on".to_owned()),
        E::Guarded(guarded) => Some(guarded_sentence(guarded)),
        E::Reopened => Some("failed nodes get new attempts".to_owned()),
        E::WallExhausted => {
            Some("the run's wall budget is used up; nothing more starts".to_owned())
        }
        E::Stopped { reason } => Some(format!("stopped: {reason}")),
        E::Limited { facilities } => {
            let all: Vec<String> = facilities.iter().map(ToString::to_string).collect();
            Some(format!("limits: {}", all.join(", ")))
        }
        E::Heartbeat | E::Finished { .. } => None,
    }
}

fn node_sentence(
    view: &View<'_>,
    node: NodeIndex,
    event: &crate::event::NodeEvent,
) -> Option<String> {
    use crate::event::{Ending, NodeEvent as E};
    let run = view.state.node(node);
    let work = &view.plan.nodes[node.get()].work;
    let is_in_place = work.is_in_place();
    let is_verify = matches!(work, eufm_plan::Work::Verify { .. });
    let is_deploy = matches!(work, eufm_plan::Work::Deploy { .. });
    let then = || what_follows(run);
    match event {
        E::Started { .. } if is_verify => Some("what it waits for is merged".to_owned()),
        E::Started { attempt, .. } => Some(format!("attempt {attempt} starts")),
        E::Exited { .. } | E::Harvested { .. } if is_verify => None,
        E::Exited { ending: Ending::Completed, .. } => {
            Some(format!("ended after {}", seconds(run.ran_ms)))
        }
        E::Exited { ending: Ending::Failed { reason }, .. } => {
            // Once it has failed, the reason stands in the failure.
            Some(run.failure.as_ref().map_or_else(|| format!("{reason}; {}", then()), |_| then()))
        }
        E::Exited { ending: Ending::Spent { reason }, .. } => {
            Some(format!("{reason}; what it has done so far is judged"))
        }
        E::Exited { .. } => Some(then()),
        E::Interrupted { .. } => Some("cut short; its work is kept".to_owned()),
        E::Recovered { by } => Some(recovered(*by).to_owned()),
        // Nothing of these is taken over.
        E::Harvested { .. } | E::Committed { .. } | E::Merged { .. } if is_deploy => None,
        E::Harvested { .. } | E::Committed { .. } if is_in_place => None,
        E::Harvested { changes, ignored, .. } if ignored.is_empty() => {
            Some(format!("{} changed", files(*changes)))
        }
        E::Harvested { changes, ignored, .. } => Some(format!(
            "{} changed; not taken, since git ignores or cannot store them: {}",
            files(*changes),
            ignored.join(", ")
        )),
        E::Refused { reason, .. } => Some(format!("result refused: {reason}; {}", then())),
        E::Judged { gate, verdict, reason, .. } if verdict.is_pass() => {
            Some(format!("gate {gate} passed: {reason}"))
        }
        E::Judged { gate, reason, .. } => {
            Some(format!("gate {gate}: {}; {}", printable::line(reason, REASON_MAX), then()))
        }
        E::Ruled { rule, level, verdict, reason, .. } => {
            let reason = printable::line(reason, REASON_MAX);
            let end = run.failure.as_ref().map_or_else(String::new, |_| format!("; {}", then()));
            Some(format!("rule {rule} ({}) {verdict}: {reason}{end}", level.word()))
        }
        E::Cached { commit, run, .. } => {
            Some(format!("taken from run {run}, committed as {}", commit.short()))
        }
        E::Committed { commit } => Some(format!("committed as {}", commit.short())),
        E::Merged { head } => Some(format!("merged, branch at {}", head.short())),
        E::Conflicted { paths, .. } => Some(conflict(run, paths).unwrap_or_else(then)),
        E::Unmergeable { paths } => Some(conflict(run, paths).unwrap_or_else(then)),
        // Of what costs nothing the line about the provider says enough.
        E::Unanswered { tokens: 0, .. } => None,
        E::Unanswered { reason, .. } => {
            Some(format!("a request without an account is charged all that it could use: {reason}"))
        }
        E::Dropped { fields } => {
            Some(format!("left out of its requests, since nobody knows it: {}", fields.join(", ")))
        }
        E::Held | E::Released => None,
        E::Questioned { .. } => Some(format!("waits for a person: {}", asked(view, node))),
        E::Answered(answer) => {
            let note = answer.note.as_ref().map_or_else(String::new, |note| {
                format!(": {}", printable::line(note, REASON_MAX))
            });
            let by = printable::line(&answer.by, 80);
            Some(format!("{} by {by}{note}", answer.decision.word()))
        }
        E::Spawned { .. } | E::Session { .. } | E::Asked { .. } | E::Replied { .. } => None,
    }
}

/// Says what becomes of a conflict, unless it is the end of its node.
fn conflict(run: &crate::state::NodeRun, paths: &[String]) -> Option<String> {
    use crate::state::{Merge, Phase};
    let paths = printable::line(&paths.join(", "), REASON_MAX);
    if run.merge == Merge::Torn {
        return Some(format!("merge conflict in {paths}; its agent resolves it"));
    }
    if run.merge == Merge::Asked {
        let why = run.reason().unwrap_or_default();
        return Some(format!("a person is asked: {}", printable::line(why, REASON_MAX)));
    }
    let waits = run.phase == Phase::Pending;
    waits.then(|| format!("what it needs contradicts itself in {paths}; it waits for the branch"))
}

/// Says what becomes of a node whose attempt came to nothing.
fn what_follows(run: &crate::state::NodeRun) -> String {
    match &run.failure {
        Some(failure) if run.phase == crate::state::Phase::Waiting => {
            format!("did not succeed, a person is asked: {}", failure.reason)
        }
        Some(failure) => format!("failed: {}", failure.reason),
        None if run.phase == crate::state::Phase::Cancelled => "is not tried again".to_owned(),
        None => format!("attempt {} follows", run.attempt),
    }
}

/// Says what became of a deploy that was cut short.
fn recovered(by: crate::event::Recoverer) -> &'static str {
    match by {
        crate::event::Recoverer::Plan => "was cut short, and counts as done",
        crate::event::Recoverer::Probe => "was cut short; its probe says that it was done",
    }
}

/// Says what a person is asked.
fn asked(view: &View<'_>, node: NodeIndex) -> String {
    let work = &view.plan.nodes[node.get()].work;
    let run = view.state.node(node);
    let about = run.question().map(|question| question.about.clone());
    let about = about.unwrap_or(crate::people::About::Approval);
    printable::line(&crate::people::words(view.plan, work, &about, run.reason()), REASON_MAX)
}

fn files(count: u64) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

/// Shows a span of time to a tenth of a second, or in minutes and hours.
#[must_use]
pub fn seconds(ms: u64) -> String {
    let whole = ms / 1_000;
    match whole {
        0..60 => format!("{whole}.{} s", ms % 1_000 / 100),
        60..3_600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3_600, whole / 60 % 60),
    }
}

/// Says since when the provider is away and when it is tried again, by the
/// host's clock in UTC.
fn away_words(away: &Away) -> String {
    let time = |unix: u64| {
        let seconds = unix % 86_400;
        format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
    };
    let (since, next) = (time(away.since), time(away.next_try));
    format!("provider away since {since} UTC ({}), next try {next}", away.class.words())
}

/// Says that agents wait, since more was spent than the plan's rate allows.
fn paced_words(state: &RunState, Paced { spent, allowed }: Paced) -> String {
    let Some(currency) = state.account.currency() else { return String::new() };
    let [spent, allowed] = [spent, allowed].map(|micros| Money { micros, currency });
    format!("; paced: {spent} spent of {allowed} allowed")
}

/// Sums a run up in one line: how many nodes stand where, and what runs.
fn status(view: &View<'_>) -> String {
    use crate::state::Phase;
    let (mut running, mut waiting) = (Vec::new(), Vec::new());
    let (mut done, mut failed) = (0_u32, 0_u32);
    for (position, run) in view.state.nodes.iter().enumerate() {
        match run.phase {
            Phase::Committed => done += 1,
            Phase::Failed | Phase::Blocked | Phase::Cancelled => failed += 1,
            Phase::Waiting => waiting.push(view.plan.nodes[position].name.as_str()),
            phase if phase.is_busy() && running.len() < 4 => {
                let node = NodeIndex::new(position);
                let name = &view.plan.nodes[position].name;
                let doing = view.activity.get(&node).map_or(phase.word(), String::as_str);
                running.push(format!("{name} ({doing})"));
            }
            _ => {}
        }
    }
    let waiting = match waiting.as_slice() {
        [] => String::new(),
        [one] => format!("; {one} waits for a person"),
        [first, rest @ ..] => format!("; {first} and {} more wait for a person", rest.len()),
    };
    let of = view.plan.nodes.len();
    let failed = if failed == 0 { String::new() } else { format!(", {failed} not") };
    let running = if running.is_empty() { "nothing runs".to_owned() } else { running.join(", ") };
    // What the host does not hold by itself, a reader of the log should know.
    let watched = view.state.limits.iter().filter(|it| it.name == "memory");
    let memory = watched.map(|it| format!("; memory {}", it.level)).collect::<String>();
    let held = view.held.map_or_else(String::new, |(node, short)| {
        format!("; {} held: {short}", view.plan.nodes[node.get()].name)
    });
    let away = view.away.map(|away| format!("; {}", away_words(away))).unwrap_or_default();
    let paced = view.paced.map(|paced| paced_words(view.state, paced)).unwrap_or_default();
    let closed = view.closed.as_ref().map(|words| format!("; {words}")).unwrap_or_default();
    printable::lines(&format!(
        "{done} of {of} nodes done{failed}; {running}{waiting}{closed}{held}{paced}{away}{memory}"
    ))
}

#[cfg(test)]
mod tests {
    use eufm_plan::units::Rate;

    use super::*;
    use crate::ledger::account_test::agents;

    #[test]
    fn the_status_says_that_agents_wait_for_money() {
        let mut plan = agents(1, 1);
        plan.budget.rate = Rate::parse("1 EUR per hour");
        let state = RunState::new(&plan);
        let paced = Some(Paced { spent: 1_500_000, allowed: 1_250_000 });
        let activity = std::collections::BTreeMap::new();
        let view = View {
            plan: &plan,
            state: &state,
            at_ms: 0,
            away: None,
            held: None,
            closed: None,
            paced,
            activity: &activity,
        };
        let expected = "0 of 1 nodes done; nothing runs; \
                        paced: 1.500000 EUR spent of 1.250000 EUR allowed";
        assert_eq!(status(&view), expected);
        let status = status(&View { paced: None, ..view });
        assert!(!status.contains("paced"), "{status}");
    }
}
