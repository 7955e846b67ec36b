//! Where the key of a run is to be found: flags before the configuration, and
//! both before what is there anyway.
//!
//! Pure: what the environment holds is given. The key itself is read by the run.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use eufm_runner::gateway::upstream::KeySource;
use serde::Deserialize;

use crate::args::KeyArgs;

/// The variable that most programs take a key from.
const USUAL: &str = "OPENAI_API_KEY";

/// A place that the configuration names: the table `[key]`, or one of `[secrets]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfiguredKey {
    /// A variable.
    env: Option<String>,
    /// A file.
    file: Option<PathBuf>,
    /// A program that prints it, and its arguments.
    command: Option<Vec<String>>,
}

/// What is there without being asked for.
pub(crate) struct Surroundings {
    /// The user's variables.
    pub(crate) variables: Vec<(OsString, OsString)>,
    /// The user's home folder.
    pub(crate) home: PathBuf,
}

/// Chooses where the key comes from. The error says what is wrong with the
/// configuration or a flag.
pub(crate) fn source(
    args: &KeyArgs,
    configured: &ConfiguredKey,
    around: &Surroundings,
) -> Result<KeySource, String> {
    if let Some(name) = &args.key_env {
        return Ok(around.variable(name));
    }
    if let Some(file) = &args.key_file {
        return Ok(KeySource::File(file.clone()));
    }
    if let Some(command) = &args.key_command {
        let run = shlex::split(command).filter(|run| !run.is_empty());
        let run = run.ok_or("--key-command: write a program and its arguments")?;
        return Ok(around.command(run));
    }
    let configured = configured.source(around).map_err(|reason| format!("key: {reason}"))?;
    Ok(configured.unwrap_or_else(|| around.usual()))
}

impl ConfiguredKey {
    /// Returns the place that it names, if it names one.
    pub(crate) fn source(&self, around: &Surroundings) -> Result<Option<KeySource>, String> {
        match (&self.env, &self.file, &self.command) {
            (None, None, None) => Ok(None),
            (Some(name), None, None) => Ok(Some(around.variable(name))),
            (None, Some(file), None) => around.file(file).map(Some),
            (None, None, Some(run)) if !run.is_empty() => Ok(Some(around.command(run.clone()))),
            (None, None, Some(_)) => Err("`command` is empty".to_owned()),
            _ => Err("write one of `env`, `file` and `command`".to_owned()),
        }
    }
}

impl Surroundings {
    fn value(&self, name: &str) -> Option<&OsString> {
        self.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Returns a variable as a place.
    pub(crate) fn variable(&self, name: &str) -> KeySource {
        KeySource::Variable { name: name.to_owned(), value: self.value(name).cloned() }
    }

    /// A program gets the variables of the user, who chose it.
    pub(crate) fn command(&self, run: Vec<String>) -> KeySource {
        KeySource::Command { run, env: self.variables.clone() }
    }

    /// The configuration is the same in every folder, so its file is too.
    fn file(&self, file: &Path) -> Result<KeySource, String> {
        let path = match file.strip_prefix("~") {
            Ok(rest) => self.home.join(rest),
            Err(_) => file.to_owned(),
        };
        if path.is_absolute() {
            return Ok(KeySource::File(path));
        }
        Err(format!("`file` is `{}`; write a path from / or ~ on", path.display()))
    }

    /// The usual variable, or what Codex itself would log in with.
    fn usual(&self) -> KeySource {
        let home = self.value("CODEX_HOME").filter(|home| !home.is_empty());
        let home = home.map_or_else(|| self.home.join(".codex"), PathBuf::from);
        let login = home.join("auth.json");
        if self.value(USUAL).is_none() && login.is_file() {
            return KeySource::File(login);
        }
        self.variable(USUAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chooses with these flags, configuration and variables; returns what is read.
    fn chosen(flags: &[&str], config: &str, variables: &[(&str, &str)]) -> Result<String, String> {
        chosen_at("/home/me", flags, config, variables)
    }

    fn chosen_at(
        home: &str,
        flags: &[&str],
        config: &str,
        variables: &[(&str, &str)],
    ) -> Result<String, String> {
        let flag = |name: &str| {
            let at = flags.iter().position(|flag| *flag == name)?;
            flags.get(at + 1).map(|value| (*value).to_owned())
        };
        let args = KeyArgs {
            key_env: flag("--key-env"),
            key_file: flag("--key-file").map(PathBuf::from),
            key_command: flag("--key-command"),
        };
        let configured: ConfiguredKey =
            toml::from_str(config).map_err(|error| error.to_string())?;
        let pair = |(name, value): &(&str, &str)| (name.into(), value.into());
        let variables = variables.iter().map(pair).collect();
        let around = Surroundings { variables, home: home.into() };
        source(&args, &configured, &around).map(|source| match source {
            KeySource::Variable { name, value } => format!("{name}={value:?}"),
            KeySource::File(path) => path.display().to_string(),
            KeySource::Command { run, env } => format!("{run:?} {}", env.len()),
        })
    }

    #[test]
    fn flags_win_over_the_configuration_and_that_over_what_is_there() {
        let (config, there) = ("env = \"MINE\"", [("OPENAI_API_KEY", "usual"), ("MINE", "mine")]);
        assert_eq!(chosen(&[], "", &there).unwrap(), "OPENAI_API_KEY=Some(\"usual\")");
        assert_eq!(chosen(&[], config, &there).unwrap(), "MINE=Some(\"mine\")");
        assert_eq!(chosen(&["--key-env", "OTHER"], config, &there).unwrap(), "OTHER=None");
        assert_eq!(chosen(&["--key-file", "k"], config, &there).unwrap(), "k");
        let command = ["--key-command", "pass show 'a key'"];
        assert_eq!(chosen(&command, config, &there).unwrap(), "[\"pass\", \"show\", \"a key\"] 2");
        assert_eq!(chosen(&[], "", &[]).unwrap(), "OPENAI_API_KEY=None");
    }

    #[test]
    fn a_command_line_is_never_a_shell_line() {
        let command = ["--key-command", "pass show $(whoami); rm -rf ~"];
        let expected = r#"["pass", "show", "$(whoami);", "rm", "-rf", "~"] 0"#;
        assert_eq!(chosen(&command, "", &[]).unwrap(), expected);
        for bad in ["", " ", "pass 'show"] {
            let fault = chosen(&["--key-command", bad], "", &[]).unwrap_err();
            assert_eq!(fault, "--key-command: write a program and its arguments");
        }
    }

    #[test]
    fn the_configuration_names_one_place_that_is_the_same_in_every_folder() {
        assert_eq!(chosen(&[], "file = \"~/.keys/a\"", &[]).unwrap(), "/home/me/.keys/a");
        assert_eq!(chosen(&[], "file = \"/k\"", &[]).unwrap(), "/k");
        assert_eq!(chosen(&[], "command = [\"pass\"]", &[]).unwrap(), "[\"pass\"] 0");
        for bad in ["file = \"k\"", "env = \"A\"\nfile = \"/k\"", "command = []", "keys = 1"] {
            chosen(&[], bad, &[]).unwrap_err();
        }
    }

    #[test]
    fn what_codex_logs_in_with_is_taken_where_nothing_else_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        let login = folder.path().join(".codex/auth.json");
        std::fs::create_dir(folder.path().join(".codex")).unwrap();
        std::fs::write(&login, "{}").unwrap();
        let login = login.to_str().unwrap();
        assert_eq!(chosen_at(home, &[], "", &[]).unwrap(), login);
        let there = [("OPENAI_API_KEY", "a")];
        assert_eq!(chosen_at(home, &[], "", &there).unwrap(), "OPENAI_API_KEY=Some(\"a\")");
        let elsewhere = [("CODEX_HOME", "/nonexistent")];
        assert_eq!(chosen_at(home, &[], "", &elsewhere).unwrap(), "OPENAI_API_KEY=None");
    }
}
