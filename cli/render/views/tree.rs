//! The plan as the tree of its tasks: groups with what lies in them.
//!
//! Unaware of what waits for what.

use std::collections::BTreeMap;

use eufm_plan::Plan;
use eufm_plan::id::groups_of;
use eufm_runner::printable;

use crate::render::plan::work;

/// How much of a name, and of what a node does, is shown.
const NAME_MAX: usize = 80;

/// A group or a node.
struct Branch<'a> {
    /// Its name without that of its group.
    name: &'a str,
    /// What lies in it, in plan order.
    inner: Vec<usize>,
    /// How many nodes lie in it, near or far.
    nodes: usize,
    /// What it does, if it is a node.
    does: Option<String>,
}

/// Makes the tree.
pub(super) fn emit(plan: &Plan) -> String {
    let mut branches =
        vec![Branch { name: &plan.pipeline, inner: Vec::new(), nodes: 0, does: None }];
    let mut groups: BTreeMap<&str, usize> = BTreeMap::new();
    for node in &plan.nodes {
        let (mut at, mut begin) = (0, 0);
        branches[0].nodes += 1;
        for group in groups_of(&node.name) {
            let name = &group[begin..];
            let inner = *groups.entry(group).or_insert_with(|| {
                branches.push(Branch { name, inner: Vec::new(), nodes: 0, does: None });
                let inner = branches.len() - 1;
                branches[at].inner.push(inner);
                inner
            });
            branches[inner].nodes += 1;
            (at, begin) = (inner, group.len() + 1);
        }
        let does = Some(printable::line(&work(plan, node), NAME_MAX));
        branches.push(Branch { name: &node.name[begin..], inner: Vec::new(), nodes: 0, does });
        let last = branches.len() - 1;
        branches[at].inner.push(last);
    }
    let mut out = String::new();
    // Groups lie as deep as their names are long: a stack of our own has no bound.
    let mut open = vec![(0, 0)];
    while let Some((at, depth)) = open.pop() {
        let Branch { name, inner, nodes, does } = &branches[at];
        let (indent, name) = ("  ".repeat(depth), printable::line(name, NAME_MAX));
        let what = match does {
            Some(does) => format!("  {does}"),
            None => format!("/  {}", crate::render::count(*nodes, "node")),
        };
        out.push_str(&format!("{indent}{name}{what}\n"));
        open.extend(inner.iter().rev().map(|inner| (*inner, depth + 1)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::views::example::everything;

    #[test]
    fn nodes_stand_in_their_groups_and_groups_count_them() {
        let page = emit(&everything());
        let begin = "night/  13 nodes\n  schema  agent builder\n  telemetry/  2 nodes\n    \
                     collector[\"felix\"]  agent builder\n    \
                     collector[\"oradea of x\"]  agent builder\n  \
                     story[\"search\"]/  1 node\n    implement  agent builder\n";
        assert!(page.starts_with(begin), "{page}");
    }
}
