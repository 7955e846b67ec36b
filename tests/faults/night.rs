//! A night of agents, with the real Codex CLI, that is killed: the runner alone,
//! with the launchers of its sandboxes, or with all their process groups. The
//! same command goes on as if nothing had happened.
//!
//! A witness on the PATH in place of bwrap looks, before each sandbox, whether
//! anything of an earlier one of the same node still lives.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{is_skipped, say, tried_of};
use crate::support::{Invocation, Project, Running, survivors, until};

/// How many moments there are, each tried in every way.
const POINTS: usize = 20;

/// How many of them are tried if nobody says otherwise.
const POINTS_USUALLY: usize = 2;

/// Chooses the moments; another number gives others.
const SEED: u64 = 20_261_127;

/// Agents in a row and beside each other, each with a gate, that of the first
/// failing once; then a command.
const SPEC: &str = r#"edition 1

pipeline night { base = "main", budget { wall <= 1 h, parallel <= 2 } }

agent builder is codex { cli = "0.169.0", model = "gpt-5.5", network = none }

gate whole is command { run = ["sh", "-c", "! grep -l half *.txt"] }
gate there is command { run = ["sh", "-c", "ls *.txt"] }

task schema by builder {
  prompt = "Write schema.txt."
  writes = ["schema.txt"]
  gates  = [whole, there]
  budget { attempts <= 2 }
}
task notes by builder { prompt = "Write notes.txt.", writes = ["notes.txt"], gates = [there] }
task felix by builder {
  needs  = [schema]
  prompt = "Write felix.txt, following schema.txt."
  writes = ["felix.txt"]
  gates  = [whole]
}
task oradea by builder {
  needs  = [schema, notes]
  prompt = "Write oradea.txt, following schema.txt."
  writes = ["oradea.txt"]
  gates  = [whole]
}
command all {
  needs  = [felix, oradea]
  run    = ["sh", "-c", "cat *.txt > all.log"]
  writes = ["all.log"]
  gates  = [there]
}
"#;

/// The replies; doing one twice does no harm.
const CASSETTE: &str = r"format = 1
model = 'gpt-5.5'

[[node.schema]]
expect = 'Write schema.txt'
shell = 'echo half > schema.txt'
[[node.schema]]
say = 'Done.'
[[node.schema]]
expect = 'did not pass'
patch = '''
*** Begin Patch
*** Add File: schema.txt
+whole
*** End Patch
'''
[[node.schema]]
shell = 'cat schema.txt'
[[node.schema]]
say = 'Repaired.'

[[node.notes]]
shell = 'echo notes > notes.txt'
[[node.notes]]
say = 'Done.'

[[node.felix]]
expect = 'following'
shell = 'sed s/whole/felix/ schema.txt > felix.txt'
[[node.felix]]
shell = 'cat felix.txt'
[[node.felix]]
say = 'Done.'

[[node.oradea]]
patch = '''
*** Begin Patch
*** Add File: oradea.txt
+oradea
*** End Patch
'''
[[node.oradea]]
say = 'Done.'
";

/// The nodes of the plan.
const NODES: [&str; 5] = ["schema", "notes", "felix", "oradea", "all"];

/// Notes which sandbox is to start, and which processes of an earlier one of the
/// same node there are, by the worktree in their mounts or their command line;
/// then becomes the program behind the name of the file and the real bwrap.
const WITNESS: &str = r#"#!/usr/bin/python3
import os, re, sys
seen, bwrap = "SEEN", "BWRAP"
tree = re.compile(r"/([0-9]+-[a-z]+)-[0-9]+-(?:attempt|gate[0-9]+)/tree$")
found = next(filter(None, map(tree.search, sys.argv[1:])), None)
if found:
    of_node = re.compile("/" + found[1] + r"-[0-9]+-(?:attempt|gate[0-9]+)/tree")
    alive = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) == os.getpid():
            continue
        try:
            text = open(f"/proc/{pid}/mountinfo").read() + open(f"/proc/{pid}/cmdline").read()
        except OSError:
            continue
        if of_node.search(text) and "ROOT" in text:
            alive.append(pid)
    with open(seen, "a") as file:
        file.write(f"{found[0]} {' '.join(alive)}\n")
os.execv(bwrap, ["bwrap"] + sys.argv[1:])
"#;

/// Whom the kill -9 hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The runner, and nobody else.
    Runner,
    /// The runner and its children, which are the launchers of its sandboxes.
    Launchers,
    /// The process groups of all these.
    Groups,
}

const WAYS: [Way; 3] = [Way::Runner, Way::Launchers, Way::Groups];

/// What all the kills together hit.
#[derive(Debug, Default)]
struct Figures {
    kills: usize,
    attempts: usize,
    orphans: usize,
    sandboxes: usize,
}

/// Makes the project, with the witness.
fn night() -> Project {
    let project = Project::new(&[("README.md", "# A night\n"), (".gitignore", "*.tmp\n")]);
    project.write("spec.eufm", SPEC);
    project.write("cassette.toml", CASSETTE);
    project.compile().expect(0);
    watch(&project, &bwrap());
    project
}

/// Writes the witness of a project, which becomes `bwrap` in the end.
fn watch(project: &Project, bwrap: &Path) {
    let name = project.root().file_name().and_then(|name| name.to_str()).expect("a plain name");
    let witness = WITNESS
        .replace("SEEN", &project.root().join("seen").display().to_string())
        .replace("BWRAP", &bwrap.display().to_string())
        .replace("ROOT", name);
    let path = project.root().join("bin/bwrap");
    std::fs::create_dir(project.root().join("bin")).expect("made");
    std::fs::write(&path, witness).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("set");
}

/// Returns the real bwrap.
fn bwrap() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut files = std::env::split_paths(&path).map(|folder| folder.join("bwrap"));
    files.find(|file| file.is_file()).expect("bwrap is on the PATH")
}

/// The run, with the witness.
fn exec(project: &Project) -> Invocation {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let bin = std::iter::once(project.root().join("bin"));
    let folders = bin.chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).expect("plain names");
    project.exec_agents().env("PATH", path).in_own_group()
}

/// Returns what the witness saw: the worktree of each sandbox that started, with
/// the processes that still lived then.
fn seen(project: &Project) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(project.root().join("seen")).unwrap_or_default();
    let rows = text.lines().filter_map(|line| line.split_once(' '));
    rows.map(|(tree, alive)| (tree.to_owned(), alive.to_owned())).collect()
}

/// A process as the journal names it.
#[derive(Debug)]
struct Process {
    pid: u64,
    start_ticks: u64,
}

impl Process {
    fn is_alive(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        // Behind the name, which may hold anything: state is field 3, start 22.
        let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let is_zombie = matches!(fields.next(), None | Some("Z" | "X"));
        let start = fields.nth(18).and_then(|ticks| ticks.parse().ok());
        !is_zombie && start == Some(self.start_ticks)
    }
}

/// The facts of each node, by their names, in the journal's order.
fn facts(project: &Project) -> BTreeMap<String, Vec<(String, Value)>> {
    let mut facts: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for mut record in project.journal() {
        let Some(node) = record["node"].as_str().map(ToOwned::to_owned) else { continue };
        let Value::Object(fact) = record["event"]["node"].take() else { continue };
        facts.entry(node).or_default().extend(fact);
    }
    facts
}

/// Lists the attempts that the journal takes to be running, with how often their
/// node had been started; the process of one that had just begun is not known.
fn running(project: &Project) -> Vec<(String, usize, Option<Process>)> {
    let mut found = Vec::new();
    for (node, facts) in facts(project) {
        let Some(last) = facts.iter().rposition(|(name, _)| name == "started") else { continue };
        let after = &facts[last..];
        if after.iter().any(|(name, _)| ["exited", "interrupted"].contains(&name.as_str())) {
            continue;
        }
        let number = |value: &Value| value.as_u64().expect("a number");
        let process = after.iter().find(|(name, _)| name == "spawned").map(|(_, fact)| Process {
            pid: number(&fact["process"]["pid"]),
            start_ticks: number(&fact["process"]["start_ticks"]),
        });
        let starts = facts.iter().filter(|(name, _)| name == "started").count();
        found.push((node, starts, process));
    }
    found
}

/// Lists the children of a process.
fn children(parent: u32) -> Vec<String> {
    let parent = parent.to_string();
    let entries = std::fs::read_dir("/proc").expect("/proc is mounted");
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_child = |name: &String| {
        let stat = std::fs::read_to_string(format!("/proc/{name}/stat")).unwrap_or_default();
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().nth(1) == Some(&parent)
    };
    names.filter(is_child).collect()
}

/// Kills a run as soon as its journal holds so many records; `None` if it came
/// to its end before.
fn kill_at(project: &Project, mut run: Running, records: usize, way: Way) -> Option<()> {
    until("the journal to grow", || {
        (run.has_ended() || project.journal().len() >= records).then_some(())
    });
    let all = [run.pid().to_string()].into_iter().chain(children(run.pid()));
    let hit: Vec<String> = match way {
        Way::Runner => all.take(1).collect(),
        Way::Launchers => all.collect(),
        Way::Groups => all.map(|group| format!("-{group}")).collect(),
    };
    // Some may have ended by themselves.
    let kill = Command::new("kill").args(["-s", "KILL", "--"]).args(hit).output();
    kill.expect("kill runs");
    (run.wait().code() == 128 + 9).then_some(())
}

/// Takes the run up again, and asserts that no attempt starts while the killed
/// one of its node lives.
fn resume(project: &Project, told: &str, figures: &mut Figures) {
    let left = running(project);
    figures.attempts += left.len();
    let is_alive = |process: &Option<Process>| process.as_ref().is_some_and(Process::is_alive);
    figures.orphans += usize::from(!survivors(project.root()).is_empty());
    let mut run = exec(project).start();
    until("the end of the run", || {
        let facts = facts(project);
        for (node, starts, process) in &left {
            let again = facts[node].iter().filter(|(name, _)| name == "started").count() > *starts;
            assert!(!(again && is_alive(process)), "{told}: {node} runs twice: {process:?}");
        }
        run.has_ended().then_some(())
    });
    let ended = run.wait();
    assert_eq!(ended.code(), 0, "{told}: {}{}", ended.stdout, ended.stderr);
}

/// Returns the last try of each node and how often it committed; nothing of a
/// node may follow on its commit but the merge.
fn ends(project: &Project, told: &str) -> BTreeMap<String, (u64, usize)> {
    let mut ends = BTreeMap::new();
    for (node, facts) in facts(project) {
        let tries = facts.iter().filter_map(|(_, fact)| fact["attempt"].as_u64());
        let commits = facts.iter().filter(|(name, _)| name == "committed").count();
        let last = &facts.last().expect("a fact").0;
        assert!(["committed", "merged"].contains(&last.as_str()), "{told}: {node} ends in {last}");
        ends.insert(node, (tries.max().unwrap_or(0), commits));
    }
    ends
}

/// Chooses moments among the records of a run: one in each of equal parts.
fn points(records: usize) -> Vec<usize> {
    let mut state = SEED;
    let mut number = |below: usize| {
        // The multiplier and increment of Knuth's MMIX.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % below
    };
    let part = (records - 1) / POINTS;
    let all = (0..POINTS).map(|at| (number(usize::MAX), 1 + at * part + number(part)));
    // In an order of chance, so that a few are anywhere.
    let mut all: Vec<_> = all.collect();
    all.sort_unstable();
    all.into_iter().map(|(_, point)| point).take(tried_of(POINTS, POINTS_USUALLY)).collect()
}

#[test]
fn agents_that_are_killed_at_any_moment_end_as_if_they_had_not_been() {
    if is_skipped("night") {
        return;
    }
    let whole = night();
    exec(&whole).run().expect(0);
    let (tree, expected) = (whole.tree(), ends(&whole, "not killed"));
    let nodes: BTreeSet<&str> = expected.keys().map(String::as_str).collect();
    assert_eq!(nodes, BTreeSet::from(NODES));
    let points = points(whole.journal().len());
    let mut figures = Figures::default();
    for (point, way) in points.iter().flat_map(|point| WAYS.map(|way| (*point, way))) {
        let told = format!("{way:?} killed at record {point}");
        let project = night();
        figures.kills += kill_at(&project, exec(&project).start(), point, way).map_or(0, |()| 1);
        let before = facts(&project);
        resume(&project, &told, &mut figures);
        assert_eq!(ends(&project, &told), expected, "{told}: the last try, and the commits");
        for (node, facts) in facts(&project) {
            let known = before.get(&node).map_or(0, Vec::len);
            let had = before.get(&node).into_iter().flatten();
            assert!(facts.iter().take(known).eq(had), "{told}: {node} has another past");
        }
        assert_eq!(project.tree(), tree, "{told}: another tree");
        let seen = seen(&project);
        for (sandbox, alive) in &seen {
            assert_eq!(alive, "", "{told}: {sandbox} started beside an earlier one");
        }
        figures.sandboxes += seen.len();
        project.nothing_is_left();
    }
    let Figures { kills, attempts, orphans, sandboxes } = figures;
    say(&format!(
        "night: {} runs of real agents, {kills} killed, {attempts} attempts cut off, {orphans} \
         times with something left running; {sandboxes} sandboxes started, none beside an \
         earlier one of its node; 0 committed nodes lost, 0 repeated",
        points.len() * WAYS.len(),
    ));
    assert!(kills * 10 >= points.len() * WAYS.len() * 8, "only {kills} runs were killed");
}

#[test]
fn an_earlier_attempt_that_still_lives_would_be_seen() {
    let project = Project::new(&[("README.md", "# A night\n")]);
    watch(&project, Path::new("/bin/true"));
    let tree = |start: u32| project.root().join(format!("work/0003-felix-{start}-attempt/tree"));
    let script = "read line < \"$1\"";
    let pipe = project.root().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    let orphan = Invocation::of(Path::new("/bin/sh"), project.root(), &project.repo());
    let orphan = orphan.args(["-c", script, "sh"]).arg(&pipe).arg(tree(1)).start();
    let witness = || {
        let path = project.root().join("bin/bwrap");
        Invocation::of(&path, project.root(), &project.repo()).arg(tree(2)).run().expect(0);
        seen(&project).pop().expect("a sandbox")
    };
    // Its command line names the worktree as soon as it has become a shell.
    let sandbox = "/0003-felix-2-attempt/tree".to_owned();
    let pid = orphan.pid().to_string();
    until("the orphan", || (witness() == (sandbox.clone(), pid.clone())).then_some(()));
    orphan.kill();
    assert_eq!(witness(), (sandbox, String::new()));
}
