//! `eufm cassette`: what it shows of scripts and recordings, and what it finds.

use serde_json::Value;

use crate::support::{CASSETTE, Project, demo};

/// A recording as `exec --record` writes it: one node, one exchange. Its
/// settings lie in a file of their own, which is named by its digest.
const NODE: &str = r#"format = 1
node = "greet"

[[exchange]]
number = 1
settings = "0c6688b088d585e4.json"

[[exchange.new]]
user = "Write hello/greet.py."

[[exchange.answer]]
say = "It is done."

[exchange.end]
usage = { input = 9600, cached = 9000, output = 20, reasoning = 0 }
whole = true
"#;
const SETTINGS: &str = "{\n  \"model\": \"gpt-5.5\"\n}\n";
const HEAD: &str = "format = 1\npipeline = \"story\"\nrun = \"hello-0\"\nmodels = [\"gpt-5.5\"]\nagents = [\"0.169.0\"]\n";

fn with_recording(project: &Project) {
    project.write("tape/recording.toml", HEAD);
    project.write("tape/nodes/greet.toml", NODE);
    project.write("tape/shared/0c6688b088d585e4.json", SETTINGS);
}

#[test]
fn a_script_and_a_recording_are_shown_in_the_same_way() {
    let project = demo();
    with_recording(&project);
    let show = |cassette: &str| project.eufm().args(["cassette", "show", cassette]);
    show("cassette.toml").run().expect(0).shows(&[
        "script\n",
        "node greet (cassette.toml): ",
        "< patch\n",
    ]);
    show("tape").run().expect(0).shows(&[
        "recording of the run hello-0, pipeline story",
        "node greet (tape/nodes/greet.toml): 1 exchange, 9600 tokens in (9000 cached), 20 out",
        "> user\n  Write hello/greet.py.\n< say\n  It is done.\n= completed, ",
    ]);
    for cassette in ["cassette.toml", "tape"] {
        let ended = show(cassette).args(["--json", "--node", "greet"]).run().expect(0);
        let document: Value = serde_json::from_str(&ended.stdout).expect("one JSON document");
        assert_eq!(document["nodes"].as_array().map(Vec::len), Some(1));
        assert_eq!(document["nodes"][0]["node"], "greet");
    }
    show("tape")
        .args(["--node", "grete"])
        .run()
        .expect(2)
        .says(&["holds nothing of a node `grete`"]);
    show("nothing.toml").run().expect(2).says(&["cannot read the cassette nothing.toml"]);
    project.write("tape/nodes/greet.toml", NODE.replace("say =", "sya ="));
    show("tape").run().expect(2).says(&["tape/nodes/greet.toml:", "unknown field `sya`"]);
}

#[test]
fn a_check_names_what_keeps_a_cassette_from_being_played() {
    let project = demo();
    with_recording(&project);
    let check = |cassette: &str| project.eufm().args(["cassette", "check", cassette]);
    let plan = ["--plan", "plan.lock"];
    for cassette in ["cassette.toml", "tape"] {
        check(cassette).run().expect(0).shows(&[&format!("{cassette}: nothing was found\n")]);
    }
    check("cassette.toml").args(plan).run().expect(0);
    check("tape")
        .args(plan)
        .run()
        .expect(1)
        .shows(&["tape: nothing of the agent node `readme` was recorded", "tape: 1 finding"]);
    project.write("cassette.toml", CASSETTE.replace("node.readme", "node.reedme"));
    check("cassette.toml")
        .args(plan)
        .run()
        .expect(1)
        .shows(&["the plan has no agent node `reedme`"]);
    project.write("cassette.toml", "format = 1\n[[node.greet]]\nsya = \"x\"\n");
    let ended = check("cassette.toml").arg("--json").run().expect(1);
    let document: Value = serde_json::from_str(&ended.stdout).expect("one JSON document");
    assert_eq!(document["findings"][0]["place"], "cassette.toml:3:1");
    check("nothing").run().expect(2).says(&["there is no cassette nothing"]);
    // A torn end is no mistake, but a person should know of it.
    project.write("tape/nodes/greet.toml", format!("{NODE}\n[[exchange]]\nnumb"));
    check("tape").run().expect(1).shows(&["its last exchange was cut off and is left out"]);
}
