//! What resolving gives: declarations with typed values and references as ids.
//!
//! A [`ResolvedSpec`] cannot hold an unknown key, a value of another type or a
//! reference to nothing. Where the spec was wrong a stand-in takes the place, so
//! that later checks still see the rest; the mistake is reported, and a spec with
//! a reported mistake never becomes a [`crate::check::CheckedSpec`]. Texts are
//! borrowed from the tree of the text: each is copied once, into the plan.

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
pub(crate) struct ResolvedSpec<'a> {
    pub(crate) declarations: Declarations<'a>,
    /// Tasks and commands, in the order of the spec.
    pub(crate) tasks: Vec<Task<'a>>,
}

/// What tasks refer to.
#[derive(Debug)]
pub(crate) struct Declarations<'a> {
    pub(crate) pipeline: Pipeline<'a>,
    pub(crate) environments: Vec<Environment<'a>>,
    pub(crate) agents: Vec<Actor<'a>>,
    pub(crate) gates: Vec<Actor<'a>>,
}

#[derive(Debug)]
pub(crate) struct Pipeline<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) goal: Option<&'a str>,
    pub(crate) base: &'a str,
    pub(crate) wall: Option<Millis>,
    pub(crate) parallel: u32,
}

#[derive(Debug)]
pub(crate) struct Environment<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) tools: Vec<Spanned<&'a str>>,
}

/// An agent or a gate: a kind with its parameters.
#[derive(Debug)]
pub(crate) struct Actor<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) kind: &'a str,
    pub(crate) params: Params,
}

/// A task or a command.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) work: Work<'a>,
    pub(crate) needs: Vec<Spanned<TaskId>>,
    pub(crate) writes: Vec<Spanned<&'a str>>,
    pub(crate) env: Vec<EnvironmentId>,
    pub(crate) gates: Vec<GateId>,
    pub(crate) wall: Option<Millis>,
    pub(crate) attempts: u32,
}

#[derive(Debug)]
pub(crate) enum Work<'a> {
    Agent { agent: AgentId, prompt: &'a str },
    Command { run: Vec<&'a str> },
}
