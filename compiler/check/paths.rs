//! What is common to paths and globs that are relative to the repository's root.

/// Why a path is refused, as the rest of a sentence, and what to write instead.
type Refusal = (&'static str, &'static str);

/// Checks a path that must lie below the root.
pub(crate) fn relative_path(path: &str) -> Result<(), Refusal> {
    if path.is_empty() {
        return Err(("names no file", "write a path relative to the repository's root"));
    }
    if path.starts_with('/') {
        return Err(("is absolute", "write it relative to the repository's root"));
    }
    if path.starts_with('~') {
        return Err(("lies in a home folder", "write it relative to the repository's root"));
    }
    if path.contains('\\') {
        return Err(("contains a backslash", "separate folders with `/`"));
    }
    if path.chars().any(char::is_control) {
        return Err(("contains a control character", "remove it"));
    }
    if path.ends_with('/') {
        return Err(("names a folder", "name files; `folder/**` where a glob is allowed"));
    }
    path.split('/').try_for_each(segment)
}

fn segment(segment: &str) -> Result<(), Refusal> {
    match segment {
        "" => Err(("contains `//`", "write one `/`")),
        "." => Err(("contains `.` as a folder", "leave it out")),
        ".." => Err(("contains `..`", "stay below the repository's root")),
        // Case does not count: on some file systems it is the same folder.
        _ if segment.eq_ignore_ascii_case(".git") => {
            Err(("lies in git's own folder", "only the runner changes that"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_the_root_are_taken() {
        for good in ["a", "a/b.xml", ".github/x", "a..b", ".gitignore"] {
            assert!(relative_path(good).is_ok(), "{good}");
        }
        for bad in
            ["", "/a", "~/a", "a\\b", "a\nb", "a/", "a//b", "./a", "a/../b", "a/.GIT/x", ".git"]
        {
            assert!(relative_path(bad).is_err(), "{bad}");
        }
    }
}
