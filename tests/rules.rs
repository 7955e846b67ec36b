//! Rules of a constitution, judged on the tree that is to be deployed: what they
//! stop, what they only report, and what cannot be done to pass them.
//!
//! The work is done by commands here; rules do not know the difference.

use serde_json::Value;

use crate::support::Project;

const CONSTITUTION: &str = "# Rules\n\n- Secrets MUST NOT be committed.\n- Existing tests MUST \
                            stay.\n- Changes SHOULD be small: below 800 lines.\n";

/// A project with a deploy behind two commands that change files, under these rules.
fn project(files: &[(&str, &str)], scripts: [&str; 2], rules: &str) -> Project {
    let own = [("docs/constitution.md", CONSTITUTION), ("tests/a.txt", "a test\n")];
    let project = Project::new(&[&own, files].concat());
    let [one, two] = scripts;
    project.write(
        "spec.eufm",
        format!(
            r#"edition 1
pipeline ruled {{ base = "main" }}
constitution "docs/constitution.md" {{
{rules}
}}
command one {{ run = ["sh", "-c", """
  {one}
  """], writes = ["**"] }}
command two {{ run = ["sh", "-c", """
  {two}
  """], writes = ["**"] }}
deploy ship {{ needs = [one, two], run = ["true"] }}
"#
        ),
    );
    project.compile().expect(0);
    project
}

fn rule(name: &str, level: &str, kind: &str, params: &str) -> String {
    let cite = match kind {
        "secrets" => "Secrets MUST NOT be committed",
        "protect" => "Existing tests MUST stay",
        _ => "below 800 lines",
    };
    format!("  rule {name} is {kind} {{ cite = \"{cite}\", level = {level}, {params} }}\n")
}

/// Returns the rulings of the journal as `rule verdict`.
fn rulings(project: &Project) -> Vec<String> {
    let word = |fact: &Value, key: &str| fact[key].as_str().expect("a text").to_owned();
    let facts = project.facts("ship/verify", "ruled");
    facts.iter().map(|fact| format!("{} {}", word(fact, "rule"), word(fact, "verdict"))).collect()
}

#[test]
fn a_tree_that_keeps_all_rules_is_deployed() {
    let rules = [
        rule("clean", "must", "secrets", ""),
        rule(
            "guide",
            "must",
            "change_together",
            "paths = [\"docs/**\"], when_changed = [\"src/**\"]",
        ),
        rule("licence", "must", "must_exist", "paths = [\"docs/constitution.md\"]"),
        rule("long", "must", "max_lines", "lines = 9, scope = [\"src/**\"]"),
        rule("same", "must", "command", "run = [\"sh\", \"tests/check.sh\"]"),
        rule("small", "must", "max_diff", "lines = 800"),
        rule("stay", "must", "protect", "paths = [\"tests/**\"]"),
        rule("words", "must", "forbid_pattern", "pattern = \"TODO\", scope = [\"src/**\"]"),
    ];
    let check = ("tests/check.sh", "grep -q guide docs/guide.md\n");
    let scripts = ["mkdir src; echo one > src/one", "echo guide > docs/guide.md"];
    let project = project(&[check], scripts, &rules.concat());
    project.exec().run().expect(0).shows(&["rule small (must) pass: 2 lines in 2 files"]);
    let names = ["clean", "guide", "licence", "long", "same", "small", "stay", "words"];
    assert_eq!(rulings(&project), names.map(|name| format!("{name} pass")));
    project.nothing_is_left();
    let verify = ["verify", "--state"];
    project.eufm().args(verify).arg(project.state()).run().expect(0).shows(&["done"]);
}

#[test]
fn what_breaks_a_rule_is_not_deployed_and_all_breaches_are_shown() {
    let token = format!("gh{}_Zk3Qw9xT7bRm2LpV8nYc4HdJ6sGf1AeU5oKi", 'p');
    let rules = [
        rule("clean", "must", "secrets", ""),
        rule("small", "should", "max_diff", "lines = 1"),
        rule("stay", "must", "protect", "paths = [\"tests/**\"]"),
    ];
    let leak = format!("echo 'key: {token}' > one.txt; echo more >> one.txt");
    let project = project(&[], [&leak, "mv tests/a.txt moved.txt"], &rules.concat());
    let done = project.exec().run().expect(1).shows(&[
        "rule clean (must) fail: 1 credential added",
        "docs/constitution.md:3: \"Secrets MUST NOT be committed\"",
        "one.txt:1: GitHub token",
        "rule small (should) fail: 2 lines in 2 files; at most 1 line",
        "rule stay (must) fail: 1 protected file changed or removed",
        "docs/constitution.md:4: \"Existing tests MUST stay\"",
        "tests/a.txt: renamed to moved.txt",
        "2 rules do not hold: clean, stay",
    ]);
    let said = format!("{}{}", done.stdout, done.stderr);
    assert!(!said.contains(&token[4..12]), "the secret is shown:\n{said}");
    assert_eq!(project.facts("ship", "started"), [] as [Value; 0], "nothing is deployed");
    let report: Value = serde_json::from_slice(
        &std::fs::read(project.run_dir().join("run.json")).expect("there is a report"),
    )
    .expect("it is JSON");
    let verify = &report["nodes"][2];
    assert_eq!((&verify["node"], &verify["kind"]), (&"ship/verify".into(), &"verify".into()));
    let stay = &verify["rules"][2];
    assert_eq!(stay["place"], "docs/constitution.md:4");
    assert_eq!(stay["evidence"][0], "tests/a.txt: renamed to moved.txt");
    assert_eq!(report["nodes"][3]["state"], "blocked");
    project.nothing_is_left();
}

#[test]
fn a_rule_is_judged_on_the_merge_of_all() {
    // Each of them alone would keep it.
    let rules = rule("small", "must", "max_diff", "lines = 3");
    let two = ["printf '1\\n2\\n' > one", "printf '1\\n2\\n' > two"];
    let project = project(&[], two, &rules);
    project.exec().run().expect(1).shows(&["rule small (must) fail: 4 lines in 2 files"]);
    let [harvested] = &project.facts("ship/verify", "harvested")[..] else { panic!("once") };
    assert_eq!(harvested["changes"], 0);
}

#[test]
fn what_cannot_be_told_is_no_pass_and_what_only_should_hold_is_reported() {
    for (level, status) in [("should", 0), ("must", 1)] {
        let rules = rule("long", level, "max_lines", "lines = 100000000");
        let large = "head -c 70000000 /dev/zero | tr '\\0' x > large.txt";
        let project = project(&[], [large, "echo 2 > two"], &rules);
        let shown = format!("rule long ({level}) unknown: 1 text above 64 MiB not read");
        let place = "large.txt: 70000000 bytes";
        project.exec().run().expect(status).shows(&[&shown, place]);
        assert_eq!(rulings(&project), ["long unknown"]);
    }
}

#[test]
fn a_pattern_that_cannot_be_searched_is_refused_before_the_run() {
    let rules = rule("huge", "should", "forbid_pattern", "pattern = \"(?:a{1000}){1000}\"");
    let project = project(&[], ["echo 1 > one", "echo 2 > two"], &rules);
    project.exec().run().expect(8).says(&["rule huge: its pattern cannot be used"]);
}

#[test]
fn the_command_of_a_rule_cannot_be_edited_and_sees_what_is_in_scope() {
    let check = "test -z \"$(ls -A hidden 2>/dev/null)\" && ! ls src | grep bad\n";
    let files = [("check.sh", check), ("hidden/x", "x\n")];
    let params = "run = [\"sh\", \"check.sh\"], scope = [\"src/**\"]";
    let rules = rule("check", "must", "command", params);
    for (work, status) in [("bad", 1), ("good", 0)] {
        let script = format!("mkdir src; touch src/{work}; echo true > check.sh");
        let project = project(&files, [&script, "echo 2 > two"], &rules);
        let ended = project.exec().run();
        assert_eq!(ended.code(), status, "{work}: {}{}", ended.stdout, ended.stderr);
        let logs = project.run_dir().join("nodes");
        assert!(logs.is_dir() && project.merged("check.sh") == "true", "its change is kept");
    }
}

#[test]
fn gates_that_each_result_passed_are_asked_again_about_the_whole() {
    let project = project(&[], ["echo 1 > one", "echo 2 > two"], "");
    let gate =
        "gate alone is command { run = [\"sh\", \"-c\", \"! test -f one || ! test -f two\"] }";
    let spec = project
        .read("spec.eufm")
        .replace("writes = [\"**\"]", "writes = [\"**\"], overlap = merge, gates = [alone]");
    project.write("spec.eufm", format!("{spec}{gate}\n"));
    project.compile().expect(0);
    project.exec().run().expect(1).shows(&["gate alone pass", "gate alone fail"]);
    let verdicts = |node: &str| project.facts(node, "judged")[0]["verdict"].clone();
    assert_eq!([verdicts("one"), verdicts("two")], ["pass", "pass"]);
    assert_eq!(verdicts("ship/verify"), "fail");
    assert_eq!(project.facts("ship", "started"), [] as [Value; 0], "nothing is deployed");
}

#[test]
fn a_rule_that_was_cut_off_by_a_kill_is_judged_again_and_others_are_not() {
    let wait = "run = [\"sh\", \"-c\", \"mkfifo pipe && read go < pipe\"]";
    let rules = [rule("clean", "must", "secrets", ""), rule("waits", "must", "command", wait)];
    let project = project(&[], ["echo 1 > one", "echo 2 > two"], &rules.concat());
    let running = project.exec().start();
    project.wait_for_file("pipe");
    running.kill();
    project.nothing_runs();
    assert_eq!(rulings(&project), ["clean pass"]);
    let running = project.exec().start();
    project.send("pipe", "go");
    running.wait().expect(0).shows(&["rule waits (must) pass"]);
    assert_eq!(rulings(&project), ["clean pass", "waits pass"]);
    assert_eq!(project.facts("ship/verify", "started").len(), 1, "the merge is made once");
    assert_eq!(project.facts("ship", "started").len(), 1);
    project.nothing_is_left();
}

#[test]
fn a_constitution_that_the_base_does_not_have_is_refused() {
    let project = project(&[], ["true", "true"], &rule("clean", "must", "secrets", ""));
    // The spec and the plan agree, but nobody committed it.
    project.write("docs/constitution.md", CONSTITUTION.replace("small", "tiny"));
    project.compile().expect(0);
    project.exec().run().expect(4).says(&[
        "docs/constitution.md: the constitution of the base",
        "is not the one that the plan was made with",
        "help: commit the constitution",
    ]);
    assert_eq!(project.journal(), [] as [Value; 0], "no run was begun");
    project.commit("tiny");
    project.exec().run().expect(0);
}

#[test]
fn a_rule_that_is_waived_is_judged_and_fails_nothing_until_its_day_is_over() {
    let waived = |until: &str| {
        let waive = "waive { until = \"UNTIL\", by = \"ada\", reason = \"moved whole\" }";
        rule("small", "must", "max_diff", &format!("lines = 1, {}", waive.replace("UNTIL", until)))
    };
    let project = project(&[], ["seq 9 > src", "true"], &waived("9999-12-31"));
    let plan = project.read("plan.lock");
    for line in [
        "waived = [\"rule small (must): until 9999-12-31 by ada: moved whole\"]",
        "apart from those that are waived (small)",
    ] {
        assert!(plan.contains(line), "{line}: {plan}");
    }
    let done = project.exec().run().expect(0);
    done.shows(&["rule small (must) fail", "waived until 9999-12-31 by ada: moved whole"]);
    assert_eq!(rulings(&project), ["small fail"]);
    let spec = project.read("spec.eufm").replace("9999-12-31", "2026-01-31");
    project.write("spec.eufm", spec);
    project.compile().expect(0);
    let words = ["rule small was waived until 2026-01-31 by ada", "help: remove `waive`"];
    project.exec().run().expect(4).says(&words);
}

/// A project whose rule asks somebody who looks at `src`, behind another rule.
fn reviewed(level: &str) -> Project {
    let rules = [
        rule("agreed", level, "human", "role = \"reviewer\", scope = [\"src/**\"]"),
        rule("stay", "must", "protect", "paths = [\"tests/**\"]"),
    ];
    project(&[], ["mkdir src; echo one > src/one", "echo 2 > two"], &rules.concat())
}

#[test]
fn a_person_says_whether_a_rule_holds() {
    let project = reviewed("must");
    let asked = "reviewer: does the rule agreed hold, \"below 800 lines\" \
                 (docs/constitution.md:5)?";
    project.exec().run().expect(6).shows(&[asked]);
    assert_eq!(rulings(&project), ["stay pass"], "the others come first");
    // Asked once, however often the run is taken up.
    project.exec().run().expect(6);
    assert_eq!(project.facts("ship/verify", "questioned").len(), 1);
    let answer = |word: &str, rest: &[&str]| {
        let eufm = project.eufm().args([word, "ship/verify", "--state"]).arg(project.state());
        eufm.args(rest).run()
    };
    // Not without saying of which rule: others may ask about the same tree.
    answer("approve", &["--by", "ada"]).expect(2).says(&["answer with --rule agreed"]);
    answer("approve", &["--rule", "liked"]).expect(2).says(&["answer with --rule agreed"]);
    let given = ["--rule", "agreed", "--by", "ada", "--note", "looks fine"];
    answer("approve", &given).expect(0);
    project.exec().run().expect(0).shows(&["rule agreed (must) pass: approved by ada: looks fine"]);
    assert_eq!(rulings(&project), ["stay pass", "agreed pass"]);
    project.nothing_is_left();
}

#[test]
fn what_a_person_does_not_agree_with_is_not_deployed() {
    for (level, status) in [("must", 1), ("should", 0)] {
        let project = reviewed(level);
        project.exec().run().expect(6);
        let reject = ["reject", "ship/verify", "--rule", "agreed", "--by", "ada", "--state"];
        project.eufm().args(reject).arg(project.state()).run().expect(0);
        let shown = format!("rule agreed ({level}) fail: rejected by ada");
        project.exec().run().expect(status).shows(&[&shown]);
    }
}

/// The same project without its deploy.
fn undeployed(scripts: [&str; 2], rules: &str) -> Project {
    let project = project(&[], scripts, rules);
    let spec = project.read("spec.eufm");
    let spec = spec.replace("deploy ship { needs = [one, two], run = [\"true\"] }\n", "");
    project.write("spec.eufm", spec);
    project.compile().expect(0);
    project
}

const END: &str = "constitution:verify";

#[test]
fn without_a_deploy_the_branch_is_judged_at_the_end() {
    let rules = [
        rule("clean", "must", "secrets", ""),
        rule("small", "should", "max_diff", "lines = 1"),
        rule("stay", "must", "protect", "paths = [\"tests/**\"]"),
    ];
    let project = undeployed(["echo one > one", "echo two > two"], &rules.concat());
    project.exec().run().expect(0).shows(&["rule small (should) fail: 2 lines in 2 files"]);
    let ruled = project.facts(END, "ruled");
    assert_eq!(ruled.len(), 3);
    assert_eq!(project.merged("two"), "two");
    project.nothing_is_left();
    let verify = ["verify", "--state"];
    project.eufm().args(verify).arg(project.state()).run().expect(0).shows(&["done"]);

    let project = undeployed(["echo one > one", "echo b > tests/a.txt"], &rules.concat());
    let done = project.exec().run().expect(1);
    done.shows(&["rule stay (must) fail", "tests/a.txt: changed"]);
    assert_eq!(project.merged("tests/a.txt"), "b", "the branch has it, and the run says so");
    project.nothing_is_left();
}

#[test]
fn what_succeeded_is_judged_and_a_retry_is_judged_anew() {
    let rules = rule("stay", "must", "protect", "paths = [\"tests/**\"]");
    // What the first of a chain has done is on the branch although the second fails.
    let project = undeployed(["echo one > one; echo b > tests/a.txt", "false"], &rules);
    let spec = project.read("spec.eufm").replace("command two {", "command two { needs = [one],");
    project.write("spec.eufm", spec);
    project.compile().expect(0);
    project.exec().run().expect(1).shows(&["rule stay (must) fail"]);
    assert_eq!(project.merged("one"), "one");
    project.exec().arg("--retry").run().expect(1).shows(&["rule stay (must) fail"]);
    assert_eq!(project.facts(END, "ruled").len(), 2, "it is judged each time");
    project.nothing_is_left();
}

#[test]
fn a_judgement_that_was_cut_off_is_made_again() {
    let rules = [
        rule("slow", "must", "command", "run = [\"sh\", \"-c\", \"mkfifo pipe; cat pipe\"]"),
        rule("stay", "must", "protect", "paths = [\"tests/**\"]"),
    ];
    let project = undeployed(["echo one > one", "echo two > two"], &rules.concat());
    let run = project.exec().start();
    project.wait_for_file("pipe");
    run.kill();
    // Else what is still there of it might read the line.
    project.nothing_runs();
    let run = project.exec().start();
    project.send("pipe", "go on");
    run.wait().expect(0).shows(&["rule slow (must) pass", "rule stay (must) pass"]);
    project.nothing_is_left();
}
