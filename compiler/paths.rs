//! Paths: relative to the root, or to the file that names them, and below the root.
//!
//! Unaware of which files there are.

/// Why a path is refused, as the rest of a sentence, and what to write instead.
pub(crate) type Refusal = (&'static str, &'static str);

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

/// Returns the root-relative path that `path` means in a file of the folder
/// `folder`; there `.` and `..` may stand, as long as they stay below the root.
pub(crate) fn join(folder: &str, path: &str) -> Result<String, Refusal> {
    if path.is_empty() || path.starts_with(['/', '~']) {
        return Err(relative_path(path)
            .err()
            .unwrap_or(("is absolute", "write it relative to this file")));
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return Err((
                        "leads out of the root",
                        "name a file below the root, or give --root",
                    ));
                }
            }
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    relative_path(&joined).map(|()| joined)
}

/// Returns the folder of a root-relative path; the root is empty.
pub(crate) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Returns the way from a folder to a path, both relative to the root.
pub(crate) fn from_folder(folder: &str, path: &str) -> String {
    let split = |text: &str| -> Vec<String> {
        text.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    let (from, to) = (split(folder), split(path));
    let same = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".to_owned(), from.len() - same);
    up.chain(to.into_iter().skip(same)).collect::<Vec<_>>().join("/")
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
    fn a_file_names_its_neighbours_but_nothing_above_the_root() {
        for (folder, path, joined) in [
            ("", "a/b.eufm", "a/b.eufm"),
            ("specs", "../lib/x.eufm", "lib/x.eufm"),
            ("specs/a", "./b", "specs/a/b"),
        ] {
            assert_eq!(join(folder, path).as_deref(), Ok(joined), "{folder} {path}");
        }
        for (folder, path) in [
            ("", "../a"),
            ("a", "../../b"),
            ("a", "/b"),
            ("", "~/x"),
            ("a", ".."),
            ("", "a/.git/x"),
        ] {
            assert!(join(folder, path).is_err(), "{folder} {path}");
        }
    }

    #[test]
    fn the_way_from_a_folder_goes_up_where_it_must() {
        for (folder, path, way) in [
            ("", "a/b", "a/b"),
            ("specs", "specs/x.eufm", "x.eufm"),
            ("specs/a", "lib/x", "../../lib/x"),
        ] {
            assert_eq!(from_folder(folder, path), way);
        }
    }

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
