//! Globs in `writes`: relative, below the root, and in globset's syntax.

use eufm_grammar::{Diagnostic, Diagnostics};
use globset::GlobBuilder;

use super::paths::relative_path;
use crate::names::listed_twice;
use crate::resolved::{Spanned, Task};
use crate::tree::TaskTree;
use crate::wording::quoted;

/// Reports globs that cannot hold, and warns of those that are listed twice.
pub(super) fn check(tree: &TaskTree, out: &mut Diagnostics) {
    for task in &tree.tasks {
        for glob in &task.writes {
            if let Err((problem, help)) = check_glob(glob.value) {
                let finding =
                    Diagnostic::error("E0304", format!("{} {problem}", quoted(glob.value)))
                        .at(glob.span, "not usable")
                        .help(help);
                out.push(finding);
            }
        }
        check_twice(task, out);
    }
}

fn check_twice(task: &Task<'_>, out: &mut Diagnostics) {
    let mut sorted: Vec<&Spanned<&str>> = task.writes.iter().collect();
    sorted.sort_by(|a, b| (a.value, a.span).cmp(&(b.value, b.span)));
    for pair in sorted.windows(2) {
        if pair[0].value == pair[1].value {
            out.push(listed_twice(pair[1].value, pair[1].span, pair[0].span));
        }
    }
}

fn check_glob(glob: &str) -> Result<(), (String, &'static str)> {
    relative_path(glob).map_err(|(problem, help)| (problem.to_owned(), help))?;
    if glob.starts_with('!') {
        return Err(("excludes files".to_owned(), "list what may be changed, not what may not"));
    }
    if glob.split('/').any(|segment| segment.contains("**") && segment != "**") {
        return Err((
            "has `**` beside other signs".to_owned(),
            "`**` stands alone between two `/`",
        ));
    }
    // Most globs are plain, and parsing 100,000 of them would be felt.
    if glob.bytes().any(|byte| b"[]{}".contains(&byte)) {
        let parsed = GlobBuilder::new(glob).literal_separator(true).backslash_escape(false).build();
        if let Err(error) = parsed {
            return Err((
                format!("is no glob: {}", error.kind()),
                "brackets are `[abc]`, choices `{a,b}`",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_are_taken_as_the_runner_matches_them() {
        for good in ["a", "**", "a/**", "**/x.rs", "a/*.rs", "a?/[a-z]*.{rs,toml}", "a b/ö"] {
            assert_eq!(check_glob(good).map_err(|(text, _)| text), Ok(()), "{good}");
        }
        for bad in [
            "", "/a", "../a", "a/", "!a", "a**", "a/**b", "[a", "{a", "a}", "a/./b", ".git/**",
            "a\\*",
        ] {
            assert!(check_glob(bad).is_err(), "{bad}");
        }
    }
}
