//! Gates on the harvested tree: what passes, and what an author of the work
//! cannot do to make it pass.
//!
//! The work is done by commands here; gates do not know the difference.

use crate::support::Project;

/// A project whose only command runs `script` and must pass the gate.
fn gated(files: &[(&str, &str)], script: &str, gate: &str) -> Project {
    let project = Project::new(&[&[("README.md", "# A project\n")], files].concat());
    project.write(
        "spec.eufm",
        format!(
            "edition 1\npipeline gated {{ base = \"main\" }}\ngate unit is {gate}\ncommand work \
             {{\n  run = [\"sh\", \"-c\", \"\"\"\n    {script}\n    \"\"\"]\n  writes = [\"**\"]\n  \
             gates = [unit]\n}}\n"
        ),
    );
    project.compile().expect(0);
    project
}

const TESTS: &str = r#"tests {
  run     = ["python3", "tests/check.py"]
  report  = junit("report.xml")
  require { pass_rate >= 85%, tests >= 1 }
}"#;

/// Passes only if `answer.txt` says 42.
const CHECK: &str = r#"import sys
good = open("answer.txt").read().strip() == "42"
bad = "" if good else "<failure message='wrong'/>"
open("report.xml", "w").write(f"<testsuite><testcase name='a'>{bad}</testcase></testsuite>")
sys.exit(not good)
"#;

/// Passes whatever the answer is.
const EASY: &str =
    "open('report.xml','w').write('<testsuite><testcase name=\\\"a\\\"/></testsuite>')";

#[test]
fn work_that_is_right_passes() {
    let project = gated(&[("tests/check.py", CHECK)], "echo 42 > answer.txt", TESTS);
    project.exec().run().expect(0).shows(&["gate unit pass: 1 of 1 test passed"]);
    assert_eq!(project.merged("answer.txt"), "42");
}

#[test]
fn a_gates_test_cannot_be_edited_to_pass() {
    let script = format!("echo 41 > answer.txt; echo \"{EASY}\" > tests/check.py");
    let project = gated(&[("tests/check.py", CHECK)], &script, TESTS);
    project.exec().run().expect(1).shows(&["gate unit fail"]);
    project.nothing_is_left();
}

#[test]
fn a_gates_test_cannot_be_deleted_or_replaced_by_a_link() {
    for act in ["rm -r tests", "mv tests real; ln -s real tests; echo \"EASY\" > real/check.py"] {
        let script = format!("echo 41 > answer.txt; {}", act.replace("EASY", EASY));
        let project = gated(&[("tests/check.py", CHECK)], &script, TESTS);
        let done = project.exec().run();
        assert_eq!(done.code(), 1, "{act}: {}{}", done.stdout, done.stderr);
        project.nothing_is_left();
    }
}

#[test]
fn what_stands_in_a_folder_that_a_gate_names_comes_from_the_base() {
    let main = "import rules, sys; sys.exit(not rules.holds(open('answer.txt').read()))";
    let rules = "def holds(text): return text == '42\\n'";
    let files = [("checks/__main__.py", main), ("checks/rules.py", rules)];
    let script = "echo 41 > answer.txt; printf 'import os; os._exit(0)' > checks/rules.py";
    let gate = "command { run = [\"python3\", \"./checks/\"] }";
    let project = gated(&files, script, gate);
    project.exec().run().expect(1).shows(&["gate unit fail"]);
    let changes = &project.facts("work", "harvested")[0]["changes"];
    assert_eq!(changes, 2, "the edited rules are part of the work");
}

#[test]
fn a_report_that_is_part_of_the_work_does_not_speak_for_the_gate() {
    let report = "<testsuite><testcase name='a'/></testsuite>";
    let script = format!("echo \"{report}\" > report.xml");
    let gate = TESTS.replace("\"python3\", \"tests/check.py\"", "\"true\"");
    let project = gated(&[], &script, &gate);
    project.exec().run().expect(1).shows(&["gate unit"]);
    project.nothing_is_left();
}

#[test]
fn no_tests_found_is_a_failure() {
    for report in ["<testsuite/>", "<testsuites><testsuite tests='0'/></testsuites>"] {
        let check = format!("open('report.xml', 'w').write(\"{report}\")");
        let project = gated(&[("tests/check.py", &check)], "true", TESTS);
        let done = project.exec().run();
        assert_eq!(done.code(), 1, "{report}: {}{}", done.stdout, done.stderr);
    }
}

#[test]
fn a_gate_leaves_no_trace_in_the_work_and_has_no_network() {
    let gate = "command { run = [\"sh\", \"-c\", \"echo x > left.txt; echo y >> README.md; \
                ! ls /sys/class/net 2>/dev/null | grep -v lo\"] }";
    let project = gated(&[], "echo 1 > made.txt", gate);
    project.exec().run().expect(0);
    let files = project.git(&["ls-tree", "-r", "--name-only", &project.branch()]);
    assert_eq!(files.lines().collect::<Vec<_>>(), ["README.md", "made.txt"]);
    assert_eq!(project.merged("README.md"), "# A project");
    project.nothing_is_left();
}

#[test]
fn every_gate_must_pass() {
    let project = gated(&[], "echo 1 > made.txt", "command { run = [\"true\"] }");
    let spec = project.read("spec.eufm");
    let spec = spec
        .replace("gates = [unit]", "gates = [unit, strict]")
        .replace("command work", "gate strict is command { run = [\"false\"] }\ncommand work");
    project.write("spec.eufm", spec);
    project.compile().expect(0);
    project.exec().run().expect(1).shows(&["gate unit pass", "gate strict fail"]);
    assert!(project.facts("work", "committed").is_empty());
}

#[test]
fn a_gate_whose_program_is_not_there_does_not_pass() {
    let project = gated(&[], "true", "command { run = [\"no-such-program\"] }");
    project.exec().run().expect(1).shows(&["gate unit"]);
    project.nothing_is_left();
}

#[test]
fn a_gate_that_hangs_is_ended_by_the_budget() {
    let gate = "command { run = [\"sleep\", \"600\"] }";
    let project = gated(&[], "true", gate);
    let spec = project.read("spec.eufm").replace("gates =", "budget { wall <= 2 s }\n  gates =");
    project.write("spec.eufm", spec);
    project.compile().expect(0);
    let done = project.exec().run();
    assert!([1, 5].contains(&done.code()), "{}{}", done.stdout, done.stderr);
    project.nothing_is_left();
}

/// A test of each of `a.txt`, `b.txt` and `c.txt` that is there.
const TWO: &str = r#"import os, sys
names = [name for name in "abc" if os.path.exists(name + ".txt")]
bad = [name for name in names if open(name + ".txt").read().strip() != "good"]
cases = [f"<testcase name='{name}'>{'<failure/>' if name in bad else ''}</testcase>" for name in names]
if not os.path.exists("broken"):
    open("report.xml", "w").write("<testsuite>" + "".join(cases) + "</testsuite>")
sys.exit(bool(bad))
"#;

const COMPARED: &str = r#"tests {
  run      = ["python3", "tests/check.py"]
  report   = junit("report.xml")
  baseline = no_new_failures
  require { pass_rate >= 50%, tests >= 1 }
}"#;

#[test]
fn tests_that_failed_before_may_fail_and_no_others() {
    let files = [("tests/check.py", TWO), ("a.txt", "good\n"), ("b.txt", "bad\n")];
    let project = gated(&files, "echo made > made.txt", COMPARED);
    let passed = "gate unit pass: 1 of 1 test passed (100%), 1 that failed before";
    project.exec().run().expect(0).shows(&[passed]);
    project.nothing_is_left();

    let project = gated(&files, "echo bad > a.txt; echo good > b.txt", COMPARED);
    let failed = "gate unit fail: 1 of 2 tests passed (50%); 1 did not fail before; failed: a";
    project.exec().run().expect(1).shows(&[failed]);
    project.nothing_is_left();
}

#[test]
fn a_base_whose_tests_cannot_be_told_excuses_nothing() {
    let files = [("tests/check.py", TWO), ("a.txt", "good\n"), ("b.txt", "bad\n"), ("broken", "")];
    let project = gated(&files, "rm broken", COMPARED);
    project.exec().run().expect(1).shows(&[
        "gate unit unknown: 1 of 2 tests passed (50%)",
        "cannot be told: report.xml was not written",
    ]);
    let project = gated(&files, "rm broken; echo good > b.txt", COMPARED);
    project.exec().run().expect(0).shows(&["gate unit pass: 2 of 2 tests passed"]);
    project.nothing_is_left();
}

#[test]
fn what_a_node_began_with_excuses_it_and_the_base_commit_excuses_the_whole() {
    let files = [("tests/check.py", TWO), ("a.txt", "good\n"), ("b.txt", "bad\n")];
    let files = [&files[..], &[("c.txt", "good\n")]].concat();
    let project = gated(&files, "echo made > made.txt", COMPARED);
    let spec = project.read("spec.eufm");
    let spec = spec.replace("command work {", "command work {\n  needs = [breaks]");
    let spec = format!(
        "{spec}command breaks {{ run = [\"sh\", \"-c\", \"echo bad > a.txt\"], writes = [\"a.txt\"] \
         }}\ndeploy ship {{ needs = [work], run = [\"true\"] }}\n"
    );
    project.write("spec.eufm", spec);
    project.compile().expect(0);
    project.exec().run().expect(1);
    let reason = |node: &str| {
        let judged = project.facts(node, "judged");
        judged[0]["reason"].as_str().expect("a reason").to_owned()
    };
    assert_eq!(reason("work"), "1 of 1 test passed (100%), 2 that failed before");
    let whole = "1 of 2 tests passed (50%), 1 that failed before; 1 did not fail before; failed: a";
    assert_eq!(reason("ship/verify"), whole);
    assert!(project.facts("ship", "started").is_empty());
    project.nothing_is_left();
}
