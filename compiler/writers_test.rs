//! The order of nodes that may write the same file, as it comes out of a spec.

use eufm_plan::{Plan, lockfile};

use super::tests::{plan, wrong};

fn compiled(text: &str) -> Plan {
    let plan = plan(format!("edition 1\npipeline p {{}}\n{text}"));
    let written = lockfile::write(&plan);
    assert_eq!(lockfile::read(&written).map(|locked| locked.plan), Ok(plan.clone().into()));
    plan
}

/// Lists the nodes that wait for writers: `b after a`.
fn order(plan: &Plan) -> Vec<String> {
    let name = |at: usize| plan.nodes[at].name.as_str();
    let nodes = plan.nodes.iter().filter(|node| !node.after_writer.is_empty());
    let line = |node: &eufm_plan::Node| {
        let before: Vec<&str> = node.after_writer.iter().map(|it| name(it.get())).collect();
        format!("{} after {}", node.name, before.join(", "))
    };
    nodes.map(line).collect()
}

#[test]
fn nodes_that_may_write_the_same_file_are_put_in_the_order_of_the_plan() {
    let plan = compiled(
        "command a { run = [\"a\"], writes = [\"docs/**\"] }\n\
         command b { run = [\"b\"], writes = [\"Docs/b.md\"] }\n\
         command c { run = [\"c\"], writes = [\"src/**\"] }\n\
         command d { needs = [b], run = [\"d\"], writes = [\"docs\"] }\n\
         command e { run = [\"e\"], writes = [\"src/**\"], overlap = merge }\n\
         command f { run = [\"f\"], writes = [\"src/f\"], overlap = merge }\n",
    );
    assert_eq!(order(&plan), ["b after a", "e after c", "f after c"]);
}

#[test]
fn the_order_stays_true_where_verify_nodes_come_between() {
    let plan = compiled(
        "command a { run = [\"a\"], writes = [\"x\"] }\n\
         approval look { needs = [a], ask = \"?\" }\n\
         deploy ship { needs = [look], run = [\"ship\"] }\n\
         command b { run = [\"b\"], writes = [\"x\"] }\n\
         command c { needs = [ship], run = [\"c\"], writes = [\"x\"] }\n",
    );
    assert_eq!(order(&plan), ["b after a", "c after b"]);
    assert!(eufm_plan::writers::order(&plan.nodes, &plan.generated, 0).is_ok());
}

#[test]
fn a_generated_file_is_no_reason_to_wait() {
    let text = "command a { run = [\"a\"], writes = [\"a/**\", \"x.lock\"] }\n\
                command b { run = [\"b\"], writes = [\"x.lock\", \"b/**\"] }\n";
    assert_eq!(order(&compiled(text)), ["b after a"]);
    let generated = format!("{text}generated \"x.lock\" {{ run = [\"x\"] }}\n");
    assert_eq!(order(&compiled(&generated)), [""; 0]);
}

#[test]
fn more_order_than_there_may_be_is_an_error_that_names_two() {
    // Each of the many is to wait for each of those that may run together.
    let text = "edition 1\npipeline p {}\nlet all = [NAMES]\n\
                command a for n in all { run = [n], writes = [\"src/**\"], overlap = merge }\n\
                command b for n in all { run = [n], writes = [\"src/${n}\"] }\n";
    let names: Vec<String> = (0..900).map(|at| format!("\"n{at}\"")).collect();
    let found = wrong(text.replace("NAMES", &names.join(", ")));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("E0213 at 5:"), "{found:?}");
}
