//! The folders of this host that a deploy may write.
//!
//! Each is the folder itself and no link, so that what a reviewer reads is what
//! is written; and none has to do with the state of runs. Unaware of what is
//! deployed.

use std::path::{Path, PathBuf};

use crate::sandbox::{HOME, Mount};

/// Finds folders that may be written; `home` is the user's home folder, `state` a
/// folder of the state. One below `~/` is also seen below the home inside.
///
/// # Errors
/// Fails with the folder that cannot be given, and why.
pub(crate) fn writable(
    folders: &[String],
    home: &Path,
    state: &Path,
) -> Result<Vec<Mount>, String> {
    let mut mounts = Vec::new();
    for folder in folders {
        let path =
            find(folder, home, state).map_err(|reason| format!("folder {folder}: {reason}"))?;
        mounts.push(Mount::writable(&path, &path));
        if let Some(rest) = folder.strip_prefix("~/") {
            mounts.push(Mount::writable(&path, Path::new(HOME).join(rest)));
        }
    }
    Ok(mounts)
}

fn find(folder: &str, home: &Path, state: &Path) -> Result<PathBuf, String> {
    let path = match folder.strip_prefix("~/") {
        Some(rest) => home.canonicalize().unwrap_or_else(|_| home.to_owned()).join(rest),
        None => PathBuf::from(folder),
    };
    if !path.is_dir() {
        return Err("there is no such folder on this host; make it first".to_owned());
    }
    let real = path.canonicalize().map_err(|error| error.to_string())?;
    if real != path {
        return Err(format!("it is {}, by a link; name that folder", real.display()));
    }
    let state = state.canonicalize().unwrap_or_else(|_| state.to_owned());
    if real.starts_with(&state) || state.starts_with(&real) {
        return Err(format!("the state of runs lies at {}", state.display()));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_seen_at_their_own_path_and_those_of_the_home_there_too() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let root = root.path().canonicalize().expect("there");
        for folder in ["home/sites", "srv", "state"] {
            std::fs::create_dir_all(root.join(folder)).expect("made");
        }
        let srv = root.join("srv").display().to_string();
        let folders = [srv.clone(), "~/sites".to_owned()];
        let mounts = writable(&folders, &root.join("home"), &root.join("state")).expect("there");
        let inside: Vec<_> = mounts.iter().map(|mount| mount.inside.clone()).collect();
        let expected = [srv.into(), root.join("home/sites"), "/home/agent/sites".into()];
        assert_eq!(inside, expected);
        assert!(mounts.iter().all(|mount| mount.writable));
    }

    #[test]
    fn links_files_and_the_state_are_refused() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let root = root.path().canonicalize().expect("there");
        std::fs::create_dir_all(root.join("state/runs")).expect("made");
        std::fs::create_dir(root.join("srv")).expect("made");
        std::fs::write(root.join("file"), "").expect("written");
        std::os::unix::fs::symlink(root.join("srv"), root.join("link")).expect("linked");
        for (folder, why) in [
            ("gone", "there is no such folder"),
            ("file", "there is no such folder"),
            ("link", "by a link; name that folder"),
            ("state", "the state of runs lies at"),
            ("state/runs", "the state of runs lies at"),
            ("", "the state of runs lies at"),
        ] {
            let folder = root.join(folder).display().to_string();
            let folder = folder.trim_end_matches('/').to_owned();
            let refused = writable(std::slice::from_ref(&folder), &root, &root.join("state"));
            let reason = refused.expect_err(&folder);
            assert!(reason.contains(why) && reason.contains(&folder), "{reason}");
        }
    }
}
