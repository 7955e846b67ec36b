//! The run that the sweeps disturb: commands that depend on each other, and a
//! witness outside of the sandbox that sees each of them start.
//!
//! The witness stands on the PATH in place of bwrap and writes down what it is
//! asked to start, before it becomes bwrap. So it knows of attempts what the
//! journal does not have to be believed. Unaware of the faults.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::support::{Ended, Invocation, Project};

/// Four in each row; each needs two of the row above, and writes what it found.
fn spec(nodes: usize) -> String {
    let mut spec = "edition 1\npipeline rows { base = \"main\", budget { parallel <= 4 } }\n\
                    gate there is command { run = [\"sh\", \"-c\", \"ls *.txt\"] }\n"
        .to_owned();
    for number in 0..nodes {
        let (row, column) = (number / 4, number % 4);
        let above = |column: usize| format!("n{}", (row - 1) * 4 + column % 4);
        let needs = match row {
            0 => String::new(),
            _ => format!("needs = [{}, {}], ", above(column), above(column + 1)),
        };
        let gate = if number % 5 == 0 { ", gates = [there]" } else { "" };
        spec += &format!(
            "command n{number} {{ {needs}run = [\"sh\", \"-c\", \"ls > n{number}.txt\"], writes = \
             [\"n{number}.txt\"]{gate} }}\n"
        );
    }
    spec
}

/// A plan of the run.
pub(super) struct Rows {
    nodes: usize,
    lock: String,
}

impl Rows {
    /// Compiles a plan of so many nodes.
    pub(super) fn of(nodes: usize) -> Self {
        Self { nodes, lock: Project::of_spec(&spec(nodes)).read("plan.lock") }
    }
}

/// A project with the run, and what was seen of it.
pub(super) struct Story {
    nodes: usize,
    /// That of the plan.
    digest: String,
    pub(super) project: Project,
    /// How often each node had been started when it was told to be committed.
    told: BTreeMap<String, usize>,
}

impl Story {
    /// Makes the project.
    pub(super) fn new(rows: &Rows) -> Self {
        let project = Project::new(&[("README.md", "# A project\n")]);
        project.write("plan.lock", &rows.lock);
        let (bin, seen) = (project.root().join("bin"), project.root().join("seen"));
        std::fs::create_dir(&bin).expect("made");
        let witness = bin.join("bwrap");
        let script = format!(
            "#!/bin/sh\nfor word in \"$@\"; do case $word in\n*-attempt/tree) echo \"$word\" >> \
             '{}'; break ;;\nesac; done\nPATH=${{PATH#*:}} exec bwrap \"$@\"\n",
            seen.display()
        );
        std::fs::write(&witness, script).expect("written");
        std::fs::set_permissions(&witness, std::fs::Permissions::from_mode(0o755)).expect("set");
        let last = rows.lock.lines().next_back().and_then(|line| line.split('"').nth(1));
        let digest = last.expect("a digest").to_owned();
        Self { nodes: rows.nodes, digest, project, told: BTreeMap::new() }
    }

    /// Returns the arguments of the run.
    pub(super) fn args(&self) -> [PathBuf; 5] {
        // The plan was made elsewhere.
        let trust = format!("--trust-lock={}", self.digest).into();
        ["exec".into(), "plan.lock".into(), "--state".into(), self.project.state(), trust]
    }

    /// Puts the witness on the PATH.
    pub(super) fn witnessed(&self, invocation: Invocation) -> Invocation {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let bin = self.project.root().join("bin");
        let folders = std::iter::once(bin).chain(std::env::split_paths(&path));
        invocation.env("PATH", std::env::join_paths(folders).expect("plain names"))
    }

    /// The run itself, without any fault.
    pub(super) fn exec(&self) -> Invocation {
        let args = self.args();
        self.witnessed(self.project.eufm().args(args.iter().map(AsRef::<OsStr>::as_ref)))
    }

    /// Returns how often each node was started, as the witness saw it.
    pub(super) fn starts(&self) -> BTreeMap<String, usize> {
        let seen = std::fs::read_to_string(self.project.root().join("seen")).unwrap_or_default();
        let mut starts = BTreeMap::new();
        for line in seen.lines() {
            let folder = line.trim_end_matches("/tree").rsplit('/').next().unwrap_or_default();
            // The folder of an attempt is called `<place>-<node>-<start>-attempt`.
            let node = folder.split('-').nth(1).expect("a node");
            *starts.entry(node.to_owned()).or_default() += 1;
        }
        starts
    }

    /// Takes note of what a runner that has ended told its user.
    pub(super) fn hear(&mut self, ended: &Ended) {
        let starts = self.starts();
        for line in ended.stderr.lines() {
            let Some((before, _)) = line.split_once(": committed as ") else { continue };
            let node = before.rsplit(' ').next().expect("a node").to_owned();
            let seen = *starts.get(&node).unwrap_or_else(|| panic!("{node} never ran"));
            self.told.entry(node).or_insert(seen);
        }
    }

    /// Asserts that what a user was told to be committed was not started again,
    /// and that the branch is what it is without any fault.
    #[track_caller]
    pub(super) fn is_as_if_nothing_had_happened(&self, tree: &str, moment: &str) {
        let starts = self.starts();
        for (node, before) in &self.told {
            assert_eq!(starts[node], *before, "{moment}: {node} was started after its commit");
        }
        assert_eq!(self.project.tree(), tree, "{moment}: another tree");
        let format = "--format=%(trailers:key=Eufm-Attempt,valueonly,separator=%x2C)%x09%s";
        let log = self.project.git(&["log", format, &self.project.branch()]);
        let mut results: Vec<&str> = log
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .filter(|(attempt, _)| !attempt.is_empty())
            .map(|(_, node)| node)
            .collect();
        results.sort_unstable();
        let all = results.len();
        results.dedup();
        assert_eq!(
            (all, results.len()),
            (self.nodes, self.nodes),
            "{moment}: lost or twice in the branch"
        );
        for number in 0..self.nodes {
            let commits = self.project.facts(&format!("n{number}"), "committed").len();
            assert_eq!(commits, 1, "{moment}: n{number} is committed {commits} times");
        }
        let verify = self.project.eufm().arg("verify").arg("--state").arg(self.project.state());
        verify.run().expect(0).shows(&["is done", &format!("{} committed", self.nodes)]);
        self.project.nothing_is_left();
    }
}
