//! bubblewrap: whether it is there, and whether the sandbox of commands and
//! gates works with it. Unaware of why it may not: the namespaces tell.

use super::{Bench, Facility, Finding};
use crate::process::Command;
use crate::sandbox::Sandbox;
use crate::trial;

pub(super) const FACILITY: Facility = Facility {
    name: "bubblewrap",
    purpose: "makes the sandbox of agents, commands and gates",
    examine,
};

const INSTALL: &str = "install bubblewrap 0.8 or newer (Debian: apt-get install bubblewrap)";

fn examine(bench: &Bench<'_>) -> Finding {
    let Some(program) = bench.program("bwrap") else {
        return Finding::missing("bwrap is not on the PATH", INSTALL);
    };
    let version = match Command::new(&program).arg("--version").output() {
        Ok(output) if output.exit.is_success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        Ok(output) => format!("--version ended with {}", output.exit),
        Err(error) => error.to_string(),
    };
    let shown = format!("{version} at {}", program.display());
    let tried = bench.folder("bubblewrap").and_then(|folder| {
        let sandbox =
            Sandbox::new(&bench.host.path, &folder.join("accounts"), &bench.host.launcher)?;
        Ok(trial::of_commands(&sandbox, &folder))
    });
    match tried {
        Ok(Ok(())) => Finding::enforced(format!("{shown}; the sandbox of commands was tried")),
        Ok(Err(failed)) => {
            Finding::missing(format!("{shown}; {}", failed.line()), trial::ALLOW_NAMESPACES)
        }
        Err(error) => Finding::missing(format!("{shown}; {error}"), INSTALL),
    }
}
