//! The user's environment: home, search path, configuration and where state is
//! kept. The only reader of environment variables.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use eufm_plan::Digest;
use eufm_plan::units::{Bytes, Millis};
use eufm_runner::Host;
use eufm_runner::gateway::upstream::{KeySource, Patience, Proxies};
use eufm_runner::limits::Ceilings;
use eufm_runner::secrets::SecretSources;
use serde::Deserialize;

use crate::args::KeyArgs;
use crate::exit::{ExitStatus, Failure};
use crate::keys::{self, ConfiguredKey, Surroundings};
use crate::secrets;

/// The user's configuration file, `$XDG_CONFIG_HOME/eufm/config.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The Codex CLI.
    codex: Option<PathBuf>,
    /// How long the provider is waited for.
    #[serde(default)]
    provider: ConfiguredProvider,
    /// Limits on every attempt and gate, in place of the usual ones.
    #[serde(default)]
    limits: ConfiguredLimits,
    /// Where the provider's key comes from.
    #[serde(default)]
    key: ConfiguredKey,
    /// Where the values of secrets come from.
    #[serde(default)]
    secrets: BTreeMap<String, ConfiguredKey>,
}

/// The table `[provider]` of the configuration: how long a request waits.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfiguredProvider {
    /// For a connection, as `30 s`.
    connect: Option<String>,
    /// For the beginning of an answer, as `300 s`.
    first_byte: Option<String>,
    /// For each next event, as `300 s`.
    idle: Option<String>,
}

impl ConfiguredProvider {
    /// # Errors
    /// Fails with the key whose value is no span of time, or too long a one.
    fn patience(&self) -> Result<Patience, String> {
        let usual = Patience::default();
        let hour = Duration::from_secs(3_600);
        Ok(Patience {
            connect: wait("connect", self.connect.as_deref(), usual.connect, hour)?,
            first_byte: wait("first_byte", self.first_byte.as_deref(), usual.first_byte, hour)?,
            // Behind that the agent itself gives up, and nobody knows why.
            idle: wait("idle", self.idle.as_deref(), usual.idle, usual.idle)?,
        })
    }
}

/// Reads a span of time, above zero and up to `most`.
fn wait(
    key: &str,
    given: Option<&str>,
    usual: Duration,
    most: Duration,
) -> Result<Duration, String> {
    let Some(text) = given else { return Ok(usual) };
    let time = Millis::parse(text).map(Millis::to_std).filter(|time| !time.is_zero());
    time.filter(|time| *time <= most).ok_or_else(|| {
        let most = most.as_secs();
        format!("provider: `{key}` is `{text}`, not a time as `30 s`, up to `{most} s`")
    })
}

/// The table `[limits]` of the configuration.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfiguredLimits {
    /// How many processes and threads.
    processes: Option<u64>,
    /// The size of a file, as `8 GiB`.
    file: Option<String>,
    /// The growth of its folders, as `16 GiB`.
    disk: Option<String>,
}

impl ConfiguredLimits {
    /// # Errors
    /// Fails with the key whose value is no size.
    fn ceilings(&self) -> Result<Ceilings, String> {
        let usual = Ceilings::default();
        let size = |key: &str, given: &Option<String>, usual| match given {
            None => Ok(usual),
            Some(text) => Bytes::parse(text)
                .map(|bytes| bytes.0)
                .ok_or_else(|| format!("limits: `{key}` is `{text}`, not a size as `8 GiB`")),
        };
        Ok(Ceilings {
            processes: self.processes.unwrap_or(usual.processes),
            file_bytes: size("file", &self.file, usual.file_bytes)?,
            disk_bytes: size("disk", &self.disk, usual.disk_bytes)?,
        })
    }
}

/// Gathers what a run needs to know of the host; a flag wins over the file.
///
/// # Errors
/// Fails when there is no home folder or the configuration does not parse.
pub(crate) fn host(codex: Option<&Path>) -> Result<Host, Failure> {
    let home = home()?;
    let (config, file) = config(&home)?;
    let codex = match codex {
        Some(path) => Some(absolute(path)?),
        None => config.codex,
    };
    let ceilings = config.limits.ceilings().map_err(|reason| bad_config(&file, &reason))?;
    let launcher = own_program()?;
    Ok(Host { home, path: search_path(), codex, launcher, ceilings })
}

/// Finds out where the provider's key comes from; it is not read yet.
///
/// # Errors
/// Fails when a flag or the configuration cannot be understood.
pub(crate) fn key_source(args: &KeyArgs) -> Result<KeySource, Failure> {
    let home = home()?;
    let (config, file) = config(&home)?;
    let around = Surroundings { variables: std::env::vars_os().collect(), home };
    keys::source(args, &config.key, &around).map_err(|reason| bad_config(&file, &reason))
}

/// Finds out where the values of secrets come from; they are not read yet.
///
/// # Errors
/// Fails when a flag or the configuration cannot be understood.
pub(crate) fn secrets(given: &[String]) -> Result<SecretSources, Failure> {
    let given = given.iter().map(|text| secrets::given(text)).collect::<Result<Vec<_>, _>>();
    let given =
        given.map_err(|help| Failure::new(ExitStatus::USAGE, format!("--secret: {help}")))?;
    let home = home()?;
    let (config, file) = config(&home)?;
    let around = Surroundings { variables: std::env::vars_os().collect(), home };
    let sources = secrets::sources(&given, &config.secrets, &around);
    sources.map_err(|reason| bad_config(&file, &reason))
}

/// Returns how long a request to the provider waits.
///
/// # Errors
/// Fails when the configuration cannot be understood.
pub(crate) fn patience() -> Result<Patience, Failure> {
    let (config, file) = config(&home()?)?;
    config.provider.patience().map_err(|reason| bad_config(&file, &reason))
}

/// Returns the proxies of the user's environment. As with other programs, the
/// small spelling counts where both are there.
pub(crate) fn proxies() -> Proxies {
    let either = |small: &str| {
        let given = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        given(small).or_else(|| given(&small.to_ascii_uppercase()))
    };
    Proxies { https: either("https_proxy"), all: either("all_proxy"), no: either("no_proxy") }
}

/// Returns the name of who gives the command.
pub(crate) fn person() -> String {
    let name = |key: &str| std::env::var(key).ok().filter(|name| !name.trim().is_empty());
    let uid = || {
        // Whose process this is, where no login has said it.
        let process = std::fs::metadata("/proc/self").ok()?;
        Some(format!("user {}", std::os::unix::fs::MetadataExt::uid(&process)))
    };
    let named = name("LOGNAME").or_else(|| name("USER"));
    named.or_else(uid).unwrap_or_else(|| "somebody".to_owned())
}

/// Returns the folders of the user's `PATH`. A relative one would mean another
/// folder in every folder, and is left out.
pub(crate) fn search_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect()
}

/// Returns the file of this program.
///
/// # Errors
/// Fails when the system does not tell.
pub(crate) fn own_program() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| {
        Failure::new(ExitStatus::HOST, format!("this program cannot find itself: {error}"))
    })
}

/// Returns the folder of the state of a repository's runs.
///
/// # Errors
/// Fails when there is no home folder.
pub(crate) fn state(given: Option<&Path>, repository: &Path) -> Result<PathBuf, Failure> {
    if let Some(given) = given {
        return absolute(given);
    }
    let base = match std::env::var_os("XDG_STATE_HOME").map(PathBuf::from) {
        Some(dir) if dir.is_absolute() => dir,
        _ => home()?.join(".local/state"),
    };
    let name = repository.file_name().map_or_else(String::new, |name| {
        name.to_string_lossy().chars().filter(char::is_ascii_alphanumeric).take(32).collect()
    });
    // Two repositories of one name keep their runs apart.
    let digest = Digest::of(repository.as_os_str().as_encoded_bytes());
    Ok(base.join("eufm").join(format!("{name}-{}", digest.short(8))))
}

/// Returns the repository that is meant: the one given, or the one that a file
/// lies in; without links, since its state is found by its path.
///
/// # Errors
/// Fails when there is none.
pub(crate) fn repository(given: Option<&Path>, file: &Path) -> Result<PathBuf, Failure> {
    let found = match given {
        Some(given) => absolute(given)?,
        None => repository_of(file).ok_or_else(|| {
            let place = if file == Path::new(".") {
                "this folder".into()
            } else {
                file.display().to_string()
            };
            let help = "  help: name the one that is meant with --repo DIR";
            Failure::new(ExitStatus::USAGE, format!("{place} lies in no git repository\n{help}"))
        })?,
    };
    let not_there =
        |error| Failure::new(ExitStatus::USAGE, format!("{}: {error}", found.display()));
    found.canonicalize().map_err(not_there)
}

/// Finds the repository that a file lies in: the nearest folder with a `.git`.
pub(crate) fn repository_of(file: &Path) -> Option<PathBuf> {
    // A file that is not there yet lies in its folder all the same.
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let file = folder.unwrap_or(Path::new(".")).canonicalize().ok()?;
    // Git passes over a folder of that name that is no repository, too.
    let is_repository = |folder: &&Path| {
        let git = folder.join(".git");
        git.is_file() || git.join("HEAD").exists()
    };
    file.ancestors().find(is_repository).map(Path::to_owned)
}

/// Makes a path of the command line absolute, without touching links.
///
/// # Errors
/// Fails when the working folder is gone.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path)
        .map_err(|error| Failure::new(ExitStatus::USAGE, format!("{}: {error}", path.display())))
}

/// Returns the folder in which the command was given, without links.
pub(crate) fn working_folder() -> Option<PathBuf> {
    std::env::current_dir().ok()?.canonicalize().ok()
}

fn home() -> Result<PathBuf, Failure> {
    match std::env::home_dir() {
        Some(home) if home.is_absolute() => Ok(home),
        _ => {
            let message = "there is no home folder; set HOME, or give --state DIR";
            Err(Failure::new(ExitStatus::USAGE, message))
        }
    }
}

/// Reads the configuration; returns it with the file that it is, or would be.
fn config(home: &Path) -> Result<(Config, PathBuf), Failure> {
    let base = match std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from) {
        Some(dir) if dir.is_absolute() => dir,
        _ => home.join(".config"),
    };
    let path = base.join("eufm/config.toml");
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok((Config::default(), path));
        }
        text => text.map_err(|error| bad_config(&path, &error.to_string()))?,
    };
    let config = toml::from_str(&text).map_err(|error| bad_config(&path, &error.to_string()))?;
    Ok((config, path))
}

fn bad_config(path: &Path, reason: &str) -> Failure {
    Failure::new(ExitStatus::USAGE, format!("{}: {reason}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_the_provider_have_units_and_bounds() {
        let of = |text: &str| {
            let config: Config = toml::from_str(&format!("[provider]\n{text}")).expect("a table");
            config.provider.patience()
        };
        let some = of("connect = \"2 s\"\nidle = \"1 min\"").expect("times");
        let seconds = [some.connect, some.first_byte, some.idle].map(|time| time.as_secs());
        assert_eq!(seconds, [2, 300, 60]);
        let bad = [
            "idle = \"301 s\"",
            "connect = \"0 s\"",
            "connect = \"2\"",
            "idle = \"\"",
            "first_byte = \"9999999999999 h\"",
            "first_byte = \"61 min\"",
        ];
        for text in bad {
            of(text).expect_err(text);
        }
    }
}
