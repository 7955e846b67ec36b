//! Nodes that may change what decides: the constitution, the files that checks
//! and deploys run, what runs in CI.
//!
//! Gates and rules see these files as the base commit has them, but the change
//! is part of the result, and the next night begins with it. Unaware of what
//! stands in them.

use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobMatcher};

use super::Group;
use crate::globs::SPECIAL;
use crate::protected::CI;
use crate::scripts::{User, named};
use crate::{Node, Plan};

/// How many globs are compiled, and how often one is asked about a file; beyond
/// that one that begins alike counts as one that matches.
const COMPILED_MAX: usize = 5_000;
const ASKED_MAX: usize = 2_000_000;

/// How many pairs of a glob and a file are looked at; beyond that the plan says that
/// not all were.
const COMPARED_MAX: usize = 20_000_000;

/// What the files are called by which CI is steered.
const CI_FILES: &[&str] =
    &["ci.yaml", "ci.yml", "config.yaml", "config.yml", "workflows/ci.yaml", "workflows/ci.yml"];

/// How many files are named.
const NAMED_MAX: usize = 20;

/// What decides, and who may change it.
pub(super) struct Guarded<'a> {
    /// The files, as paths or as `folder/**`, with what they are.
    files: Vec<(String, String)>,
    /// Those of the nodes that may change each.
    found: Vec<Group<'a>>,
    globs: Globs<'a>,
    compared: usize,
}

/// The globs that were needed, and how often they were.
#[derive(Default)]
struct Globs<'a> {
    compiled: BTreeMap<&'a str, Option<GlobMatcher>>,
    asked: usize,
}

impl<'a> Guarded<'a> {
    /// Lists what decides in a plan, before the first node.
    pub(super) fn of(plan: &Plan) -> Self {
        let mut files: Vec<(String, String)> = Vec::new();
        if let Some(constitution) = &plan.constitution {
            files.push((constitution.path.clone(), "the constitution".to_owned()));
        }
        if !plan.scripts.is_empty() {
            let users = named(plan);
            let who = |path: &str| match users.get(path) {
                Some(user @ User::Generated(_)) => format!("which makes {user}"),
                Some(user) => format!("which {user} runs"),
                None => "which is run".to_owned(),
            };
            files.extend(plan.scripts.iter().map(|it| (it.path.clone(), who(&it.path))));
        }
        files.extend(CI.iter().map(|it| ((*it).to_owned(), "which CI runs".to_owned())));
        let found = files.iter().map(|_| Group::default()).collect();
        Self { files, found, globs: Globs::default(), compared: 0 }
    }

    pub(super) fn add(&mut self, node: &'a Node) {
        let Some(globs) = node.writes.globs() else { return };
        // Of one that may write every file that is said.
        if globs.iter().any(|glob| matches!(glob.as_str(), "**" | "**/*")) {
            return;
        }
        self.compared += globs.len() * self.files.len();
        if self.compared > COMPARED_MAX {
            return;
        }
        for ((file, _), found) in self.files.iter().zip(&mut self.found) {
            if globs.iter().any(|glob| self.globs.reaches(glob, file)) {
                found.add(&node.name);
            }
        }
    }

    pub(super) fn entries(self) -> Vec<String> {
        let found = self.files.iter().zip(&self.found).filter(|(_, nodes)| nodes.count > 0);
        let entry = |((file, what), nodes): (&(String, String), &Group<'_>)| {
            format!("{file}, {what}: {nodes} may change it")
        };
        let mut entries: Vec<String> = found.map(entry).collect();
        let more = entries.len().saturating_sub(NAMED_MAX);
        entries.truncate(NAMED_MAX);
        if more > 0 {
            entries.push(format!("{more} more files that decide: nodes may change them"));
        }
        if self.compared > COMPARED_MAX {
            let entry =
                "run: which nodes may change the files that decide was not looked at to the end";
            entries.push(entry.to_owned());
        }
        entries
    }
}

impl<'a> Globs<'a> {
    /// Tells whether a glob may match one of the files.
    fn reaches(&mut self, glob: &'a str, file: &str) -> bool {
        let begin = glob.find(SPECIAL).map_or(glob, |end| &glob[..end]);
        let Some(folder) = file.strip_suffix("/**") else {
            return match begin.len() == glob.len() {
                true => glob == file,
                false => file.starts_with(begin) && self.matches(glob, file),
            };
        };
        if begin.is_empty() {
            // One for all folders is not meant for this one, unless it is for such files.
            return CI_FILES.iter().any(|name| self.matches(glob, &format!("{folder}/{name}")));
        }
        // Most globs begin otherwise.
        let is_like = begin.bytes().zip(folder.bytes()).all(|(one, other)| one == other);
        is_like && super::weak::reaches_below(glob, folder)
    }

    fn matches(&mut self, glob: &'a str, file: &str) -> bool {
        self.asked += 1;
        let is_known = self.compiled.contains_key(glob);
        if self.asked > ASKED_MAX || (!is_known && self.compiled.len() >= COMPILED_MAX) {
            return true;
        }
        let matcher = self.compiled.entry(glob).or_insert_with(|| {
            // As the runner reads them.
            let mut glob = GlobBuilder::new(glob);
            let glob = glob.literal_separator(true).backslash_escape(true).build();
            glob.ok().map(|glob| glob.compile_matcher())
        });
        matcher.as_ref().is_none_or(|matcher| matcher.is_match(file))
    }
}

#[cfg(test)]
mod tests {
    use crate::lockfile::example::everything;
    use crate::review::review;
    use crate::{Digest, ParamValue, Script, Writes};

    #[test]
    fn nodes_that_may_change_what_decides_are_named_with_it() {
        for (globs, entries) in [
            (
                &["docs/**"][..],
                &["docs/constitution.md, the constitution: schema may change it"][..],
            ),
            (&["docs/*.txt", "tools"], &[]),
            (
                &["tools/*.sh"],
                &["tools/lock.sh, which makes generated Cargo.lock: schema may change it"],
            ),
            (
                &["**/lock.sh"],
                &["tools/lock.sh, which makes generated Cargo.lock: schema may change it"],
            ),
            (&[".github/workflows/ci.yml"], &[".github/**, which CI runs: schema may change it"]),
            (
                &["Jenkinsfile", ".gitlab-ci.yml.d/x"],
                &["Jenkinsfile, which CI runs: schema may change it"],
            ),
            (
                &[".git*/workflows/*.yml"],
                &[
                    ".gitea/**, which CI runs: schema may change it",
                    ".github/**, which CI runs: schema may change it",
                    ".gitlab/**, which CI runs: schema may change it",
                ],
            ),
            (&["**"], &[]),
        ] {
            let mut plan = everything();
            plan.nodes[0].writes = Writes::Globs(globs.iter().map(ToString::to_string).collect());
            let weak = review(&plan).weak;
            let found: Vec<_> = weak.iter().filter(|it| it.contains("may change it")).collect();
            assert_eq!(found, entries.iter().collect::<Vec<_>>(), "{globs:?}");
        }
    }

    #[test]
    fn more_than_can_be_looked_at_is_said() {
        let mut plan = everything();
        let writes = Writes::Globs((0..2_000).map(|at| format!("a{at}/**")).collect());
        let node = crate::Node { writes, ..plan.nodes[2].clone() };
        plan.nodes.extend(std::iter::repeat_n(node, 600));
        let weak = review(&plan).weak;
        assert!(weak.iter().any(|it| it.ends_with("was not looked at to the end")), "{weak:?}");
    }

    #[test]
    fn many_files_are_counted() {
        let mut plan = everything();
        let paths: Vec<String> = (10..40).map(|at| format!("checks/{at}")).collect();
        plan.scripts = paths
            .iter()
            .map(|path| Script { path: path.clone(), digest: Digest::of(b"") })
            .collect();
        plan.gates[0].params.0[0] = ("run".to_owned(), ParamValue::List(paths));
        plan.nodes[0].writes = Writes::Globs(vec!["checks/**".to_owned()]);
        let weak = review(&plan).weak;
        let entry = "checks/10, which gate unit runs: schema may change it".to_owned();
        assert!(weak.contains(&entry), "{weak:?}");
        let more = "10 more files that decide: nodes may change them".to_owned();
        assert!(weak.contains(&more), "{weak:?}");
    }
}
