//! Calls that were made twice, since an interruption cut the first time short:
//! what they put out is not compared.
//!
//! A patch that was applied before a kill fails the second time, and a folder
//! is there already; the model is told so, and the recording goes on. In the
//! history of a forked session that holds for the calls of the node it was
//! forked from too. Unaware of how a request is looked up.

use std::sync::Arc;

use super::canonical::{Canonical, Item, NOTHING};
use super::stream::Names;
use super::tape::Tape;

/// Puts what was recorded in place of the outputs of calls that were made
/// twice, in the recorded run or in the one that asks. `asks_again` tells whether
/// an exchange of a node, by its tag, was asked again where it was recorded.
pub(super) fn as_recorded(
    asked: &Canonical,
    tape: &Tape,
    asks_again: &dyn Fn(&str, usize) -> bool,
) -> Vec<Arc<Item>> {
    let mut history = NOTHING;
    let mut input = Vec::with_capacity(asked.input.len());
    for item in &asked.input {
        let recorded = is_remade(item, asked, asks_again)
            .then(|| {
                tape.behind(&history).find(|recorded| recorded.output_of() == item.output_of())
            })
            .flatten();
        let item = recorded.unwrap_or(item);
        history = item.behind(&history);
        input.push(Arc::clone(item));
    }
    input
}

/// Tells whether an entry is the output of a call that was made twice: in this
/// run its id says so, in the recorded one its exchange.
fn is_remade(item: &Item, asked: &Canonical, asks_again: &dyn Fn(&str, usize) -> bool) -> bool {
    let id = item.output_of().and_then(|call| asked.marks.id(call));
    let Some((tag, exchange, round)) = id.and_then(Names::of_any) else { return false };
    round > 0 || exchange.checked_sub(1).is_some_and(|at| asks_again(tag, at))
}
