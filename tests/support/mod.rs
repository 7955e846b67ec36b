//! What the tests of the running system share: a project in a temporary
//! folder, the real binary, and looks at what it leaves behind.
//!
//! Each project has its own repository, state and home, so tests run side by
//! side. Unaware of what a test is about.

pub(crate) mod corpus;
mod process;
mod project;
mod provider;
mod story;

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub(crate) use process::{Ended, Invocation, Running, survivors};
pub(crate) use project::Project;
pub(crate) use provider::{Act, Asked, Provider};
pub(crate) use story::{CASSETTE, SPEC, demo};

/// How long anything that a test waits for may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until `look` finds what it looks for.
///
/// The one place where tests wait for another process without a primitive of
/// the system: it looks again every few milliseconds and fails after two
/// minutes, naming `what`.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(3));
    }
}

/// Says loudly, also where the tests' own output is kept back, what a test leaves out
/// on this host.
pub(crate) fn not_tested(what: &str) {
    use std::io::Write as _;
    let text = format!("NOT TESTED: {what}\n");
    std::io::stderr().write_all(text.as_bytes()).expect("somebody is told");
}

/// Tells whether the tests run as root.
pub(crate) fn have_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0)
}

/// Returns the real Codex CLI: the one that EUFM_TEST_CODEX names, or the one
/// that `make test` installed. Tests with agents are never skipped.
pub(crate) fn codex() -> PathBuf {
    let named = std::env::var_os("EUFM_TEST_CODEX").map(PathBuf::from);
    named.or_else(installed_codex).expect(
        "the Codex CLI 0.169.0 is not there: `make test` installs it, EUFM_TEST_CODEX names it",
    )
}

fn installed_codex() -> Option<PathBuf> {
    let script = sources().join("scripts/install-tools.sh");
    let output = std::process::Command::new(script).arg("--where").output().ok()?;
    let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    path.is_file().then_some(path)
}

/// Returns the root of the sources.
pub(crate) fn sources() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
