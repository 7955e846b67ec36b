//! Promises to nodes: together not more than the run may spend.

use eufm_grammar::{Diagnostic, Diagnostics};
use eufm_plan::units::Money;

use crate::spec::ResolvedSpec;
use crate::tree::TaskId;

/// How many of the heaviest nodes a message names.
const MAX_SHOWN: usize = 3;

/// Reports nodes whose caps on money add up to more than the pipeline's.
pub(super) fn check(spec: &ResolvedSpec<'_>, out: &mut Diagnostics) {
    let (Some(cap), Some(place)) = (spec.pipeline.budget.cost, spec.pipeline.cost) else {
        return;
    };
    let mut caps: Vec<(u64, TaskId)> = Vec::new();
    for (id, task) in spec.present() {
        let cost = task.budget.cost.filter(|cost| cost.currency == cap.currency);
        caps.extend(cost.map(|cost| (cost.micros, id)));
    }
    let sum: u128 = caps.iter().map(|(micros, _)| u128::from(*micros)).sum();
    if sum <= u128::from(cap.micros) {
        return;
    }
    // The heaviest first; of equal ones that which stands first.
    caps.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let money = |micros: u128| {
        let micros = u64::try_from(micros).unwrap_or(u64::MAX);
        shown(Money { micros, currency: cap.currency })
    };
    let message = format!(
        "the nodes may ask for {}, but the run for {} only",
        money(sum),
        money(u128::from(cap.micros))
    );
    let finding = match spec.pipeline.overcommit {
        true => Diagnostic::warning("W0606", message),
        false => Diagnostic::error("E0510", message),
    };
    let mut finding = finding.at(place, "the cap of the run");
    for (micros, id) in caps.iter().take(MAX_SHOWN) {
        let head = spec.tree.instance(*id).item.head;
        finding = finding.at(head, format!("may cost {}", money(u128::from(*micros))));
    }
    let even = u128::from(cap.micros) / caps.len() as u128;
    let help = format!(
        "raise the cap to {}, or give each of the {} nodes at most {}",
        money(sum),
        caps.len(),
        money(even)
    );
    out.push(finding.help(help));
}

/// Spells money without zeros at its end, but with two decimals.
fn shown(money: Money) -> String {
    let text = money.to_string();
    let (number, currency) = text.split_once(' ').unwrap_or((&text, ""));
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let decimals = decimals.trim_end_matches('0');
    format!("{whole}.{decimals:0<2} {currency}")
}
