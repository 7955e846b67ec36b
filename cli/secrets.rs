//! Where the values of secrets are to be found: flags before the configuration.
//!
//! No value stands on a command line, where everybody could read it. Pure: what
//! the environment holds is given, and nothing is read yet.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use eufm_runner::gateway::upstream::KeySource;
use eufm_runner::secrets::SecretSources;

use crate::keys::{ConfiguredKey, Surroundings};

/// The program that gets secrets.
#[derive(Debug, ClapArgs)]
pub(crate) struct SecretsArgs {
    /// The program to run and its arguments
    #[arg(last = true, required = true)]
    pub(crate) run: Vec<std::ffi::OsString>,
}

/// A secret as the command line gives it: its name and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GivenSecret {
    name: String,
    place: Place,
}

/// Where a value lies.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    File(PathBuf),
    Variable(String),
    Command(Vec<String>),
}

/// Reads `NAME=file:PATH`, `NAME=env:VARIABLE` or `NAME=command:PROGRAM`. What does
/// not fit may be a value, so it is not repeated.
pub(crate) fn given(text: &str) -> Result<GivenSecret, String> {
    let form = "write NAME=file:PATH, NAME=env:VARIABLE or NAME=command:PROGRAM; the value itself \
                never stands on a command line";
    let (name, place) = text.split_once('=').ok_or(form)?;
    let (kind, what) = place.split_once(':').filter(|(_, what)| !what.is_empty()).ok_or(form)?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(is_plain) {
        return Err(form.to_owned());
    }
    let place = match kind {
        "file" => Place::File(what.into()),
        "env" => Place::Variable(what.to_owned()),
        "command" => {
            let run = shlex::split(what).filter(|run| !run.is_empty());
            Place::Command(run.ok_or("write a program and its arguments behind `command:`")?)
        }
        _ => return Err(form.to_owned()),
    };
    Ok(GivenSecret { name: name.to_owned(), place })
}

/// Gathers the places of all secrets that are given; the error says which entry of
/// the configuration cannot be understood.
pub(crate) fn sources(
    given: &[GivenSecret],
    configured: &BTreeMap<String, ConfiguredKey>,
    around: &Surroundings,
) -> Result<SecretSources, String> {
    let mut sources = SecretSources::new();
    for (name, place) in configured {
        let place = place.source(around).map_err(|reason| format!("secrets.{name}: {reason}"))?;
        let nothing = || format!("secrets.{name}: write one of `env`, `file` and `command`");
        sources.insert(name.clone(), place.ok_or_else(nothing)?);
    }
    for GivenSecret { name, place } in given {
        let source = match place {
            Place::File(path) => KeySource::File(path.clone()),
            Place::Variable(name) => around.variable(name),
            Place::Command(run) => around.command(run.clone()),
        };
        sources.insert(name.clone(), source);
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(flags: &[&str], config: &str) -> Result<Vec<String>, String> {
        let given: Vec<_> = flags.iter().map(|flag| given(flag)).collect::<Result<_, _>>()?;
        let configured = toml::from_str(config).map_err(|error| error.to_string())?;
        let variables = vec![("V".into(), "value".into())];
        let around = Surroundings { variables, home: "/home/me".into() };
        let sources = sources(&given, &configured, &around)?;
        Ok(sources.iter().map(|(name, source)| format!("{name}: {source}")).collect())
    }

    #[test]
    fn flags_win_over_the_configuration() {
        let config = "A = { file = \"~/.keys/a\" }\nB = { command = [\"pass\", \"b\"] }";
        assert_eq!(of(&[], config).unwrap(), ["A: /home/me/.keys/a", "B: `pass b`"]);
        let flags = ["A=env:V", "C=file:keys/c", "D=command:pass show 'a b'"];
        let all = ["A: the variable V", "B: `pass b`", "C: keys/c", "D: `pass show a b`"];
        assert_eq!(of(&flags, config).unwrap(), all);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_not_repeated() {
        for bad in ["hidden", "A=hidden", "A=file:", "=env:V", "A-B=env:V", "A=plain:hidden"] {
            let fault = of(&[bad], "").unwrap_err();
            assert!(
                fault.starts_with("write NAME=file:PATH") && !fault.contains("hidden"),
                "{fault}"
            );
        }
        assert!(of(&["A=command:'x"], "").unwrap_err().contains("behind `command:`"));
        for (config, fault) in [
            ("A = {}", "secrets.A: write one of"),
            ("A = { file = \"k\" }", "secrets.A: `file` is `k`; write a path from"),
            ("A = { env = \"V\", file = \"/k\" }", "secrets.A: write one of"),
            ("A = \"hidden\"", "invalid type"),
        ] {
            let found = of(&[], config).unwrap_err();
            assert!(found.contains(fault), "{found}");
        }
    }
}
