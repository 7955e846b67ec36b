//! Removes folders with all below them, those that are closed to us too.
//!
//! Tools close folders to writing (Go's module cache does), and an overlay's
//! own folder is closed altogether. Links are not followed. Unaware of what is
//! removed.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Removes a folder (or file) with all below it; nothing is no error.
///
/// # Errors
/// Fails when something of it cannot be removed.
pub(crate) fn remove_all(path: &Path) -> io::Result<()> {
    let done = match fs::symlink_metadata(path) {
        Err(error) => Err(error),
        Ok(metadata) if !metadata.is_dir() => fs::remove_file(path),
        Ok(_) => match fs::remove_dir_all(path) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                open_folders(path).and_then(|()| fs::remove_dir_all(path))
            }
            done => done,
        },
    };
    match done {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Gives us all rights on a folder and those below, links not followed.
fn open_folders(top: &Path) -> io::Result<()> {
    let mut folders = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_folders_are_opened_and_links_not_followed() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (top, outside) = (dir.path().join("top"), dir.path().join("outside"));
        fs::create_dir_all(top.join("cache/mod")).expect("made");
        fs::create_dir(&outside).expect("made");
        fs::write(outside.join("keep"), "me").expect("written");
        fs::write(top.join("cache/mod/x"), "x").expect("written");
        std::os::unix::fs::symlink(&outside, top.join("link")).expect("linked");
        fs::set_permissions(top.join("cache/mod"), fs::Permissions::from_mode(0o0))
            .expect("closed");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        let before = mode(&outside);
        open_folders(&top).expect("opened");
        assert_eq!(mode(&top.join("cache/mod")), 0o700);
        assert_eq!(mode(&outside), before);
        fs::set_permissions(top.join("cache/mod"), fs::Permissions::from_mode(0o0))
            .expect("closed");
        remove_all(&top).expect("removed");
        assert!(!top.exists() && outside.join("keep").exists());
        remove_all(&top).expect("nothing is no error");
    }
}
