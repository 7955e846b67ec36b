//! What a plan can touch, in one screen: what it reaches beyond the default sandbox,
//! what has an effect outside, and which files which nodes may change.
//!
//! Unaware of what holds them to that.

use eufm_plan::review::review;
use eufm_plan::{Plan, Work, Writes};

use super::things::{Thing, named, page, rows, things};
use crate::render::plan::work;

/// Makes the page.
pub(super) fn emit(plan: &Plan) -> String {
    let mut lines = vec![format!("What {} can touch", plan.pipeline), String::new()];
    let wider = review(plan).capabilities;
    if wider.is_empty() {
        lines.push("  Nothing beyond the sandbox: no host, no secret, no folder.".to_owned());
    } else {
        lines.push("  beyond the sandbox".to_owned());
        lines.extend(wider.iter().map(|entry| format!("    {entry}")));
    }
    let is_outside = |node: &eufm_plan::Node| matches!(node.work, Work::Deploy { .. });
    let outside = things(plan, |node| is_outside(node) || node.work.is_in_place());
    let outside: Vec<(String, String)> =
        outside.iter().map(|thing| (thing.label(), work(plan, thing.nodes[0]))).collect();
    lines.extend(rows("what acts outside", &outside));
    let is_writer =
        |node: &eufm_plan::Node| node.writes.globs().is_none_or(|globs| !globs.is_empty());
    let writers: Vec<(String, String)> =
        things(plan, is_writer).iter().map(|thing| (thing.label(), written(thing))).collect();
    if writers.is_empty() {
        lines.extend([String::new(), "  No node may change a file.".to_owned()]);
    }
    lines.extend(rows("files that may change", &writers));
    let generated: Vec<(String, String)> = plan
        .generated
        .iter()
        .map(|file| (file.path.clone(), format!("by {}", file.run.join(" "))))
        .collect();
    lines.extend(rows("files that are made again after each merge", &generated));
    page(&lines)
}

/// Says which files the nodes of a thing may change.
fn written(thing: &Thing<'_>) -> String {
    let is_unprotected = thing.nodes.iter().any(|node| node.writes == Writes::Unprotected);
    if is_unprotected {
        return "all but the protected files".to_owned();
    }
    named(thing.nodes.iter().flat_map(|node| node.writes.globs()).flatten().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::views::example::everything;

    #[test]
    fn what_acts_outside_and_which_files_may_change_is_told() {
        let page = emit(&everything());
        for row in [
            "    ship: secret DEPLOY_KEY\n",
            "    ship  deploys with make deploy ENV=production\n",
            "    tidy  runs make tidy\n",
            "    telemetry/collector (2 nodes)  src/**\n",
            "    review                         all but the protected files\n",
            "    Cargo.lock  by sh tools/lock.sh\n",
        ] {
            assert!(page.contains(row), "{row}:\n{page}");
        }
    }

    #[test]
    fn one_screen_shows_a_plan_of_any_size() {
        let mut plan = everything();
        let node = plan.nodes[0].clone();
        for at in 0..2_000 {
            let name = format!("n{at}[\"x\"]");
            let writes = Writes::Globs((0..9).map(|glob| format!("n{at}/{glob}")).collect());
            plan.nodes.push(eufm_plan::Node { name, writes, ..node.clone() });
        }
        let page = emit(&plan);
        assert!(page.lines().count() < 60, "{page}");
        assert!(page.contains("    … and 1985 more\n"), "{page}");
    }

    #[test]
    fn a_plan_that_touches_nothing_says_so() {
        let mut plan = everything();
        plan.environments.clear();
        plan.generated.clear();
        plan.nodes.truncate(1);
        plan.nodes[0].writes = Writes::Globs(Vec::new());
        let page = emit(&plan);
        assert!(page.contains("  Nothing beyond the sandbox: no host, no secret, no folder.\n"));
        assert!(page.contains("  No node may change a file.\n"), "{page}");
    }
}
