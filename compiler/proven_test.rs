//! What is said of a plan of which a proof fails.

use super::tests::{build, plan, render_errors, wrong};

const HEAD: &str = "edition 1\npipeline p {}\n\
    agent a is codex { cli = \"1\", model = \"m\" }\n\
    gate g is command { run = [\"make\"] }\n";
const GREET: &str = "task greet by a { prompt = \"x\", writes = [\"greet/**\"], gates = [g] }\n";
const LOOK: &str = "approval look { needs = [greet], ask = \"?\" }\n";

/// A command with a secret.
fn publish(needs: &str) -> String {
    format!("command publish {{ needs = [{needs}], run = [\"make\"], secrets = [KEY] }}\n")
}

fn ship(needs: &str) -> String {
    format!("deploy ship {{ needs = [{needs}], run = [\"make\"], secrets = [KEY] }}\n")
}

#[test]
fn what_an_agent_wrote_is_looked_at_before_it_reaches_a_secret() {
    let text = format!("{HEAD}{GREET}{}", publish("greet"));
    assert_eq!(wrong(&text), ["E0512 at 6:1"]);
    let said = render_errors(build(&text));
    for part in [
        "`taint` fails: `publish` has secrets, and no approval is asked about what `greet` wrote \
         before: greet -> publish",
        "here it shows",
        "comes from here",
        "as in `approval look { needs = [greet], ask",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    plan(format!("{HEAD}{GREET}{LOOK}{}", publish("look")));
    plan(format!("{HEAD}{GREET}{LOOK}{}", ship("look")));
}

/// The verify node that is put before a deploy moves what stands behind it.
#[test]
fn a_node_is_found_where_it_stands_in_the_text_wherever_it_stands_in_the_plan() {
    let text = format!("{HEAD}{}{GREET}", ship("greet"));
    assert_eq!(wrong(&text), ["E0512 at 5:1"]);
    let said = render_errors(build(&text));
    assert!(said.contains("greet -> ship/verify -> ship"), "{said}");
    assert!(said.contains("needs = [greet], ask"), "{said}");
    let other = "deploy other { run = [\"make\"] }\n";
    let text = format!("{HEAD}{other}{GREET}{}", publish("other, greet"));
    assert_eq!(wrong(&text), ["E0512 at 7:1"]);
    let said = render_errors(build(&text));
    assert!(said.contains("greet -> publish"), "{said}");
    let at = said.find("comes from here").expect("the agent is shown");
    assert!(said[..at].contains("task greet by a"), "{said}");
}
