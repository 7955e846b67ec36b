//! Caps of the run and of its nodes: a higher one, or none where there was one,
//! lets the run take more.
//!
//! Unaware of what the caps add up to.

use std::fmt::Display;

use super::change::{At, Change, Looser, Part};
use crate::units::{Money, Rate};
use crate::{NodeBudget, RunBudget};

/// Compares the caps of two runs.
pub(super) fn run((before, after): (&RunBudget, &RunBudget), out: &mut Vec<Change>) {
    // A new cap stands here or nowhere: without `..` this does not compile.
    let RunBudget { cost, rate, wall, tokens, memory, parallel } = before;
    let mut at = At { out, part: Part::Budget, name: "" };
    cap(&mut at, "cost", (*cost, after.cost), is_money_within);
    let is_rate_within = |before: &Rate, after: &Rate| is_money_within(&before.0, &after.0);
    cap(&mut at, "rate", (*rate, after.rate), is_rate_within);
    cap(&mut at, "wall", (*wall, after.wall), |before, after| after <= before);
    cap(&mut at, "tokens", (*tokens, after.tokens), |before, after| after <= before);
    cap(&mut at, "memory", (*memory, after.memory), |before, after| after <= before);
    let parallel = (Some(*parallel), Some(after.parallel));
    cap(&mut at, "parallel", parallel, |before, after| after <= before);
}

/// Compares the caps of two nodes.
pub(super) fn node((before, after): (&NodeBudget, &NodeBudget), at: &mut At<'_>) {
    let NodeBudget { cost, wall, tokens, memory, attempts } = before;
    cap(at, "cost", (*cost, after.cost), is_money_within);
    cap(at, "wall", (*wall, after.wall), |before, after| after <= before);
    cap(at, "tokens", (*tokens, after.tokens), |before, after| after <= before);
    cap(at, "memory", (*memory, after.memory), |before, after| after <= before);
    let attempts = (Some(*attempts), Some(after.attempts));
    cap(at, "attempts", attempts, |before, after| after <= before);
}

/// An amount in another currency is compared with nothing.
fn is_money_within(before: &Money, after: &Money) -> bool {
    before.currency == after.currency && after.micros <= before.micros
}

fn cap<T: PartialEq + Display>(
    at: &mut At<'_>,
    key: &'static str,
    (before, after): (Option<T>, Option<T>),
    is_within: impl Fn(&T, &T) -> bool,
) {
    let looser = |before: &Option<T>, after: &Option<T>| {
        let is_tighter = match (before, after) {
            (Some(before), Some(after)) => is_within(before, after),
            (before, _) => before.is_none(),
        };
        (!is_tighter).then_some(Looser::Budget)
    };
    at.value(key, (&before, &after), |cap| cap.as_ref().map(T::to_string), looser);
}
