//! The Codex CLI: whether it is there, and whether its own sandbox works within
//! ours. Which version a plan pins is the plan's matter.

use std::path::PathBuf;

use super::{Bench, Facility, Finding};
use crate::agents::codex::{self, Codex};
use crate::agents::{Installation, Search};
use crate::sandbox::Sandbox;
use crate::trial;

pub(super) const FACILITY: Facility =
    Facility { name: "codex", purpose: "does the work of agents", examine };

pub(super) const SANDBOX: Facility = Facility {
    name: "codex sandbox",
    purpose: "keeps the commands of the model from the agent's own tools and token",
    examine: examine_sandbox,
};

const INSTALL: &str = "install it with `npm install --prefix DIR @openai/codex@VERSION` and name \
                       DIR/node_modules/.bin/codex with --codex or EUFM_CODEX";

fn examine(bench: &Bench<'_>) -> Finding {
    match find(bench) {
        Ok(found) => Finding::enforced(format!(
            "{} at {}; it needs no Node",
            found.version,
            found.program.display()
        )),
        Err(reason) => Finding::missing(reason, INSTALL),
    }
}

fn find(bench: &Bench<'_>) -> Result<Installation, String> {
    let configured: Option<PathBuf> = bench.host.codex.clone();
    codex::any_version(&Search { configured, path: bench.host.path.clone() })
}

fn examine_sandbox(bench: &Bench<'_>) -> Finding {
    let Ok(installation) = find(bench) else {
        return Finding::missing("not tried: there is no Codex CLI", INSTALL);
    };
    let tried = bench.folder("codex").and_then(|folder| {
        let sandbox =
            Sandbox::new(&bench.host.path, &folder.join("accounts"), &bench.host.launcher)?;
        Ok(trial::of_agents(&sandbox, &folder, &Codex, &installation))
    });
    match tried {
        Ok(Ok(())) => Finding::enforced("a file was written from it, within the sandbox of agents"),
        Ok(Err(failed)) => Finding::missing(failed.line(), trial::ALLOW_NAMESPACES),
        Err(error) => {
            let help = "install bubblewrap (Debian: apt-get install bubblewrap)";
            Finding::missing(format!("not tried: {error}"), help)
        }
    }
}
