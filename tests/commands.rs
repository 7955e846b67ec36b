//! The surroundings of commands and gates: folder, variables, statuses, shell
//! lines, output that becomes a file, and names that are no file names.

use crate::support::Project;

/// Compiles a spec in a repository with these files.
fn project(files: &[(&str, &str)], body: &str) -> Project {
    let project = Project::new(&[&[("README.md", "# A project\n")], files].concat());
    project.write("spec.eufm", format!("edition 1\npipeline small {{ base = \"main\" }}\n{body}"));
    project.compile().expect(0);
    project
}

#[test]
fn a_command_runs_in_its_folder_with_its_variables() {
    let body = r#"command one {
  run    = ["sh", "-c", "pwd > where.txt; echo \"$CI|$LD_PRELOAD|$HOME\" > vars.txt"]
  cwd    = "packages/a"
  vars   = { CI = "a b", LD_PRELOAD = "" }
  writes = ["packages/a/*.txt"]
}
"#;
    let project = project(&[("packages/a/x", "x")], body);
    project.exec().run().expect(0);
    assert_eq!(project.merged("packages/a/where.txt"), "/repo/packages/a");
    assert_eq!(project.merged("packages/a/vars.txt"), "a b||/home/agent");
    project.nothing_is_left();
}

#[test]
fn a_folder_that_is_not_there_fails_the_command_by_name() {
    let project = project(&[], "command one { run = [\"true\"], cwd = \"packages/gone\" }\n");
    project.exec().run().expect(1).shows(&["/repo/packages/gone"]);
}

#[test]
fn a_variable_steers_the_command_and_not_the_sandbox_itself() {
    // A loader that is not there makes every program fail that heeds it.
    let body = "command one { run = [\"true\"], vars = { LD_PRELOAD = \"/repo/no.so\" } }\n";
    let project = project(&[], body);
    project.exec().run().expect(0);
    let dir = project.run_dir().join("nodes/0000-one/1/stderr.log");
    let said = std::fs::read_to_string(dir).expect("a log");
    assert_eq!(said.matches("no.so").count(), 1, "one program heeds it, `true`: {said}");
}

#[test]
fn only_the_statuses_of_the_plan_are_a_success() {
    for (status, code) in [(0, 0), (3, 0), (4, 1)] {
        let run = format!("run = [\"sh\", \"-c\", \"exit {status}\"]");
        let project = project(&[], &format!("command one {{ {run}, ok = [0, 3] }}\n"));
        project.exec().run().expect(code);
    }
}

#[test]
fn an_output_becomes_a_file_within_writes_and_nothing_else() {
    let body = r#"command one {
  shell  = true
  run    = "printf 'a\nb\n' | tr a-z A-Z"
  stdout = "docs/out.txt"
  writes = ["docs/out.txt"]
}
"#;
    let written = project(&[], body);
    written.exec().run().expect(0);
    assert_eq!(written.merged("docs/out.txt"), "A\nB");
    written.nothing_is_left();
    let link = body.replace("printf", "ln -s /tmp docs; printf");
    let refused = project(&[], &link);
    refused.exec().run().expect(1).shows(&["its output cannot become docs/out.txt"]);
    assert!(refused.facts("one", "harvested").is_empty());
    refused.nothing_is_left();
}

#[test]
fn a_gate_runs_in_its_folder_and_its_files_there_come_from_the_base() {
    let check = "import os, sys; sys.exit(open('a.txt').read() != os.environ['WANTED'])";
    let body = r#"gate right is command {
  run  = ["python3", "check.py", "../shared.py"]
  cwd  = "packages/a"
  vars = { WANTED = "42" }
}
command one {
  run    = ["sh", "-c", "printf WORK > packages/a/a.txt; echo > packages/a/check.py; echo > packages/shared.py"]
  writes = ["packages/**"]
  gates  = [right]
}
"#;
    let files = [("packages/a/check.py", check), ("packages/shared.py", "shared")];
    for (work, code) in [("42", 0), ("41", 1)] {
        let project = project(&files, &body.replace("WORK", work));
        project.exec().run().expect(code).shows(&["gate right"]);
    }
}

#[test]
fn a_report_lies_in_the_folder_of_its_gate() {
    let check = "open('report.xml', 'w').write('<testsuite><testcase name=\"a\"/></testsuite>')";
    let body = r#"gate unit is tests {
  run    = ["python3", "check.py"]
  cwd    = "packages/a"
  report = junit("report.xml")
  require { tests >= 1 }
}
command one { run = ["true"], gates = [unit] }
"#;
    let project = project(&[("packages/a/check.py", check)], body);
    project.exec().run().expect(0).shows(&["gate unit pass: 1 of 1 test passed"]);
}

#[test]
fn names_that_are_no_file_names_run_and_are_reported_as_they_are() {
    let body = r#"let sites = ["felix", "a b/../ü", "x.lock"]
gate right is command { run = ["true"] }
group far {
  command site for s in sites {
    run    = ["sh", "-c", "echo x > same.txt"]
    writes = ["*.txt"]
    gates  = [right { vars = { A = "1" } }]
  }
}
"#;
    let project = project(&[], body);
    let done = project.exec().run().expect(0);
    done.shows(&[
        "far/site[\"felix\"]",
        "far/site[\"x.lock\"]",
        "gate right@far/site[\"felix\"] pass",
    ]);
    for site in ["felix", "a b/../ü", "x.lock"] {
        let node = format!("far/site[\"{site}\"]");
        assert_eq!(project.facts(&node, "committed").len(), 1, "{node}");
    }
    let nodes = std::fs::read_dir(project.run_dir().join("nodes")).expect("folders").count();
    assert_eq!(nodes, 3);
    project.nothing_is_left();
}
