//! Folders in `tools` and `keep`: few, precise, and never a whole home or system folder.

use eufm_grammar::{Diagnostic, Diagnostics};

use crate::names::listed_twice;
use crate::paths::relative_path;
use crate::spec::ResolvedSpec;
use crate::wording::quoted;

/// Folders that hold far more than tools. What lies below them may be named.
const TOO_WIDE: &[&str] =
    &["/", "/etc", "/home", "/media", "/mnt", "/root", "/run", "/srv", "/tmp", "/usr", "/var"];

/// Folders of which no part is a tool.
const NEVER: &[&str] = &["/dev", "/proc", "/run", "/sys"];

/// Folders of which each folder within is a home.
const HOMES: &[&str] = &["/home", "/Users"];

/// Reports folders that cannot be shown to a node.
pub(super) fn check(spec: &ResolvedSpec<'_>, out: &mut Diagnostics) {
    for environment in &spec.environments.list {
        let mut seen = std::collections::BTreeMap::new();
        for folder in &environment.tools {
            if let Err((problem, help)) = check_folder(&folder.value) {
                let finding =
                    Diagnostic::error("E0305", format!("{} {problem}", quoted(&folder.value)))
                        .at(folder.span, "not usable as a tools folder")
                        .help(help);
                out.push(finding);
            }
            if let Some(first) = seen.get(&folder.value) {
                out.push(listed_twice(&folder.value, folder.span, *first));
            } else {
                seen.insert(&folder.value, folder.span);
            }
        }
        for folder in &environment.keep {
            let checked = match folder.value.starts_with(['~', '/']) {
                true => check_folder(&folder.value),
                false => relative_path(&folder.value),
            };
            if let Err((problem, help)) = checked {
                let finding =
                    Diagnostic::error("E0305", format!("{} {problem}", quoted(&folder.value)))
                        .at(folder.span, "not usable as a folder to keep")
                        .help(help);
                out.push(finding);
            }
        }
    }
}

/// What is said of a folder that cannot be given.
pub(super) struct Words {
    /// That it holds too much.
    pub(super) wide: &'static str,
    /// That there is a sign in it that is not taken.
    pub(super) odd: &'static str,
    /// That nobody gives it away.
    pub(super) system: &'static str,
    /// What to write instead.
    pub(super) precise: &'static str,
}

const TOOLS: Words = Words {
    wide: "holds far more than tools",
    odd: "contains a sign that no search path can hold",
    system: "belongs to the system, not to a tool",
    precise: "name the tool's own folder, as in `~/.local/bin`",
};

fn check_folder(folder: &str) -> Result<(), (&'static str, &'static str)> {
    check_host_folder(folder, &TOOLS)
}

/// Checks a folder of the host that something is to see or to write; the error is
/// the problem and the help.
pub(super) fn check_host_folder(
    folder: &str,
    words: &Words,
) -> Result<(), (&'static str, &'static str)> {
    let Words { wide, odd, system, precise } = *words;
    if matches!(folder, "~" | "~/") {
        return Err(("is the whole home folder, with all its secrets", precise));
    }
    let below = folder.strip_prefix("~/").or_else(|| folder.strip_prefix('/'));
    let Some(below) = below else {
        return Err(("is neither absolute nor below `~/`", precise));
    };
    if folder.chars().any(|sign| sign.is_control() || sign == ':') {
        return Err((odd, "rename the folder"));
    }
    if folder.len() > 1 && folder.ends_with('/') {
        return Err(("ends with `/`", "leave that out"));
    }
    if !below.is_empty() && below.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(("is not normal: it contains `//`, `.` or `..`", "write the folder itself"));
    }
    let parent = folder.rsplit_once('/').map_or("", |(parent, _)| parent);
    if TOO_WIDE.contains(&folder) || HOMES.contains(&folder) || HOMES.contains(&parent) {
        return Err((wide, precise));
    }
    let within = |root: &str| {
        folder.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if NEVER.iter().any(|root| within(root)) {
        return Err((system, precise));
    }
    if within("/root") && !below.contains('/') {
        return Err((wide, precise));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precise_folders_are_taken() {
        for good in [
            "~/.local/bin",
            "/opt/tool",
            "/usr/local/go",
            "/home/me/.cargo",
            "/var/lib/x",
            "/root/.local",
        ] {
            assert_eq!(check_folder(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn wide_and_odd_folders_are_refused() {
        let bad = [
            "",
            "~",
            "~/",
            "/",
            "/home",
            "/home/",
            "/home/me",
            "/root",
            "/etc",
            "/proc",
            "/proc/1",
            "/sys",
            "/dev",
            "/dev/shm",
            "/run",
            "/run/x",
            "/var",
            "/tmp",
            "bin",
            "./bin",
            "~me/bin",
            "~/a/../b",
            "/a//b",
            "/opt/./x",
            "~/a/",
            "/a:b",
            "/Users/me",
            "~//x",
        ];
        for bad in bad {
            assert!(check_folder(bad).is_err(), "{bad}");
        }
    }
}
