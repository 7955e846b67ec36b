//! The files that a plan's checks and deploys run: which paths an argument of
//! `run` may name, and what the files held when the plan was made.
//!
//! Any argument may name a file, so what it could name is looked up, by the
//! compiler in its sources and by the runner in the base commit. Unaware of both.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::{Digest, Node, Params, Plan, QualityGate, Recovery, Rule, Work};

/// A file that a check or a deploy runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The file, relative to the root.
    pub path: String,
    /// The digest of what it holds, see [`Digest::of_file`].
    pub digest: Digest,
}

/// Who runs a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User<'a> {
    /// A gate.
    Gate(&'a str),
    /// A rule.
    Rule(&'a str),
    /// What makes a generated file.
    Generated(&'a str),
    /// A deploy, or what tells whether it is done.
    Deploy(&'a str),
}

impl fmt::Display for User<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gate(name) => write!(f, "gate {name}"),
            Self::Rule(name) => write!(f, "rule {name}"),
            Self::Generated(path) => write!(f, "generated {path}"),
            Self::Deploy(name) => write!(f, "deploy {name}"),
        }
    }
}

/// Returns the paths that all checks and deploys of a plan may run, each with
/// the first in the plan that does. What a path names may be a file, a folder or
/// nothing.
///
/// What lies in a folder that an environment keeps is none of them: the folder
/// covers what the base commit has there.
#[must_use]
pub fn named(plan: &Plan) -> BTreeMap<String, User<'_>> {
    let mut named = BTreeMap::new();
    collect(plan, programs(plan), |path, user| {
        named.entry(path).or_insert(user);
    });
    named
}

/// Returns those paths that a node's gates, its rules and, where it is a deploy, it
/// itself may run.
#[must_use]
pub fn named_by(plan: &Plan, node: &Node) -> BTreeSet<String> {
    let gates = node.gates.iter().map(|gate| of_gate(&plan.gates[gate.get()]));
    let rules = match &node.work {
        Work::Verify { rules } => &**rules,
        _ => &[],
    };
    let all = plan.constitution.as_ref().map_or(&[][..], |it| &it.rules);
    let rules = rules.iter().map(|rule| of_rule(&all[rule.get()]));
    let mut named = BTreeSet::new();
    collect(plan, gates.chain(rules).chain(of_deploy(node)), |path, _| {
        named.insert(path);
    });
    named
}

/// Finds the paths that programs may run, but for those in kept folders.
fn collect<'a>(
    plan: &Plan,
    programs: impl Iterator<Item = Program<'a>>,
    mut found: impl FnMut(String, User<'a>),
) {
    let kept = plan.environments.iter().flat_map(|it| &it.keep).map(|it| bare(it)).collect();
    for (user, folder, run) in programs {
        let paths = run.iter().flat_map(|argument| spellings(folder, argument));
        paths.filter(|path| !is_kept(&kept, path)).for_each(|path| found(path, user));
    }
}

/// Who runs what, and in which folder.
type Program<'a> = (User<'a>, &'a str, &'a [String]);

fn programs(plan: &Plan) -> impl Iterator<Item = Program<'_>> {
    let rules = plan.constitution.iter().flat_map(|it| &it.rules);
    let generated = plan.generated.iter();
    let generated = generated.map(|file| (User::Generated(&file.path), "", &*file.run));
    let deploys = plan.nodes.iter().flat_map(of_deploy);
    plan.gates.iter().map(of_gate).chain(rules.map(of_rule)).chain(generated).chain(deploys)
}

fn of_gate(gate: &QualityGate) -> Program<'_> {
    of_kind(User::Gate(&gate.name), &gate.params)
}

fn of_rule(rule: &Rule) -> Program<'_> {
    of_kind(User::Rule(&rule.name), &rule.params)
}

fn of_kind<'a>(user: User<'a>, params: &'a Params) -> Program<'a> {
    (user, params.text("cwd").unwrap_or_default(), params.list("run").unwrap_or_default())
}

/// Returns what a deploy runs, and what tells whether it is done.
fn of_deploy(node: &Node) -> impl Iterator<Item = Program<'_>> {
    let parts = match &node.work {
        Work::Deploy { command, recovery, .. } => Some((command, recovery)),
        _ => None,
    };
    parts.into_iter().flat_map(|(command, recovery)| {
        let probe = match recovery {
            Recovery::Probe(probe) => &**probe,
            _ => &[],
        };
        let folder = command.cwd.as_deref().unwrap_or_default();
        [&*command.run, probe].map(|run| (User::Deploy(&node.name), folder, run))
    })
}

/// Returns the paths, relative to the root and as git writes them, that the arguments
/// of a command may mean: each argument but an option, and of `a=b`, as of
/// `--config=b`, what is behind the sign. They are relative to `folder`, itself
/// relative to the root. Those that leave the root, or are the folder or one above
/// it, name no file of their own.
#[must_use]
pub fn paths<S: AsRef<str>>(folder: &str, arguments: &[S]) -> BTreeSet<String> {
    arguments.iter().flat_map(|argument| spellings(folder, argument.as_ref())).collect()
}

fn spellings(folder: &str, argument: &str) -> impl Iterator<Item = String> {
    let value = argument.split_once('=').map(|(_, value)| value);
    let whole = (!argument.starts_with('-')).then_some(argument);
    [whole, value].into_iter().flatten().filter_map(|text| resolve(folder, text))
}

/// Brings a path that a person wrote into git's form, relative to the root.
/// `None` where it leaves the tree, names a git directory or cannot be a path,
/// and where it is the folder itself or one above it: the work lies there too.
fn resolve(folder: &str, path: &str) -> Option<String> {
    if path.starts_with('/') || path.chars().any(char::is_control) {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        match part {
            ".." => drop(parts.pop()?),
            part if is_git_like(part) => return None,
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    let is_above = folder == path || folder.starts_with(&format!("{path}/"));
    (!path.is_empty() && !is_above).then_some(path)
}

/// Tells whether a system somewhere opens `.git` under this name: other case,
/// characters that HFS+ passes over, endings and streams that NTFS drops, and
/// its short name.
#[must_use]
pub fn is_git_like(component: &str) -> bool {
    component.split('\\').any(|name| {
        let name: String = name.chars().filter(|c| !is_passed_over(*c)).collect();
        let name = name.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']);
        name.eq_ignore_ascii_case(".git") || name.eq_ignore_ascii_case("git~1")
    })
}

/// The characters that HFS+ leaves out when it compares names.
fn is_passed_over(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

/// Tells whether a path is a kept folder or lies in one.
fn is_kept(kept: &BTreeSet<&str>, path: &str) -> bool {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    !kept.is_empty() && ends.into_iter().any(|end| kept.contains(&path[..end]))
}

fn bare(folder: &str) -> &str {
    folder.trim_start_matches("./").trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lockfile::example::{everything, hello};
    use crate::{Environment, ParamValue};

    #[test]
    fn arguments_are_relative_to_the_folder_of_their_command() {
        for (folder, argument, path) in [
            ("packages/a", "tests", Some("packages/a/tests")),
            ("packages/a", "../../check.sh", Some("check.sh")),
            ("packages/a", "./x/../y", Some("packages/a/y")),
            ("", "./tests//unit/", Some("tests/unit")),
            ("", "a b/ñ", Some("a b/ñ")),
            ("", "a/../b", Some("b")),
            ("packages/a", ".", None),
            ("packages/a", "..", None),
            ("packages/a", "../../../x", None),
            ("", "a/../../b", None),
            ("", ".git/config", None),
            ("", "a\0b", None),
            ("", "/etc/passwd", None),
        ] {
            assert_eq!(resolve(folder, argument).as_deref(), path, "{folder} {argument}");
        }
    }

    #[test]
    fn an_option_names_nothing_but_its_value() {
        let arguments = ["pytest", "-q", "--ini=tests/ci.ini", "a=b", "--", "-x"];
        let named = ["a=b", "b", "pytest", "tests/ci.ini"];
        assert_eq!(paths("", &arguments).into_iter().collect::<Vec<_>>(), named);
    }

    #[test]
    fn all_that_checks_and_deploys_run_is_named_with_who_does() {
        let plan = everything();
        let named = named(&plan);
        for (path, user) in [
            ("report.xml", Some("gate unit")),
            ("packages/search/python3", Some("gate unit@story[\"search\"]")),
            ("tools/lock.sh", Some("generated Cargo.lock")),
            ("deploy", Some("deploy ship")),
            ("production", Some("deploy ship")),
            // A command's own files are the work that it looks at.
            ("gather", None),
        ] {
            assert_eq!(named.get(path).map(ToString::to_string).as_deref(), user, "{path}");
        }
    }

    #[test]
    fn a_node_runs_what_its_gates_and_rules_do() {
        let plan = everything();
        let paths = |name: &str| {
            let node = plan.nodes.iter().find(|node| node.name == name);
            named_by(&plan, node.expect("it is there"))
        };
        assert!(paths("schema").contains("report.xml"));
        assert!(paths("ship/verify").contains("packages/search/report.xml"));
        assert!(paths("ship").contains("production") && !paths("ship").contains("report.xml"));
        assert_eq!(paths("smoke"), BTreeSet::new());
    }

    #[test]
    fn what_an_environment_keeps_is_not_the_base_commits() {
        let mut plan = hello();
        let run = ["node_modules/.bin/jest", "node_modules2/x", "checks/a.py"];
        let run = run.map(ToOwned::to_owned).to_vec();
        plan.gates[0].params = Params(vec![("run".to_owned(), ParamValue::List(run))]);
        let keep = vec!["node_modules/".to_owned(), "~/.cache".to_owned()];
        plan.environments.push(Environment { keep, ..Environment::default() });
        let paths: Vec<_> = named(&plan).into_keys().collect();
        assert_eq!(paths, ["checks/a.py", "node_modules2/x"]);
    }
}
