//! Nights: the worked example specs/webhook, night after night, by its own
//! Makefile, with the real Codex CLI and real packages.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{Ended, Invocation, Project, codex, sources, until};
use crate::tutorial::says_what_is_quoted;

/// Makes the example's repository, and the folder that it deploys to.
fn hooks() -> Project {
    let project = Project::without_repository();
    std::fs::remove_dir(project.repo()).expect("it is empty");
    let make = sources().join("specs/webhook/make-repo.sh");
    let made = Command::new(make).arg(project.repo()).output().expect("a shell");
    let stderr = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "`make test` installs what it needs: {stderr}");
    std::fs::create_dir_all(live(&project)).expect("a folder can be made");
    let cassette = sources().join("specs/webhook/cassette.toml");
    std::fs::copy(cassette, project.root().join("cassette.toml")).expect("copied");
    project
}

/// Where the plan deploys to.
fn live(project: &Project) -> PathBuf {
    project.root().join("home/.local/share/eufm-demo/webhook")
}

/// A command line in the repository, with what a night is told by its environment.
fn by_night(project: &Project, program: &str) -> Invocation {
    let invocation = Invocation::of(program.as_ref(), project.root(), &project.repo());
    invocation.env("EUFM", env!("CARGO_BIN_EXE_eufm")).env("EUFM_STATE", project.state())
}

/// What a night gives `eufm exec`.
fn arguments(project: &Project) -> [String; 4] {
    let path = |path: PathBuf| path.to_str().expect("a plain path").to_owned();
    let cassette = path(project.root().join("cassette.toml"));
    ["--cassette".to_owned(), cassette, "--codex".to_owned(), path(codex())]
}

/// `make night`, which must end as it was told by its script: with 0, or with 2 for
/// any other status.
#[track_caller]
fn night(project: &Project, status: &str) -> Ended {
    let arguments = arguments(project).join(" ");
    let make = by_night(project, "make").args(["night", &format!("ARGS={arguments}")]);
    let ended = make.run().expect(if status == "0" { 0 } else { 2 });
    assert_eq!(project.read(".night/status").trim(), status, "{}", ended.stderr);
    let summary = project.read(".night/summary");
    assert!(summary.starts_with(&format!("night: {status}: ")), "{summary}");
    ended
}

/// Answers the question that the run waits with.
#[track_caller]
fn approve(project: &Project, note: &str) {
    let approve = project.eufm().args(["approve", "release", "--note", note, "--state"]);
    approve.arg(project.state()).run().expect(0);
}

/// What is known of all runs: their journals.
fn journals(project: &Project) -> Vec<String> {
    let read = |run: PathBuf| std::fs::read_to_string(run.join("journal")).expect("a journal");
    project.run_dirs().into_iter().map(read).collect()
}

/// The nodes of a journal with a fact of this kind, sorted.
fn nodes_with(journal: &str, kind: &str) -> Vec<String> {
    let kind = format!("\"{kind}\":{{");
    let node = |line: &str| Some(line.split_once("\"node\":\"")?.1.split_once('"')?.0.to_owned());
    let mut nodes: Vec<_> =
        journal.lines().filter(|line| line.contains(&kind)).filter_map(node).collect();
    nodes.sort();
    nodes.dedup();
    nodes
}

/// Puts another text into a file of the repository.
#[track_caller]
fn replace(path: PathBuf, from: &str, to: &str) {
    let text = std::fs::read_to_string(&path).expect("a text");
    assert!(text.contains(from), "{} has no {from:?}", path.display());
    std::fs::write(path, text.replace(from, to)).expect("written");
}

fn history(project: &Project) -> Vec<String> {
    let text = std::fs::read_to_string(live(project).join("history")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_second_night_runs_nothing_and_a_changed_prompt_only_what_rests_on_it() {
    let project = hooks();
    let first = night(&project, "6").shows(&["night: 6: a person is asked"]);
    let first = first.says(&["make: *** [Makefile:", "night] Error 6"]);
    assert!(history(&project).is_empty(), "deployed without an answer");
    // Nobody has answered.
    let asked = journals(&project);
    night(&project, "6");
    assert_eq!(nodes_with(&journals(&project)[0], "started"), nodes_with(&asked[0], "started"));

    let listed = project.eufm().args(["approve", "--state"]).arg(project.state()).run().expect(0);
    says_what_is_quoted("text question", &listed.stdout);
    approve(&project, "Closed to the outside.");
    let last = night(&project, "0");
    let note = std::fs::read_to_string(live(&project).join("current/NOTE")).expect("the note");
    assert_eq!((history(&project).len(), note.trim()), (1, "Closed to the outside."));
    let said = [first.stderr, last.stderr, last.stdout].concat();
    says_what_is_quoted("text webhook", &said);

    let done = journals(&project);
    night(&project, "0");
    assert_eq!(journals(&project), done, "the second night wrote down that it did something");
    assert_eq!(history(&project).len(), 1);

    // Another prompt, and another page for it.
    replace(project.repo().join("webhook.eufm"), "At most 40 lines.", "At most 30 lines.");
    replace(project.root().join("cassette.toml"), "+If the secret was stolen", "+If it was stolen");
    project.commit("a shorter guide");
    night(&project, "6");
    let journals = journals(&project);
    let next = journals.iter().find(|journal| !done.contains(journal)).expect("another run");
    assert_eq!(
        nodes_with(next, "cached"),
        ["after", "before", "delivery_log", "review", "rotation"]
    );
    assert_eq!(nodes_with(next, "started"), ["guide", "notes", "ship/verify"]);
    assert_eq!(history(&project).len(), 1);
}

#[test]
fn a_plan_that_escalates_does_not_run() {
    let project = hooks();
    for (from, to) in [
        ("cost <= 5 EUR", "cost <= 6 EUR"),
        ("gates  = [rotation_tests]\n", "gates  = [prose]\n"),
        ("\"receiver/settings.py\", \"receiver/signature.py\"", "\"receiver/**\""),
    ] {
        let spec = project.repo().join("webhook.eufm");
        replace(spec.clone(), from, to);
        let ended = night(&project, "6").shows(&["plan.lock may do more than approved.lock"]);
        assert!(!ended.stderr.contains("attempt 1 starts"), "{}", ended.stderr);
        assert!(project.run_dirs().is_empty(), "a run was begun with {to}");
        assert!(!project.read(".night/diff").is_empty());
        replace(spec, to, from);
    }
}

#[test]
fn a_night_that_was_stopped_goes_on_elsewhere_with_its_state() {
    let project = hooks();
    let script = by_night(&project, "ops/night.sh").args(arguments(&project));
    let running = script.start();
    until("a node that is committed", || {
        running.stderr().contains("before: committed").then_some(())
    });
    running.signal("TERM");
    running.wait().expect(143).shows(&["night: 143: stopped"]);
    let stopped = journals(&project).remove(0);

    // The next job of CI: a fresh clone beside the state, which came as an archive.
    let other = Project::without_repository();
    let root = |project: &Project| project.root().to_str().expect("a plain path").to_owned();
    let archive = format!("{}/state.tar", root(&project));
    for arguments in [
        ["tar", "-C", &root(&project), "-cf", &archive, "state"].as_slice(),
        &["tar", "-C", &root(&other), "-xf", &archive],
        &[
            "git",
            "clone",
            "-q",
            &format!("{}/repo", root(&project)),
            &format!("{}/repo", root(&other)),
        ],
        &["cp", &format!("{}/cassette.toml", root(&project)), &root(&other)],
        &["mkdir", "-p", live(&other).to_str().expect("a plain path")],
    ] {
        let done = Command::new(arguments[0]).args(&arguments[1..]).status();
        assert!(done.expect("it is there").success(), "{arguments:?}");
    }
    drop(project);
    night(&other, "6");
    approve(&other, "");
    night(&other, "0");
    let journals = journals(&other);
    assert_eq!((journals.len(), history(&other).len()), (1, 1));
    assert!(journals[0].starts_with(&stopped), "it is not the same run");
    let behind = &journals[0][stopped.len()..];
    assert!(!nodes_with(behind, "started").contains(&"before".to_owned()), "it ran again");
}
