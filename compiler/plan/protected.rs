//! What a node that lists no `writes` may not change.
//!
//! One truth for those who write plans, hold them and compare them. Unaware of
//! which files there are.

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
