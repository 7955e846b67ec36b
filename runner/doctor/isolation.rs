//! How well what runs is kept apart from the host, from what was found of it.
//!
//! Four levels, from namespaces with limits to nothing at all; and whether
//! agents, commands and gates can run. Unaware of how facilities are tried.

use serde::{Deserialize, Serialize};

use super::{Level, Line};
use crate::protections::{PROTECTIONS, Protection};

/// How well what runs is kept apart from the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Isolation {
    /// bubblewrap, and cgroups that can limit memory and processes.
    A,
    /// bubblewrap; without cgroups that can limit.
    B,
    /// Landlock and seccomp; a stop is best effort.
    C,
    /// None.
    D,
}

impl Isolation {
    /// Says what the level stands for.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::A => {
                "bubblewrap with namespaces, and cgroups that can limit memory and processes"
            }
            Self::B => "bubblewrap with namespaces; no cgroups that can limit memory and processes",
            Self::C => "Landlock and seccomp; no namespaces, and a stop is best effort",
            Self::D => "none: nothing keeps what runs from the host",
        }
    }
}

/// Whether one sort of work can run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether it can.
    pub runs: bool,
    /// In what, or why not.
    pub why: String,
}

/// Whether each sort of work can run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdicts {
    /// Agent nodes.
    pub agents: Verdict,
    /// Command nodes.
    pub commands: Verdict,
    /// Gates.
    pub gates: Verdict,
}

/// What any plan needs, whatever it runs.
const NEEDED: &[&str] = &["kernel", "state file system", "git"];

pub(super) fn judge(found: &[Line], allowed: &[&Protection]) -> (Isolation, Verdicts) {
    let isolation = isolation(found);
    let commands = commands(found, isolation, allowed);
    let agents = agents(found, isolation, &commands);
    (isolation, Verdicts { agents, gates: commands.clone(), commands })
}

fn isolation(found: &[Line]) -> Isolation {
    if level(found, "bubblewrap") == Level::Enforced {
        return match level(found, "cgroups") {
            Level::Enforced => Isolation::A,
            Level::BestEffort | Level::Missing => Isolation::B,
        };
    }
    match (level(found, "landlock"), level(found, "seccomp")) {
        (Level::Missing, _) | (_, Level::Missing) => Isolation::D,
        _ => Isolation::C,
    }
}

fn commands(found: &[Line], isolation: Isolation, allowed: &[&Protection]) -> Verdict {
    if let Some(name) = NEEDED.iter().find(|name| level(found, name) == Level::Missing) {
        return Verdict { runs: false, why: format!("{name}: missing") };
    }
    if isolation <= Isolation::B {
        let why = "in a sandbox of bubblewrap, without network".to_owned();
        return Verdict { runs: true, why };
    }
    let lacks: Vec<&Protection> = PROTECTIONS
        .iter()
        .filter(|protection| level(found, protection.name) == Level::Missing)
        .collect();
    let without: Vec<&str> = lacks.iter().map(|lack| lack.without).collect();
    let without = without.join("; ");
    if lacks.iter().all(|lack| allowed.contains(lack)) {
        return Verdict { runs: true, why: format!("degraded: {without}") };
    }
    let names: Vec<&str> = lacks.iter().map(|lack| lack.name).collect();
    let flags: Vec<String> = names.iter().map(|name| format!("--allow-degraded={name}")).collect();
    let (names, flags) = (names.join(", "), flags.join(" "));
    Verdict { runs: false, why: format!("{names}: missing; {flags} permits it, then {without}") }
}

fn agents(found: &[Line], isolation: Isolation, commands: &Verdict) -> Verdict {
    let needed = ["codex", "codex sandbox"];
    match needed.iter().find(|name| level(found, name) == Level::Missing) {
        _ if isolation > Isolation::B => {
            Verdict { runs: false, why: "agents need bubblewrap around them".to_owned() }
        }
        _ if !commands.runs => commands.clone(),
        Some(name) => Verdict { runs: false, why: format!("{name}: missing") },
        None => Verdict {
            runs: true,
            why: "in a sandbox of bubblewrap, whose one exit is the gateway; Codex's own \
                  sandbox within"
                .to_owned(),
        },
    }
}

fn level(found: &[Line], name: &str) -> Level {
    let line = found.iter().find(|line| line.facility == name);
    line.expect("invariant: facilities are asked for by their registered names").finding.level
}

#[cfg(test)]
mod tests {
    use super::super::{FACILITIES, Finding};
    use super::*;

    /// A host where everything holds but the named facilities.
    fn without(missing: &[&str]) -> (Isolation, Verdicts) {
        judged(missing, &[])
    }

    fn judged(missing: &[&str], allowed: &[&Protection]) -> (Isolation, Verdicts) {
        let line = |facility: &super::super::Facility| Line {
            facility: facility.name,
            purpose: facility.purpose,
            finding: match missing.contains(&facility.name) {
                true => Finding::missing("hidden", "show it"),
                false => Finding::enforced("there"),
            },
        };
        let lines: Vec<Line> = FACILITIES.iter().map(line).collect();
        judge(&lines, allowed)
    }

    #[test]
    fn the_level_falls_with_what_is_missing() {
        assert_eq!(without(&[]).0, Isolation::A);
        assert_eq!(without(&["cgroups"]).0, Isolation::B);
        assert_eq!(without(&["bubblewrap"]).0, Isolation::C);
        assert_eq!(without(&["bubblewrap", "landlock"]).0, Isolation::D);
        assert_eq!(without(&["bubblewrap", "seccomp"]).0, Isolation::D);
    }

    #[test]
    fn commands_run_where_everything_that_is_missing_may_be() {
        let named = |names: &[&str]| -> Vec<&'static Protection> {
            names.iter().filter_map(|name| crate::protections::protection(name)).collect()
        };
        let missing = ["bubblewrap", "landlock"];
        for (allowed, runs) in [(&[][..], false), (&missing[..1], false), (&missing[..], true)] {
            let (_, verdicts) = judged(&missing, &named(allowed));
            assert_eq!(verdicts.commands.runs, runs, "{allowed:?}: {verdicts:?}");
            assert!(!verdicts.agents.runs);
        }
        let (_, verdicts) = judged(&missing, &[]);
        let flags = "--allow-degraded=bubblewrap --allow-degraded=landlock";
        assert!(verdicts.commands.why.contains(flags), "{verdicts:?}");
    }

    #[test]
    fn agents_need_more_than_commands() {
        for name in ["codex", "codex sandbox"] {
            let (_, verdicts) = without(&[name]);
            assert!(verdicts.commands.runs && verdicts.gates.runs && !verdicts.agents.runs);
            assert!(verdicts.agents.why.starts_with(name));
        }
        for name in NEEDED {
            let (_, verdicts) = without(&[name]);
            assert!(!verdicts.commands.runs && !verdicts.gates.runs && !verdicts.agents.runs);
        }
    }
}
