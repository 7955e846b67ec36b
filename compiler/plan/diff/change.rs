//! One difference between two plans: where it is, what it was and is, and, if
//! it lets the run do more or checks less, what it loosens.
//!
//! Unaware of how differences are found and shown.

use std::borrow::Cow;

use serde::Serialize;

use super::text::Line;

/// The part of plan.lock that a difference lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The plan as a whole.
    Plan,
    /// The caps of the run.
    Budget,
    /// What nodes and gates see.
    Environment,
    /// An agent.
    Agent,
    /// A gate.
    Gate,
    /// The document of rules.
    Constitution,
    /// One rule of it.
    Rule,
    /// What nodes without `writes` may not change.
    Protected,
    /// A file that is made again after each merge.
    Generated,
    /// A file that a check or a deploy runs.
    Script,
    /// A node.
    Node,
    /// What a model costs.
    Prices,
    /// What a currency is worth in another one.
    Exchange,
    /// What holds for every run of the plan.
    Proof,
    /// What made the plan.
    Compiler,
    /// A parameter of the spec.
    Param,
    /// A file that the plan was made from.
    Source,
}

impl Part {
    /// Returns its word, as plan.lock has it where it has one.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Budget => "budget",
            Self::Environment => "environment",
            Self::Agent => "agent",
            Self::Gate => "gate",
            Self::Constitution => "constitution",
            Self::Rule => "rule",
            Self::Protected => "protected",
            Self::Generated => "generated",
            Self::Script => "script",
            Self::Node => "node",
            Self::Prices => "prices",
            Self::Exchange => "exchange",
            Self::Proof => "proof",
            Self::Compiler => "compiler",
            Self::Param => "param",
            Self::Source => "source",
        }
    }
}

/// Defines what can become looser: each with its words, in one place.
macro_rules! looser {
    ($($(#[$doc:meta])* $name:ident $words:literal)*) => {
        /// What becomes looser by a difference, in the order in which a reviewer weighs it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Looser {
            $($(#[$doc])* $name,)*
        }

        impl Looser {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Says in a few words what became looser.
            #[must_use]
            pub fn words(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)*
                }
            }
        }
    };
}

looser! {
    /// A deploy is there that was not.
    Deploy "deploy added"
    /// Something is not behind an approval any more.
    Approval "approval passed by"
    /// Something is not behind a verify any more.
    Verify "verify passed by"
    /// A deploy does not wait any more for a command that had to succeed.
    Order "check passed by"
    /// A secret reaches a node that it did not reach.
    Secret "secret added"
    /// A command runs in the user's checkout, without a sandbox.
    InPlace "in_place added"
    /// A command is a shell line.
    Shell "shell added"
    /// A host can be reached that could not.
    Network "network added"
    /// A folder of the host can be written.
    Folder "folder added"
    /// What runs with a reach beyond the sandbox is another program.
    Program "other program"
    /// A result need not pass a gate any more.
    Gate "gate removed"
    /// A gate asks for less.
    Threshold "threshold lowered"
    /// A gate checks something else; whether it checks less no machine can judge.
    Check "other check"
    /// A file that a check or a deploy runs holds something else, or is not held any more.
    Script "script changed"
    /// The document of rules is another one, or none.
    Constitution "other rules"
    /// A rule is gone.
    Rule "rule dropped"
    /// The document of rules asks for something that no rule cites.
    Unmapped "line without a rule"
    /// A rule is set aside, or for longer.
    Waived "rule waived"
    /// A rule binds less.
    Level "level lowered"
    /// A rule checks something else; whether it checks less no machine can judge.
    RuleCheck "other rule"
    /// More may be spent or taken.
    Budget "budget up"
    /// The nodes' caps add up to more than the run has.
    Overcommit "overcommitted"
    /// The same tokens count as less money, or nobody can tell.
    Price "price down"
    /// The provider, the model or the program of an agent is another one.
    Agent "other model"
    /// What nodes and gates see or take over is more, or is prepared otherwise.
    Environment "environment widened"
    /// More files may be changed.
    Writes "writes widened"
    /// The output of a command becomes a file.
    Output "output added"
    /// More files can be seen.
    Reads "reads widened"
    /// What others wrote reaches a node that reaches beyond the sandbox.
    Input "input added"
    /// A node does something of another kind.
    Kind "other kind"
    /// Two nodes may change the same file at the same time.
    Overlap "overlap loosened"
    /// A node goes on without some of those that it needs.
    Accept "accept loosened"
    /// A node that failed holds less back.
    OnFail "on_fail loosened"
    /// A resume asks nobody about a deploy that was killed.
    Recovery "recovery loosened"
    /// More exit statuses count as success.
    Status "status accepted"
    /// Nodes may be started at more times.
    Window "window widened"
    /// The run starts from another revision.
    Base "other base"
    /// Paths are relative to another folder.
    Root "other root"
    /// The spec was compiled with another value.
    Param "other param"
    /// What held for every run holds no more.
    Proof "proof lost"
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What becomes looser, if anything does.
    #[serde(rename = "escalation", skip_serializing_if = "Option::is_none")]
    pub looser: Option<Looser>,
    /// The part of the plan.
    pub part: Part,
    /// Which one of its kind, by its name in the plan after; empty where there is one only.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The key of plan.lock, or a word for what is derived.
    pub key: Cow<'static, str>,
    /// What stood there; `None`: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What stands there; `None`: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Of a text, the lines that changed, with some around them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
}

/// A place of the two plans, where differences are noted.
pub(super) struct At<'a> {
    /// Where they are gathered.
    pub(super) out: &'a mut Vec<Change>,
    /// The part of the plan.
    pub(super) part: Part,
    /// Which one.
    pub(super) name: &'a str,
}

impl At<'_> {
    /// Notes a difference.
    pub(super) fn note(
        &mut self,
        key: impl Into<Cow<'static, str>>,
        (before, after): (Option<String>, Option<String>),
        looser: Option<Looser>,
    ) {
        let (key, name) = (key.into(), self.name.to_owned());
        let lines = Vec::new();
        self.out.push(Change { looser, part: self.part, name, key, before, after, lines });
    }

    /// Compares two values; a difference is looser if `looser` says so.
    pub(super) fn value<T: PartialEq>(
        &mut self,
        key: &'static str,
        (before, after): (&T, &T),
        show: impl Fn(&T) -> Option<String>,
        looser: impl FnOnce(&T, &T) -> Option<Looser>,
    ) {
        if before != after {
            self.note(key, (show(before), show(after)), looser(before, after));
        }
    }

    /// Compares two texts that are always there.
    pub(super) fn text(&mut self, key: &'static str, pair: (&str, &str), looser: Option<Looser>) {
        self.value(key, (&pair.0, &pair.1), |text| Some((*text).to_owned()), |_, _| looser);
    }

    /// Compares two lists element by element. `gone` and `new` tell what becomes
    /// looser by one that goes or comes; the order alone loosens nothing.
    pub(super) fn list<T: AsRef<str> + Ord>(
        &mut self,
        key: impl Into<Cow<'static, str>>,
        (before, after): (&[T], &[T]),
        gone: impl Fn(&str) -> Option<Looser>,
        mut new: impl FnMut(&str) -> Option<Looser>,
    ) {
        if before == after {
            return;
        }
        let key = key.into();
        let noted = self.out.len();
        let (old, now) = (sorted(before), sorted(after));
        for item in before.iter().filter(|item| now.binary_search(item).is_err()) {
            self.note(key.clone(), (Some(item.as_ref().to_owned()), None), gone(item.as_ref()));
        }
        for item in after.iter().filter(|item| old.binary_search(item).is_err()) {
            self.note(key.clone(), (None, Some(item.as_ref().to_owned())), new(item.as_ref()));
        }
        if self.out.len() == noted {
            // The same elements in another order, or some of them twice.
            self.note(key, (Some(joined(before)), Some(joined(after))), None);
        }
    }
}

fn sorted<T: Ord>(list: &[T]) -> Vec<&T> {
    let mut list: Vec<&T> = list.iter().collect();
    list.sort();
    list
}

/// Shows a list on one line.
pub(super) fn joined<T: AsRef<str>>(list: &[T]) -> String {
    let items: Vec<&str> = list.iter().map(AsRef::as_ref).collect();
    items.join(", ")
}

/// Shows what is run: words that a reader could not tell apart are quoted.
pub(super) fn command_line(run: &[String]) -> String {
    let is_plain = |word: &str| {
        !word.is_empty()
            && !word.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"')
    };
    let words = run.iter().map(|word| match is_plain(word) {
        true => word.clone(),
        false => format!("{word:?}"),
    });
    words.collect::<Vec<_>>().join(" ")
}
