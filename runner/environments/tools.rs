//! What environments show of this host: folders of tools, read-only.
//!
//! A folder is seen at its own path, which its programs may have written down,
//! and one below `~/` also below the home inside, where they look for it.
//! Unaware of what is prepared.

use std::path::{Path, PathBuf};

use eufm_plan::Environment;

use crate::nest::Tools;
use crate::sandbox::{HOME, Mount};

/// Finds the tools of an environment; `home` is the user's home folder.
///
/// # Errors
/// Fails with the folder that is not there or shows too much, and why.
pub(crate) fn tools(environment: &Environment, home: &Path) -> Result<Tools, String> {
    let mut tools = Tools::default();
    for tool in &environment.tools {
        let path = folder(tool, home)
            .map_err(|reason| format!("environment {}: {tool}: {reason}", environment.name))?;
        tools.mounts.push(Mount::read_only(&path, &path));
        if let Some(rest) = tool.strip_prefix("~/") {
            tools.mounts.push(Mount::read_only(&path, Path::new(HOME).join(rest)));
        }
        // A folder of programs, or one that has such a folder.
        tools.path.push(path.join("bin"));
        tools.path.push(path);
    }
    Ok(tools)
}

fn folder(tool: &str, home: &Path) -> Result<PathBuf, String> {
    let path = match tool.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None => PathBuf::from(tool),
    };
    if !path.is_dir() {
        return Err("there is no such folder on this host".to_owned());
    }
    // A link may lead to a folder that shows everything.
    let real = path.canonicalize().map_err(|error| error.to_string())?;
    let home = home.canonicalize().unwrap_or_else(|_| home.to_owned());
    if home.starts_with(&real) {
        return Err(format!("it would show the whole of {}", home.display()));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tools: &[&str]) -> Environment {
        let tools = tools.iter().map(|tool| (*tool).to_owned()).collect();
        Environment { name: "e".to_owned(), tools, ..Environment::default() }
    }

    #[test]
    fn tools_below_the_home_are_seen_there_as_well() {
        let home = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir_all(home.path().join(".cargo/bin")).expect("made");
        let found = tools(&of(&["~/.cargo/bin", "/usr"]), home.path()).expect("there");
        let inside: Vec<_> = found.mounts.iter().map(|mount| mount.inside.clone()).collect();
        let own = home.path().join(".cargo/bin");
        let expected = [own, "/home/agent/.cargo/bin".into(), "/usr".into()];
        assert_eq!(inside, expected);
        assert!(found.mounts.iter().all(|mount| !mount.writable));
    }

    #[test]
    fn a_link_to_the_whole_home_is_refused_and_so_is_what_is_not_there() {
        let home = tempfile::tempdir().expect("a temporary folder");
        std::os::unix::fs::symlink(home.path(), home.path().join("all")).expect("linked");
        for (tool, why) in [("~/all", "show the whole of"), ("~/gone", "no such folder")] {
            let error = tools(&of(&[tool]), home.path()).expect_err("refused");
            assert!(error.contains(why) && error.contains(tool), "{error}");
        }
    }
}
