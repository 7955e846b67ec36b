//! Proofs of a plan that fail: there is no such plan, and the finding says where in
//! the text the way begins that shows it, and where it ends.
//!
//! The proofs are the plan's; here it is known which task a node comes from. Unaware
//! of what is proven.

use eufm_grammar::{Diagnostic, Diagnostics, Span};
use eufm_plan::proof::{Proof, Verdict, proofs};
use eufm_plan::{NodeIndex, Plan, Work};

/// Reports what does not hold of a plan, and returns all its proofs; `origins` says of each node which task it
/// comes from, and `heads` where these stand in the text, in plan order.
pub(crate) fn check(
    plan: &Plan,
    heads: &[Span],
    origins: &[usize],
    out: &mut Diagnostics,
) -> Vec<Proof> {
    let place = |node: &NodeIndex| origins.get(node.get()).and_then(|task| heads.get(*task));
    let proofs = proofs(plan);
    for proof in proofs.iter().filter(|proof| proof.verdict == Verdict::Fails) {
        out.push(finding(plan, proof, place));
    }
    proofs
}

fn finding<'s>(
    plan: &Plan,
    proof: &Proof,
    place: impl Fn(&NodeIndex) -> Option<&'s Span>,
) -> Diagnostic {
    let message = format!("`{}` fails: {}", proof.name, proof.claim);
    let mut finding = Diagnostic::error("E0512", message);
    let (first, last) = (proof.witness.first(), proof.witness.last());
    if let Some(span) = last.and_then(&place) {
        finding = finding.at(*span, "here it shows");
    }
    if let Some(span) = first.filter(|first| Some(*first) != last).and_then(&place) {
        finding = finding.at(*span, "comes from here");
    }
    let name = |node: Option<&NodeIndex>| node.map_or("", |node| &plan.nodes[node.get()].name);
    // No spec has one.
    let is_verify = |node: &&NodeIndex| matches!(plan.nodes[node.get()].work, Work::Verify { .. });
    match proof.name {
        "taint" => finding.help(format!(
            "put an approval behind `{}` and before `{}`, as in `approval look {{ needs = [{}], \
             ask = \"Is this to run with secrets?\" }}`, and let what has secrets need it; what \
             such a node has as `inputs` is to be among those of the approval too",
            name(first),
            name(last),
            // What the approval is to be asked about is all that the node waits for.
            name(proof.witness.iter().rev().skip(1).find(|node| !is_verify(node))),
        )),
        _ => finding,
    }
}
