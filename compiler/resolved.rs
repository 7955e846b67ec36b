//! What resolving gives: declarations with typed values and references as ids.
//!
//! A [`ResolvedSpec`] cannot hold an unknown key, a value of another type or a
//! reference to nothing. Where the spec was wrong a stand-in takes the place, so
//! that later checks still see the rest; the mistake is reported, and a spec with
//! a reported mistake never becomes a [`crate::check::CheckedSpec`].

use eufm_grammar::Span;
use eufm_grammar::ast::Name;
use eufm_plan::Params;
use eufm_plan::units::Millis;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct $name(u32);

        impl $name {
            /// Sources end below 4 GiB, so a spec has fewer declarations than ids.
            pub(crate) fn new(position: usize) -> Self {
                Self(u32::try_from(position).unwrap_or(u32::MAX))
            }

            pub(crate) fn get(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id!(
    /// A position in [`Declarations::environments`].
    EnvironmentId
);
id!(
    /// A position in [`Declarations::agents`].
    AgentId
);
id!(
    /// A position in [`Declarations::gates`].
    GateId
);
id!(
    /// A position among the tasks, in the order of the spec.
    TaskId
);

/// A value with the place it was written at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// A spec whose names are resolved.
#[derive(Debug)]
pub(crate) struct ResolvedSpec {
    pub(crate) declarations: Declarations,
    /// Tasks and commands, in the order of the spec.
    pub(crate) tasks: Vec<Task>,
}

/// What tasks refer to.
#[derive(Debug)]
pub(crate) struct Declarations {
    pub(crate) pipeline: Pipeline,
    pub(crate) environments: Vec<Environment>,
    pub(crate) agents: Vec<Actor>,
    pub(crate) gates: Vec<Actor>,
}

#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) name: Name,
    pub(crate) goal: Option<String>,
    pub(crate) base: String,
    pub(crate) wall: Option<Millis>,
    pub(crate) parallel: u32,
}

#[derive(Debug)]
pub(crate) struct Environment {
    pub(crate) name: Name,
    pub(crate) tools: Vec<Spanned<String>>,
}

/// An agent or a gate: a kind with its parameters.
#[derive(Debug)]
pub(crate) struct Actor {
    pub(crate) name: Name,
    pub(crate) kind: String,
    pub(crate) params: Params,
}

/// A task or a command.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) name: Name,
    pub(crate) work: Work,
    pub(crate) needs: Vec<Spanned<TaskId>>,
    pub(crate) writes: Vec<Spanned<String>>,
    pub(crate) env: Vec<EnvironmentId>,
    pub(crate) gates: Vec<GateId>,
    pub(crate) wall: Option<Millis>,
    pub(crate) attempts: u32,
}

#[derive(Debug)]
pub(crate) enum Work {
    Agent { agent: AgentId, prompt: String },
    Command { run: Vec<String> },
}
