//! `eufm check` and `--json`: many specs at once, in one order, and the same
//! findings for people and for programs.

use serde_json::Value;

use crate::support::{Ended, Project};

const GOOD: &str = "edition 1\npipeline p {}\ncommand c { run = [\"true\"] }\n";
const WARNED: &str = "edition 1\npipeline p {}\ncommand c { run = [\"true\"] }\n\
    gate g is command { run = [\"true\"] }\n";
const BAD: &str = "edition 1\npipeline p {}\ncommand c { run = [\"true\"], needs = [d] }\n";

/// Reads the one document that was printed.
#[track_caller]
fn document(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).expect("standard output is one JSON document")
}

/// Returns the file and the code of each finding.
fn codes(document: &Value) -> Vec<(&str, &str)> {
    let findings = document["findings"].as_array().expect("a list");
    findings.iter().map(|finding| (text(&finding["file"]), text(&finding["code"]))).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

#[test]
fn a_folder_is_checked_as_a_whole_and_nothing_is_written() {
    let project = Project::without_repository();
    for (path, text) in [
        ("b/bad.eufm", BAD),
        ("a/warned.eufm", WARNED),
        ("good.eufm", GOOD),
        ("target/bad.eufm", BAD),
        (".hidden/bad.eufm", BAD),
        ("notes.md", BAD),
    ] {
        project.write(path, text);
    }
    let ended = project.eufm().args(["check"]).run().expect(3);
    assert_eq!(ended.stdout, "");
    let place = |text: &str| ended.stderr.find(text).unwrap_or_else(|| panic!("{}", ended.stderr));
    assert!(place("--> a/warned.eufm:4:6") < place("--> b/bad.eufm:3:38"));
    assert!(ended.stderr.ends_with("eufm: error: 3 specs checked: 1 error, 1 warning\n"));

    project.eufm().args(["check", "a", "good.eufm"]).run().expect(0);
    project.eufm().args(["check", "target"]).run().expect(3);
    assert!(
        !project.repo().join("plan.lock").exists() && !project.repo().join("a/plan.lock").exists()
    );
}

#[test]
fn the_order_does_not_depend_on_the_number_of_threads() {
    let project = Project::without_repository();
    for number in 0..60 {
        let text = if number % 3 == 0 { BAD } else { WARNED };
        project.write(&format!("f{}/s{number}.eufm", number % 7), text);
    }
    let run = |threads: &str, json: bool| {
        let args: &[&str] = if json { &["check", "--json", "."] } else { &["check", "."] };
        project.eufm().args(args).env("RAYON_NUM_THREADS", threads).run().expect(3)
    };
    for json in [false, true] {
        let (one, eight) = (run("1", json), run("8", json));
        assert_eq!((one.stdout, one.stderr), (eight.stdout, eight.stderr));
    }
    let document = document(&run("3", true));
    let found = codes(&document);
    assert_eq!((found.len(), document["errors"].as_u64()), (60, Some(20)));
    assert!(found.is_sorted_by(|a, b| std::path::Path::new(a.0) < std::path::Path::new(b.0)));
}

#[test]
fn nesting_is_read_alike_on_every_thread() {
    let project = Project::without_repository();
    let deep = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!("edition 1\npipeline p {{}}\ncommand c {{ run = {open}\"true\"{close} }}\n")
    };
    project.write("fits.eufm", deep(63));
    project.write("too_deep.eufm", deep(64));
    let ended = project.eufm().args(["check", "--json"]).run().expect(3);
    let document = document(&ended);
    // A list within a list counts as its elements, however deep.
    assert_eq!(codes(&document), [("too_deep.eufm", "E0105")]);
}

#[test]
fn what_cannot_be_checked_is_told() {
    let project = Project::without_repository();
    project.eufm().args(["check"]).run().expect(2).says(&["there is no spec below ."]);
    project
        .eufm()
        .args(["check", "gone"])
        .run()
        .expect(2)
        .says(&["cannot check gone: no such file"]);
    project.write("sub/good.eufm", GOOD);
    let link = project.repo().join("sub/link.eufm");
    std::os::unix::fs::symlink("nowhere", link).expect("a link can be made");
    project.eufm().args(["check"]).run().expect(3).says(&["E0003", "--> sub/link.eufm\n"]);
    let ended = project.eufm().args(["check", "--json"]).run().expect(3);
    assert_eq!(codes(&document(&ended)), [("sub/link.eufm", "E0003")]);
}

#[test]
fn a_compile_says_in_json_what_it_found_and_what_became_of_the_plan() {
    let project = Project::without_repository();
    let compile =
        |more: &[&str]| project.eufm().args(["compile", "specs/x.eufm", "--json"]).args(more).run();
    project.write("specs/x.eufm", WARNED);
    for state in ["written", "unchanged"] {
        let ended = compile(&[]).expect(0);
        let document = document(&ended);
        assert_eq!(codes(&document), [("specs/x.eufm", "W0601")]);
        assert_eq!(document["plan"]["state"], state);
        assert_eq!(document["plan"]["file"], "specs/plan.lock");
        let proofs = document["proofs"].as_array().expect("what holds");
        let wall = proofs.iter().find(|proof| proof["name"] == "wall").expect("it is said");
        assert_eq!(wall["verdict"], "not_claimed");
        assert_eq!(ended.stderr, "");
    }
    project.write("specs/x.eufm", GOOD.replace("true", "false"));
    let ended = compile(&["--locked"]).expect(4).says(&["is not what the spec gives now"]);
    assert_eq!(document(&ended)["plan"]["state"], "stale");
    project.write("specs/x.eufm", BAD);
    let document = document(&compile(&[]).expect(3));
    assert_eq!(codes(&document), [("specs/x.eufm", "E0204")]);
    assert_eq!((&document["plan"], &document["proofs"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_place_is_named_as_the_command_line_reaches_it() {
    let project = Project::without_repository();
    project.write("specs/x.eufm", BAD);
    project
        .eufm()
        .args(["compile", "specs/x.eufm"])
        .run()
        .expect(3)
        .says(&["--> specs/x.eufm:3:38"]);
}
