//! What a node that lists no `writes` may not change, and what a command names.
//!
//! One truth for those who write plans, hold them and compare them. Unaware of
//! which files there are.

use std::collections::BTreeSet;

/// What nodes without `writes` may not change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Protected {
    /// Globs of the files that they neither change nor add: the constitution, what
    /// runs in CI, the spec and its plan.
    pub paths: Vec<String>,
    /// Globs of the files that stay as the base commit has them; others of these
    /// names may be added: tests.
    pub existing: Vec<String>,
    /// Files and folders that gates and rules run, relative to the root and sorted:
    /// they, and what is below them, stay as the base commit has them.
    pub named: Vec<String>,
}

/// Where the systems that are in use look for what they run: who changes it works
/// outside of the sandbox, with the secrets that are kept there.
pub const CI: &[&str] = &[
    ".buildkite/**",
    ".ci/**",
    ".circleci/**",
    ".drone.yml",
    ".forgejo/**",
    ".gitea/**",
    ".github/**",
    ".gitlab-ci.yml",
    ".gitlab/**",
    ".travis.yml",
    ".woodpecker.yml",
    ".woodpecker/**",
    "Jenkinsfile",
    "azure-pipelines.yml",
    "bitbucket-pipelines.yml",
];

/// Where tests lie, by the names that tools look for; `std.rules` has the same.
pub const TESTS: &[&str] =
    &["**/*.test.*", "**/*_test.*", "**/__tests__/**", "**/test_*.py", "**/tests/**"];

/// Returns the paths, relative to the root, that the arguments of a command may mean:
/// each argument but an option, and of `a=b`, as of `--config=b`, what is behind the
/// sign. They are relative to `folder`, itself relative to the root. Those that leave
/// the root, or are the folder or one above it, name no file of their own.
#[must_use]
pub fn named<S: AsRef<str>>(folder: &str, arguments: &[S]) -> BTreeSet<String> {
    let of = |argument: &S| {
        let argument = argument.as_ref();
        let value = argument.split_once('=').map(|(_, value)| value);
        let whole = (!argument.starts_with('-')).then_some(argument);
        [whole, value].into_iter().flatten().filter_map(|text| resolve(folder, text)).collect()
    };
    arguments.iter().flat_map(|argument| -> Vec<String> { of(argument) }).collect()
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
            part if part.eq_ignore_ascii_case(".git") => return None,
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    let is_above = folder == path || folder.starts_with(&format!("{path}/"));
    (!path.is_empty() && !is_above).then_some(path)
}

/// Tells whether one of these paths, which are sorted, is this path or a folder
/// above it.
#[must_use]
pub fn is_below(paths: &[String], path: &str) -> bool {
    let has = |part: &str| paths.binary_search_by(|it| it.as_str().cmp(part)).is_ok();
    has(path) || path.match_indices('/').any(|(end, _)| has(&path[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("", "x/.GIT", None),
            ("", "a\0b", None),
            ("", "/etc/passwd", None),
            ("", "", None),
        ] {
            let path: BTreeSet<String> = path.into_iter().map(ToOwned::to_owned).collect();
            assert_eq!(named(folder, &[argument]), path, "{folder} {argument}");
        }
    }

    #[test]
    fn an_option_names_nothing_but_its_value() {
        let arguments = ["pytest", "-q", "--ini=tests/ci.ini", "a=b", "--", "-x"];
        let paths = ["a=b", "b", "pytest", "tests/ci.ini"];
        assert_eq!(named("", &arguments).into_iter().collect::<Vec<_>>(), paths);
    }

    #[test]
    fn what_lies_below_a_named_folder_is_named() {
        let paths = ["check.sh", "tests", "tools/a"].map(ToOwned::to_owned);
        for path in ["check.sh", "tests", "tests/deep/x", "tools/a/b"] {
            assert!(is_below(&paths, path), "{path}");
        }
        for path in ["check.sh2", "test", "tests2/x", "tools", "tools/b", "x/tests", ""] {
            assert!(!is_below(&paths, path), "{path}");
        }
    }
}
