//! What this host has left: memory, disk, and how hard it is pressed.
//!
//! Memory is what the host has, or what the control groups that this process is
//! in leave of it. What the host does not tell is `None`. Unaware of what is
//! done with it.

use std::path::Path;

use super::mounts::{Mounted, Version, mounted};
use crate::admission::Room;

/// Takes a reading; `state` is the folder whose file system counts.
pub(crate) fn room(state: &Path) -> Room {
    let groups = mounted(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"));
    let of_groups = groups.iter().filter_map(of_group);
    let meminfo = read("/proc/meminfo");
    let memory = meminfo_bytes(&meminfo, "MemAvailable").into_iter().chain(of_groups).min();
    Room::new(memory, disk(state), pressure(&read("/proc/pressure/memory")))
}

/// Returns all memory that the host has, with its swap.
pub(super) fn whole() -> Option<u64> {
    let meminfo = read("/proc/meminfo");
    let memory = meminfo_bytes(&meminfo, "MemTotal")?;
    Some(memory.saturating_add(meminfo_bytes(&meminfo, "SwapTotal").unwrap_or(0)))
}

/// Returns the free space of a folder's file system, in bytes.
fn disk(folder: &Path) -> Option<u64> {
    let system = rustix::fs::statvfs(folder).ok()?;
    Some(system.f_bavail.saturating_mul(system.f_frsize))
}

/// Reads a row of proc_meminfo(5), in bytes.
pub(crate) fn meminfo_bytes(meminfo: &str, name: &str) -> Option<u64> {
    let row = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    row.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1_024)
}

/// Reads how much of the last ten seconds all tasks waited, in hundredths of a
/// percent: `full avg10=1.23 …` (the kernel's documentation of PSI).
fn pressure(text: &str) -> Option<u64> {
    let full = text.lines().find_map(|line| line.strip_prefix("full avg10="))?;
    let (whole, rest) = full.split(' ').next()?.split_once('.')?;
    let hundredths: u64 = rest.get(..2)?.parse().ok()?;
    Some(whole.parse::<u64>().ok()? * 100 + hundredths)
}

/// Returns the least that a hierarchy's groups leave, from our own upwards.
fn of_group(hierarchy: &Mounted) -> Option<u64> {
    if hierarchy.version == Version::One && !hierarchy.is_of("memory") {
        return None;
    }
    hierarchy.upwards().filter_map(|group| left(group, hierarchy.version)).min()
}

/// Returns what a group leaves of its limit: what it uses counts, but for the
/// files in its cache that nobody has used lately.
fn left(group: &Path, version: Version) -> Option<u64> {
    let (limit, usage, cache) = match version {
        Version::One => ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "),
        Version::Two => ("memory.max", "memory.current", "inactive_file "),
    };
    let number = |file: &str| std::fs::read_to_string(group.join(file)).ok()?.trim().parse().ok();
    let (limit, usage): (u64, u64) = (number(limit)?, number(usage)?);
    // Without a limit there is no number, or one beyond all memory.
    if limit >= 1 << 60 {
        return None;
    }
    let stat = std::fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
    let cache = stat.lines().find_map(|line| line.strip_prefix(cache)?.parse().ok()).unwrap_or(0);
    Some(limit.saturating_sub(usage.saturating_sub(cache)))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_texts_are_read() {
        assert_eq!(
            meminfo_bytes("MemTotal: 9 kB\nMemAvailable:   2048 kB\n", "MemAvailable"),
            Some(2 << 20)
        );
        assert_eq!(meminfo_bytes("MemTotal: 9 kB\n", "MemAvailable"), None);
        let text = "some avg10=9.99 avg60=0.00 avg300=0.00 total=1\n\
                    full avg10=12.34 avg60=0.00 avg300=0.00 total=0\n";
        assert_eq!(pressure(text), Some(12_34));
        assert_eq!(
            (pressure(""), pressure("full avg10=x"), pressure("full avg10=1")),
            (None, None, None)
        );
    }

    #[test]
    fn a_limit_on_a_group_counts_with_what_can_be_dropped() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let inner = dir.path().join("a");
        std::fs::create_dir(&inner).expect("made");
        let write = |folder: &Path, name: &str, text: &str| {
            std::fs::write(folder.join(name), text).expect("written");
        };
        for (folder, max) in [(dir.path(), "1000\n"), (&*inner, "max\n")] {
            write(folder, "memory.max", max);
            write(folder, "memory.current", "900\n");
            write(folder, "memory.stat", "anon 1\ninactive_file 300\n");
        }
        let (point, own) = (dir.path().to_owned(), inner.clone());
        let two = Mounted { version: Version::Two, controllers: Vec::new(), point, own };
        assert_eq!(of_group(&two), Some(400));
        write(&inner, "memory.max", "1000\n");
        write(&inner, "memory.stat", "");
        assert_eq!(of_group(&two), Some(100));
    }

    #[test]
    fn this_host_has_memory_and_disk() {
        let room = room(Path::new("/"));
        assert!(room.memory.is_some_and(|bytes| bytes > 0) && room.disk.is_some());
        assert_eq!(disk(Path::new("/no/such/folder")), None);
    }
}
