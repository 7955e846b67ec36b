//! `eufm compile`: the same bytes everywhere, all errors with their places,
//! and nothing written when there is one.

use std::path::{Path, PathBuf};

use crate::support::{Ended, Project, sources};

/// Lists the specs of a folder of the corpus, sorted.
fn cases(kind: &str) -> Vec<PathBuf> {
    let folder = sources().join("tests/cases").join(kind);
    let entries = std::fs::read_dir(folder).expect("the corpus is there");
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "eufm"));
    cases.sort();
    cases
}

fn stem(path: &Path) -> &str {
    path.file_stem().and_then(|stem| stem.to_str()).expect("cases have plain names")
}

/// Compiles a copy of a file in a folder of its own.
fn compile_copy(path: &Path) -> (Project, Ended) {
    let project = Project::without_repository();
    let name = path.file_name().expect("a file").to_str().expect("a plain name");
    project.write(name, std::fs::read(path).expect("the file can be read"));
    let ended = project.eufm().args(["compile", name]).run();
    (project, ended)
}

/// Compares with a file below tests/snapshots.
fn snapshot(folder: &str, name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("snapshots/{folder}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn every_bad_spec_gives_all_its_errors_and_no_file() {
    let cases = cases("err");
    assert!(cases.len() >= 20, "only {} kinds of bad specs", cases.len());
    for case in cases {
        let (project, ended) = compile_copy(&case);
        assert_eq!(ended.code(), 3, "{}: {}", case.display(), ended.stderr);
        assert_eq!(ended.stdout, "", "{}", case.display());
        let files = std::fs::read_dir(project.repo()).expect("readable").count();
        assert_eq!(files, 1, "{}: a file was written", case.display());
        snapshot("err", stem(&case), &ended.stderr);
    }
}

#[test]
fn every_good_spec_gives_the_plan_that_was_reviewed() {
    let cases = cases("ok");
    assert!(!cases.is_empty());
    for case in cases {
        let (project, ended) = compile_copy(&case);
        assert_eq!(ended.code(), 0, "{}: {}", case.display(), ended.stderr);
        snapshot("ok", stem(&case), &project.read("plan.lock"));
        snapshot("shown", stem(&case), &format!("{}\n---\n{}", ended.stdout, ended.stderr));
    }
}

#[test]
fn the_plan_is_the_same_in_every_folder_locale_and_time_zone_and_with_every_line_end() {
    for case in cases("ok") {
        let text = std::fs::read_to_string(&case).expect("a spec");
        let here = Project::without_repository();
        here.write("spec.eufm", &text);
        here.eufm().args(["compile", "spec.eufm"]).env("TZ", "UTC").run().expect(0);
        let plan = here.read("plan.lock");

        let there = Project::new(&[("deep/er/other.txt", "")]);
        let crlf = text.replace("\r\n", "\n").replace('\n', "\r\n");
        let mark = if text.starts_with('\u{feff}') { "" } else { "\u{feff}" };
        there.write("deep/er/spec.eufm", format!("{mark}{crlf}"));
        for locale in ["de_DE.UTF-8", "tr_TR.UTF-8", "C.UTF-8"] {
            let compile = there.eufm().args(["compile", "./deep/../deep/er/spec.eufm"]);
            let compile = compile.env("LC_ALL", locale).env("LANG", locale);
            compile.env("TZ", "Asia/Tokyo").env("HOME", "/nonexistent").run().expect(0);
            assert_eq!(there.read("deep/er/plan.lock"), plan, "{} in {locale}", case.display());
            std::fs::remove_file(there.repo().join("deep/er/plan.lock")).expect("removed");
        }
    }
}

const SPEC: &str = r#"edition 1
pipeline small { goal = "Small" }
command one { run = ["true"] }
"#;

#[test]
fn locked_fails_when_the_plan_would_change_and_never_writes() {
    let project = Project::without_repository();
    project.write("spec.eufm", SPEC);
    let locked = || project.eufm().args(["compile", "--locked", "spec.eufm"]).run();
    locked().expect(4).says(&["plan.lock is not there", "without --locked"]);
    assert!(!project.repo().join("plan.lock").exists());
    project.compile().expect(0);
    locked().expect(0);
    let plan = project.read("plan.lock");
    project.write("spec.eufm", SPEC.replace("Small", "Large"));
    locked().expect(4).says(&["plan.lock is not what the spec gives now", "Small", "Large"]);
    assert_eq!(project.read("plan.lock"), plan);
}

#[test]
fn the_plan_can_be_written_elsewhere() {
    let project = Project::without_repository();
    project.write("spec.eufm", SPEC);
    let compile = |to: &str| project.eufm().args(["compile", "-o", to, "spec.eufm"]).run();
    compile("night.lock").expect(0);
    assert!(!project.repo().join("plan.lock").exists());
    project.compile().expect(0);
    assert_eq!(project.read("night.lock"), project.read("plan.lock"));
    compile("no/such/folder.lock").expect(2).says(&["no/such/folder.lock"]);
    let mut files: Vec<_> = std::fs::read_dir(project.repo())
        .expect("readable")
        .map(|entry| entry.expect("readable").file_name())
        .collect();
    files.sort();
    assert_eq!(files, ["night.lock", "plan.lock", "spec.eufm"], "nothing half is left");
}

#[test]
fn a_plan_that_does_not_change_is_not_written_again() {
    use std::os::unix::fs::MetadataExt as _;
    let project = Project::without_repository();
    project.write("spec.eufm", SPEC);
    project.compile().expect(0).says(&["plan.lock written"]);
    let path = project.repo().join("plan.lock");
    let stamp = || {
        let metadata = std::fs::metadata(&path).expect("a plan");
        (metadata.ino(), metadata.mtime(), metadata.mtime_nsec(), metadata.ctime_nsec())
    };
    let before = stamp();
    project.compile().expect(0).says(&["plan.lock is unchanged"]);
    assert_eq!(stamp(), before);
}

#[test]
fn an_error_leaves_the_earlier_plan_as_it_is() {
    let project = Project::without_repository();
    project.write("spec.eufm", SPEC);
    project.compile().expect(0);
    let plan = project.read("plan.lock");
    project.write("spec.eufm", format!("{SPEC}command two {{ runs = [\"true\"] }}\n"));
    project.compile().expect(3).says(&["runs", "no plan was written"]);
    assert_eq!(project.read("plan.lock"), plan);
}

#[test]
fn a_spec_that_is_not_there_or_no_text_is_said_plainly() {
    let project = Project::without_repository();
    project.compile().expect(3).says(&["spec.eufm", "no such file"]);
    project.write("spec.eufm", b"edition 1\n\xff\xfe");
    project.compile().expect(3).says(&["spec.eufm", "UTF-8"]);
    std::fs::create_dir(project.repo().join("folder.eufm")).expect("made");
    project.eufm().args(["compile", "folder.eufm"]).run().expect(3).says(&["not a file"]);
}

#[test]
fn every_example_of_the_language_page_compiles() {
    let page = std::fs::read_to_string(sources().join("docs/language.md")).expect("the page");
    let mut examples = 0;
    for fence in page.split("```eufm\n").skip(1) {
        let (spec, _) = fence.split_once("\n```").expect("the fence is closed");
        let project = Project::without_repository();
        project.write("spec.eufm", spec);
        let ended = project.compile();
        assert_eq!(ended.code(), 0, "{spec}\n{}", ended.stderr);
        examples += 1;
    }
    assert!(examples >= 3, "only {examples} examples were found");
}

#[test]
fn every_worked_example_has_its_current_plan() {
    for entry in std::fs::read_dir(sources().join("specs")).expect("the worked examples") {
        let folder = entry.expect("readable").path();
        let files = std::fs::read_dir(&folder).expect("readable");
        let files = files.map(|file| file.expect("readable").path());
        for spec in files.filter(|file| file.extension().is_some_and(|e| e == "eufm")) {
            let project = Project::without_repository();
            let compile = project.eufm().args(["compile", "--locked"]).arg(&spec);
            let ended = compile.run();
            assert_eq!(ended.code(), 0, "{}: {}", spec.display(), ended.stderr);
        }
    }
}

#[test]
fn the_starter_compiles_and_is_never_written_over_a_file() {
    let project = Project::without_repository();
    project.eufm().args(["init"]).run().expect(0).says(&["wrote spec.eufm"]);
    project.compile().expect(0);
    project.write("spec.eufm", "mine");
    project.eufm().args(["init"]).run().expect(2).says(&["spec.eufm", "name another file"]);
    assert_eq!(project.read("spec.eufm"), "mine");
}
