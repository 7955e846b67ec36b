//! Files that are there whole or not at all, whatever happens meanwhile.
//!
//! Unaware of what they hold.

use std::fs::File;
use std::io::{self, BufWriter, IntoInnerError, Write as _};
use std::path::Path;

/// Writes a file so that after a crash or a power loss it has its old content
/// or the new one, and has the new one for good when this returns.
///
/// The new content is written beside it first, under a name that is always the
/// same: what a killed runner left there is written over by the next, where the
/// random names of a crate for temporary files would pile up. Only the holder
/// of the state's lock may call this.
///
/// # Errors
/// Fails when it cannot be written; the file is then as it was.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_whole_by(path, |out| out.write_all(bytes))
}

/// Does so for content that is made while it is written, so that it need not
/// be held in memory.
///
/// # Errors
/// Fails when it cannot be made or written; the file is then as it was.
pub(crate) fn write_whole_by(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = Path::new(&name);
    let written = (|| {
        let mut out = BufWriter::new(File::create(new)?);
        write(&mut out)?;
        let file = out.into_inner().map_err(IntoInnerError::into_error)?;
        file.sync_all()?;
        std::fs::rename(new, path)
    })();
    written.inspect_err(|_| {
        // Half a file is of no use, and on a full disk in the way.
        let _ = std::fs::remove_file(new);
    })?;
    sync_folder_of(path)
}

/// Brings the entry of a file in its folder to the disk: without that, a power
/// loss takes a new file away however well its content was synced.
///
/// # Errors
/// Fails when the system says that it could not.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("run.json");
        for text in ["a long first content", "short"] {
            write_whole(&path, text.as_bytes()).expect("written");
            assert_eq!(std::fs::read_to_string(&path).expect("there"), text);
        }
        assert_eq!(std::fs::read_dir(dir.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn what_a_killed_writer_left_is_written_over() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("run.json");
        std::fs::write(dir.path().join("run.json.new"), "half a file, and longer").expect("left");
        write_whole(&path, b"whole").expect("written");
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "whole");
        assert_eq!(std::fs::read_dir(dir.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_as_it_was() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("run.json");
        write_whole(&path, b"old").expect("written");
        // Where the new content would go there is a folder.
        std::fs::create_dir(dir.path().join("run.json.new")).expect("made");
        write_whole(&path, b"new").expect_err("in the way");
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "old");
    }

    #[test]
    fn content_that_cannot_be_made_to_its_end_replaces_nothing() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("run.json");
        write_whole(&path, b"old").expect("written");
        let written = write_whole_by(&path, |out| {
            out.write_all(&[b'x'; 100_000])?;
            Err(io::Error::other("no more"))
        });
        assert_eq!(written.expect_err("not made").to_string(), "no more");
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "old");
        assert_eq!(std::fs::read_dir(dir.path()).expect("a folder").count(), 1);
    }
}
