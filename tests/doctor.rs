//! What `eufm doctor` says of a host: this one, and the same one with
//! facilities hidden from it.

use std::path::Path;

use serde_json::Value;

use crate::support::{Invocation, Project, codex};

/// Runs the doctor behind another program, such as one that hides something.
fn doctor(project: &Project, before: &[&str], args: &[&str]) -> Invocation {
    let eufm = env!("CARGO_BIN_EXE_eufm");
    let all: Vec<&str> = before.iter().copied().chain([eufm, "doctor"]).collect();
    Invocation::of(Path::new(all[0]), project.root(), &project.repo())
        .args(&all[1..])
        .args(args)
        .arg("--state")
        .arg(project.state())
        .env("EUFM_CODEX", codex())
        .env("TMPDIR", project.root())
}

/// Reads the document: the levels of the facilities by name.
fn level(document: &Value, facility: &str) -> String {
    let all = document["facilities"].as_array().expect("a list");
    let line = all.iter().find(|line| line["facility"] == facility);
    let line = line.unwrap_or_else(|| panic!("{facility} is not in {document:#}"));
    line["level"].as_str().expect("a word").to_owned()
}

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Lists what is in the project's folder, but for the output of what ran.
fn entries(project: &Project) -> Vec<String> {
    let entries = std::fs::read_dir(project.root()).expect("the folder is there");
    let names = entries.map(|entry| entry.expect("readable").file_name());
    let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.retain(|name| !name.starts_with("output-"));
    names.sort();
    names
}

#[test]
fn this_host_is_fit_for_the_tests_and_stays_as_it_was() {
    let project = Project::new(&[("README.md", "")]);
    let before = entries(&project);
    let ended = doctor(&project, &["env"], &["--json"]).run().expect(0);
    let found = document(&ended.stdout);
    for facility in ["kernel", "bubblewrap", "pid namespaces", "git", "codex", "codex sandbox"] {
        assert_eq!(level(&found, facility), "enforced", "{facility}: {found:#}");
    }
    assert!(["A", "B"].contains(&found["isolation"].as_str().expect("a word")), "{found:#}");
    assert_eq!(found["agents"]["runs"], true);
    assert_eq!(entries(&project), before, "nothing is left behind");
    project.nothing_runs();
}

#[test]
fn a_host_without_bubblewrap_is_told_so_with_the_way_out() {
    let project = Project::new(&[("README.md", "")]);
    // git and unshare alone are on the PATH.
    let bin = project.root().join("bin");
    std::fs::create_dir(&bin).expect("a folder can be made");
    for program in ["git", "unshare"] {
        let path = std::env::var_os("PATH").expect("there is a PATH");
        let found = std::env::split_paths(&path).map(|dir| dir.join(program)).find(|p| p.exists());
        let found = found.unwrap_or_else(|| panic!("{program} is not on the PATH"));
        std::os::unix::fs::symlink(found, bin.join(program)).expect("a link can be made");
    }
    let ended = doctor(&project, &["/usr/bin/env"], &[]).env("PATH", &bin).run().expect(8);
    ended.shows(&[
        "isolation C: ",
        "  commands  cannot run: bubblewrap: missing; --allow-degraded=bubblewrap permits it, then ",
        "bwrap is not on the PATH\n",
        "help: install bubblewrap",
        "git                 enforced",
    ]);
}

#[test]
fn denied_user_namespaces_are_seen() {
    let project = Project::new(&[("README.md", "")]);
    // A namespace of users in which no other can be made.
    let deny = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"";
    let before = ["unshare", "--user", "--map-root-user", "sh", "-c", deny, "sh"];
    let found = document(&doctor(&project, &before, &["--json"]).run().expect(8).stdout);
    for facility in ["bubblewrap", "user namespaces", "pid namespaces", "codex sandbox"] {
        assert_eq!(level(&found, facility), "missing", "{facility}: {found:#}");
    }
    assert_eq!(level(&found, "landlock"), "enforced");
    assert_eq!(found["isolation"], "C");
    assert_eq!(found["commands"]["runs"], false);
}
