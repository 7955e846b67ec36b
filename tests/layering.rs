//! The house: which crate may know which, what stands in which file, and the
//! tables that exist twice.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::sources;

/// The members and what each may depend on of ours.
const ARROWS: &[(&str, &[&str])] = &[
    ("grammar", &[]),
    ("compiler/plan", &[]),
    ("stdlib", &[]),
    ("compiler", &["eufm-grammar", "eufm-plan"]),
    ("runner", &["eufm-plan"]),
    ("", &["eufm-compiler", "eufm-grammar", "eufm-plan", "eufm-runner", "eufm-stdlib"]),
];

fn manifest(member: &str) -> toml::Table {
    let path = sources().join(member).join("Cargo.toml");
    let text = std::fs::read_to_string(&path).expect("a manifest");
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Lists the Rust files below a folder of the sources, but for build output.
fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![sources().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the sources") {
            let path = entry.expect("readable").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name");
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn relative(path: &Path) -> &str {
    let path = path.strip_prefix(sources()).expect("below the sources");
    path.to_str().expect("a plain name")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The code of a file without its tests and without comments.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// Tells whether a file is a module that its parent has for tests alone.
fn is_for_tests_alone(file: &Path) -> bool {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).expect("a plain name");
    let folder = file.parent().expect("a file lies in a folder");
    stem.ends_with("_test")
        || ["mod.rs", "lib.rs", "main.rs"].iter().any(|parent| {
            let parent = std::fs::read_to_string(folder.join(parent)).unwrap_or_default();
            parent.contains(&format!("#[cfg(test)]\nmod {stem};\n"))
        })
}

#[test]
fn the_crates_know_each_other_only_along_the_arrows() {
    let members: BTreeSet<String> = manifest("")["workspace"]["members"]
        .as_array()
        .expect("the workspace has members")
        .iter()
        .filter_map(|member| member.as_str().map(str::to_owned))
        .collect();
    let listed = ARROWS.iter().map(|(member, _)| *member).filter(|member| !member.is_empty());
    assert_eq!(members, listed.map(str::to_owned).collect());
    for (member, allowed) in ARROWS {
        let manifest = manifest(member);
        for section in ["dependencies", "dev-dependencies", "build-dependencies", "target"] {
            let Some(section) = manifest.get(section).and_then(toml::Value::as_table) else {
                continue;
            };
            assert!(!section.values().any(|value| value.get("dependencies").is_some()), "{member}");
            let ours = section.keys().filter(|name| name.starts_with("eufm"));
            for name in ours {
                assert!(allowed.contains(&name.as_str()), "{member} must not know {name}");
            }
        }
        let lints = manifest["lints"]["workspace"].as_bool();
        assert_eq!(lints, Some(true), "{member} has the workspace's lints");
    }
}

/// What only some files may name: each word with where it may stand.
const OWNERS: &[(&str, &[&str])] = &[
    ("duct::", &["runner/process.rs"]),
    ("std::process::Command", &["runner/process.rs"]),
    ("process::Stdio", &["runner/process.rs"]),
    ("axum", &["runner/gateway/"]),
    ("hyper", &["runner/gateway/upstream/", "runner/gateway/relay.rs", "runner/proxy/"]),
    ("http_body_util", &["runner/gateway/upstream/", "runner/proxy/"]),
    ("rustls", &["runner/gateway/upstream/"]),
    ("tokio", &["runner/counter.rs", "runner/gateway/", "runner/proxy/"]),
    ("pest::", &["grammar/"]),
    ("pest_derive", &["grammar/"]),
    ("indicatif", &["runner/reporters/"]),
    ("quick_xml", &["runner/gates/"]),
    ("clap::", &["cli/"]),
    ("annotate_snippets", &["cli/render/"]),
    ("println!", &["cli/render/"]),
    ("std::env::var", &["cli/"]),
    // A clock that people set; limits go by the one that only goes on.
    ("SystemTime", &["runner/clock.rs"]),
    ("petgraph", &["compiler/"]),
];

#[test]
fn each_thing_has_one_place() {
    for folder in ["cli", "grammar", "compiler", "runner", "stdlib"] {
        for file in rust_files(folder) {
            let (path, text) = (relative(&file), read(&file));
            if is_for_tests_alone(&file) {
                continue;
            }
            let code = code(&text);
            for (word, owners) in OWNERS {
                let is_owner = owners.iter().any(|owner| path.starts_with(owner));
                assert!(is_owner || !code.contains(word), "{path} names {word}; see {owners:?}");
            }
        }
    }
}

/// What makes the same sources give different plans.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::process",
    "std::net",
    "std::thread",
    "Instant",
    "SystemTime",
    "HashMap",
    "HashSet",
    "f64",
];

#[test]
fn the_compiler_and_the_grammar_do_no_input_or_output() {
    for folder in ["grammar", "compiler"] {
        for file in rust_files(folder) {
            let (path, text) = (relative(&file), read(&file));
            let code = code(&text);
            for word in IMPURE.iter().filter(|_| !is_for_tests_alone(&file)) {
                assert!(!code.contains(word), "{path} names {word}");
            }
        }
    }
}

#[test]
fn every_file_opens_with_what_it_does_in_at_most_twelve_lines() {
    for file in rust_files("") {
        let (path, text) = (relative(&file), read(&file));
        let lines = text.lines().take_while(|line| line.starts_with("//!")).count();
        assert!((1..=12).contains(&lines), "{path} opens with {lines} lines of //!");
    }
}

#[test]
fn no_file_is_longer_than_600_lines_without_its_tests() {
    for file in rust_files("").into_iter().filter(|file| !is_for_tests_alone(file)) {
        let text = read(&file);
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let lines = code.lines().count();
        assert!(lines <= 600, "{} has {lines} lines", relative(&file));
    }
}

#[test]
fn no_module_is_a_drawer_for_everything() {
    for file in rust_files("") {
        let stem = file.file_stem().and_then(|stem| stem.to_str()).expect("a plain name");
        let path = relative(&file);
        assert!(!["util", "utils", "common", "helpers", "misc", "imp"].contains(&stem), "{path}");
    }
}

#[test]
fn the_tables_of_kinds_are_sorted_and_name_each_once() {
    let gates: Vec<&str> =
        eufm_runner::gates::GATES.iter().map(|kind| kind.schema().name).collect();
    let agents: Vec<&str> =
        eufm_runner::agents::AGENTS.iter().map(|kind| kind.schema().name).collect();
    let reporters: Vec<&str> =
        eufm_runner::reporters::REPORTERS.iter().map(|(name, _)| *name).collect();
    for names in [gates, agents, reporters] {
        assert!(!names.is_empty() && names.is_sorted_by(|a, b| a < b), "{names:?}");
    }
}

#[test]
fn every_file_of_the_tests_is_mounted() {
    let main = read(&sources().join("tests/main.rs"));
    let support = read(&sources().join("tests/support/mod.rs"));
    for file in rust_files("tests") {
        let stem = file.file_stem().and_then(|stem| stem.to_str()).expect("a plain name");
        let mount = format!("mod {stem};\n");
        let path = relative(&file);
        let mounted = match path {
            "tests/main.rs" | "tests/support/mod.rs" => main.contains("mod support;\n"),
            path if path.starts_with("tests/support/") => support.contains(&mount),
            path => match path["tests/".len()..].split_once('/') {
                // The parts of one topic.
                Some((topic, _)) => {
                    read(&sources().join(format!("tests/{topic}.rs"))).contains(&mount)
                }
                None => main.contains(&mount),
            },
        };
        assert!(mounted, "{path} is mounted nowhere, so its tests do not run");
    }
    let root = manifest("");
    assert_eq!(root["package"]["autotests"].as_bool(), Some(false));
}

#[test]
fn plain_cargo_test_at_the_root_runs_every_member() {
    let workspace = &manifest("")["workspace"];
    let of = |key: &str| -> BTreeSet<String> {
        let list = workspace[key].as_array().expect("a list");
        list.iter().filter_map(|member| member.as_str().map(str::to_owned)).collect()
    };
    let mut members = of("members");
    members.insert(".".to_owned());
    assert_eq!(of("default-members"), members);
}

#[test]
fn the_page_of_proofs_has_each_and_names_functions_that_are_there() {
    let page = read(&sources().join("docs/proofs.md"));
    let sections: Vec<&str> = page.split("\n## `").skip(1).collect();
    let heads: Vec<&str> =
        sections.iter().filter_map(|section| section.split('`').next()).collect();
    let names: Vec<&str> = eufm_plan::proof::names().collect();
    assert_eq!(heads, names, "the sections of docs/proofs.md are the proofs in their order");
    for section in sections {
        let head = section.split('`').next().unwrap_or_default();
        for part in ["**Claims**", "**From**", "**Rests on**\n- ", "**Does not prove**"] {
            assert!(section.contains(part), "{head} of docs/proofs.md lacks {part}");
        }
        let lines = section.lines().filter_map(|line| line.strip_prefix("- "));
        for line in lines {
            let (functions, rest) = line.split_once(" (`").expect("a function and its file");
            let file = rest.split('`').next().unwrap_or_default();
            let text = read(&sources().join(file));
            for function in functions.split(" and ").map(|name| name.trim_matches('`')) {
                assert!(text.contains(&format!("fn {function}(")), "{file} has no {function}");
            }
        }
    }
}

/// Reads the constants of cli/exit.rs: number and documentation, in order.
fn statuses() -> Vec<(u32, String)> {
    let text = read(&sources().join("cli/exit.rs"));
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let constants = lines.windows(2).filter_map(|pair| {
        let number = pair[1].strip_prefix("pub(crate) const ")?.split_once("Self(")?.1;
        let number = number.trim_end_matches(");").parse().ok()?;
        Some((number, pair[0].trim_start_matches("/// ").to_owned()))
    });
    constants.collect()
}

#[test]
fn the_page_of_exit_statuses_has_every_status_of_the_program() {
    let statuses = statuses();
    assert!(statuses.len() >= 10, "{statuses:?}");
    assert!(statuses.is_sorted_by(|a, b| a.0 < b.0), "{statuses:?}");
    let page = read(&sources().join("docs/exit-status.md"));
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).collect();
    let numbers: Vec<u32> = rows
        .iter()
        .filter_map(|row| row.split('|').nth(1)?.trim().trim_matches('`').parse().ok())
        .collect();
    for (number, meaning) in &statuses {
        assert!(numbers.contains(number), "docs/exit-status.md lacks {number}: {meaning}");
    }
    for number in numbers {
        let signals = [101, 129, 130, 143];
        let known = statuses.iter().any(|(known, _)| *known == number) || signals.contains(&number);
        // 6 belongs to approvals: it is reserved, never given.
        assert!(known || number == 6, "docs/exit-status.md names {number}, which no constant is");
    }
}
