//! What a run is refused for before it does anything, by exit status, and what
//! the message says.

use crate::support::{CASSETTE, Project, SPEC, codex, demo};

const COMMAND: &str = r#"edition 1
pipeline small { base = "main" }
command one { run = ["true"] }
"#;

/// Makes a folder with links to some of the programs on the PATH.
fn path_with(project: &Project, programs: &[&str]) -> std::path::PathBuf {
    let folder = project.root().join("bin");
    std::fs::create_dir(&folder).expect("a folder can be made");
    let path = std::env::var_os("PATH").expect("there is a PATH");
    for program in programs {
        let found = std::env::split_paths(&path).map(|dir| dir.join(program)).find(|p| p.exists());
        let found = found.unwrap_or_else(|| panic!("{program} is not on the PATH"));
        std::os::unix::fs::symlink(found, folder.join(program)).expect("a link can be made");
    }
    folder
}

#[test]
fn a_plan_in_no_repository_is_refused() {
    let project = Project::without_repository();
    project.write("spec.eufm", COMMAND);
    project.compile().expect(0);
    project.exec().run().expect(2).says(&["plan.lock lies in no git repository", "--repo DIR"]);
}

#[test]
fn a_stray_empty_folder_named_git_is_no_repository() {
    let project = Project::new(&[("deep/spec.eufm", COMMAND)]);
    std::fs::create_dir(project.repo().join("deep/.git")).expect("a folder can be made");
    project.eufm().args(["compile", "deep/spec.eufm"]).run().expect(0);
    let exec = project.eufm().args(["exec", "deep/plan.lock", "--state"]).arg(project.state());
    exec.run().expect(0);
}

#[test]
fn a_repository_without_a_commit_is_refused() {
    let project = Project::without_repository();
    project.git(&["init", "-q", "-b", "main"]);
    project.write("spec.eufm", COMMAND);
    project.compile().expect(0);
    project.exec().run().expect(2).says(&["commit"]);
}

#[test]
fn an_unknown_base_is_refused_by_name() {
    let project = Project::of_spec(&COMMAND.replace("\"main\"", "\"no-such-branch\""));
    project.exec().run().expect(2).says(&["no-such-branch"]);
}

#[test]
fn a_plan_that_is_not_there_is_refused() {
    let project = Project::new(&[("README.md", "")]);
    project.exec().run().expect(2).says(&["plan.lock", "eufm compile"]);
}

#[test]
fn agents_without_a_key_are_refused() {
    let project = demo();
    let exec = project.exec().arg("--codex").arg(codex());
    exec.run().expect(7).says(&["OPENAI_API_KEY is not set", "--key-file FILE"]);
    assert!(project.journal().is_empty() || project.facts("greet", "started").is_empty());
    project.exec_agents().run().expect(0);
}

#[test]
fn a_cassette_that_cannot_be_read_is_a_usage_error() {
    let project = demo();
    project.write("cassette.toml", "format = 1\n[[node.greet]]\nsya = \"x\"\n");
    project.exec_agents().run().expect(2).says(&["cassette.toml:3", "sya"]);
}

#[test]
fn a_cassette_for_other_nodes_is_refused_before_anything_starts() {
    let project = demo();
    project.write("cassette.toml", CASSETTE.replace("node.readme", "node.reedme"));
    project.exec_agents().run().expect(7).says(&["reedme"]);
    assert!(project.facts("greet", "started").is_empty());
}

#[test]
fn a_difference_between_cassette_and_run_is_said_plainly() {
    let project = demo();
    project.write("cassette.toml", CASSETTE.replace("did not pass", "did pass"));
    let done = project.exec_agents().run().expect(7);
    done.shows(&["cassette.toml:", "`greet`", "expects the newest input to contain \"did pass\""]);
    assert_eq!(project.facts("greet", "started").len(), 2, "another attempt would not help");
    project.write("cassette.toml", CASSETTE);
    project.exec_agents().run().expect(7).shows(&["had already ended", "--retry"]);
    project.exec_agents().arg("--retry").run().expect(0);
    project.nothing_is_left();
}

#[test]
fn a_cassette_that_has_run_out_is_said_plainly() {
    let project = demo();
    let (cassette, _) = CASSETTE.split_once("[[node.readme]]").expect("readme has replies");
    let cassette = format!("{cassette}[[node.readme]]\nshell = \"echo '# hello' > NOTES.md\"\n");
    project.write("cassette.toml", cassette);
    project.exec_agents().run().expect(7).shows(&["no reply left after its 1"]);
    project.nothing_is_left();
}

#[test]
fn a_missing_codex_is_refused_with_the_way_out() {
    let project = demo();
    let exec =
        project.exec().args(["--cassette", "cassette.toml", "--codex", "/nonexistent/codex"]);
    exec.run().expect(7).says(&["/nonexistent/codex", "npm install", "@openai/codex@0.169.0"]);
    assert!(project.facts("greet", "started").is_empty());
}

#[test]
fn another_version_of_codex_than_the_plans_is_refused() {
    let project = demo();
    project.write("spec.eufm", SPEC.replace("0.169.0", "0.168.0"));
    project.compile().expect(0);
    project.exec_agents().run().expect(7).says(&["pins the Codex CLI 0.168.0", "is 0.169.0"]);
}

#[test]
fn a_host_without_bubblewrap_is_refused_with_8() {
    let project = Project::of_spec(COMMAND);
    let path = path_with(&project, &["git"]);
    project.exec().env("PATH", path).run().expect(8).says(&["bwrap", "apt-get install bubblewrap"]);
    assert!(project.facts("one", "started").is_empty());
    project.exec().run().expect(0);
}

#[test]
fn a_host_without_git_is_refused() {
    let project = Project::of_spec(COMMAND);
    let path = path_with(&project, &["bwrap"]);
    let done = project.exec().env("PATH", path).run();
    assert!([2, 8].contains(&done.code()), "{}", done.stderr);
    done.says(&["git"]);
}

#[test]
fn a_host_whose_sandbox_does_not_work_is_refused_with_8() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = Project::of_spec(COMMAND);
    let path = path_with(&project, &["git"]);
    let fake = "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n";
    std::fs::write(path.join("bwrap"), fake).expect("written");
    std::fs::set_permissions(path.join("bwrap"), std::fs::Permissions::from_mode(0o755))
        .expect("executable");
    let done = project.exec().env("PATH", path).run().expect(8);
    done.says(&["No permissions to create new namespace", "user namespaces may be denied"]);
}

#[test]
fn a_tool_folder_that_is_not_there_is_refused_with_8() {
    let spec = "edition 1\npipeline small { base = \"main\" }\nenvironment e { tools = \
                [\"/opt/no-such-tool\"] }\ncommand one { run = [\"true\"], env = [e] }\n";
    let project = Project::of_spec(spec);
    project.exec().run().expect(8).says(&["environment e", "/opt/no-such-tool"]);
}

#[test]
fn state_that_others_may_write_is_refused_with_9() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = Project::of_spec(COMMAND);
    std::fs::create_dir(project.state()).expect("made");
    std::fs::set_permissions(project.state(), std::fs::Permissions::from_mode(0o777)).expect("set");
    project.exec().run().expect(9).says(&["other users may write to it"]);
}

#[test]
fn a_damaged_journal_is_refused_with_9_and_left_as_it_is() {
    let spec = "edition 1\npipeline small { base = \"main\" }\ncommand one { run = [\"true\"] }\n";
    let project = Project::of_spec(spec);
    project.exec().run().expect(0);
    let path = project.run_dir().join("journal");
    let mut bytes = std::fs::read(&path).expect("a journal");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).expect("written");
    project.exec().run().expect(9).says(&["damaged", "the file is left as it is"]);
    assert_eq!(std::fs::read(&path).expect("a journal"), bytes);
}

#[test]
fn a_torn_record_at_the_end_costs_no_more_than_itself() {
    let spec = "edition 1\npipeline small { base = \"main\" }\ncommand one { run = [\"true\"] }\n";
    let project = Project::of_spec(spec);
    project.exec().run().expect(0);
    let path = project.run_dir().join("journal");
    let bytes = std::fs::read(&path).expect("a journal");
    std::fs::write(&path, &bytes[..bytes.len() - 7]).expect("written");
    project.exec().run().expect(0).says(&["torn record"]);
    assert_eq!(project.facts("one", "committed").len(), 1);
    project.nothing_is_left();
}

#[test]
fn a_bad_command_line_is_a_usage_error() {
    let project = Project::without_repository();
    project.eufm().args(["exec"]).run().expect(2);
    project.eufm().args(["no-such-command"]).run().expect(2);
    project.eufm().args(["--version"]).run().expect(0).shows(&["eufm 0."]);
}
