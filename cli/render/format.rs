//! Says which specs got their canonical form, would get it, or cannot.

use std::io::{ErrorKind, Write as _, stdout};
use std::path::Path;

/// Names a file that was written.
pub(crate) fn formatted(path: &Path) {
    super::say(&format!("formatted {}", shown(path)));
}

/// Names a file that would be written: a line of the result, for programs. Of
/// standard input, whose result is the text, it is said to people.
pub(crate) fn would_change(path: &Path) {
    if path == Path::new("-") {
        super::say("standard input has not the canonical form");
    } else {
        super::print(&format!("{}\n", shown(path)));
    }
}

/// Writes a formatted spec to standard output. A reader that is gone is no error.
///
/// # Errors
/// Fails when the text cannot be written, as on a full disk: nobody has it then.
pub(crate) fn spec(text: &str) -> std::io::Result<()> {
    let mut out = stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Says that a file keeps its form because it could not be read whole.
pub(crate) fn unformatted(path: &Path, errors: usize) {
    let s = if errors == 1 { "" } else { "s" };
    super::say(&format!("error: {}: {errors} error{s}; it was not formatted", shown(path)));
}

fn shown(path: &Path) -> String {
    eufm_runner::printable::lines(&path.display().to_string())
}
