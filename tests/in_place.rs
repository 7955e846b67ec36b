//! Trusted commands: they run in the user's checkout, nothing of them is taken
//! over, and nothing of them is left.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use crate::support::{Project, until};

fn project(body: &str) -> Project {
    let project = Project::new(&[("README.md", "# A project\n"), ("src/a", "a\n")]);
    project.write("spec.eufm", format!("edition 1\npipeline small {{ base = \"main\" }}\n{body}"));
    project.compile().expect(0);
    project
}

/// Waits for a file of the checkout.
fn wait_for(project: &Project, path: &str) -> PathBuf {
    let path = project.repo().join(path);
    until(&format!("{}", path.display()), || path.exists().then(|| path.clone()))
}

#[test]
fn it_runs_in_the_checkout_and_nothing_is_taken_over() {
    let body = r#"command one {
  run      = ["sh", "-c", "pwd > ../one.txt; echo \"$HOME|$EUFM_NODE|$CI\" >> ../one.txt; echo said; echo meant >&2"]
  cwd      = "src"
  vars     = { CI = "1" }
  in_place = true
}
command quiet { needs = [one], run = ["cp", "one.txt", "two.txt"], in_place = true }
"#;
    let project = project(body);
    project.exec().run().expect(0).shows(&["done", "none: no result was merged"]);
    let (repo, home) = (project.repo(), project.root().join("home"));
    let expected = format!("{}\n{}|one|1\n", repo.join("src").display(), home.display());
    assert_eq!(project.read("one.txt"), expected);
    assert_eq!(project.read("two.txt"), expected, "it sees what was left before it");
    let nodes = project.run_dir().join("nodes");
    let log = std::fs::read_to_string(nodes.join("0000-one/1/output.log")).expect("a log");
    assert_eq!(log, "said\nmeant\n");
    assert!(!nodes.join("0001-quiet").exists(), "a command that says nothing has no log");
    assert_eq!(project.git(&["for-each-ref", "refs/heads/eufm"]), "");
    project.nothing_is_left();
    project.exec().run().expect(0).shows(&["had already ended: done"]);
}

#[test]
fn a_failure_says_the_last_line_and_a_missing_program_its_name() {
    let failing =
        project("command a { run = [\"sh\", \"-c\", \"echo no; exit 3\"], in_place = true }\n");
    failing.exec().run().expect(1).shows(&["exit status 3: no"]);
    let missing = project("command a { run = [\"no-such-program\"], in_place = true }\n");
    missing.exec().run().expect(1).shows(&["no-such-program: "]);
    missing.nothing_is_left();
}

#[test]
fn of_a_large_run_what_failed_is_told_and_the_rest_is_counted() {
    let body = r#"constitution "RULES.md" {
  rule told is must_exist { cite = "There SHOULD be a page", level = should, paths = ["README.md"] }
}
command each for name in lines(file("names")) {
  run      = ["sh", "-c", "[ ${name} != seven ]"]
  in_place = true
}
"#;
    let rules = ("RULES.md", "- There SHOULD be a page.\n");
    let project = Project::new(&[("README.md", "# A project\n"), rules]);
    let names: String = (0..60).map(|at| format!("n{at}\n")).collect();
    project.write("names", format!("{names}seven\n"));
    project.write("spec.eufm", format!("edition 1\npipeline big {{ base = \"main\" }}\n{body}"));
    project.compile().expect(0);
    let ended = project.exec().run().expect(1);
    let counts = "  62 nodes: 61 committed, 1 failed; ";
    let rule = "rule told (should) pass: ";
    let ended = ended.shows(&["failed     1 attempt", "constitution:verify  ", rule, counts]);
    assert!(!ended.stdout.contains("each[\"n3\"]"), "{}", ended.stdout);
    let report = std::fs::read_to_string(project.run_dir().join("run.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["nodes"].as_array().map(Vec::len), Some(62), "it has all");
}

#[test]
fn it_stands_between_nodes_whose_results_are_merged() {
    let body = r#"command make { run = ["sh", "-c", "echo made > made.txt"], writes = ["made.txt"] }
command look { needs = [make], run = ["sh", "-c", "[ ! -e made.txt ]"], in_place = true }
command more { needs = [look], run = ["cp", "made.txt", "more.txt"], writes = ["more.txt"] }
"#;
    let project = project(body);
    project.exec().run().expect(0);
    assert_eq!(project.merged("more.txt"), "made");
    project.nothing_is_left();
}

/// Leaves a process in its group and two that have left it, and does `then`.
fn daemons(then: &str) -> Project {
    let left = "sleep 600 & setsid sleep 600 & setsid -f sh -c ': > left; exec sleep 600'; while [ ! -e left ]; do :; done";
    project(&format!(
        "command daemons {{ run = [\"sh\", \"-c\", \"{left}; {then}\"], in_place = true }}\n\
         command after {{ needs = [daemons], run = [\"true\"], in_place = true }}\n"
    ))
}

#[test]
fn what_a_command_leaves_running_ends_with_the_run() {
    let project = daemons("exit 0");
    project.exec().run().expect(0);
    project.nothing_is_left();
}

#[test]
fn a_stop_ends_what_has_left_its_group_too() {
    let project = daemons("touch ready; sleep 600");
    let run = project.exec().start();
    wait_for(&project, "ready");
    run.signal("INT");
    run.wait().expect(130);
    project.nothing_is_left();
}

#[test]
fn what_a_killed_runner_left_is_ended_before_the_next_attempt() {
    let body = r#"command one {
  run      = ["sh", "-c", "if [ -e first ]; then grep -q sleep /proc/$(cat first)/cmdline 2>/dev/null && touch alive; exit 0; fi; setsid -f sh -c 'echo $$ > first.new; mv first.new first; exec sleep 600'; sleep 600"]
  in_place = true
}
"#;
    let project = project(body);
    let run = project.exec().start();
    wait_for(&project, "first");
    run.kill();
    project.exec().run().expect(0).says(&["taken up again"]);
    assert!(!project.repo().join("alive").exists(), "the orphan still ran beside the next attempt");
    assert_eq!(project.facts("one", "interrupted").len(), 1);
    assert_eq!(project.facts("one", "started")[1]["attempt"], 1, "a crash is no attempt");
    project.nothing_is_left();
}

#[test]
fn what_a_killed_runners_command_said_is_kept() {
    let body = r#"command one {
  run      = ["sh", "-c", "[ -e ready ] && exit 0; echo said before the crash; touch ready; sleep 600"]
  in_place = true
}
"#;
    let project = project(body);
    let run = project.exec().start();
    wait_for(&project, "ready");
    run.kill();
    project.exec().run().expect(0);
    let log = project.run_dir().join("nodes/0000-one/1/output.log");
    assert_eq!(std::fs::read_to_string(log).expect("a log"), "said before the crash\n");
    project.nothing_is_left();
}

#[test]
fn a_command_that_takes_too_long_is_ended() {
    let project = project(
        "command one { run = [\"sleep\", \"600\"], in_place = true, budget { wall <= 1 s } }\n",
    );
    project.exec().run().expect(5).shows(&["its wall budget is used up"]);
    project.nothing_is_left();
}

#[test]
fn without_a_checkout_it_is_refused() {
    let project = project("command one { run = [\"true\"], in_place = true }\n");
    let refused = project.exec().args(["--repo", "src"]).run().expect(2);
    refused.says(&["one: `in_place` runs in the repository's checkout", "--repo DIR"]);
}

#[test]
fn what_is_not_kept_of_its_output_takes_no_room_while_it_runs() {
    let body = r#"command talks {
  run      = ["sh", "-c", "yes | head -c 300000000; echo the end; mkfifo pipe; read line < pipe; rm pipe; exit 3"]
  in_place = true
}
"#;
    let project = project(body);
    let run = project.exec().start();
    let pipe = wait_for(&project, "pipe");
    let work = project.run_dir().join("work");
    until("what is not kept to go", || {
        let mut files = std::fs::read_dir(&work).expect("a folder").filter_map(Result::ok);
        let file =
            files.find_map(|file| file.metadata().ok().filter(std::fs::Metadata::is_file))?;
        (file.len() > 300_000_000 && file.blocks() * 512 < 80 << 20).then_some(())
    });
    std::fs::write(pipe, "go\n").expect("written");
    run.wait().expect(1).shows(&["exit status 3: the end"]);
    let log = project.run_dir().join("nodes/0000-talks/1/output.log");
    let log = std::fs::read(log).expect("a log");
    assert!(log.ends_with(b"y\n\n[eufm: the rest is left out]\n"));
    assert!(log.len() < 65 << 20, "{}", log.len());
    project.nothing_is_left();
}

#[test]
fn it_gets_none_of_the_users_variables() {
    let body = "command look { run = [\"sh\", \"-c\", \"env > all.txt\"], in_place = true }\n";
    let project = project(body);
    let keys = [("OPENAI_API_KEY", "sk-usual"), ("MY_KEY", "sk-mine"), ("EUFM_KEY", "sk-own")];
    let run = keys.iter().fold(project.exec(), |run, (name, value)| run.env(name, value));
    run.run().expect(0);
    let all = project.read("all.txt");
    assert!(all.contains("EUFM_NODE=look\n"), "{all}");
    assert!(!all.contains("KEY") && !all.contains("sk-"), "{all}");
}
