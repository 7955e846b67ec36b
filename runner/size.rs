//! Numbers of bytes: how many there are below a folder, and how one is shown to
//! people. Unaware of what has that size.

use std::path::Path;
use std::{fmt, io};

/// Adds up the files below a folder, links not followed. What is closed to us, as an
/// overlay's own folder is, counts nothing.
///
/// # Errors
/// Fails when something below it cannot be read for another reason.
pub(crate) fn below(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in walkdir::WalkDir::new(folder) {
        let entry = match entry.map_err(io::Error::from) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => continue,
            entry => entry?,
        };
        if entry.file_type().is_file() {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}

/// A number of bytes, shown to a tenth of its unit, rounded down.
#[derive(Debug, Clone, Copy)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];
        let fits = |(_, shift): &(&str, u32)| self.0 >> shift > 0;
        let (unit, shift) = units.into_iter().find(fits).unwrap_or(("B", 0));
        let tenths = (u128::from(self.0) * 10) >> shift;
        match tenths % 10 {
            0 => write!(f, "{} {unit}", tenths / 10),
            tenth => write!(f, "{}.{tenth} {unit}", tenths / 10),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// To root nothing is closed.
    #[test]
    fn what_is_closed_to_us_is_no_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (open, closed) = (folder.path().join("open"), folder.path().join("closed"));
        for (path, mode) in [(&open, 0o700), (&closed, 0)] {
            std::fs::create_dir(path).expect("made");
            std::fs::write(path.join("file"), "four").expect("written");
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(path, mode).expect("it is ours");
        }
        let seen = std::fs::read_dir(&closed).map_or(4, |_| 8);
        assert_eq!(below(folder.path()).expect("read"), seen);
        crate::remove::remove_all(&closed).expect("removed");
        assert!(below(&closed).is_err(), "it is not there");
    }

    #[test]
    fn sizes_are_short() {
        for (bytes, shown) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_536, "1.5 KiB"),
            (1 << 20, "1 MiB"),
            ((5 << 30) / 2, "2.5 GiB"),
            (8 << 30, "8 GiB"),
            (1 << 40, "1 TiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), shown);
        }
    }
}
