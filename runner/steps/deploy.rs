//! What becomes of a deploy that was cut short: nobody saw its end.
//!
//! It was started, the journal says so, and it may have had its effect or a part
//! of it. The plan says what follows: it runs again, it counts as done, a program
//! tells, or a person does. Unaware of what is deployed.

use std::time::Duration;

use eufm_plan::{NodeIndex, Recovery, Work};

use super::place::Place;
use crate::environments::Unready;
use crate::event::{NodeEvent, Recoverer};
use crate::executors::{Attempt, Handed, Probed, probe};
use crate::git::{CommitId, Stamp};
use crate::people::About;
use crate::workshop::{StepError, Workshop};

/// How long a probe may run where the deploy has no cap on its time.
const PROBE_MAX: Duration = Duration::from_secs(10 * 60);

/// Ends what the deploy left running and finds out what became of it; `base` is
/// what it deploys.
pub(super) fn recover(
    shop: &Workshop,
    node: NodeIndex,
    start: u32,
    base: &CommitId,
    stamp: &Stamp,
) -> Result<(), StepError> {
    let folder = shop.scratch(node, start, "attempt");
    crate::orphans::end_all(&folder.join("tree"))?;
    let Work::Deploy { recovery, .. } = &shop.node(node).work else { return Err(StepError::Left) };
    let fact = match recovery {
        Recovery::Rerun => NodeEvent::Interrupted { salvage: None },
        Recovery::Skip => NodeEvent::Recovered { by: Recoverer::Plan },
        Recovery::Ask => question(shop, base)?,
        Recovery::Probe(program) => match ask_probe(shop, node, start, (base, stamp), program)? {
            Probed::Done => NodeEvent::Recovered { by: Recoverer::Probe },
            Probed::Undone => NodeEvent::Interrupted { salvage: None },
            Probed::Unknown => question(shop, base)?,
            // The next runner asks again.
            Probed::Stopped => return Err(StepError::Left),
        },
    };
    shop.courier.tell(node, fact)?;
    Place::clear(&shop.vault, &folder)
}

fn question(shop: &Workshop, base: &CommitId) -> Result<NodeEvent, StepError> {
    let tree = shop.vault.tree(base)?;
    Ok(NodeEvent::Questioned { about: About::Recovery, tree, base: None })
}

/// Runs the probe in a place of its own.
fn ask_probe(
    shop: &Workshop,
    node: NodeIndex,
    start: u32,
    (base, stamp): (&CommitId, &Stamp),
    program: &[String],
) -> Result<Probed, StepError> {
    let place = Place::make(shop, &shop.scratch(node, start, "probe"), base)?;
    let wall = shop.node(node).budget.wall.map(eufm_plan::units::Millis::to_std);
    let limit = wall.unwrap_or(PROBE_MAX);
    let probed = match super::outfit(shop, node, base, &place, Some(limit)) {
        Ok(outfit) => {
            let logs = shop.node_dir(node).join(format!("{start}")).join("probe");
            // A probe that was cut off by a crash is asked again.
            if logs.exists() {
                crate::remove::remove_all(&logs)?;
            }
            std::fs::create_dir_all(&logs)?;
            let handed = Handed::default();
            let attempt = Attempt {
                node,
                start,
                stamp,
                place: &place,
                outfit: &outfit,
                handed: &handed,
                logs: &logs,
                session: None,
                feedback: None,
                heard: false,
                has_work: false,
                limit: Some(limit),
            };
            probe(shop, &attempt, program)?
        }
        Err(Unready::Stopped) => Probed::Stopped,
        Err(Unready::Failed(_)) => Probed::Unknown,
        Err(Unready::Step(error)) => return Err(error),
    };
    place.remove()?;
    Ok(probed)
}
