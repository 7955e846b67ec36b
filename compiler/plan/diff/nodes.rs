//! One node before and after: everything but its name.
//!
//! Unaware of which nodes are compared, and of what stands before what.

use super::caps;
use super::change::{At, Change, Looser, Part, joined};
use super::pairs::Pairs;
use super::text::Texts;
use super::work;
use crate::globs::Globs;
use crate::lockfile::spell_input;
use crate::{Accept, Input, InputPart, Node, NodeIndex, OnFail, Overlap, Writes};

/// What comparing nodes uses up.
#[derive(Default)]
pub(super) struct Effort {
    /// For globs.
    pub(super) globs: Globs,
    /// For texts.
    pub(super) texts: Texts,
}

/// Compares a node with its partner.
pub(super) fn compare(
    pairs: &Pairs<'_>,
    (before, after): (&Node, &Node),
    is_deployed: bool,
    effort: &mut Effort,
    out: &mut Vec<Change>,
) {
    // A new key of nodes is compared here or nowhere: without `..` this does not compile.
    let Node {
        name,
        work,
        needs,
        after_writer,
        accept,
        implements,
        inputs,
        reads,
        writes,
        overlap,
        env: _,
        gates: _,
        budget,
        on_fail,
    } = before;
    if pairs.have_same_indices() && before == after {
        return;
    }
    let mut at = At { out, part: Part::Node, name: &after.name };
    at.text("name", (name, &after.name), None);
    work::compare(pairs, (work, &after.work), (is_deployed, &mut effort.texts), &mut at);
    list_of_nodes(pairs, "needs", (needs, &after.needs), &mut at);
    // No escalation: two that may write one file are in order still, or both say
    // `merge`, which is one.
    list_of_nodes(pairs, "after_writer", (after_writer, &after.after_writer), &mut at);
    at.value(
        "accept",
        (accept, &after.accept),
        |it| Some(it.word().to_owned()),
        |_, after| (*after == Accept::Succeeded).then_some(Looser::Accept),
    );
    at.list("implements", (implements, &after.implements), |_| None, |_| None);
    let old = spelled(inputs, &|node| pairs.before.nodes[node.get()].name.clone());
    compare_inputs(pairs, (&old, after), &mut at);
    // A gate that sees less may miss what it would find.
    let hidden = (!after.gates.is_empty()).then_some(Looser::Check);
    compare_reads((reads, &after.reads), (writes, hidden), &mut effort.globs, &mut at);
    compare_writes((writes, &after.writes), &mut effort.globs, &mut at);
    at.value(
        "overlap",
        (overlap, &after.overlap),
        |it| Some(it.word().to_owned()),
        |old, new| (strictness(*new) < strictness(*old)).then_some(Looser::Overlap),
    );
    environments(pairs, (before, after), &mut at);
    list_of_gates(pairs, (before, after), &mut at);
    caps::node((budget, &after.budget), &mut at);
    at.value(
        "on_fail",
        (on_fail, &after.on_fail),
        |it| Some(it.word().to_owned()),
        |old, new| (hold(*new) < hold(*old)).then_some(Looser::OnFail),
    );
}

fn spelled(inputs: &[Input], name: &dyn Fn(NodeIndex) -> String) -> Vec<String> {
    inputs.iter().map(|input| spell_input(&input.part, &name(input.node))).collect()
}

/// Compares what a node reads with what it read.
pub(super) fn compare_inputs(pairs: &Pairs<'_>, (old, node): (&[String], &Node), at: &mut At<'_>) {
    let new = spelled(&node.inputs, &|input| name_before(pairs, input));
    let untrusted = untrusted_inputs(pairs, node, &new);
    let looser = |input: &str| untrusted.contains(&input).then_some(Looser::Input);
    at.list("inputs", (old, &new), |_| None, looser);
}

/// Lists the inputs by which what nobody approved may reach a place beyond the
/// sandbox, or what was made with a secret a place that has none. What a person
/// wrote is trusted as the approval is.
fn untrusted_inputs<'a>(pairs: &Pairs<'_>, node: &Node, spelled: &'a [String]) -> Vec<&'a str> {
    let reaches_out = work::reaches_out(&node.work);
    let has_secrets = |input: &Input| {
        let command = pairs.after.nodes[input.node.get()].work.command();
        command.is_some_and(|command| command.in_place || !command.secrets.is_empty())
    };
    let inputs = node.inputs.iter().zip(spelled);
    inputs
        .filter(|(input, _)| input.part != InputPart::Note && (reaches_out || has_secrets(input)))
        .map(|(_, spelled)| spelled.as_str())
        .collect()
}

/// How much two nodes are kept apart.
fn strictness(overlap: Overlap) -> u8 {
    match overlap {
        Overlap::Merge => 0,
        Overlap::Order => 1,
        Overlap::Deny => 2,
    }
}

/// How much a node that failed holds back.
fn hold(on_fail: OnFail) -> u8 {
    match on_fail {
        OnFail::GoOn => 0,
        OnFail::Escalate => 1,
        OnFail::Stop => 2,
    }
}

/// Returns the name that a node of the plan after had before; a new one has its own.
pub(super) fn name_before(pairs: &Pairs<'_>, node: NodeIndex) -> String {
    match pairs.partner_before(node) {
        Some(partner) => pairs.before.nodes[partner.get()].name.clone(),
        None => pairs.after.nodes[node.get()].name.clone(),
    }
}

/// Compares what is waited for. Whether an approval is passed by then is asked
/// for all nodes together.
fn list_of_nodes(
    pairs: &Pairs<'_>,
    key: &'static str,
    (before, after): (&[NodeIndex], &[NodeIndex]),
    at: &mut At<'_>,
) {
    let old: Vec<Option<usize>> = before.iter().map(|node| Some(node.get())).collect();
    let partner = |node: NodeIndex| pairs.partner_before(node).map(NodeIndex::get);
    // In the order of the plan before: that of the plan is compared elsewhere.
    let mut now: Vec<(Option<usize>, NodeIndex)> =
        after.iter().map(|node| (partner(*node), *node)).collect();
    now.sort_unstable();
    let new: Vec<Option<usize>> = now.iter().map(|(partner, _)| *partner).collect();
    let old_name = |place: usize| &pairs.before.nodes[before[place].get()].name;
    let new_name = |place: usize| &pairs.after.nodes[now[place].1.get()].name;
    Lists { old: &old, new: &new, old_name: &old_name, new_name: &new_name }.compare(
        key,
        (None, None),
        at,
    );
}

fn environments(pairs: &Pairs<'_>, (before, after): (&Node, &Node), at: &mut At<'_>) {
    let old = pairs.environments_before(&before.env);
    let new = pairs.environments_after(&after.env);
    let old_name = |place: usize| &pairs.before.environments[before.env[place].get()].name;
    let new_name = |place: usize| &pairs.after.environments[after.env[place].get()].name;
    Lists { old: &old, new: &new, old_name: &old_name, new_name: &new_name }.compare(
        "env",
        (None, Some(Looser::Environment)),
        at,
    );
}

fn list_of_gates(pairs: &Pairs<'_>, (before, after): (&Node, &Node), at: &mut At<'_>) {
    let (old, new) = (pairs.gates_before(&before.gates), pairs.gates_after(&after.gates));
    let old_name = |place: usize| &pairs.before.gates[before.gates[place].get()].name;
    let new_name = |place: usize| &pairs.after.gates[after.gates[place].get()].name;
    Lists { old: &old, new: &new, old_name: &old_name, new_name: &new_name }.compare(
        "gates",
        (Some(Looser::Gate), None),
        at,
    );
}

/// Two lists of what a node has, each with what it is compared by and its name.
pub(super) struct Lists<'a> {
    /// What those of the list before are compared by.
    pub(super) old: &'a [Option<usize>],
    /// What those of the list after are compared by.
    pub(super) new: &'a [Option<usize>],
    /// The names of those before.
    pub(super) old_name: &'a dyn Fn(usize) -> &'a String,
    /// The names of those after.
    pub(super) new_name: &'a dyn Fn(usize) -> &'a String,
}

impl Lists<'_> {
    /// Compares them; what goes, and what comes, may loosen something.
    pub(super) fn compare(
        &self,
        key: &'static str,
        (gone, come): (Option<Looser>, Option<Looser>),
        at: &mut At<'_>,
    ) {
        if self.old == self.new && !self.new.contains(&None) {
            return;
        }
        let sorted = |list: &[Option<usize>]| {
            let mut list = list.to_vec();
            list.sort_unstable();
            list
        };
        let (old, new) = (sorted(self.old), sorted(self.new));
        let noted = at.out.len();
        for (place, like) in self.old.iter().enumerate() {
            if new.binary_search(like).is_err() {
                at.note(key, (Some((self.old_name)(place).clone()), None), gone);
            }
        }
        for (place, like) in self.new.iter().enumerate() {
            if like.is_none() || old.binary_search(like).is_err() {
                at.note(key, (None, Some((self.new_name)(place).clone())), come);
            }
        }
        if at.out.len() == noted {
            let old: Vec<&String> = (0..self.old.len()).map(self.old_name).collect();
            let new: Vec<&String> = (0..self.new.len()).map(self.new_name).collect();
            at.note(key, (Some(joined(&old)), Some(joined(&new))), None);
        }
    }
}

/// Compares what is seen. Without a list everything is, and what might be changed
/// before was seen too.
fn compare_reads(
    (before, after): (&Option<Vec<String>>, &Option<Vec<String>>),
    (writes, hidden): (&Writes, Option<Looser>),
    globs: &mut Globs,
    at: &mut At<'_>,
) {
    match (before, after) {
        (Some(before), Some(after)) => {
            let mut seen: Vec<&str> = before.iter().map(String::as_str).collect();
            seen.extend(writes.globs().unwrap_or_default().iter().map(String::as_str));
            let wider = |glob: &str| (!globs.is_within(glob, &seen)).then_some(Looser::Reads);
            at.list("reads", (before, after), |_| hidden, wider);
        }
        (Some(before), None) => {
            let shown = (Some(joined(before)), Some(EVERYTHING.to_owned()));
            at.note("reads", shown, Some(Looser::Reads));
        }
        (None, Some(after)) => {
            at.note("reads", (Some(EVERYTHING.to_owned()), Some(joined(after))), hidden);
        }
        (None, None) => {}
    }
}

/// How a list that is not there is shown.
const EVERYTHING: &str = "everything";

/// How all but the protected files are shown.
const UNPROTECTED: &str = "all but protected files";

/// Compares what may be changed. Which files are there to be protected does not stand
/// in the plan, so globs in their place may be wider.
fn compare_writes((before, after): (&Writes, &Writes), globs: &mut Globs, at: &mut At<'_>) {
    match (before.globs(), after.globs()) {
        (Some(before), Some(after)) => {
            let old: Vec<&str> = before.iter().map(String::as_str).collect();
            let wider = |glob: &str| (!globs.is_within(glob, &old)).then_some(Looser::Writes);
            at.list("writes", (before, after), |_| None, wider);
        }
        (Some(before), None) => {
            let shown = (Some(joined(before)), Some(UNPROTECTED.to_owned()));
            at.note("writes", shown, Some(Looser::Writes));
        }
        (None, Some(after)) => {
            let looser = (!after.is_empty()).then_some(Looser::Writes);
            at.note("writes", (Some(UNPROTECTED.to_owned()), Some(joined(after))), looser);
        }
        (None, None) => {}
    }
}
