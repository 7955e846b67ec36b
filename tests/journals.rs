//! Journals of this and of earlier formats, kept with their plans: each is still
//! read. What states they give is asked beside the runner's journal.
//!
//! `tests/journals/format-N/STORY` holds `journal` and `plan.lock` of a run that
//! the real binary made. The stories are told again here, so that they stay
//! true; with EUFM_WRITE_JOURNALS set, their journals are kept as those of the
//! current format. Do that once, before the format that follows is begun.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Act, CASSETTE, Project, Provider, Running, codex, demo, sources, until};

/// Set to keep the journals of the current format.
const WRITE: &str = "EUFM_WRITE_JOURNALS";

/// A story: its name and the outcome that `eufm verify` finds in the end (none
/// when the run can go on), and how it is told.
struct Story {
    name: &'static str,
    outcome: Option<&'static str>,
    tell: fn() -> Project,
}

const STORIES: &[Story] = &[
    Story { name: "agents", outcome: Some("done"), tell: agents },
    Story { name: "away", outcome: Some("done"), tell: away },
    Story { name: "cached", outcome: Some("done"), tell: cached },
    Story { name: "closed", outcome: None, tell: closed },
    Story { name: "conflicted", outcome: Some("failed"), tell: conflicted },
    Story { name: "done", outcome: Some("done"), tell: done },
    Story { name: "exceeded", outcome: Some("budget_exhausted"), tell: exceeded },
    Story { name: "failed", outcome: Some("failed"), tell: failed },
    Story { name: "killed", outcome: None, tell: killed },
    Story { name: "killed-twice", outcome: Some("done"), tell: killed_twice },
    Story { name: "out-of-time", outcome: Some("budget_exhausted"), tell: out_of_time },
    Story { name: "refused", outcome: Some("failed"), tell: refused },
    Story { name: "reopened", outcome: Some("done"), tell: reopened },
    Story { name: "resumed", outcome: Some("done"), tell: resumed },
    Story { name: "ruled", outcome: Some("done"), tell: ruled },
    Story { name: "spent", outcome: Some("budget_exhausted"), tell: spent },
    Story { name: "stopped", outcome: None, tell: stopped },
    Story { name: "torn", outcome: None, tell: torn },
    Story { name: "unavailable", outcome: Some("unavailable"), tell: unavailable },
    Story { name: "uncached", outcome: Some("done"), tell: uncached },
    Story { name: "unmergeable", outcome: Some("failed"), tell: unmergeable },
];

/// Commands in a row and beside each other, each with a gate.
const CHAIN: &str = r#"edition 1
pipeline chain { base = "main", budget { parallel <= 2 } }
gate there is command { run = ["sh", "-c", "ls *.txt"] }
command a { run = ["sh", "-c", "echo a > a.txt"], writes = ["a.txt"], gates = [there] }
command b { run = ["sh", "-c", "echo b > b.txt"], writes = ["b.txt"], gates = [there] }
command c { needs = [a, b], run = ["sh", "-c", "cat a.txt b.txt > c.txt"], writes = ["c.txt"] }
"#;

/// The second node waits until somebody writes to `pipe`.
const WAITING: &str = r#"edition 1
pipeline waiting { base = "main" }
command first { run = ["sh", "-c", "echo first > first.txt"], writes = ["first.txt"] }
command waits {
  needs  = [first]
  run    = ["sh", "-c", "echo half > work.txt; mkfifo pipe; read line < pipe; rm pipe"]
  writes = ["work.txt"]
}
"#;

fn agents() -> Project {
    let project = demo();
    project.exec_agents().run().expect(0);
    project
}

fn done() -> Project {
    let project = Project::of_spec(CHAIN);
    project.exec().run().expect(0);
    project
}

/// A second run of the same files, which is all that stays.
fn cached() -> Project {
    let project = done();
    let first = project.run_dir();
    project.git(&["commit", "-q", "--allow-empty", "-m", "a new base"]);
    project.exec().run().expect(0);
    std::fs::remove_dir_all(first).expect("removed");
    project
}

/// A run in whose place another one was begun.
fn closed() -> Project {
    let project = killed();
    let first = project.run_dir();
    let new = project.exec().arg("--new").start();
    project.send("pipe", "go");
    new.wait().expect(0);
    for run in project.run_dirs().into_iter().filter(|run| *run != first) {
        std::fs::remove_dir_all(run).expect("removed");
    }
    project
}

fn conflicted() -> Project {
    let project = Project::of_spec(
        r#"edition 1
pipeline clash { base = "main", budget { parallel <= 2 } }
command one { run = ["sh", "-c", "echo one > same.txt"], writes = ["same.txt"], overlap = merge }
command two { run = ["sh", "-c", "echo two > same.txt"], writes = ["same.txt"], overlap = merge }
command three { run = ["sh", "-c", "echo 3 > three.txt"], writes = ["three.txt"] }
"#,
    );
    project.exec().run().expect(1);
    project
}

fn unmergeable() -> Project {
    let project = Project::of_spec(
        r#"edition 1
pipeline clash { base = "main" }
command one { run = ["sh", "-c", "echo one > same.txt"], writes = ["same.txt"], overlap = merge }
command two { run = ["sh", "-c", "echo two > same.txt"], writes = ["same.txt"], overlap = merge }
command both { needs = [one, two], run = ["true"], budget { attempts <= 3 } }
"#,
    );
    project.exec().run().expect(1);
    project
}

fn failed() -> Project {
    let project = Project::of_spec(
        r#"edition 1
pipeline failing { base = "main" }
gate never is command { run = ["false"] }
command bad {
  run = ["sh", "-c", "echo x > x.txt"], writes = ["x.txt"], gates = [never], budget { attempts <= 2 }
}
command after { needs = [bad], run = ["true"] }
command breaks { run = ["false"], budget { attempts <= 3 } }
"#,
    );
    project.exec().run().expect(1);
    project
}

/// The gate of the second try passes its limit.
fn exceeded() -> Project {
    let project = Project::of_spec(
        r#"edition 1
pipeline exceeding { base = "main" }
gate hungry is command { run = ["python3", "-c", "x = bytearray(300 << 20); import time; time.sleep(600)"] }
command small { run = ["true"], gates = [hungry], budget { memory <= 100 MiB, attempts <= 2 } }
"#,
    );
    project.exec().run().expect(5);
    project
}

fn refused() -> Project {
    let project = Project::of_spec(
        r#"edition 1
pipeline outside { base = "main" }
command strays { run = ["sh", "-c", "mkdir in; touch in/a out"], writes = ["in/**"] }
"#,
    );
    project.exec().run().expect(1);
    project
}

fn out_of_time() -> Project {
    let project = Project::of_spec(
        r#"edition 1
pipeline slow { base = "main", budget { wall <= 1500 ms } }
command quick { run = ["sh", "-c", "echo q > q.txt"], writes = ["q.txt"] }
command sleepy { needs = [quick], run = ["sleep", "600"] }
command after { needs = [sleepy], run = ["true"] }
"#,
    );
    project.exec().run().expect(5);
    project
}

/// The gate's test is not passed before the agent's second session.
fn reopened() -> Project {
    let project = demo();
    project.write("cassette.toml", CASSETTE.replace("name or 'world'", "name"));
    project.exec_agents().run().expect(1);
    let repair = CASSETTE.replace("name or 'world'", "name").replace(
        "say = \"Repaired.\"\n",
        "say = \"Tried.\"\n\n[[node.greet]]\npatch = '''\n*** Begin Patch\n*** Add File: \
         hello/greet.py\n+def greet(name):\n+    return f\"Hello, {name or 'world'}!\"\n*** End \
         Patch\n'''\n[[node.greet]]\nsay = \"Repaired.\"\n",
    );
    project.write("cassette.toml", repair);
    project.exec_agents().arg("--retry").run().expect(0);
    project
}

/// The provider is away when it is asked first.
fn away() -> Project {
    let provider = Provider::start(|asked| match asked.number {
        0 => Act::Refuse(503, String::new(), r#"{"error":{"message":"busy"}}"#.to_owned()),
        _ => Act::Say("Done.".to_owned()),
    });
    let project = Project::of_spec(&format!(
        "edition 1\npipeline away {{ base = \"main\" }}\n\
         agent builder is codex {{ cli = \"0.169.0\", model = \"gpt-5.5\", url = \"{}\" }}\n\
         task say by builder {{ prompt = \"Say so.\", writes = [] }}\n",
        provider.url()
    ));
    project.write("../key", "sk-journals-0123456789");
    let key = project.root().join("key");
    project.exec().arg("--codex").arg(codex()).arg("--key-file").arg(key).run().expect(0);
    project
}

/// A cap on money does not pay for the third request.
/// Rules before a deploy: one holds, one only should, one is for a person.
fn ruled() -> Project {
    let project = Project::new(&[("rules.md", "Files MUST be short. Changes SHOULD be small.\n")]);
    project.write(
        "spec.eufm",
        r#"edition 1
pipeline ruled { base = "main" }
constitution "rules.md" {
  rule agreed is human     { cite = "MUST be short", level = must, role = "reviewer" }
  rule short  is max_lines { cite = "MUST be short", level = must, lines = 9 }
  rule small  is max_diff  { cite = "SHOULD be small", level = should, lines = 1 }
}
command work { run = ["sh", "-c", "echo 1 > a; echo 2 > b"], writes = ["a", "b"] }
deploy ship { needs = [work], run = ["true"] }
"#,
    );
    project.compile().expect(0);
    project.exec().run().expect(6);
    let answer = ["approve", "ship/verify", "--rule", "agreed", "--by", "ada", "--state"];
    project.eufm().args(answer).arg(project.state()).run().expect(0);
    project.exec().run().expect(0);
    project
}

fn spent() -> Project {
    let project = crate::money::with_budgets("cost <= 1 EUR,", "cost <= 0.05 EUR,");
    project.exec_agents().run().expect(5);
    project
}

/// The cassette has no reply for the second request.
fn unavailable() -> Project {
    let project = demo();
    let (short, _) = CASSETTE.split_once("[[node.readme]]\nsay").expect("its last reply");
    project.write("cassette.toml", short);
    project.exec_agents().run().expect(7);
    project
}

fn kill_at(project: &Project, mut run: Running, records: usize) {
    until("the journal to grow", || {
        (run.has_ended() || project.journal().len() >= records).then_some(())
    });
    run.kill();
    project.nothing_runs();
}

fn kill_waiting(project: &Project) {
    let run = project.exec().start();
    project.wait_for_file("pipe");
    run.kill();
    project.nothing_runs();
}

fn killed() -> Project {
    let project = Project::of_spec(WAITING);
    kill_waiting(&project);
    project
}

fn resumed() -> Project {
    let project = killed();
    let run = project.exec().start();
    project.send("pipe", "go");
    run.wait().expect(0);
    project
}

/// The second runner is not told again that nothing is to be taken over.
fn uncached() -> Project {
    let project = Project::of_spec(WAITING);
    let run = project.exec().arg("--no-cache").start();
    project.wait_for_file("pipe");
    run.kill();
    project.nothing_runs();
    let run = project.exec().start();
    project.send("pipe", "go");
    run.wait().expect(0);
    project
}

fn killed_twice() -> Project {
    let project = Project::of_spec(WAITING);
    kill_at(&project, project.exec().start(), 4);
    kill_waiting(&project);
    let run = project.exec().start();
    project.send("pipe", "go");
    run.wait().expect(0);
    project
}

fn stopped() -> Project {
    let project = Project::of_spec(WAITING);
    let run = project.exec().start();
    project.wait_for_file("pipe");
    run.signal("INT");
    run.wait().expect(130);
    project
}

fn torn() -> Project {
    let project = killed();
    let journal = project.run_dir().join("journal");
    let bytes = std::fs::read(&journal).expect("the journal");
    std::fs::write(&journal, &bytes[..bytes.len() - 31]).expect("written");
    project
}

/// Returns what `eufm verify` says of the only run.
#[track_caller]
fn verified(project: &Project, code: i32) -> Value {
    let verify = project.eufm().args(["verify", "--json", "--state"]).arg(project.state());
    let document = verify.run().expect(code).stdout;
    let mut document: Value = serde_json::from_str(&document).expect("JSON");
    document["runs"][0].take()
}

#[test]
fn each_story_ends_as_it_is_told() {
    let mut format = None;
    for story in STORIES {
        let project = (story.tell)();
        let found = verified(&project, 0);
        assert_eq!(found["stands"]["outcome"].as_str(), story.outcome, "{}: {found}", story.name);
        assert_eq!(found["torn_bytes"] != 0, story.name == "torn", "{}: {found}", story.name);
        format = found["format"].as_u64().or(format);
        if std::env::var_os(WRITE).is_some() {
            let number = found["format"].as_u64().expect("a format");
            let folder = kept().join(format!("format-{number}")).join(story.name);
            std::fs::create_dir_all(&folder).expect("made");
            for file in ["journal", "plan.lock"] {
                std::fs::copy(project.run_dir().join(file), folder.join(file)).expect("copied");
            }
        }
    }
    let stories = formats().remove(&format.expect("a format"));
    let names: Vec<_> = STORIES.iter().map(|story| story.name.to_owned()).collect();
    assert_eq!(stories, Some(names), "set {WRITE} to keep the journals of format {format:?}");
}

fn kept() -> PathBuf {
    sources().join("tests/journals")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder of the tests");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("readable").file_name().into_string().expect("a plain name"))
        .collect();
    names.sort();
    names
}

/// Lists the stories that are kept, by format.
fn formats() -> BTreeMap<u64, Vec<String>> {
    let number = |name: &str| name.strip_prefix("format-")?.parse().ok();
    let folders = names(&kept()).into_iter();
    folders.map(|name| (number(&name).expect("format-N"), names(&kept().join(&name)))).collect()
}

/// Makes a state that holds a kept journal as its only run.
fn state_with(format: u64, story: &str) -> Project {
    let from = kept().join(format!("format-{format}")).join(story);
    let journal = std::fs::read_to_string(from.join("journal")).expect("the journal");
    let first = journal.lines().next().and_then(|line| line.splitn(5, ' ').nth(4));
    let first: Value = serde_json::from_str(first.expect("a record")).expect("JSON");
    let run = first["event"]["run"]["opened"]["run"].as_str().expect("the run's name");
    let project = Project::without_repository();
    let folder = project.state().join("runs").join(run);
    std::fs::create_dir_all(&folder).expect("made");
    for file in ["journal", "plan.lock"] {
        std::fs::copy(from.join(file), folder.join(file)).expect("copied");
    }
    project
}

#[test]
fn journals_of_earlier_formats_are_still_whole() {
    for (format, stories) in formats() {
        assert!(stories.len() >= 10, "format {format} has {stories:?}");
        for name in stories {
            let found = verified(&state_with(format, &name), 0);
            assert_eq!(found["format"], format, "{name}: {found}");
            let told = STORIES.iter().find(|story| story.name == name).expect("a story");
            assert_eq!(found["stands"]["outcome"].as_str(), told.outcome, "{name}: {found}");
        }
    }
}

#[test]
fn a_kept_journal_that_was_altered_is_refused() {
    for (format, stories) in formats() {
        for name in stories {
            let project = state_with(format, &name);
            let path = project.run_dir().join("journal");
            let text = std::fs::read_to_string(&path).expect("the journal");
            // A record less; another letter in a record.
            let (_, headless) = text.split_once('\n').expect("two records");
            for altered in [headless.to_owned(), text.replacen("\"run\"", "\"rum\"", 1)] {
                std::fs::write(&path, altered).expect("written");
                let found = verified(&project, 9);
                assert_eq!(found["damage"]["offset"], 0, "{name}: {found}");
            }
        }
    }
}
