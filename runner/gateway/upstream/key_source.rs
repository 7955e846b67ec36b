//! Where the key of a run comes from, and what is no key that can be used.
//!
//! It is read once, before the run begins, and is on no disk and in no child's
//! environment because of that. Unaware of flags and configuration.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};
use serde_json::Value;

use super::key::{Key, NoKey};
use crate::printable;
use crate::process::{Command, Exit};

/// The largest file or output that may hold a key: Codex's logins are smaller.
const BYTES_MAX: u64 = 64 << 10;
/// How long a command may take: a person may have to touch something.
const COMMAND_MAX: Duration = Duration::from_secs(60);

/// Where the key of a run comes from.
#[derive(Clone)]
pub enum KeySource {
    /// A variable of the user's environment.
    Variable {
        /// Its name.
        name: String,
        /// What it holds, if it is set.
        value: Option<OsString>,
    },
    /// A file that holds the key and nothing else, or Codex's own login.
    File(PathBuf),
    /// A program that prints it.
    Command {
        /// The program and its arguments.
        run: Vec<String>,
        /// Its environment: the user's.
        env: Vec<(OsString, OsString)>,
    },
}

/// What a variable holds is not shown.
impl std::fmt::Debug for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeySource({self})")
    }
}

impl std::fmt::Display for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Variable { name, .. } => write!(f, "the variable {name}"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Command { run, .. } => write!(f, "`{}`", run.join(" ")),
        }
    }
}

/// A key that was found.
#[derive(Debug)]
pub struct Found {
    /// The key.
    pub key: Key,
    /// What a person should know of the place, one line.
    pub warning: Option<String>,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The variable is not set.
    #[error("the variable {name} is not set\n  help: {HELP}")]
    NotSet {
        /// Its name.
        name: String,
    },
    /// What is there is no key.
    #[error("{place} holds no key: {reason}\n  help: {HELP}")]
    NoKey {
        /// Where it comes from.
        place: String,
        /// What is wrong with it.
        reason: NoKey,
    },
    /// The file cannot be read.
    #[error("cannot read the key from {place}: {source}")]
    Read {
        /// The file.
        place: String,
        /// What the system said.
        source: io::Error,
    },
    /// The command gave none.
    #[error("{place} gave no key: {reason}")]
    Command {
        /// The command.
        place: String,
        /// What became of it.
        reason: String,
    },
    /// It is a login with ChatGPT.
    #[error(
        "{place} holds a login with ChatGPT, which cannot be metered: what it uses has no price, \
         so no budget on money would hold\n  help: make an API key at the provider and give it \
         with --key-env, --key-file or --key-command"
    )]
    Login {
        /// The file.
        place: String,
    },
}

/// How a key is given.
const HELP: &str = "give the key with --key-env NAME, --key-file FILE or --key-command CMD; OPENAI_API_KEY is \
     read if it is set";

impl KeySource {
    /// Reads the key.
    ///
    /// # Errors
    /// Fails when there is none, or one that cannot be used.
    pub fn read(&self) -> Result<Found, KeyError> {
        match self {
            Self::Variable { name, value: None } => Err(KeyError::NotSet { name: name.clone() }),
            Self::Variable { value: Some(value), .. } => {
                let text = value.to_str().ok_or(NoKey::Characters);
                let key = text.and_then(Key::new).map_err(|reason| self.no_key(reason))?;
                Ok(Found { key, warning: None })
            }
            Self::File(path) => self.read_file(path),
            Self::Command { run, env } => {
                let text = output(run, env).and_then(|bytes| text(bytes).map_err(told));
                let text =
                    text.map_err(|reason| KeyError::Command { place: self.to_string(), reason })?;
                let key = Key::new(&text).map_err(|reason| self.no_key(reason))?;
                Ok(Found { key, warning: None })
            }
        }
    }

    /// Reads what is there, to the byte; the error is the reason, without it.
    pub(crate) fn value(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::Variable { value, .. } => {
                let value = value.as_ref().ok_or("it is not set")?;
                Ok(value.as_encoded_bytes().to_vec())
            }
            Self::File(path) => {
                let read = File::open(path).and_then(read_bytes);
                read.map_err(|error| error.to_string())
            }
            Self::Command { run, env } => output(run, env),
        }
    }

    fn no_key(&self, reason: NoKey) -> KeyError {
        KeyError::NoKey { place: self.to_string(), reason }
    }

    fn read_file(&self, path: &Path) -> Result<Found, KeyError> {
        let wrap = |source| KeyError::Read { place: self.to_string(), source };
        let file = File::open(path).map_err(wrap)?;
        let data = file.metadata().map_err(wrap)?;
        let text = read_text(file).map_err(wrap)?;
        let key = match login(&text) {
            Some(Login::ChatGpt) => return Err(KeyError::Login { place: self.to_string() }),
            Some(Login::Key(text)) => Key::new(&text),
            Some(Login::None) => Err(NoKey::Characters),
            None => Key::new(&text),
        };
        let key = key.map_err(|reason| self.no_key(reason))?;
        // A pipe is nobody else's, whatever its mode says.
        let is_open = data.is_file() && data.permissions().mode() & 0o044 != 0;
        let warning =
            is_open.then(|| format!("others can read the key in {self}; `chmod 600` closes it"));
        Ok(Found { key, warning })
    }
}

/// Reads a text of bounded size.
fn read_text(file: impl io::Read) -> io::Result<String> {
    read_bytes(file).and_then(text)
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no text"))
}

fn read_bytes(file: impl io::Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > BYTES_MAX {
        let message = format!("it is larger than {} KiB", BYTES_MAX >> 10);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

#[expect(clippy::needless_pass_by_value, reason = "the form that `map_err` asks for")]
fn told(error: io::Error) -> String {
    error.to_string()
}

/// What Codex keeps in its `auth.json`.
enum Login {
    /// Tokens of a person's subscription.
    ChatGpt,
    /// A key of the API.
    Key(String),
    /// Nothing that is known.
    None,
}

/// Reads a text as Codex's login, if it is one.
fn login(text: &str) -> Option<Login> {
    let Ok(Value::Object(login)) = serde_json::from_str(text) else { return None };
    let key = login.get("OPENAI_API_KEY").and_then(Value::as_str);
    let mode = login.get("auth_mode").and_then(Value::as_str);
    let has_tokens = login.get("tokens").is_some_and(|tokens| !tokens.is_null());
    match (mode.map(str::to_ascii_lowercase).as_deref(), key) {
        (Some("apikey"), Some(key)) => Some(Login::Key(key.to_owned())),
        (None, Some(key)) if !has_tokens => Some(Login::Key(key.to_owned())),
        _ if has_tokens || mode.is_some() => Some(Login::ChatGpt),
        _ => Some(Login::None),
    }
}

/// Runs a command and returns what it printed, which no disk sees. It has no
/// terminal: one that asks a person does so by a window or a device.
fn output(run: &[String], env: &[(OsString, OsString)]) -> Result<Vec<u8>, String> {
    let (program, args) = run.split_first().ok_or("there is no program")?;
    let mut command = Command::new(program).args(args).bare();
    for (name, value) in env {
        command = command.env(name, value);
    }
    let memory = |name: &str| memfd_create(name, MemfdFlags::CLOEXEC).map(File::from);
    let (stdout, stderr) = (
        memory("key").map_err(|error| error.to_string())?,
        memory("errors").map_err(|error| error.to_string())?,
    );
    let twin = |file: &File| file.try_clone().map_err(told);
    let handle = command.start(twin(&stdout)?, twin(&stderr)?).map_err(told)?;
    let Some(exit) = handle.wait_for(COMMAND_MAX).map_err(told)? else {
        handle.end().map_err(told)?;
        return Err(format!("it was still running after {} s", COMMAND_MAX.as_secs()));
    };
    if exit != Exit::Status(0) {
        let said = rewound(stderr).and_then(read_text).unwrap_or_default();
        return Err(format!("{exit}: {}", printable::line(&said, 200)));
    }
    rewound(stdout).and_then(read_bytes).map_err(told)
}

/// Returns a file at its beginning, to be read.
fn rewound(mut file: File) -> io::Result<File> {
    file.rewind()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::OpenOptionsExt as _;

    use super::*;

    /// Reads a key from a file that holds this.
    fn file(mode: u32, text: &str) -> Result<Found, String> {
        use std::io::Write as _;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        let mut options = File::options();
        let mut file = options.write(true).create_new(true).mode(mode).open(&path).expect("made");
        file.write_all(text.as_bytes()).expect("written");
        KeySource::File(path).read().map_err(|error| error.to_string())
    }

    fn command(run: &[&str]) -> Result<Found, String> {
        let run = run.iter().map(|word| (*word).to_owned()).collect();
        let env = vec![("PATH".into(), "/usr/bin:/bin".into()), ("WORD".into(), "sk-a".into())];
        KeySource::Command { run, env }.read().map_err(|error| error.to_string())
    }

    fn shown(found: &Found) -> String {
        let header = found.key.authorization();
        String::from_utf8(header.as_bytes().to_vec()).expect("ASCII")
    }

    #[test]
    fn a_variable_gives_its_text() {
        let of = |value: Option<&str>| {
            let value = value.map(OsString::from);
            KeySource::Variable { name: "K".to_owned(), value }.read()
        };
        assert_eq!(shown(&of(Some("sk-a\n")).unwrap()), "Bearer sk-a");
        let fault = of(None).unwrap_err().to_string();
        assert!(fault.starts_with("the variable K is not set\n  help: give the key"), "{fault}");
        let fault = of(Some(" ")).unwrap_err().to_string();
        assert!(fault.starts_with("the variable K holds no key: it is empty"), "{fault}");
        let source = KeySource::Variable { name: "K".to_owned(), value: Some("sk-a b".into()) };
        let shown = format!("{source:?} {source} {:?}", source.read().unwrap_err());
        assert!(!shown.contains("sk-a"), "{shown}");
    }

    #[test]
    fn a_file_that_others_can_read_is_used_and_warned_of() {
        let found = file(0o600, "sk-a\n").unwrap();
        assert_eq!((shown(&found).as_str(), found.warning), ("Bearer sk-a", None));
        for mode in [0o644, 0o640, 0o604] {
            let warning = file(mode, "sk-a").unwrap().warning.expect("a warning");
            assert!(warning.contains("others can read the key in /"), "{warning}");
        }
        assert!(file(0o600, "sk-a\nsk-b\n").unwrap_err().contains("holds no key: it has blanks"));
        assert!(file(0o600, "").unwrap_err().contains("it is empty"));
        assert!(file(0o600, &"x".repeat(70_000)).unwrap_err().contains("larger than 64 KiB"));
        let fault = KeySource::File("/nonexistent/key".into()).read().unwrap_err().to_string();
        assert!(fault.starts_with("cannot read the key from /nonexistent/key: "), "{fault}");
    }

    #[test]
    fn a_login_with_chatgpt_is_refused_and_one_with_a_key_is_used() {
        let tokens = r#""tokens":{"id_token":"x","access_token":"sk-secret","refresh_token":"y"}"#;
        for text in [
            format!(r#"{{"auth_mode":"chatgpt","OPENAI_API_KEY":null,{tokens}}}"#),
            format!(r#"{{"OPENAI_API_KEY":null,{tokens},"last_refresh":"2026-11-01"}}"#),
            format!(r#"{{"OPENAI_API_KEY":"sk-made-by-the-login",{tokens}}}"#),
            r#"{"auth_mode":"chatgptAuthTokens"}"#.to_owned(),
        ] {
            let fault = file(0o600, &text).unwrap_err();
            assert!(fault.contains("a login with ChatGPT, which cannot be metered"), "{fault}");
            assert!(!fault.contains("sk-"), "{fault}");
        }
        for text in [
            r#"{"OPENAI_API_KEY":"sk-a"}"#.to_owned(),
            r#"{"OPENAI_API_KEY":"sk-a","tokens":null}"#.to_owned(),
            format!(r#"{{"auth_mode":"apikey","OPENAI_API_KEY":"sk-a",{tokens}}}"#),
        ] {
            assert_eq!(shown(&file(0o600, &text).unwrap()), "Bearer sk-a", "{text}");
        }
        let fault = file(0o600, "{}").unwrap_err();
        assert!(fault.contains("holds no key"), "{fault}");
    }

    #[test]
    fn a_command_gives_what_it_prints() {
        assert_eq!(shown(&command(&["printenv", "WORD"]).unwrap()), "Bearer sk-a");
        let fault = command(&["sh", "-c", "echo locked >&2; exit 2"]).unwrap_err();
        assert_eq!(fault, "`sh -c echo locked >&2; exit 2` gave no key: exit status 2: locked");
        assert!(command(&["true"]).unwrap_err().contains("holds no key: it is empty"));
        assert!(command(&["/nonexistent/pass"]).unwrap_err().contains("gave no key: "));
        assert!(command(&[]).unwrap_err().contains("there is no program"));
        assert!(command(&["head", "-c70000", "/dev/zero"]).unwrap_err().contains("64 KiB"));
    }
}
