//! Puts secrets into files of the sandbox: the first program inside does, from
//! what comes through its standard input.
//!
//! The folder is a file system in memory that belongs to the sandbox and goes
//! with it. Unaware of where the values come from.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::Secret;
use crate::process;

/// The name of the hidden command that puts secrets into files, inside a sandbox.
pub const SUBCOMMAND: &str = "__secrets";

/// The folder of secrets inside.
pub(crate) const FOLDER: &str = "/run/eufm/secrets";

/// The largest frame; a secret has at most 64 KiB.
const BYTES_MAX: usize = 1 << 20;

/// Frames secrets for the standard input: name, length and bytes of each.
pub(crate) fn framed(secrets: &[Secret]) -> Vec<u8> {
    let mut frames = Vec::new();
    for Secret { name, value } in secrets {
        frames.extend_from_slice(format!("{name} {}\n", value.len()).as_bytes());
        frames.extend_from_slice(value);
    }
    frames
}

/// Puts the secrets of the standard input into files, closes it and becomes the
/// program. Returns only if that fails.
#[must_use]
pub fn place(run: &[OsString]) -> io::Error {
    let placed = unpack(io::stdin().lock(), Path::new(FOLDER)).and_then(|()| {
        let nothing = File::open("/dev/null")?;
        Ok(rustix::stdio::dup2_stdin(&nothing)?)
    });
    match placed {
        Ok(()) => process::replace(run, &[]),
        Err(error) => io::Error::new(error.kind(), format!("secrets cannot be placed: {error}")),
    }
}

fn unpack(mut from: impl io::Read, folder: &Path) -> io::Result<()> {
    let mut frames = Vec::new();
    from.by_ref().take(64 * BYTES_MAX as u64).read_to_end(&mut frames)?;
    let mut rest = frames.as_slice();
    while !rest.is_empty() {
        let (name, value, behind) = frame(rest).ok_or(io::ErrorKind::InvalidData)?;
        let mut options = File::options();
        let file = options.write(true).create_new(true).mode(0o400).open(folder.join(name));
        file?.write_all(value)?;
        rest = behind;
    }
    Ok(())
}

/// Takes the first frame apart: name, value, and what is behind.
fn frame(frames: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let end = frames.iter().position(|byte| *byte == b'\n')?;
    let (name, length) = std::str::from_utf8(&frames[..end]).ok()?.split_once(' ')?;
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let length: usize = length.parse().ok().filter(|length| *length <= BYTES_MAX)?;
    let (value, behind) = frames[end + 1..].split_at_checked(length)?;
    is_plain.then_some((name, value, behind))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_was_framed_lies_in_files_to_the_byte() {
        let values: [(&str, &[u8]); 3] =
            [("A", b"one line"), ("B_2", b"two\nlines 7\n"), ("C", &[0, 255, b'\n'])];
        let secrets: Vec<_> = values.iter().map(|(name, value)| Secret::new(name, value)).collect();
        let folder = tempfile::tempdir().expect("a folder");
        unpack(framed(&secrets).as_slice(), folder.path()).expect("unpacked");
        for (name, value) in values {
            let path = folder.path().join(name);
            assert_eq!(std::fs::read(&path).expect("there"), value, "{name}");
            let mode = std::fs::metadata(&path).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o400, "{name}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("read").count(), 3);
    }

    #[test]
    fn what_is_cut_off_or_leaves_the_folder_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        for bad in ["A 5\nabc", "A\nabc", "../A 3\nabc", "A 99999999999\nabc", "A -1\n", "A 3"] {
            let error = unpack(bad.as_bytes(), folder.path()).expect_err(bad);
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{bad}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("read").count(), 0);
    }
}
