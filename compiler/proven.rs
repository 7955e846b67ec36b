//! Proofs of a plan that fail: there is no such plan, and the finding says where in
//! the text the way begins that shows it, and where it ends.
//!
//! The proofs are the plan's; here it is known which task a node comes from. Unaware
//! of what is proven.

use eufm_grammar::{Diagnostic, Diagnostics, Span};
use eufm_plan::NodeIndex;
use eufm_plan::proof::{Proof, Verdict};

/// Reports what does not hold of a plan; `origins` says of each node which task it comes
/// from, and `heads` where these stand in the text, in plan order.
pub(crate) fn check(proofs: &[Proof], heads: &[Span], origins: &[usize], out: &mut Diagnostics) {
    let place = |node: &NodeIndex| origins.get(node.get()).and_then(|task| heads.get(*task));
    for proof in proofs.iter().filter(|proof| proof.verdict == Verdict::Fails) {
        out.push(finding(proof, place));
    }
}

fn finding<'s>(proof: &Proof, place: impl Fn(&NodeIndex) -> Option<&'s Span>) -> Diagnostic {
    let message = format!("`{}` fails: {}", proof.name, proof.claim);
    let mut finding = Diagnostic::error("E0512", message);
    let (first, last) = (proof.witness.first(), proof.witness.last());
    if let Some(span) = last.and_then(&place) {
        finding = finding.at(*span, "here it shows");
    }
    if let Some(span) = first.filter(|first| Some(*first) != last).and_then(&place) {
        finding = finding.at(*span, "comes from here");
    }
    match &proof.remedy {
        Some(remedy) => finding.help(remedy.clone()),
        None => finding,
    }
}
