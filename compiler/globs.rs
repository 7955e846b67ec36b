//! Globs: relative, below the root, and in globset's syntax.
//!
//! Unaware of which files they match.

use eufm_grammar::{Diagnostic, Diagnostics};
use globset::GlobBuilder;

use crate::paths::relative_path;
use crate::typed;
use crate::value::Value;
use crate::wording::quoted;

/// Reads a list of at least one glob.
pub(crate) fn read(key: &str, value: Value<'_>, out: &mut Diagnostics) -> Option<Vec<String>> {
    let span = value.span;
    let before = out.errors();
    let list = typed::texts(key, value, out)?;
    for glob in &list {
        if let Some(finding) = check(&glob.value, glob.span) {
            out.push(finding);
        }
    }
    if list.is_empty() && out.errors() == before {
        let finding = Diagnostic::error("E0308", format!("{} is empty", quoted(key)))
            .at(span, "nothing would match")
            .help("write at least one glob, as in `[\"src/**\"]`");
        out.push(finding);
    }
    (out.errors() == before).then(|| list.into_iter().map(|glob| glob.value.into_owned()).collect())
}

/// Returns the glob that matches one path and nothing else.
pub(crate) fn escaped(path: &str) -> String {
    globset::escape(path)
}

/// Reports a glob that cannot hold.
pub(crate) fn check(glob: &str, span: eufm_grammar::Span) -> Option<Diagnostic> {
    let (problem, help) = check_glob(glob).err()?;
    let finding = Diagnostic::error("E0304", format!("{} {problem}", quoted(glob)));
    Some(finding.at(span, "not usable").help(help))
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
