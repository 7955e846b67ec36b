//! Finds the specs that paths of the command line stand for.
//!
//! A file stands for itself, whatever its name; a folder for every `*.eufm`
//! below it. Unaware of what is done with them.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::exit::{ExitStatus, Failure};
use crate::sources::reason;

/// A spec, or a place where specs could not be looked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    /// Where it lies, as the command line reached it.
    pub(crate) path: PathBuf,
    /// Why it cannot be read, where that is known already.
    pub(crate) problem: Option<String>,
}

/// Finds all specs, sorted by path, each once.
///
/// Links to folders within a folder are not followed, so a loop of links ends.
///
/// # Errors
/// Fails when a path is not there, or when there is no spec at all: a check of
/// nothing would look like success.
pub(crate) fn find(paths: &[PathBuf]) -> Result<Vec<Found>, Failure> {
    let usage = |message: String| Err(Failure::new(ExitStatus::USAGE, message));
    let mut found = Vec::new();
    for path in paths {
        let path = tidy(path);
        match std::fs::metadata(&path) {
            Err(error) => {
                let path = path.display();
                return usage(format!("cannot check {path}: {}", reason(&error)));
            }
            Ok(metadata) if metadata.is_dir() => walk(&path, &mut found),
            Ok(_) => found.push(Found { path, problem: None }),
        }
    }
    if found.is_empty() {
        let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return usage(format!(
            "there is no spec below {}\n  help: specs end in `.eufm`; hidden folders and `target` \
             are not looked into unless they are named",
            paths.join(", ")
        ));
    }
    found.sort();
    found.dedup_by(|a, b| a.path == b.path);
    Ok(found)
}

/// Adds the specs below a folder.
fn walk(root: &Path, found: &mut Vec<Found>) {
    let entries = WalkDir::new(root).into_iter().filter_entry(|entry| !is_passed_over(entry));
    for entry in entries {
        match entry {
            Ok(entry) if is_spec(&entry) => {
                found.push(Found { path: tidy(entry.path()), problem: None });
            }
            Ok(_) => {}
            Err(error) => {
                let path = tidy(error.path().unwrap_or(root));
                let problem = error.io_error().map_or_else(|| error.to_string(), reason);
                found.push(Found { path, problem: Some(problem) });
            }
        }
    }
}

/// Tells whether an entry is left out with all below it. What the command line
/// names is never left out.
fn is_passed_over(entry: &DirEntry) -> bool {
    let name = entry.file_name().as_encoded_bytes();
    entry.depth() > 0
        && (name.starts_with(b".") || (entry.file_type().is_dir() && name == b"target"))
}

fn is_spec(entry: &DirEntry) -> bool {
    // A link that leads nowhere counts: that it cannot be read is worth a word.
    let is_dir = || match entry.path_is_symlink() {
        true => std::fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_dir()),
        false => entry.file_type().is_dir(),
    };
    entry.path().extension() == Some(OsStr::new("eufm")) && !is_dir()
}

/// Leaves `.` out of a path, so that one file has one spelling.
fn tidy(path: &Path) -> PathBuf {
    let tidy: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    if tidy.as_os_str().is_empty() { PathBuf::from(".") } else { tidy }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes empty files in a new folder.
    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        folder
    }

    /// Finds, and returns the paths below the folder.
    fn names(folder: &tempfile::TempDir, paths: &[&str]) -> Vec<String> {
        let paths: Vec<PathBuf> = paths.iter().map(|path| folder.path().join(path)).collect();
        let below = |found: Found| {
            assert_eq!(found.problem, None);
            found.path.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned()
        };
        find(&paths).unwrap().into_iter().map(below).collect()
    }

    #[test]
    fn a_folder_stands_for_all_specs_below_it_in_order() {
        let folder = folder(&["b.eufm", "a/z.eufm", "a/y/x.eufm", "a.eufm", "a/notes.md", "eufm"]);
        let expected = ["a/y/x.eufm", "a/z.eufm", "a.eufm", "b.eufm"];
        assert_eq!(names(&folder, &["."]), expected);
        assert_eq!(
            names(&folder, &["b.eufm", "a", "./a/../a/../b.eufm", "a/./", "a.eufm"]).len(),
            5
        );
    }

    #[test]
    fn what_is_named_twice_is_found_once() {
        let folder = folder(&["a/x.eufm"]);
        assert_eq!(names(&folder, &["a", "a/x.eufm", "./a/./x.eufm", "."]), ["a/x.eufm"]);
    }

    #[test]
    fn hidden_folders_and_target_are_passed_over_unless_they_are_named() {
        let files =
            &[".git/a.eufm", "target/b.eufm", "x/target/c.eufm", "x/.d.eufm", "target.eufm"];
        let folder = folder(files);
        assert_eq!(names(&folder, &["."]), ["target.eufm"]);
        assert_eq!(names(&folder, &["target", ".git"]), [".git/a.eufm", "target/b.eufm"]);
        assert_eq!(names(&folder, &["x/.d.eufm"]), ["x/.d.eufm"]);
    }

    #[cfg(unix)]
    #[test]
    fn loops_of_links_end_and_links_to_files_count() {
        use std::os::unix::fs::symlink;
        let folder = folder(&["a/x.eufm", "b/y.eufm"]);
        let at = |path: &str| folder.path().join(path);
        symlink(at("b"), at("a/b")).unwrap();
        symlink(at("a"), at("b/a")).unwrap();
        symlink("..", at("a/up.eufm")).unwrap();
        symlink("x.eufm", at("a/link.eufm")).unwrap();
        symlink("nowhere", at("a/broken.eufm")).unwrap();
        symlink("self", at("self")).unwrap();
        let expected = ["a/broken.eufm", "a/link.eufm", "a/x.eufm", "b/y.eufm"];
        assert_eq!(names(&folder, &["."]), expected);
        assert_eq!(names(&folder, &["a/b"]), ["a/b/y.eufm"]);
        assert!(find(&[at("self")]).is_err());
    }

    #[test]
    fn nothing_to_check_is_no_success() {
        let folder = folder(&["a/notes.md", ".hidden/x.eufm"]);
        let failure = find(&[folder.path().to_owned()]).unwrap_err();
        assert_eq!(failure.status, ExitStatus::USAGE);
        assert!(failure.message.contains("there is no spec below"), "{}", failure.message);
        let failure = find(&[folder.path().join("gone")]).unwrap_err();
        assert!(failure.message.ends_with("gone: no such file"), "{}", failure.message);
    }

    #[test]
    fn a_path_has_one_spelling() {
        for (given, tidied) in
            [(".", "."), ("./a", "a"), ("a/./b/", "a/b"), ("../a", "../a"), ("/a/.", "/a")]
        {
            assert_eq!(tidy(Path::new(given)), Path::new(tidied), "{given}");
        }
    }
}
