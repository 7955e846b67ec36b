//! Free memory: what agents and their builds have to themselves. Unaware of
//! limits: a host without cgroups has none to give.

use super::{Bench, Facility, Finding};
use crate::limits::meminfo_bytes;
use crate::size::Size;

pub(super) const FACILITY: Facility =
    Facility { name: "memory", purpose: "agents, builds and tests need it", examine };

/// Below this, one agent with a build and its tests hardly fits, in bytes.
const FREE_MIN: u64 = 1 << 30;

const WAY_OUT: &str = "free some, or run with a smaller `parallel`";

fn examine(_: &Bench<'_>) -> Finding {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    match (meminfo_bytes(&text, "MemAvailable"), meminfo_bytes(&text, "MemTotal")) {
        (Some(free), Some(total)) => {
            let how = format!("{} of {} available", Size(free), Size(total));
            if free >= FREE_MIN {
                Finding::enforced(how)
            } else {
                Finding::best_effort(how, WAY_OUT)
            }
        }
        _ => Finding::best_effort("/proc/meminfo does not tell", "mount /proc"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_in_bytes_and_by_their_whole_name() {
        let text = "MemTotalX: 1 kB\nMemTotal:       2048 kB\nHugePages_Total:       0\n";
        assert_eq!(meminfo_bytes(text, "MemTotal"), Some(2 << 20));
        assert_eq!(meminfo_bytes(text, "MemAvailable"), None);
        assert_eq!(meminfo_bytes(text, "HugePages_Total"), None);
    }
}
