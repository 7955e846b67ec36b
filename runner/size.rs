//! Numbers of bytes: how many there are below a folder, and how one is shown to
//! people. Unaware of what has that size.

use std::path::Path;
use std::{fmt, io};

/// Adds up the files below a folder, links not followed.
///
/// # Errors
/// Fails when something below it cannot be read.
pub(crate) fn below(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry?;
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
    use super::*;

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
