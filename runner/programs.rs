//! Finds a program by its name, as execvp(3) does.
//!
//! The standard library starts without a copy of the runner's page tables
//! (posix_spawn) only what it is given as a path, where the environment has a
//! `PATH` of its own. Unaware of what is started.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// Returns the file of a program that is named without a folder: the first one
/// in the folders of `search_path`. `None` where there is none, or where the
/// name is a path.
pub(crate) fn find(name: &OsStr, search_path: &OsStr) -> Option<PathBuf> {
    if name.is_empty() || name.as_bytes().contains(&b'/') {
        return None;
    }
    let folders = std::env::split_paths(search_path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(name)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    file.is_file() && access(file, Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_first_program_of_that_name_is_found_and_no_other_file() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let folders = ["data", "folder", "first", "second"].map(|name| dir.path().join(name));
        folders.iter().for_each(|folder| fs::create_dir(folder).expect("made"));
        let [data, folder, first, second] = &folders;
        fs::create_dir(folder.join("tool")).expect("made");
        for (place, mode) in [(data, 0o644), (first, 0o755), (second, 0o755)] {
            let file = place.join("tool");
            fs::write(&file, "#!/bin/sh\n").expect("written");
            fs::set_permissions(&file, Permissions::from_mode(mode)).expect("set");
        }
        let path = std::env::join_paths(&folders).expect("no colon in them");
        assert_eq!(find(OsStr::new("tool"), &path), Some(first.join("tool")));
        for name in ["other", "", "./tool", "/bin/sh"] {
            assert_eq!(find(OsStr::new(name), &path), None, "{name}");
        }
        assert_eq!(find(OsStr::new("tool"), OsStr::new("relative:")), None);
    }
}
