//! `eufm compile`: what becomes of the plan on the disk. What compiles and what
//! does not is the corpus's.

use crate::support::Project;

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
fn the_starter_compiles_and_is_never_written_over_a_file() {
    let project = Project::without_repository();
    project.eufm().args(["init"]).run().expect(0).says(&["wrote spec.eufm"]);
    project.compile().expect(0);
    project.write("spec.eufm", "mine");
    project.eufm().args(["init"]).run().expect(2).says(&["spec.eufm", "name another file"]);
    assert_eq!(project.read("spec.eufm"), "mine");
}
