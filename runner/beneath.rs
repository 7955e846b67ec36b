//! Opens and writes files below a folder in which somebody else wrote.
//!
//! No link is followed, wherever it stands on the way, and nothing that is no
//! plain file is waited for. Unaware of what the files are for.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, mkdirat, open, openat2, unlinkat};
use rustix::io::Errno;

/// Opens a plain file for reading; `None` when it is not there, leads elsewhere
/// or is something else.
pub(crate) fn read(root: &Path, path: &str) -> io::Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK;
    let Ok(file) = openat(&folder(root)?, path, flags) else { return Ok(None) };
    let file = File::from(file);
    Ok(file.metadata()?.is_file().then_some(file))
}

/// Opens a plain file for writing, empty; it and the folders above it are made
/// where they are not there.
pub(crate) fn create(root: &Path, path: &str) -> io::Result<File> {
    let mut folder = folder(root)?;
    let (above, name) = path.rsplit_once('/').map_or((None, path), |(a, name)| (Some(a), name));
    for part in above.into_iter().flat_map(|above| above.split('/')) {
        match mkdirat(&folder, part, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        folder = openat(&folder, part, OFlags::RDONLY | OFlags::DIRECTORY)?;
    }
    // Without waiting: a pipe of this name has no reader.
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NONBLOCK;
    let file = File::from(openat(&folder, name, flags)?);
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("something that is no file is in its place")),
    }
}

/// Removes a file, if it is there.
pub(crate) fn remove(root: &Path, path: &str) -> io::Result<()> {
    let (above, name) = path.rsplit_once('/').unwrap_or((".", path));
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let Ok(folder) = openat(&folder(root)?, above, flags) else { return Ok(()) };
    match unlinkat(&folder, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn folder(path: &Path) -> io::Result<OwnedFd> {
    Ok(open(path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

fn openat(folder: &OwnedFd, path: &str, flags: OFlags) -> io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let creates = flags.contains(OFlags::CREATE);
    let mode = if creates { Mode::from_raw_mode(0o644) } else { Mode::empty() };
    Ok(openat2(folder, path, flags | OFlags::CLOEXEC, mode, resolve)?)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read as _, Write as _};
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn files_are_made_with_their_folders_and_written_anew() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for text in ["a long text", "short"] {
            let mut file = create(dir.path(), "a/b/c.txt").expect("made");
            file.write_all(text.as_bytes()).expect("written");
        }
        let mut text = String::new();
        let file = read(dir.path(), "a/b/c.txt").expect("readable").expect("there");
        (&file).read_to_string(&mut text).expect("text");
        assert_eq!(text, "short");
        remove(dir.path(), "a/b/c.txt").expect("removed");
        remove(dir.path(), "a/b/c.txt").expect("gone already");
        assert!(read(dir.path(), "a/b/c.txt").expect("readable").is_none());
    }

    #[test]
    fn no_link_is_followed_and_no_pipe_waited_for() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (root, outside) = (dir.path().join("root"), dir.path().join("outside"));
        fs::create_dir(&root).expect("made");
        fs::create_dir(&outside).expect("made");
        fs::write(outside.join("file"), "mine").expect("written");
        symlink(&outside, root.join("folder")).expect("linked");
        symlink(outside.join("file"), root.join("file")).expect("linked");
        rustix::fs::mknodat(
            folder(&root).expect("open"),
            "pipe",
            rustix::fs::FileType::Fifo,
            Mode::from_raw_mode(0o644),
            0,
        )
        .expect("made");
        for path in ["folder/file", "file", "pipe", "folder", "../outside/file"] {
            assert!(create(&root, path).is_err(), "{path}");
            assert!(read(&root, path).is_ok_and(|file| file.is_none()), "{path}");
        }
        remove(&root, "folder/file").expect("left");
        assert_eq!(fs::read_to_string(outside.join("file")).expect("there"), "mine");
        assert_eq!(fs::read_dir(&outside).expect("there").count(), 1);
    }
}
