//! Files that belong to nobody: made again after each merge, whatever was left there.

use crate::support::Project;

/// A list of all parts, which each node that adds one would have to write.
const SPEC: &str = r#"edition 1
pipeline night { base = "main", budget { parallel <= 2 } }
generated "parts.txt" { run = ["sh", "make-list.sh"] }
gate listed is command { run = ["sh", "-c", "ls parts | cmp - parts.txt"] }
command one {
  run    = ["sh", "-c", "echo 1 > parts/one && echo forged > parts.txt"]
  writes = ["parts/one"]
  gates  = [listed]
}
command two {
  run    = ["sh", "-c", "echo 2 > parts/two && echo forged too > parts.txt"]
  writes = ["parts/two"]
  gates  = [listed]
}
command both {
  needs = [one, two]
  run   = ["sh", "-c", "grep -q one parts.txt && grep -q two parts.txt"]
}
"#;

fn project(list: &str) -> Project {
    let files = [("parts/zero", "0\n"), ("parts.txt", "zero\n"), ("make-list.sh", list)];
    let project = Project::new(&files);
    project.write("spec.eufm", SPEC);
    project.compile().expect(0);
    project
}

#[test]
fn a_generated_file_is_no_conflict_and_says_what_the_merge_holds() {
    let project = project("ls parts > parts.txt\n");
    project.exec().run().expect(0);
    assert_eq!(project.merged("parts.txt"), "one\ntwo\nzero");
    assert_eq!(project.git(&["status", "--porcelain", "parts.txt"]), "");
    project.nothing_is_left();
}

#[test]
fn what_a_node_writes_there_does_not_count() {
    let project = project("ls parts > parts.txt\n");
    project.exec().run().expect(0);
    let results = project.facts("one", "committed");
    let commit = results[0]["commit"].as_str().expect("a commit");
    let vault = project.state().join("vault.git");
    let vault = vault.to_str().expect("a path");
    let shown = project.git(&["--git-dir", vault, "show", &format!("{commit}:parts.txt")]);
    assert_eq!(shown, "one\nzero", "its gate saw the list that was made again");
}

#[test]
fn one_that_cannot_be_made_again_fails_what_it_is_needed_for_with_the_reason() {
    let project = project("echo no list today >&2; exit 3\n");
    let ended = project.exec().run().expect(1);
    ended.says(&["one: result refused: parts.txt (cannot be made again: exit status 3: no list"]);
    let project = self::project("rm parts.txt\n");
    project.exec().run().expect(1).says(&["its program left no such file"]);
    project.nothing_is_left();
}
