//! What an attempt may write: globs over paths from the root of the tree, or all
//! but what is protected.
//!
//! A glob means the paths it matches: `docs` is the file
//! of that name, `docs/**` all below the folder. Unaware of what was written.

use std::collections::BTreeSet;

use eufm_plan::Protected;
use eufm_plan::protected::is_below;
use globset::{GlobMatcher, GlobSet};

use super::error::Error;
use super::id::CommitId;
use super::refusal::Reason;
use super::vault::Vault;
use crate::globs::BadGlob;

/// The globs of a node's `writes`, or what it may not write without any.
#[derive(Debug, Clone)]
pub(crate) struct Writes {
    allowed: Vec<Pattern>,
    set: GlobSet,
    /// What is protected where all else may be written.
    protection: Option<Protection>,
}

/// What may not be written where all else may.
#[derive(Debug, Clone)]
struct Protection {
    /// What is neither changed nor added.
    paths: GlobSet,
    /// The files of the base commit that stay as they are.
    files: BTreeSet<String>,
}

/// A glob, taken apart at its slashes.
#[derive(Debug, Clone)]
struct Pattern {
    /// The last component as it was written.
    last: String,
    components: Vec<Component>,
}

#[derive(Debug, Clone)]
enum Component {
    /// `**`: any number of components.
    Any,
    /// One component.
    One(GlobMatcher),
}

impl Writes {
    /// Reads globs. Without one, nothing may be written.
    ///
    /// # Errors
    /// Fails on a glob that cannot be read or that leaves the tree.
    pub(crate) fn new<S: AsRef<str>>(globs: &[S]) -> Result<Self, Error> {
        let allowed =
            globs.iter().map(|glob| Pattern::new(glob.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { allowed, set: set(globs)?, protection: None })
    }

    /// Lets all be written but what is protected, as `base` has it; and what matches
    /// `globs` in any case.
    ///
    /// # Errors
    /// Fails on a glob that cannot be read, or when git does not have the commit.
    pub(crate) fn all_but<S: AsRef<str>>(
        protected: &Protected,
        vault: &Vault,
        base: &CommitId,
        globs: &[S],
    ) -> Result<Self, Error> {
        let existing = set(&protected.existing)?;
        let stays = |path: &String| existing.is_match(path) || is_below(&protected.named, path);
        let list = vault.list(base)?;
        // A name that is no text no harvest takes, changed or not.
        let files = list.iter().filter_map(|entry| String::from_utf8(entry.path.clone()).ok());
        let protection =
            Protection { paths: set(&protected.paths)?, files: files.filter(stays).collect() };
        Ok(Self { protection: Some(protection), ..Self::new(globs)? })
    }

    /// Tells whether this path may be written.
    #[must_use]
    pub(crate) fn allows(&self, path: &str) -> bool {
        self.against(path).is_none()
    }

    /// Says why this path may not be written.
    pub(super) fn against(&self, path: &str) -> Option<Reason> {
        if self.set.is_match(path) {
            return None;
        }
        let Some(Protection { paths, files }) = &self.protection else {
            return Some(Reason::OutsideWrites);
        };
        match paths.is_match(path) {
            true => Some(Reason::Protected),
            false => files.contains(path).then_some(Reason::Existing),
        }
    }

    /// Tells whether a glob that matches this path ends in the very name of
    /// the file: `**/.gitattributes` does, `**` does not.
    pub(super) fn names(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.allowed
            .iter()
            .any(|pattern| pattern.last == name && pattern.reaches(path, Below::Exactly))
    }

    /// Tells whether the path, or a path below it, may match a glob. May say
    /// yes where no such path exists; never no where one does.
    pub(super) fn reaches(&self, path: &str) -> bool {
        self.protection.is_some()
            || self.allowed.iter().any(|pattern| pattern.reaches(path, Below::OrExactly))
    }
}

/// What a pattern is compared with.
#[derive(Clone, Copy, PartialEq)]
enum Below {
    /// The path alone.
    Exactly,
    /// The path and everything below it.
    OrExactly,
}

impl Pattern {
    fn new(glob: &str) -> Result<Self, Error> {
        // A choice may hold slashes, so it cannot be taken apart; it is
        // approximated by `**` from its component on.
        let mut components = Vec::new();
        for part in glob.split('/') {
            if part == "**" || part.contains(['{', '}']) {
                components.push(Component::Any);
            } else {
                let one = crate::globs::glob(part);
                let one = one.map_err(|bad| BadGlob { glob: glob.to_owned(), ..bad })?;
                components.push(Component::One(one.compile_matcher()));
            }
        }
        let last = glob.rsplit('/').next().unwrap_or(glob).to_owned();
        Ok(Self { last, components })
    }

    /// Compares component by component: the set of positions in the pattern
    /// at which the path so far may stand.
    fn reaches(&self, path: &str, below: Below) -> bool {
        let length = self.components.len();
        let mut at = vec![false; length + 1];
        at[0] = true;
        self.skip_any(&mut at);
        for name in path.split('/') {
            let mut next = vec![false; length + 1];
            for (position, component) in self.components.iter().enumerate() {
                match component {
                    _ if !at[position] => {}
                    Component::Any => next[position] = true,
                    Component::One(glob) if glob.is_match(name) => next[position + 1] = true,
                    Component::One(_) => {}
                }
            }
            self.skip_any(&mut next);
            at = next;
        }
        at[length] || (below == Below::OrExactly && at.contains(&true))
    }

    /// `**` may stand for no component at all.
    fn skip_any(&self, at: &mut [bool]) {
        for (position, component) in self.components.iter().enumerate() {
            if at[position] && matches!(component, Component::Any) {
                at[position + 1] = true;
            }
        }
    }
}

pub(super) fn set<S: AsRef<str>>(globs: &[S]) -> Result<GlobSet, Error> {
    Ok(crate::globs::set(globs)?)
}

impl From<BadGlob> for Error {
    fn from(BadGlob { glob, cause }: BadGlob) -> Self {
        Self::BadGlob { glob, cause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writes(globs: &[&str]) -> Writes {
        Writes::new(globs).unwrap()
    }

    #[test]
    fn one_star_stays_in_a_folder_and_two_do_not() {
        assert!(writes(&["src/*.rs"]).allows("src/a.rs"));
        assert!(!writes(&["src/*.rs"]).allows("src/b/a.rs"));
        assert!(writes(&["src/**"]).allows("src/b/.a.rs"));
        assert!(!writes(&["src/**"]).allows("src"));
        assert!(!writes(&["src"]).allows("src/a.rs"));
        assert!(writes(&["**/*.md"]).allows("README.md"));
        assert!(!writes(&["SRC/**"]).allows("src/a.rs"));
    }

    #[test]
    fn no_glob_allows_nothing() {
        assert!(!writes(&[]).allows("a"));
        assert!(writes(&["**"]).allows("a"));
    }

    #[test]
    fn a_glob_that_leaves_the_tree_or_cannot_be_read_is_refused() {
        for glob in ["/etc/*", "../x", "a/../b", "a//b", "", "./a", "a[", "{a"] {
            let error = Writes::new(&[glob]).unwrap_err();
            assert!(matches!(error, Error::BadGlob { .. }), "{glob}: {error}");
        }
    }

    #[test]
    fn only_a_glob_with_the_very_name_names_a_file() {
        assert!(writes(&[".gitattributes"]).names(".gitattributes"));
        assert!(writes(&["**/.gitattributes"]).names("a/b/.gitattributes"));
        assert!(!writes(&[".gitattributes"]).names("a/.gitattributes"));
        assert!(!writes(&["**", ".git*"]).names(".gitattributes"));
    }

    #[test]
    fn a_folder_is_reached_when_a_path_in_it_may_match() {
        for (glob, folder) in [
            ("vendor/lib/src/*.c", "vendor/lib"),
            ("vendor/*/x", "vendor/lib"),
            ("**/*.c", "vendor/lib"),
            ("vendor/**", "vendor/lib"),
            ("vendor/lib", "vendor/lib"),
            ("vendor/{lib,x}/a", "vendor/lib"),
        ] {
            assert!(writes(&[glob]).reaches(folder), "{glob}");
        }
        for glob in ["vendor/*.c", "src/**", "vendor/other/**", "vendor"] {
            assert!(!writes(&[glob]).reaches("vendor/lib"), "{glob}");
        }
    }

    #[test]
    fn where_nothing_is_listed_all_may_be_written_but_what_is_protected() {
        let strings = |items: &[&str]| items.iter().map(|it| (*it).to_owned()).collect();
        let protected = Protected {
            paths: strings(&[".github/**", "c.md"]),
            existing: strings(&["**/tests/**"]),
            named: strings(&["check", "report.xml"]),
        };
        let files = [("a/tests/old", "1"), ("check/deep/x", "2"), ("src/a", "3"), ("c.md", "4")];
        let fixture = crate::git::fixture::Fixture::with(&files);
        let generated = ["a/tests/made"];
        let writes =
            Writes::all_but(&protected, &fixture.vault, &fixture.base, &generated).unwrap();
        for (path, against) in [
            ("src/a", None),
            ("new", None),
            ("a/tests/new", None),
            ("a/tests/made", None),
            ("check/deep/new", None),
            ("report.xml", None),
            (".github/workflows/new.yml", Some(Reason::Protected)),
            ("c.md", Some(Reason::Protected)),
            ("a/tests/old", Some(Reason::Existing)),
            ("check/deep/x", Some(Reason::Existing)),
        ] {
            assert_eq!(writes.against(path), against, "{path}");
            assert_eq!(writes.allows(path), against.is_none(), "{path}");
        }
        assert!(writes.reaches("anything") && !writes.names(".gitattributes"));
    }

    proptest::proptest! {
        #[test]
        fn what_a_glob_matches_it_also_reaches_through_every_folder_above(
            glob in "([a-c*?]{1,3}|\\*\\*)(/([a-c*?]{1,3}|\\*\\*)){0,3}",
            path in "[a-c]{1,3}(/[a-c]{1,3}){0,3}",
        ) {
            // `a**` within a component is refused or means `a*`; both are fine.
            if let Ok(writes) = Writes::new(&[&glob]) && writes.allows(&path) {
                for (end, _) in path.match_indices('/').chain([(path.len(), "")]) {
                    proptest::prop_assert!(writes.reaches(&path[..end]), "{}", &path[..end]);
                }
            }
        }
    }
}
