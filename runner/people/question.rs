//! A question, as a file that other programs can read.
//!
//! It says all that is needed to answer: what is asked, the digests that an
//! answer is bound to, and where the answer goes. Derived from the run's state;
//! without it the run asks again. Unaware of answers.

use std::path::PathBuf;

use eufm_plan::{Constitution, Digest, NodeIndex, Plan, Rule, Work};
use serde::{Deserialize, Serialize};

use super::About;
use crate::git::{CommitId, TreeId};
use crate::state::RunState;
use crate::store::RunDir;

/// The version of the form of question files.
const FORMAT: u32 = 1;

/// A question of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionFile {
    /// The version of this form.
    pub format: u32,
    /// The run.
    pub run: String,
    /// The node that asks.
    pub node: String,
    /// What about.
    pub about: About,
    /// The question, for people.
    pub ask: String,
    /// The digest of the plan, to be repeated in the answer.
    pub plan: Digest,
    /// The tree that the answer is about, to be repeated in it.
    pub tree: TreeId,
    /// The commit that the run started from, to compare the tree with.
    pub base: CommitId,
    /// The currency of the run, if it counts money.
    pub currency: Option<String>,
    /// The folder of what is to be read beside the tree, if there is something.
    #[serde(default)]
    pub inputs: Option<PathBuf>,
    /// Since when it is asked, in seconds since 1970-01-01 UTC.
    pub since: u64,
    /// Where the answer goes.
    pub answer: PathBuf,
}

impl QuestionFile {
    /// Makes the question of a node that waits for a person; `None` for others,
    /// and before it is known what it is about.
    #[must_use]
    pub(crate) fn of(
        plan: &Plan,
        state: &RunState,
        dir: &RunDir,
        (node, since): (NodeIndex, u64),
    ) -> Option<Self> {
        let opened = state.opened.as_ref()?;
        let question = state.node(node).question()?;
        let tree = question.tree.clone()?;
        let planned = &plan.nodes[node.get()];
        Some(Self {
            format: FORMAT,
            run: opened.run.clone(),
            node: planned.name.clone(),
            about: question.about.clone(),
            ask: words(plan, &planned.work, &question.about, state.node(node).reason()),
            plan: opened.plan,
            tree,
            base: opened.base.clone(),
            currency: state.account.currency().map(|currency| currency.to_string()),
            inputs: (question.about == About::Approval && !planned.inputs.is_empty())
                .then(|| dir.shown(&planned.name, node.get())),
            since,
            answer: dir.answer(&planned.name, node.get()),
        })
    }
}

/// Says what is asked.
#[must_use]
pub(crate) fn words(plan: &Plan, work: &Work, about: &About, reason: Option<&str>) -> String {
    let reason = reason.unwrap_or("it did not succeed");
    match (about, work) {
        (About::Approval, Work::Approval { ask }) => ask.clone(),
        (About::Approval, _) => "May it go on?".to_owned(),
        (About::Escalation, _) => format!("{reason}: try again?"),
        (About::Recovery, _) => "The runner was killed while this ran, and nobody knows whether \
             it was done: run it again?"
            .to_owned(),
        (About::Conflict, _) => format!("{reason}: try again to merge it?"),
        (About::Rule { rule }, _) => of_rule(plan, rule),
    }
}

/// Asks whether a rule holds, with its words and who is to answer.
fn of_rule(plan: &Plan, name: &str) -> String {
    let find = |it: &'_ Constitution| {
        let rule = it.rules.iter().find(|rule| rule.name == name)?;
        let role = rule.params.text("role").map_or_else(String::new, |role| format!("{role}: "));
        let Rule { cite, line, .. } = rule;
        Some(format!("{role}does the rule {name} hold, \"{cite}\" ({}:{line})?", it.path))
    };
    let asked = plan.constitution.as_ref().and_then(find);
    asked.unwrap_or_else(|| format!("Does the rule {name} hold?"))
}

#[cfg(test)]
pub(crate) mod tests {
    use eufm_plan::{Level, ParamValue, Params};

    use super::*;
    use crate::state_test::plan_of;

    pub(crate) fn question() -> QuestionFile {
        QuestionFile {
            format: FORMAT,
            run: "p-1".to_owned(),
            node: "release".to_owned(),
            about: About::Approval,
            ask: "Release?".to_owned(),
            plan: Digest::of(b"plan"),
            tree: TreeId::new(&"a".repeat(40)).expect("an id"),
            base: CommitId::new(&"b".repeat(40)).expect("an id"),
            currency: Some("EUR".to_owned()),
            inputs: None,
            since: 1_000,
            answer: PathBuf::from("/state/runs/p-1/answers/0001-release.json"),
        }
    }

    #[test]
    fn a_question_survives_its_file() {
        let text = serde_json::to_string_pretty(&question()).expect("spelled");
        assert_eq!(serde_json::from_str::<QuestionFile>(&text).expect("read"), question());
    }

    #[test]
    fn each_question_says_what_an_answer_decides() {
        let mut plan = plan_of(&[], 1);
        let words = |work: &Work, about: &About, reason| super::words(&plan, work, about, reason);
        let approval = Work::Approval { ask: "Release?".to_owned() };
        let command = Work::Command(Box::default());
        assert_eq!(words(&approval, &About::Approval, None), "Release?");
        assert_eq!(words(&command, &About::Escalation, Some("gate")), "gate: try again?");
        assert!(words(&command, &About::Recovery, None).contains("run it again?"));
        let rule = About::Rule { rule: "reviewed".to_owned() };
        assert_eq!(words(&command, &rule, None), "Does the rule reviewed hold?");
        let role = ("role".to_owned(), ParamValue::Text("security-reviewer".to_owned()));
        plan.constitution = Some(Constitution {
            unmapped: Vec::new(),
            unmapped_more: 0,
            path: "docs/constitution.md".to_owned(),
            digest: Digest::of(b""),
            rules: vec![Rule {
                waiver: None,
                name: "reviewed".to_owned(),
                kind: "human".to_owned(),
                level: Level::Must,
                cite: "MUST be reviewed".to_owned(),
                line: 7,
                params: Params(vec![role]),
            }],
        });
        assert_eq!(
            super::words(&plan, &command, &rule, None),
            "security-reviewer: does the rule reviewed hold, \"MUST be reviewed\" \
             (docs/constitution.md:7)?"
        );
    }
}
