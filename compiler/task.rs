//! What resolving gives: tasks with typed values and references as ids.
//!
//! A [`Task`] cannot hold an unknown key, a value of another type or a reference
//! to nothing. Where the spec was wrong a stand-in takes the place, so that later
//! checks still see the rest; the mistake is reported, and a spec with a reported
//! mistake never becomes a [`crate::check::CheckedSpec`]. Texts are borrowed from
//! the tree of the text where they can be: each is copied once, into the plan.

use std::borrow::Cow;

use eufm_grammar::Span;
use eufm_plan::{Accept, Command, InputPart, NodeBudget, OnFail, Overlap, Params, Recovery};

use crate::tree::{TaskId, id};
use crate::typed::Spanned;

id!(
    /// A position among the environments of all modules.
    EnvironmentId
);
id!(
    /// A position among the agents of all modules.
    AgentId
);
id!(
    /// A position among the gates of all modules.
    GateId
);

/// A task, command, approval or deploy.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    pub(crate) work: Work<'a>,
    pub(crate) needs: Vec<Need>,
    pub(crate) accept: Accept,
    pub(crate) implements: Vec<Spanned<Cow<'a, str>>>,
    pub(crate) inputs: Vec<Input>,
    /// Nothing where it sees all files.
    pub(crate) reads: Option<Vec<Spanned<Cow<'a, str>>>>,
    /// Nothing where it may change whatever is not protected.
    pub(crate) writes: Option<Vec<Spanned<Cow<'a, str>>>>,
    pub(crate) overlap: Overlap,
    pub(crate) env: Vec<EnvironmentId>,
    pub(crate) gates: Vec<GateUse>,
    pub(crate) budget: NodeBudget,
    /// Where its cap on money stands.
    pub(crate) cost: Option<Span>,
    pub(crate) on_fail: OnFail,
}

/// What a task does.
#[derive(Debug)]
pub(crate) enum Work<'a> {
    Agent {
        /// Nothing where there is none; this is reported.
        agent: Option<AgentId>,
        prompt: Cow<'a, str>,
        session: Option<Spanned<TaskId>>,
    },
    Command(Box<Command>),
    Approval {
        ask: Cow<'a, str>,
    },
    Deploy {
        command: Box<Command>,
        /// Folders of the host that it may write.
        folders: Vec<Spanned<Cow<'a, str>>>,
        recovery: Recovery,
    },
}

/// Something that a task waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    pub(crate) task: TaskId,
    /// Where it is asked for.
    pub(crate) span: Span,
    /// Whether this very task is named; else it is one of a group, or what a group
    /// waits for, and may be left out where another need implies it.
    pub(crate) is_named: bool,
}

/// A part of another task's result.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) task: TaskId,
    pub(crate) part: InputPart,
    pub(crate) span: Span,
}

/// A gate as a task uses it.
#[derive(Debug)]
pub(crate) enum GateUse {
    /// As it is declared.
    Declared(GateId),
    /// With other parameters.
    Adapted(Box<(GateId, Params)>),
}

impl GateUse {
    /// Returns the declared gate.
    pub(crate) fn base(&self) -> GateId {
        match self {
            Self::Declared(gate) => *gate,
            Self::Adapted(adapted) => adapted.0,
        }
    }
}
