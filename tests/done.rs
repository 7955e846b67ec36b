//! The same command once more, when the run is done: it says so at once, and a
//! seal on the run never hides what reading its journal would show.

use crate::support::Project;

const SPEC: &str = r#"edition 1
pipeline small { base = "main" }
command one { run = ["sh", "-c", "echo one > one.txt"], writes = ["one.txt"] }
command two { needs = [one], run = ["sh", "-c", "echo two > two.txt"], writes = ["two.txt"] }
"#;

fn done() -> Project {
    let project = Project::of_spec(SPEC);
    project.exec().run().expect(0);
    assert!(project.run_dir().join("done.json").is_file(), "the run is sealed");
    project
}

#[test]
fn it_says_the_same_with_the_seal_and_without_it() {
    let project = done();
    let sealed = project.exec().run().expect(0).stdout;
    std::fs::remove_file(project.run_dir().join("done.json")).expect("removed");
    let read = project.exec().run().expect(0).stdout;
    assert_eq!(sealed, read);
    assert!(sealed.contains("had already ended: done\n\n  2 nodes committed\n"), "{sealed}");
    assert!(project.run_dir().join("done.json").is_file(), "the run is sealed again");
}

#[test]
fn a_damaged_journal_is_refused_all_the_same() {
    let project = done();
    let path = project.run_dir().join("journal");
    let mut bytes = std::fs::read(&path).expect("a journal");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).expect("written");
    project.exec().run().expect(9).says(&["is damaged"]);
}

#[test]
fn a_seal_that_cannot_be_read_says_nothing() {
    let project = done();
    for text in ["", "{", "{\"format\": 2}"] {
        std::fs::write(project.run_dir().join("done.json"), text).expect("written");
        project.exec().run().expect(0).shows(&["had already ended: done"]);
    }
}

#[test]
fn a_branch_that_is_gone_comes_back() {
    let project = done();
    let (branch, tree) = (project.branch(), project.tree());
    project.git(&["branch", "-q", "-D", &branch]);
    project.exec().run().expect(0).shows(&["had already ended: done"]);
    assert_eq!(project.tree(), tree);
}

#[test]
fn another_base_is_another_run() {
    let project = done();
    project.write("README.md", "# Changed\n");
    project.commit("more");
    project.exec().run().expect(0).shows(&["done"]);
    assert_eq!(project.run_dirs().len(), 2);
}
