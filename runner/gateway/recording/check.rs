//! Looks for what would keep a recording from being played or shared: a
//! session that ends in the middle, a plan that it does not fit, credentials.
//!
//! Its form was checked when it was read. Unaware of how findings are shown.

use std::collections::BTreeSet;

use eufm_plan::{Plan, Work};

use super::credentials;
use super::exchange::End;
use super::matcher::Recording;
use super::tape::Tape;

/// Something that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// File and line, or the folder.
    pub place: String,
    /// What is wrong.
    pub message: String,
}

impl Recording {
    /// Looks through the recording, and at how it fits a plan if one is given.
    #[must_use]
    pub fn check(&self, plan: Option<&Plan>) -> Vec<Finding> {
        let note = |note: &String| Finding { place: self.root().to_owned(), message: note.clone() };
        let mut found: Vec<Finding> = self.notes().iter().map(note).collect();
        found.extend(plan.into_iter().flat_map(|plan| self.fit(plan)));
        for (node, file, tape) in self.tapes() {
            is_complete(node, file, tape, &mut found);
            has_credentials(file, tape, &mut found);
        }
        found
    }

    /// Looks at how the recording fits a plan. It may be played all the same: a
    /// node whose result is taken over asks nobody.
    #[must_use]
    pub fn fit(&self, plan: &Plan) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut refuse = |message: String| {
            found.push(Finding { place: self.root().to_owned(), message });
        };
        let head = self.head();
        if head.pipeline != plan.pipeline {
            let other = &head.pipeline;
            refuse(format!("it is of the pipeline `{other}`, not of `{}`", plan.pipeline));
        }
        let mut agents = BTreeSet::new();
        for node in &plan.nodes {
            let Work::Agent { agent, .. } = &node.work else { continue };
            agents.insert(node.name.as_str());
            if self.exchanges(&node.name) == 0 {
                refuse(format!("nothing of the agent node `{}` was recorded", node.name));
                continue;
            }
            let model = plan.agents[agent.get()].params.text("model").unwrap_or_default();
            let asked: BTreeSet<&str> = self.models(&node.name).collect();
            for other in asked.into_iter().filter(|asked| *asked != model) {
                let name = &node.name;
                refuse(format!("`{name}` asked the model `{other}`, but the plan says `{model}`"));
            }
        }
        for other in self.nodes().filter(|node| !agents.contains(node)) {
            refuse(format!("the plan has no agent node `{other}`"));
        }
        let versions: BTreeSet<&str> =
            plan.agents.iter().filter_map(|agent| agent.params.text("cli")).collect();
        let recorded: BTreeSet<&str> = head.agents.iter().map(String::as_str).collect();
        if versions != recorded {
            let list = |set: &BTreeSet<&str>| set.iter().copied().collect::<Vec<_>>().join(", ");
            refuse(format!(
                "it was made with the agent versions {}, but the plan pins {}",
                list(&recorded),
                list(&versions)
            ));
        }
        found
    }
}

/// Finds answers with calls that nothing goes on from: the run was cut off
/// there, and a replay would be left without an answer.
fn is_complete(node: &str, file: &str, tape: &Tape, found: &mut Vec<Finding>) {
    let exchanges = tape.exchanges();
    let Some((at, last)) = exchanges.iter().enumerate().next_back() else {
        let message = format!("nothing of `{node}` was recorded");
        return found.push(Finding { place: file.to_owned(), message });
    };
    let has_calls = tape.has_calls(at);
    let how = match &last.recorded.end {
        End::Completed { .. } if !has_calls => return,
        End::Completed { .. } => "calls tools, and what they put out was never sent",
        _ => "is none that a turn ends with",
    };
    let message = format!(
        "the last answer of `{node}`, exchange {}, {how}: the recording is not complete",
        at + 1
    );
    found.push(Finding { place: format!("{file}:{}", last.line), message });
}

fn has_credentials(file: &str, tape: &Tape, found: &mut Vec<Finding>) {
    for (at, exchange) in tape.exchanges().iter().enumerate() {
        let end = match &exchange.recorded.end {
            End::Failed { message, .. } => credentials::in_text(message),
            End::Status { body, .. } => credentials::in_text(body),
            _ => None,
        };
        let in_items = || tape.new_items(at).find_map(credentials::in_value);
        let in_settings = || credentials::in_value(&exchange.settings.value);
        if let Some(what) = end.or_else(in_items).or_else(in_settings) {
            let message = format!(
                "exchange {} holds what looks like {what}: change it, and do not share the recording",
                at + 1
            );
            found.push(Finding { place: format!("{file}:{}", exchange.line), message });
        }
    }
}
