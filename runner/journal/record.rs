//! A record: one fact as the journal holds it, with its times.
//!
//! Unaware of lines and files, and of what a fact means.

use eufm_plan::{NodeIndex, Plan};
use serde::{Deserialize, Serialize};

use crate::event::{Event, NodeEvent, RunEvent};

/// The version of the record format that this runner writes.
pub(crate) const FORMAT: u32 = 1;

/// One record as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// The format of this record; stands in the first one only.
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

/// Makes the record of an event.
#[must_use]
pub(crate) fn record(plan: &Plan, event: &Event, at_ms: u64, time: u64) -> Record {
    let format = matches!(event, Event::Run(RunEvent::Opened { .. })).then_some(FORMAT);
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
