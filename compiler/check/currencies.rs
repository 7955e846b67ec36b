//! Caps on money: in one currency, so that they can be added up.

use eufm_grammar::{Diagnostic, Diagnostics};

use crate::spec::ResolvedSpec;

/// Reports caps in another currency than the first one has.
pub(super) fn check(spec: &ResolvedSpec<'_>, out: &mut Diagnostics) {
    let budget = &spec.pipeline.budget;
    let run = budget.cost.or(budget.rate.map(|rate| rate.0));
    let mut first = run.map(|money| {
        (
            money.currency,
            spec.pipeline.cost.or(spec.pipeline.rate).unwrap_or(spec.pipeline.name.span),
        )
    });
    let mut other = |currency, span, out: &mut Diagnostics| {
        let Some((known, place)) = first else {
            first = Some((currency, span));
            return;
        };
        if known != currency {
            let finding = Diagnostic::error(
                "E0508",
                format!("money is capped in {known} and in {currency}"),
            )
            .at(span, format!("capped in {currency}"))
            .at(place, format!("capped in {known}"))
            .help("write all caps in one currency; prices may be in another one, with `exchange`");
            out.push(finding);
        }
    };
    if let Some(rate) = budget.rate {
        other(rate.0.currency, spec.pipeline.rate.unwrap_or(spec.pipeline.name.span), out);
    }
    for (id, task) in spec.present() {
        if let Some(cost) = task.budget.cost {
            let place = task.cost.unwrap_or(spec.tree.instance(id).item.head);
            other(cost.currency, place, out);
        }
    }
}
