//! Which file system a folder lies on, by the number that statfs(2) gives.
//!
//! The journal needs locks that the kernel drops with their holder, and syncs
//! that are kept; file systems shared with other hosts promise neither. Unaware
//! of what is kept where.

use std::io;
use std::path::Path;

/// The file system of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileSystem {
    /// Its name; `unknown` for a number that is not in the table.
    pub(crate) name: &'static str,
    /// Whether other hosts may write to it too, or a program stands in for it.
    pub(crate) is_shared: bool,
    /// Whether it outlives a power loss.
    pub(crate) is_lasting: bool,
    /// What a user without rights may still write, in bytes.
    pub(crate) free_bytes: u64,
}

/// Where the contents of a file system are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Disk,
    Memory,
    Shared,
}

/// Numbers of file systems: linux/magic.h, and the sources of those outside.
const KNOWN: &[(u32, &str, Place)] = &[
    (0x0000_ef53, "ext4", Place::Disk),
    (0x9123_683e, "btrfs", Place::Disk),
    (0x5846_5342, "xfs", Place::Disk),
    (0xf2f5_2010, "f2fs", Place::Disk),
    (0x2fc1_2fc1, "zfs", Place::Disk),
    (0xca45_1a4e, "bcachefs", Place::Disk),
    (0x794c_7630, "overlay", Place::Disk),
    (0x5265_4973, "reiserfs", Place::Disk),
    (0x3153_464a, "jfs", Place::Disk),
    (0x0000_4d44, "vfat", Place::Disk),
    (0x2011_bab0, "exfat", Place::Disk),
    (0x7366_746e, "ntfs3", Place::Disk),
    (0x0000_f15f, "ecryptfs", Place::Disk),
    (0x0102_1994, "tmpfs", Place::Memory),
    (0x8584_58f6, "ramfs", Place::Memory),
    (0x0000_6969, "nfs", Place::Shared),
    (0xff53_4d42, "cifs", Place::Shared),
    (0xfe53_4d42, "smb2", Place::Shared),
    (0x0000_517b, "smb", Place::Shared),
    (0x6573_5546, "fuse", Place::Shared),
    (0x0102_1997, "9p", Place::Shared),
    (0x00c3_6400, "ceph", Place::Shared),
    (0x0bd0_0bd0, "lustre", Place::Shared),
    (0x5346_414f, "afs", Place::Shared),
    (0x6b41_4653, "afs", Place::Shared),
    (0x7375_7245, "coda", Place::Shared),
    (0x0000_564c, "ncp", Place::Shared),
    (0x0116_1970, "gfs2", Place::Shared),
    (0x7461_636f, "ocfs2", Place::Shared),
    (0x4750_4653, "gpfs", Place::Shared),
    (0x1983_0326, "beegfs", Place::Shared),
    (0x786f_4256, "vboxsf", Place::Shared),
    (0xbacb_acbc, "vmhgfs", Place::Shared),
    (0xaad7_aaea, "panfs", Place::Shared),
    (0x2030_4b53, "orangefs", Place::Shared),
];

impl FileSystem {
    /// Asks which file system a folder lies on.
    ///
    /// # Errors
    /// Fails when the folder is not there.
    pub(crate) fn of(folder: &Path) -> io::Result<Self> {
        let found = rustix::fs::statfs(folder)?;
        let block_bytes = u64::try_from(found.f_bsize).unwrap_or(0);
        // The field's type differs by system; the number has 32 bits.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let magic = found.f_type as u32;
        Ok(Self { free_bytes: found.f_bavail.saturating_mul(block_bytes), ..Self::named(magic) })
    }

    /// Describes the file system of a number, without its room.
    pub(crate) fn named(magic: u32) -> Self {
        let known = KNOWN.iter().find(|(number, _, _)| *number == magic);
        let (name, place) =
            known.map_or(("unknown", Place::Disk), |(_, name, place)| (name, *place));
        Self {
            name,
            is_shared: place == Place::Shared,
            is_lasting: place != Place::Memory,
            free_bytes: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_once_in_the_table() {
        for (position, (number, name, _)) in KNOWN.iter().enumerate() {
            assert!(!KNOWN[..position].iter().any(|(other, _, _)| other == number), "{name}");
        }
    }

    #[test]
    fn those_of_other_hosts_are_told_from_those_of_this_one() {
        let shared: &[(u32, &str)] = &[
            (0x6969, "nfs"),
            (0xff53_4d42, "cifs"),
            (0xfe53_4d42, "smb2"),
            (0x6573_5546, "fuse"),
            (0x0102_1997, "9p"),
            (0x00c3_6400, "ceph"),
            (0x0bd0_0bd0, "lustre"),
            (0x5346_414f, "afs"),
            (0x7375_7245, "coda"),
            (0x0116_1970, "gfs2"),
            (0x7461_636f, "ocfs2"),
            (0x4750_4653, "gpfs"),
            (0x786f_4256, "vboxsf"),
        ];
        for (number, name) in shared {
            let found = FileSystem::named(*number);
            assert_eq!((found.name, found.is_shared), (*name, true), "{number:x}");
        }
        for number in [0xef53, 0x9123_683e, 0x5846_5342, 0x794c_7630, 0x0102_1994, 0x1234_5678] {
            assert!(!FileSystem::named(number).is_shared, "{number:x}");
        }
        assert!(!FileSystem::named(0x0102_1994).is_lasting);
        assert_eq!(FileSystem::named(0x1234_5678).name, "unknown");
    }

    #[test]
    fn a_real_folder_has_a_file_system_with_room() {
        let found = FileSystem::of(Path::new("/dev/shm")).expect("there");
        assert_eq!((found.name, found.is_shared, found.is_lasting), ("tmpfs", false, false));
        let root = FileSystem::of(Path::new("/")).expect("there");
        assert!(root.free_bytes > 0, "{root:?}");
        FileSystem::of(Path::new("/proc/nothing")).expect_err("not there");
    }
}
