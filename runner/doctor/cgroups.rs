//! Control groups: which limits of a whole tree the kernel holds here.
//!
//! Asks what a run would ask: groups are made, a process is put into each, and
//! they are removed again. Unaware of what is limited by how much.

use super::{Bench, Facility, Finding};
use crate::limits::{Facility as Limit, Level, survey};

pub(super) const FACILITY: Facility = Facility {
    name: "cgroups",
    purpose: "limit memory and processes of a whole tree; else they are watched",
    examine,
};

const WAY_OUT: &str = "let this user have a group: `systemd-run --user --scope -p Delegate=yes \
                       eufm …`, or a container with a writable /sys/fs/cgroup";

fn examine(bench: &Bench<'_>) -> Finding {
    let found = bench.folder("cgroups").and_then(|it| survey(&bench.host.launcher, &it));
    match found {
        Ok(limits) => of(&limits),
        Err(error) => Finding::missing(error.to_string(), WAY_OUT),
    }
}

/// What the limits of a run come to.
fn of(limits: &[Limit]) -> Finding {
    let by_group =
        |name: &str| limits.iter().any(|it| it.name == name && it.how.contains("cgroup"));
    let shown = limits.iter().filter(|it| it.level == Level::Watched || by_group(&it.name));
    let how = shown.map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match (by_group("memory"), by_group("processes")) {
        (true, true) => Finding::enforced(how),
        (false, false) => Finding::missing(how, WAY_OUT),
        _ => Finding::best_effort(how, WAY_OUT),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level as Found;
    use super::*;

    #[test]
    fn what_the_kernel_does_not_hold_is_said_to_be_watched() {
        let limit = |name: &str, by: Option<&str>| Limit {
            name: name.to_owned(),
            level: if by.is_some() { Level::Holds } else { Level::Watched },
            how: by.unwrap_or("now and then").to_owned(),
        };
        let found =
            |memory, processes| of(&[limit("memory", memory), limit("processes", processes)]);
        let both = found(Some("cgroup v2"), Some("cgroup v2"));
        assert_eq!(both.level, Found::Enforced);
        assert_eq!(both.how, "memory holds (cgroup v2), processes holds (cgroup v2)");
        assert_eq!(found(None, Some("cgroup v1")).level, Found::BestEffort);
        let none = found(None, None);
        assert_eq!(none.level, Found::Missing);
        assert!(none.how.starts_with("memory watched (now and then), processes watched"));
    }
}
