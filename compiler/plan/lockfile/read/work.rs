//! What a node of plan.lock does: the keys that each kind has, and
//! no others.
//!
//! Unaware of what all nodes have alike.

use super::names::{Names, find, find_all};
use super::nodes::Nodes;
use super::raw::{RawKind, RawNode, RawRecovery};
use crate::lockfile::BYTES_MAX;
use crate::lockfile::items::{is_host_folder, is_inside, is_variable, read_variable};
use crate::{AgentIndex, Command, Recovery, RuleIndex, Work};

impl Names {
    /// Reads the work of the node at `own`; the error is the cause.
    pub(super) fn work(
        &self,
        known: &Nodes,
        own: usize,
        mut raw: Box<RawNode>,
    ) -> Result<Work, String> {
        check_keys(&raw)?;
        match raw.kind {
            RawKind::Agent => {
                let agent = given("agent", raw.agent)?;
                let prompt = self.told(known, "prompt", (raw.prompt, raw.prompt_of))?;
                let agent = AgentIndex::new(find("agent", "agent", &self.agents, &agent)?);
                let session = raw.session.map(|name| {
                    let node = known.before(own, "session", &name)?;
                    match known.kind(node) {
                        RawKind::Agent => Ok(node),
                        _ => Err(format!("its `session` names `{name}`, which has no agent")),
                    }
                });
                Ok(Work::Agent { agent, prompt, session: session.transpose()? })
            }
            RawKind::Command => Ok(Work::Command(Box::new(command(raw)?))),
            RawKind::Approval => {
                Ok(Work::Approval { ask: self.told(known, "ask", (raw.ask, raw.ask_of))? })
            }
            RawKind::Verify => {
                let rules = raw.rules.ok_or_else(|| "it has no `rules`".to_owned())?;
                let rules = find_all("rules", "rule", &self.rules, &rules)?;
                Ok(Work::Verify { rules: rules.into_iter().map(RuleIndex::new).collect() })
            }
            RawKind::Deploy => {
                let recovery = recovery(raw.recovery, raw.probe.take())?;
                let folders = folders(raw.folders.take().unwrap_or_default())?;
                Ok(Work::Deploy { command: Box::new(command(raw)?), folders, recovery })
            }
        }
    }

    /// Reads the text of a node: one of its own, or one that several nodes have.
    fn told(
        &self,
        known: &Nodes,
        key: &str,
        (own, shared): (Option<String>, Option<String>),
    ) -> Result<String, String> {
        let name = match (own, shared) {
            (Some(_), Some(_)) => return Err(format!("it has both `{key}` and `{key}_of`")),
            (own, None) => return given(key, own),
            (None, Some(name)) => name,
        };
        let text = self.texts.get(&name).ok_or_else(|| {
            format!("its `{key}_of` names `{name}`, but no text of that name exists")
        })?;
        if !known.has_room_for(text) {
            return Err(format!("with it the texts of the nodes have more than {BYTES_MAX} bytes"));
        }
        Ok(text.clone())
    }
}

fn given(key: &str, value: Option<String>) -> Result<String, String> {
    value.ok_or_else(|| format!("it has no `{key}`"))
}

/// Refuses a key that belongs to another kind of node.
fn check_keys(raw: &RawNode) -> Result<(), String> {
    const COMMAND: &[RawKind] = &[RawKind::Command, RawKind::Deploy];
    let keys: &[(&str, bool, &[RawKind])] = &[
        ("agent", raw.agent.is_some(), &[RawKind::Agent]),
        ("session", raw.session.is_some(), &[RawKind::Agent]),
        ("prompt", raw.prompt.is_some(), &[RawKind::Agent]),
        ("prompt_of", raw.prompt_of.is_some(), &[RawKind::Agent]),
        ("ask", raw.ask.is_some(), &[RawKind::Approval]),
        ("ask_of", raw.ask_of.is_some(), &[RawKind::Approval]),
        ("rules", raw.rules.is_some(), &[RawKind::Verify]),
        ("folders", raw.folders.is_some(), &[RawKind::Deploy]),
        ("recovery", raw.recovery.is_some(), &[RawKind::Deploy]),
        ("probe", raw.probe.is_some(), &[RawKind::Deploy]),
        ("network", raw.network.is_some(), COMMAND),
        ("secrets", raw.secrets.is_some(), COMMAND),
        ("in_place", raw.in_place.is_some(), &[RawKind::Command]),
        ("shell", raw.shell.is_some(), COMMAND),
        ("cwd", raw.cwd.is_some(), COMMAND),
        ("vars", raw.vars.is_some(), COMMAND),
        ("ok", raw.ok.is_some(), COMMAND),
        ("stdout", raw.stdout.is_some(), &[RawKind::Command]),
        ("run", raw.run.is_some(), COMMAND),
    ];
    match keys.iter().find(|(_, is_given, kinds)| *is_given && !kinds.contains(&raw.kind)) {
        Some((key, ..)) => Err(format!("its `kind` has no key `{key}`")),
        None => Ok(()),
    }
}

fn command(raw: Box<RawNode>) -> Result<Command, String> {
    let run = raw.run.filter(|run| !run.is_empty());
    let run = run.ok_or_else(|| "it has no `run` of at least one word".to_owned())?;
    let shell = raw.shell.unwrap_or_default();
    if shell && !matches!(run.as_slice(), [program, flag, _] if program == "sh" && flag == "-c") {
        return Err("its `shell` is true, but `run` is not `sh -c` and a line".to_owned());
    }
    for (key, path) in [("cwd", &raw.cwd), ("stdout", &raw.stdout)] {
        if let Some(path) = path.as_ref().filter(|path| !is_inside(path)) {
            return Err(format!("its `{key}` is `{path}`, not a path below the root"));
        }
    }
    let ok = raw.ok.unwrap_or_default();
    if !ok.is_sorted_by(|a, b| a < b) {
        return Err("its `ok` are not ascending, each once".to_owned());
    }
    Ok(Command {
        run,
        cwd: raw.cwd,
        vars: variables(&raw.vars.unwrap_or_default())?,
        ok,
        stdout: raw.stdout,
        network: raw.network.unwrap_or_default(),
        secrets: secrets(raw.secrets.unwrap_or_default())?,
        in_place: raw.in_place.unwrap_or_default(),
        shell,
    })
}

fn variables(lines: &[String]) -> Result<Vec<(String, String)>, String> {
    let mut vars: Vec<(String, String)> = Vec::with_capacity(lines.len());
    for line in lines {
        let variable = read_variable(line)
            .ok_or_else(|| format!("`{}` is not `NAME=value`", line.escape_debug()))?;
        if vars.last().is_some_and(|(name, _)| *name >= variable.0) {
            return Err("its `vars` are not in the order of names, each once".to_owned());
        }
        vars.push(variable);
    }
    Ok(vars)
}

fn secrets(names: Vec<String>) -> Result<Vec<String>, String> {
    if let Some(name) = names.iter().find(|name| !is_variable(name)) {
        return Err(format!("`{}` cannot name a secret", name.escape_debug()));
    }
    if !names.is_sorted_by(|a, b| a < b) {
        return Err("its `secrets` are not in the order of names, each once".to_owned());
    }
    Ok(names)
}

fn folders(folders: Vec<String>) -> Result<Vec<String>, String> {
    if let Some(folder) = folders.iter().find(|folder| !is_host_folder(folder)) {
        let folder = folder.escape_debug();
        return Err(format!("its folder `{folder}` is neither absolute nor below `~/`"));
    }
    Ok(folders)
}

fn recovery(word: Option<RawRecovery>, probe: Option<Vec<String>>) -> Result<Recovery, String> {
    let probe = probe.filter(|probe| !probe.is_empty());
    match (word, probe) {
        (Some(RawRecovery::Ask), None) => Ok(Recovery::Ask),
        (Some(RawRecovery::Rerun), None) => Ok(Recovery::Rerun),
        (Some(RawRecovery::Skip), None) => Ok(Recovery::Skip),
        (Some(RawRecovery::Probe), Some(probe)) => Ok(Recovery::Probe(probe)),
        (Some(RawRecovery::Probe), None) => {
            Err("its `recovery` is `probe`, but it has no `probe` of at least one word".to_owned())
        }
        (Some(_), Some(_)) => Err("it has a `probe` that its `recovery` does not ask".to_owned()),
        (None, _) => Err("it has no `recovery`".to_owned()),
    }
}
