//! The disk, as the compiler sees it.

use std::path::PathBuf;

use eufm_compiler::Sources;

/// The largest spec that is read, in bytes.
const SPEC_BYTES_MAX: u64 = 64 << 20;

/// The files below a folder.
#[derive(Debug)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Sources for Folder {
    fn load(&self, path: &str) -> Result<Vec<u8>, String> {
        let path = self.0.join(path);
        let metadata = std::fs::metadata(&path).map_err(|error| reason(&error))?;
        if !metadata.is_file() {
            return Err("it is not a file".to_owned());
        }
        if metadata.len() > SPEC_BYTES_MAX {
            return Err(format!("it is larger than {} MiB", SPEC_BYTES_MAX >> 20));
        }
        std::fs::read(&path).map_err(|error| reason(&error))
    }
}

/// Says in words why something on the disk cannot be had.
pub(crate) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
