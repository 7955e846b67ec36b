//! Calls that were made twice, since an interruption cut the first time short:
//! what they put out is not compared.
//!
//! A patch that was applied before a kill fails the second time, and a folder
//! is there already; the model is told so, and the recording goes on. Unaware
//! of how a request is looked up.

use std::sync::Arc;

use super::canonical::{Canonical, Item, NOTHING};
use super::stream::Names;
use super::tape::Tape;

/// Puts what was recorded in place of the outputs of calls that were made
/// twice, in the recorded run or in the one that asks. `tag` stands for the
/// node in ids.
pub(super) fn as_recorded(asked: &Canonical, tape: &Tape, tag: &str) -> Vec<Arc<Item>> {
    let mut history = NOTHING;
    let mut input = Vec::with_capacity(asked.input.len());
    for item in &asked.input {
        let recorded = is_remade(item, asked, tape, tag)
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
fn is_remade(item: &Item, asked: &Canonical, tape: &Tape, tag: &str) -> bool {
    let id = item.output_of().and_then(|call| asked.marks.id(call));
    let Some((exchange, round)) = id.and_then(|id| Names::parse(id, tag)) else { return false };
    let recorded = exchange.checked_sub(1).and_then(|at| tape.exchanges().get(at));
    round > 0 || recorded.is_some_and(|exchange| exchange.asks_again)
}
