//! The worked examples: each compiles to its committed plan, and every spec of
//! the repository has the canonical form.

use std::path::{Path, PathBuf};

use crate::support::{Project, sources};

/// Set to write the plans of the examples anew instead of comparing them.
const UPDATE: &str = "EUFM_UPDATE_SPECS";

/// Lists the folders of the worked examples, sorted.
fn examples() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(sources().join("specs")).expect("the worked examples");
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    folders.sort();
    assert!(folders.len() >= 5, "{folders:?}");
    folders
}

/// Returns the name of a folder's spec, which is called like the folder.
fn spec_of(folder: &Path) -> String {
    let name = folder.file_name().and_then(|name| name.to_str()).expect("a plain name");
    format!("{name}.eufm")
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder can be made");
    for entry in std::fs::read_dir(from).expect("readable") {
        let path = entry.expect("readable").path();
        let to = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            std::fs::copy(&path, &to).expect("copied");
        }
    }
}

/// Lists the specs below a folder, but for build output and the corpus of cases.
fn specs_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') && !path.ends_with("tests/cases") {
                specs_below(&path, found);
            }
        } else if name.ends_with(".eufm") {
            found.push(path);
        }
    }
}

#[test]
fn every_worked_example_compiles_to_its_committed_plan() {
    for folder in examples() {
        let project = Project::without_repository();
        let (spec, plan) = (folder.join(spec_of(&folder)), folder.join("plan.lock"));
        let compile = project.eufm().arg("compile").arg(&spec).arg("--root").arg(&folder);
        if std::env::var_os(UPDATE).is_some() {
            compile.run().expect(0);
            continue;
        }
        let ended = compile.args(["-o", "plan.lock"]).run().expect(0);
        let committed = std::fs::read_to_string(&plan).expect("a plan is committed");
        let compiled = project.read("plan.lock");
        let line = committed.lines().zip(compiled.lines()).position(|(a, b)| a != b);
        assert!(
            compiled == committed,
            "{}: line {:?} differs; review what `{UPDATE}=1 cargo test worked_example` writes",
            plan.display(),
            line.map(|line| line + 1),
        );
        // What is shown as an example gives no warning; the demo has a task whose
        // result is prose.
        let warned = ended.stderr.contains("warning[");
        assert_eq!(warned, folder.ends_with("hello"), "{}: {}", spec.display(), ended.stderr);
    }
}

#[test]
fn every_worked_example_says_at_its_begin_what_it_shows() {
    for folder in examples() {
        let text = std::fs::read_to_string(folder.join(spec_of(&folder))).expect("a spec");
        let says = text.lines().take(4).any(|line| line.starts_with("# "));
        // The specification of the design stands there to the letter.
        assert!(says || folder.ends_with("geodatacenter"), "{}", folder.display());
    }
}

#[test]
fn every_spec_of_the_repository_has_its_canonical_form() {
    let mut specs = Vec::new();
    specs_below(&sources(), &mut specs);
    let below = |folder: &str| {
        let folder = sources().join(folder);
        specs.iter().filter(|spec| spec.starts_with(&folder)).count()
    };
    assert!(below("stdlib") >= 8 && below("specs") >= 6, "{specs:?}");
    let project = Project::without_repository();
    let ended = project.eufm().args(["fmt", "--check"]).args(&specs).run();
    assert_eq!((ended.stdout.as_str(), ended.code()), ("", 0), "{}", ended.stderr);
}

/// Writes a spec as somebody might who does not care: other indentation, signs not
/// aligned, `\r\n`. What stands in long texts is left alone.
fn untidy(text: &str) -> String {
    let mut untidy = String::new();
    let mut in_text = false;
    for line in text.lines() {
        let toggles = line.matches("\"\"\"").count() % 2 == 1;
        if in_text || toggles {
            untidy.push_str(line);
        } else {
            // Names, keys and their signs stand before the first quote.
            let code = line.find(['"', '#']).unwrap_or(line.len());
            let words: Vec<&str> = line[..code].split_whitespace().collect();
            let gap = if line[..code].ends_with(' ') { "   " } else { "" };
            untidy.push_str(&format!("\t {}{gap}{}", words.join("  "), &line[code..]));
        }
        untidy.push_str("\r\n");
        in_text ^= toggles;
    }
    untidy
}

/// The plan without the digests of what it was made from.
fn without_sources(plan: &str) -> &str {
    plan.split("[sources]").next().expect("a plan has sources")
}

#[test]
fn formatting_never_changes_a_plan() {
    for folder in examples() {
        let project = Project::without_repository();
        let copied = project.repo().join("example");
        copy(&folder, &copied);
        let mut specs = Vec::new();
        specs_below(&copied, &mut specs);
        for spec in &specs {
            let text = std::fs::read_to_string(spec).expect("a spec");
            let other = untidy(&text);
            assert_ne!(other, text);
            std::fs::write(spec, other).expect("written");
        }
        let spec = copied.join(spec_of(&folder));
        let compile = |to: &str| {
            let compile = project.eufm().arg("compile").arg(&spec).arg("--root").arg(&copied);
            compile.args(["-o", to]).run().expect(0);
            project.read(to)
        };
        let before = compile("before.lock");
        project.eufm().arg("fmt").args(&specs).run().expect(0);
        assert_eq!(without_sources(&compile("after.lock")), without_sources(&before));
        for spec in &specs {
            let original = folder.join(spec.strip_prefix(&copied).expect("below the folder"));
            let [formatted, original] =
                [spec, &original].map(|path| std::fs::read_to_string(path).expect("a spec"));
            assert_eq!(formatted, original, "{}", spec.display());
        }
    }
}
