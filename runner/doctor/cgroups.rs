//! Control groups: which controllers could limit a run, in either version.
//!
//! Tried by making a group below this process's own, and taking it away again;
//! no process is moved. Unaware of what is limited by how much.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Bench, Facility, Finding};

pub(super) const FACILITY: Facility = Facility {
    name: "cgroups",
    purpose: "can limit memory, processes and processor of a whole tree",
    examine,
};

/// What a run would limit; in version 1 each with the file that says how much.
const WANTED: &[(&str, &str)] =
    &[("cpu", "cpu.shares"), ("memory", "memory.limit_in_bytes"), ("pids", "pids.max")];

const WAY_OUT: &str = "let this user have a group: `systemd-run --user --scope -p Delegate=yes \
                       eufm …`, or a container with a writable /sys/fs/cgroup";

fn examine(_: &Bench<'_>) -> Finding {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let groups = groups(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"));
    if groups.is_empty() {
        return Finding::missing("no control groups are mounted", WAY_OUT);
    }
    let mut usable = BTreeSet::new();
    let mut kill = false;
    for group in &groups {
        let (found, can_kill) = try_out(group);
        usable.extend(found);
        kill |= can_kill;
    }
    let versions: BTreeSet<&str> =
        groups.iter().map(|group| if group.controllers.is_some() { "v1" } else { "v2" }).collect();
    let versions: Vec<&str> = versions.into_iter().collect();
    let list: Vec<&str> = usable.iter().copied().collect();
    let list = if list.is_empty() { "no controller".to_owned() } else { list.join(", ") };
    let kill = if kill { "; cgroup.kill" } else { "" };
    let how = format!("{}: {list} can be set for a group of our own{kill}", versions.join(" and "));
    match usable.len() {
        0 => Finding::missing(how, WAY_OUT),
        _ if usable.contains("memory") && usable.contains("pids") => Finding::enforced(how),
        _ => Finding::best_effort(how, WAY_OUT),
    }
}

/// The group of this process in one hierarchy.
#[derive(Debug, PartialEq, Eq)]
struct Group {
    dir: PathBuf,
    /// The controllers of a hierarchy of version 1; `None` in version 2.
    controllers: Option<Vec<String>>,
}

/// Finds this process's groups, from proc_pid_mountinfo(5) and cgroups(7).
fn groups(mounts: &str, own: &str) -> Vec<Group> {
    let mut found = Vec::new();
    for line in own.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(names), Some(path)) = (fields.next(), fields.next()) else { continue };
        let controllers: Vec<String> = names.split(',').map(str::to_owned).collect();
        let is_v2 = names.is_empty();
        let Some(mount) = mounts.lines().find_map(|line| mount_of(line, is_v2, &controllers))
        else {
            continue;
        };
        let dir = mount.join(path.trim_start_matches('/'));
        // In a container the path may be the host's, which is not seen here.
        let dir = if dir.is_dir() { dir } else { mount };
        found.push(Group { dir, controllers: (!is_v2).then_some(controllers) });
    }
    found
}

fn mount_of(line: &str, is_v2: bool, controllers: &[String]) -> Option<PathBuf> {
    let (place, system) = line.split_once(" - ")?;
    let mut system = system.split(' ');
    let kind = system.next()?;
    let options: Vec<&str> = system.nth(1)?.split(',').collect();
    let fits = match kind {
        "cgroup2" => is_v2,
        "cgroup" => !is_v2 && controllers.iter().all(|name| options.contains(&name.as_str())),
        _ => false,
    };
    fits.then(|| PathBuf::from(place.split(' ').nth(4).unwrap_or("/")))
}

/// Makes a group and tells which limits it has, and whether it can be killed.
fn try_out(group: &Group) -> (Vec<&'static str>, bool) {
    let made = group.dir.join(format!("eufm-doctor-{}", std::process::id()));
    if std::fs::create_dir(&made).is_err() {
        return (Vec::new(), false);
    }
    let found = match &group.controllers {
        Some(_) => WANTED.iter().filter(|(_, file)| is_writable(&made.join(file))).collect(),
        // A controller is passed down by those above: what is listed is ours.
        None => {
            let listed = std::fs::read_to_string(group.dir.join("cgroup.controllers"));
            let listed = listed.unwrap_or_default();
            let has = |name: &str| listed.split_whitespace().any(|listed| listed == name);
            let may = is_writable(&group.dir.join("cgroup.subtree_control"));
            WANTED.iter().filter(|(name, _)| may && has(name)).collect::<Vec<_>>()
        }
    };
    let found = found.into_iter().map(|(name, _)| *name).collect();
    let kill = is_writable(&made.join("cgroup.kill"));
    // A group without processes always goes.
    let _ = std::fs::remove_dir(&made);
    (found, kill)
}

fn is_writable(file: &Path) -> bool {
    std::fs::File::options().write(true).open(file).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
        25 1 0:22 / / rw,relatime - ext4 /dev/vda rw\n\
        40 25 0:30 / /cg/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n\
        41 25 0:31 / /cg/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n\
        42 25 0:32 / /cg/systemd rw,relatime - cgroup cgroup rw,name=systemd\n\
        43 25 0:33 / /cg/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n";

    #[test]
    fn both_versions_are_found_by_their_mounts() {
        let own = "9:memory:/a\n8:cpu,cpuacct:/\n3:pids:/\n1:name=systemd:/\n0::/user\n";
        let found = groups(MOUNTS, own);
        let dirs: Vec<&str> = found.iter().filter_map(|group| group.dir.to_str()).collect();
        // The path below a mount that is not there is not followed.
        assert_eq!(dirs, ["/cg/memory", "/cg/cpu,cpuacct", "/cg/systemd", "/cg/unified"]);
        assert_eq!(found[3].controllers, None);
        assert_eq!(found[0].controllers, Some(vec!["memory".to_owned()]));
    }

    #[test]
    fn nothing_is_found_where_nothing_is_mounted() {
        assert_eq!(groups("", "0::/\n"), []);
        assert_eq!(groups(MOUNTS, ""), []);
    }

    #[test]
    fn a_group_that_cannot_be_made_limits_nothing() {
        let group = Group { dir: "/nonexistent".into(), controllers: None };
        assert_eq!(try_out(&group), (Vec::new(), false));
    }
}
