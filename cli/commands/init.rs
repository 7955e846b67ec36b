//! `eufm init`: writes a small spec to start from.

use std::io::ErrorKind;

use crate::args::InitArgs;
use crate::exit::{ExitStatus, Failure};
use crate::render;

/// Writes the starter spec; never over a file that is there.
///
/// # Errors
/// Fails when the file is there or cannot be written.
pub(crate) fn run(args: &InitArgs) -> Result<ExitStatus, Failure> {
    use std::io::Write as _;
    let path = &args.file;
    let made = std::fs::File::create_new(path)
        .and_then(|mut file| file.write_all(eufm_stdlib::STARTER.as_bytes()));
    made.map_err(|error| {
        let help = match error.kind() {
            ErrorKind::AlreadyExists => "; name another file, or remove it first",
            _ => "",
        };
        Failure::new(ExitStatus::USAGE, format!("{}: {error}{help}", path.display()))
    })?;
    render::wrote(path, "edit it, then run `eufm compile`");
    Ok(ExitStatus::DONE)
}
