//! The disk, as the compiler sees it.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use eufm_compiler::Sources;

/// The largest spec that is read, in bytes.
const SPEC_BYTES_MAX: u64 = 64 << 20;

/// The files below a folder.
#[derive(Debug)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Sources for Folder {
    fn load(&self, path: &str) -> Result<Vec<u8>, String> {
        read(&self.0.join(path))
    }
}

/// Reads a spec.
///
/// # Errors
/// Returns why it cannot be read.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let metadata = std::fs::metadata(path).map_err(|error| reason(&error))?;
    if !metadata.is_file() {
        return Err("it is not a file".to_owned());
    }
    if metadata.len() > SPEC_BYTES_MAX {
        return Err(too_large());
    }
    std::fs::read(path).map_err(|error| reason(&error))
}

/// Reads a spec from standard input.
///
/// # Errors
/// Returns why it cannot be read.
pub(crate) fn read_input() -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut input = std::io::stdin().lock().take(SPEC_BYTES_MAX + 1);
    input.read_to_end(&mut bytes).map_err(|error| reason(&error))?;
    if bytes.len() as u64 > SPEC_BYTES_MAX {
        return Err(too_large());
    }
    Ok(bytes)
}

fn too_large() -> String {
    format!("it is larger than {} MiB", SPEC_BYTES_MAX >> 20)
}

/// Says in words why something on the disk cannot be had.
pub(crate) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
