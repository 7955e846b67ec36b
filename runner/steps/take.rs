//! Takes over the result that an earlier run had for the same key.
//!
//! The base may differ where the node does not look, so the result's changes
//! are put onto this one. A result that cannot be had any more is none, and the
//! node runs. Unaware of how the key came about.

use eufm_plan::NodeIndex;

use crate::beside::{self, TAKEN};
use crate::cache::{Entry, Made};
use crate::event::NodeEvent;
use crate::git::{CommitId, Error, Grafted, Ref, Stamp};
use crate::key::NodeKey;
use crate::workshop::{StepError, Workshop};

/// Tells whether the node is done with; `base` is the whole that it would start
/// from, `part` what it would see of it.
pub(super) fn perform(
    shop: &Workshop,
    node: NodeIndex,
    key: &NodeKey,
    (base, part): (&CommitId, &CommitId),
    stamp: &Stamp,
) -> Result<bool, StepError> {
    if !shop.takes_results {
        return Ok(false);
    }
    let Some(found) = shop.cache.find(&key.digest) else { return Ok(false) };
    // Whatever is wrong with what was kept, the work can be done again.
    let Ok(Some(commit)) = onto(shop, node, &found, base, stamp) else { return Ok(false) };
    // What others ask of it beside its files has to be there too.
    let wanted = shop.wanted[node.get()];
    if beside::missing(&shop.vault, found.beside.as_ref(), wanted).is_some() {
        return Ok(false);
    }
    let name = &shop.node(node).name;
    if let Some(beside) = &found.beside {
        shop.vault.keep(&beside::reference(&shop.run, name, TAKEN), beside)?;
    }
    shop.vault.keep(&Ref::new(&shop.run, &["nodes", name]), &commit)?;
    let fact = NodeEvent::Cached {
        base: part.clone(),
        commit: commit.clone(),
        changes: found.changes,
        key: key.clone(),
        run: found.run.clone(),
        gates: found.gates.clone(),
    };
    shop.courier.tell(node, fact)?;
    // On this base it lives longer: the user's repository may lose older ones.
    let made = Made {
        node: found.node,
        run: found.run,
        time: crate::clock::unix_seconds(),
        base: base.clone(),
        commit,
        changes: found.changes,
        gates: found.gates,
        beside: found.beside,
    };
    shop.keep_result(&Entry::new(key.clone(), made))?;
    Ok(true)
}

/// Puts the result onto the base; `None` where something else stands there.
fn onto(
    shop: &Workshop,
    node: NodeIndex,
    found: &Entry,
    base: &CommitId,
    stamp: &Stamp,
) -> Result<Option<CommitId>, Error> {
    if found.changes == 0 {
        return Ok(Some(base.clone()));
    }
    match shop.vault.graft(base, &found.base, &found.commit)? {
        Grafted::Tree(tree, _) => {
            let message = super::message(shop, node, &format!("Eufm-Taken-From: {}", found.run));
            let parents = std::slice::from_ref(base);
            shop.vault.commit(&tree, parents, &message, stamp).map(Some)
        }
        Grafted::Clash(_) => Ok(None),
    }
}
