//! A record: one fact as the journal holds it, with its times.
//!
//! Unaware of lines and files, and of what a fact means.

use eufm_plan::{NodeIndex, Plan, Work};
use serde::{Deserialize, Serialize};

use crate::event::{Event, NodeEvent, RunEvent};

/// The version of the record format that this runner writes.
pub(crate) const FORMAT: u32 = 3;

/// The oldest version that it reads: what came since adds facts and fields.
pub(crate) const FORMAT_MIN: u32 = 1;

/// One record as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// The format of this record and of those behind it; stands in the first one,
    /// and where another runner took over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<u32>,
    /// Active milliseconds of the run: pauses and crashes do not count.
    pub at_ms: u64,
    /// Seconds since 1970-01-01 UTC by the host's clock, for people and commits.
    pub time: u64,
    /// The node's name; absent in a record about the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The fact.
    pub event: RecordedEvent,
}

/// A fact as it is stored: nodes by name, since indices mean nothing outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RecordedEvent {
    /// About the run.
    Run(RunEvent),
    /// About the record's node.
    Node(NodeEvent),
}

/// When a record must be on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Before the call returns: a power loss must not repeat or forget it.
    Synced,
    /// Within 50 ms, together with others; a crash of the runner alone loses nothing.
    Grouped,
}

impl Record {
    /// Says when it must be on disk: before the call returns where a power loss
    /// must neither repeat nor forget it.
    ///
    /// A trusted command may be repeated after a power loss, as make would repeat
    /// it: it costs no money, and what it does outside is its author's affair.
    ///
    /// Readers rely on it: whatever stands behind a synced record shows that it
    /// was. So a fact that is synced stays so in all versions of its format.
    #[must_use]
    pub(crate) fn durability(&self, work: Option<&Work>) -> Durability {
        use NodeEvent::{
            Answered, Asked, Cached, Committed, Exited, Interrupted, Merged, Questioned, Recovered,
            Replied, Started, Unanswered,
        };
        let is_in_place = work.is_some_and(Work::is_in_place);
        let is_deploy = matches!(work, Some(Work::Deploy { .. }));
        match &self.event {
            RecordedEvent::Run(
                RunEvent::Heartbeat | RunEvent::Resumed { .. } | RunEvent::Limited { .. },
            ) => Durability::Grouped,
            RecordedEvent::Run(_) => Durability::Synced,
            // A person is not asked twice.
            RecordedEvent::Node(Questioned { .. } | Answered(_)) => Durability::Synced,
            // What has its effect outside is not done again because its end was lost.
            RecordedEvent::Node(Exited { .. } | Interrupted { .. } | Recovered { .. })
                if is_deploy =>
            {
                Durability::Synced
            }
            RecordedEvent::Node(
                Started { .. }
                | Cached { .. }
                | Asked { .. }
                | Replied { .. }
                | Unanswered { .. }
                | Committed { .. }
                | Merged { .. },
            ) if !is_in_place => Durability::Synced,
            RecordedEvent::Node(_) => Durability::Grouped,
        }
    }

    /// Says the same for whoever reads it. Looks the node up by its name, so it
    /// is for a few records only.
    #[must_use]
    pub(crate) fn durability_in(&self, plan: &Plan) -> Durability {
        let node = plan.nodes.iter().find(|node| Some(&node.name) == self.node.as_ref());
        self.durability(node.map(|node| &node.work))
    }
}

/// Makes the record of an event.
#[must_use]
pub(crate) fn record(plan: &Plan, event: &Event, at_ms: u64, time: u64) -> Record {
    let begins = matches!(event, Event::Run(RunEvent::Opened { .. } | RunEvent::Resumed { .. }));
    let format = begins.then_some(FORMAT);
    let (node, event) = match event {
        Event::Run(event) => (None, RecordedEvent::Run(event.clone())),
        Event::Node(node, event) => {
            (Some(plan.nodes[node.get()].name.clone()), RecordedEvent::Node(event.clone()))
        }
    };
    Record { format, at_ms, time, node, event }
}

/// Gives back the event of a record; `None` when the plan has no such node.
#[must_use]
pub(crate) fn event(record: Record, node: impl Fn(&str) -> Option<NodeIndex>) -> Option<Event> {
    match (record.node, record.event) {
        (None, RecordedEvent::Run(event)) => Some(Event::Run(event)),
        (Some(name), RecordedEvent::Node(event)) => Some(Event::Node(node(&name)?, event)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use eufm_plan::{Command, Recovery};

    use super::*;
    use crate::event::{Ending, Recoverer};

    #[test]
    fn the_end_of_a_deploy_is_on_disk_before_anything_follows() {
        let (command, folders) = (Box::new(Command::default()), Vec::new());
        let deploy = Work::Deploy { command: command.clone(), folders, recovery: Recovery::Ask };
        let command = Work::Command(command);
        for event in [
            NodeEvent::Exited { ending: Ending::Completed, salvage: None },
            NodeEvent::Interrupted { salvage: None },
            NodeEvent::Recovered { by: Recoverer::Probe },
        ] {
            let event = RecordedEvent::Node(event);
            let record = Record { format: None, at_ms: 0, time: 0, node: None, event };
            assert_eq!(record.durability(Some(&deploy)), Durability::Synced, "{record:?}");
            assert_eq!(record.durability(Some(&command)), Durability::Grouped, "{record:?}");
        }
    }
    #[test]
    fn what_is_begun_is_on_disk_before_it_is_but_for_trusted_commands() {
        let unanswered = NodeEvent::Unanswered {
            request: 1,
            micros: 0,
            tokens: 0,
            reason: "it ended".to_owned(),
        };
        let event = RecordedEvent::Node(unanswered);
        let record = Record { format: None, at_ms: 0, time: 0, node: None, event };
        for (in_place, durability) in [(false, Durability::Synced), (true, Durability::Grouped)] {
            let work = Work::Command(Box::new(Command { in_place, ..Command::default() }));
            assert_eq!(record.durability(Some(&work)), durability);
        }
        assert_eq!(record.durability(None), Durability::Synced);
    }
}
