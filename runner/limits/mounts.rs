//! Which cgroup hierarchies are mounted here, and where in them this process is.
//!
//! Reads the texts of proc_pid_mountinfo(5) and cgroups(7), version 1 and 2 side
//! by side. Pure; whether anything can be made there is up to `cgroup`.

use std::path::{Component, Path, PathBuf};

/// The version of a hierarchy, which decides the names of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// One hierarchy for each controller.
    One,
    /// One hierarchy for all.
    Two,
}

/// A hierarchy that is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mounted {
    /// Its version.
    pub version: Version,
    /// Its controllers; those of version 2 stand in its files.
    pub controllers: Vec<String>,
    /// Where it is mounted.
    pub point: PathBuf,
    /// The folder of this process's own group.
    pub own: PathBuf,
}

impl Mounted {
    /// Tells whether it is the hierarchy of a controller of version 1.
    pub(super) fn is_of(&self, controller: &str) -> bool {
        self.version == Version::One && self.controllers.iter().any(|name| name == controller)
    }

    /// Lists the groups from this process's own up to the mount's root.
    pub(super) fn upwards(&self) -> impl Iterator<Item = &Path> {
        self.own.ancestors().take_while(|path| path.starts_with(&self.point))
    }
}

/// Lists the mounted hierarchies that this process is seen in.
pub(super) fn mounted(mountinfo: &str, membership: &str) -> Vec<Mounted> {
    mountinfo.lines().filter_map(|line| of_line(line, membership)).collect()
}

/// Reads a line: `ID PARENT DEVICE ROOT POINT OPTIONS … - TYPE SOURCE OPTIONS`.
fn of_line(line: &str, membership: &str) -> Option<Mounted> {
    let (mount, source) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(3);
    let (root, point) = (mount.next()?, unescaped(mount.next()?));
    let mut source = source.split(' ');
    let version = match source.next()? {
        "cgroup" => Version::One,
        "cgroup2" => Version::Two,
        _ => return None,
    };
    let options = source.nth(1).unwrap_or_default().split(',');
    let controllers: Vec<String> = match version {
        Version::One => options.map(str::to_owned).collect(),
        Version::Two => Vec::new(),
    };
    let path = own_path(membership, version, &controllers)?;
    // The mount may show a part of the hierarchy only, as in a container.
    let below = Path::new(path).strip_prefix(root).ok()?;
    if below.components().any(|part| part == Component::ParentDir) {
        return None;
    }
    let own = point.join(below);
    Some(Mounted { version, controllers, point, own })
}

/// Finds this process's group among the lines `NUMBER:CONTROLLERS:PATH`.
fn own_path<'a>(membership: &'a str, version: Version, controllers: &[String]) -> Option<&'a str> {
    membership.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (names, path) = (fields.next()?, fields.next()?);
        let is_it = match version {
            Version::Two => names.is_empty(),
            Version::One => names.split(',').any(|name| controllers.iter().any(|it| it == name)),
        };
        is_it.then_some(path)
    })
}

/// Undoes the octal escapes of a path.
fn unescaped(path: &str) -> PathBuf {
    PathBuf::from(path.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

    #[test]
    fn both_versions_are_found_with_the_own_group() {
        let found = mounted(HYBRID, "4:memory:/jobs/a b\n1:cpu,cpuacct:/\n0::/\n");
        assert_eq!(found.len(), 3);
        assert!(found[0].is_of("memory") && !found[0].is_of("pids"));
        assert_eq!(found[0].own, Path::new("/sys/fs/cgroup/memory/jobs/a b"));
        let upwards: Vec<_> = found[0].upwards().collect();
        assert_eq!(upwards.len(), 3);
        assert_eq!(upwards[2], Path::new("/sys/fs/cgroup/memory"));
        assert_eq!((found[2].version, &*found[2].own), (Version::Two, &*found[2].point));
    }

    #[test]
    fn a_mount_that_shows_a_part_counts_from_there() {
        let line = "9 8 0:3 /docker/x /sys/fs/cgroup ro - cgroup2 cgroup rw,nsdelegate\n";
        let found = mounted(line, "0::/docker/x/in\n");
        assert_eq!(found[0].own, Path::new("/sys/fs/cgroup/in"));
        for elsewhere in ["0::/other\n", "0::/docker/x/../../y\n", "4:memory:/docker/x\n", ""] {
            assert_eq!(mounted(line, elsewhere), [], "{elsewhere}");
        }
    }

    #[test]
    fn texts_of_other_forms_give_nothing() {
        for text in ["", "\n", "a b", "1 2 3 / /x - ext4 /dev/a rw", "1 2 3 / - cgroup2"] {
            assert_eq!(mounted(text, "0::/\n"), [], "{text}");
        }
    }
}
