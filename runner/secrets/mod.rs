//! The secrets of a run: read once, given to the nodes that name them, kept out
//! of all that is written.
//!
//! A value is in the memory of the runner, goes through a pipe into the sandbox
//! of a command or deploy that names it, and lies there in a file that nobody
//! else sees. It is in no argument, in no variable and on no disk. Unaware of
//! what it opens. See docs/secrets.md.

mod hide;
mod place;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use eufm_plan::Plan;

pub(crate) use hide::Hider;
pub(crate) use place::{FOLDER, framed};
pub use place::{SUBCOMMAND, place};

use crate::error::RunError;
use crate::gateway::upstream::KeySource;
use crate::node::NodeRun;

/// The shortest value: a shorter one would be found in any text, and hidden there.
const BYTES_MIN: usize = 4;

/// A secret with its value, which is not shown.
#[derive(Clone)]
pub struct Secret {
    name: String,
    value: Arc<[u8]>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({})", self.name)
    }
}

impl Secret {
    #[cfg(test)]
    pub(crate) fn new(name: &str, value: &[u8]) -> Self {
        Self { name: name.to_owned(), value: value.into() }
    }

    /// Returns the variable that names its file, with the path of that inside.
    pub(crate) fn variable(&self) -> (String, String) {
        (format!("{}_FILE", self.name), format!("{FOLDER}/{}", self.name))
    }
}

/// Where the values of secrets come from, by name.
pub type SecretSources = BTreeMap<String, KeySource>;

/// The secrets that a run has.
#[derive(Debug, Default)]
pub(crate) struct Secrets(BTreeMap<String, Secret>);

impl Secrets {
    /// Reads what the nodes name that are not at their end; `runs` are these nodes.
    ///
    /// # Errors
    /// Fails with every secret that is not there or cannot be used.
    pub(crate) fn read(
        plan: &Plan,
        runs: &[NodeRun],
        sources: &SecretSources,
    ) -> Result<Self, RunError> {
        let open = plan.nodes.iter().zip(runs).filter(|(_, run)| !run.phase.is_final());
        let commands = open.filter_map(|(node, _)| node.work.command());
        let named: BTreeSet<&String> = commands.flat_map(|command| &command.secrets).collect();
        let (mut found, mut wrong) = (BTreeMap::new(), Vec::new());
        for name in named {
            match sources.get(name).ok_or_else(not_given).and_then(value) {
                Ok(value) => {
                    found.insert(name.clone(), Secret { name: name.clone(), value });
                }
                Err(reason) => wrong.push(format!("secret {name}: {reason}")),
            }
        }
        if wrong.is_empty() {
            return Ok(Self(found));
        }
        let help = "give it with --secret NAME=file:PATH, NAME=env:VARIABLE or \
                    NAME=command:PROGRAM, or in the table [secrets] of the configuration";
        Err(RunError::Usage(format!("{}\n  help: {help}", wrong.join("\n"))))
    }

    /// Returns those of these names; [`Self::read`] has found all that are named.
    pub(crate) fn of(&self, names: &[String]) -> Vec<Secret> {
        names.iter().filter_map(|name| self.0.get(name).cloned()).collect()
    }
}

fn not_given() -> String {
    "it is not given".to_owned()
}

fn value(source: &KeySource) -> Result<Arc<[u8]>, String> {
    let value = source.value().map_err(|reason| format!("{source}: {reason}"))?;
    match value.trim_ascii().len() {
        0 => Err(format!("{source}: it is empty")),
        length if length < BYTES_MIN => Err(format!(
            "{source}: it has fewer than {BYTES_MIN} bytes, and could not be told from other text"
        )),
        _ => Ok(value.into()),
    }
}

#[cfg(test)]
mod tests {
    use eufm_plan::{Command, Work};

    use super::*;
    use crate::event::Outcome;
    use crate::node::{Failure, Phase};
    use crate::state::RunState;
    use crate::state_test::{Sketch, plan_of};

    fn variable(value: Option<&str>) -> KeySource {
        KeySource::Variable { name: "V".to_owned(), value: value.map(Into::into) }
    }

    /// Reads the secrets of two nodes, of which the second is at its end.
    fn read(sources: &[(&str, KeySource)]) -> Result<Vec<String>, String> {
        let sketch = || Sketch { needs: Vec::new(), gates: 0, attempts: 1 };
        let mut plan = plan_of(&[sketch(), sketch()], 1);
        for (node, secrets) in plan.nodes.iter_mut().zip([&["A", "B"][..], &["C"]]) {
            let secrets = secrets.iter().map(|name| (*name).to_owned()).collect();
            let run = vec!["true".to_owned()];
            node.work = Work::Command(Box::new(Command { secrets, ..Command::new(run) }));
        }
        let mut state = RunState::new(&plan);
        state.nodes[1].phase = Phase::Failed;
        state.nodes[1].failure =
            Some(Failure { outcome: Outcome::Failed, reason: "it failed".to_owned() });
        let sources = sources.iter().map(|(name, from)| ((*name).to_owned(), from.clone()));
        let secrets = Secrets::read(&plan, &state.nodes, &sources.collect());
        secrets.map(|found| found.0.into_keys().collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_open_nodes_name_is_read_and_nothing_else() {
        let (a, b) = (variable(Some("aaaa")), variable(Some("line\nline\n")));
        let found = read(&[("A", a), ("B", b), ("D", variable(None))]).expect("both are there");
        assert_eq!(found, ["A", "B"]);
    }

    #[test]
    fn each_secret_that_cannot_be_had_is_named_with_the_way_out() {
        let fault = read(&[("A", variable(Some(" \n")))]).expect_err("none is there");
        let expected = "secret A: the variable V: it is empty\nsecret B: it is not given\n  help: \
                        give it with --secret NAME=file:PATH";
        assert!(fault.starts_with(expected), "{fault}");
        let fault = read(&[("A", variable(None)), ("B", variable(Some("abc\n")))]);
        let fault = fault.expect_err("none can be used");
        assert!(fault.contains("secret A: the variable V: it is not set"), "{fault}");
        assert!(fault.contains("secret B: the variable V: it has fewer than 4 bytes"), "{fault}");
        assert!(!fault.contains("abc"), "{fault}");
    }

    #[test]
    fn a_secret_is_not_shown() {
        let secret = Secret::new("KEY", b"hidden-value");
        assert_eq!(format!("{secret:?}"), "Secret(KEY)");
        let variable = secret.variable();
        assert_eq!(variable, ("KEY_FILE".to_owned(), "/run/eufm/secrets/KEY".to_owned()));
    }
}
