//! The disk, as the compiler sees it: the files below a root.

use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use eufm_compiler::Sources;

use crate::exit::{ExitStatus, Failure};
use crate::host;

/// The largest spec that is read, in bytes.
const SPEC_BYTES_MAX: u64 = 64 << 20;

/// The files below a root, and how their paths are shown.
#[derive(Debug)]
pub(crate) struct Project {
    /// The root, without links.
    root: PathBuf,
    /// Where the command was given, if paths are to be shown from there.
    from: Option<PathBuf>,
}

impl Project {
    /// Finds the root of a spec, and the spec's path below it: the given folder,
    /// else the repository that the spec lies in, else the spec's own folder.
    ///
    /// # Errors
    /// Fails when the spec has no name that can be shown, or lies outside of the root.
    pub(crate) fn of(spec: &Path, root: Option<&Path>) -> Result<(Self, String), Failure> {
        let usage = |message: String| Failure::new(ExitStatus::USAGE, message);
        let name = spec.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| usage(format!("`{}` is no file name", spec.display())))?;
        let folder = spec.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let canonical = |path: &Path| {
            let found = path.canonicalize();
            found.map_err(|error| usage(format!("{}: {}", path.display(), reason(&error))))
        };
        let folder = canonical(folder)?;
        let root = match root {
            Some(root) => canonical(root)?,
            None => host::repository_of(&folder.join(name)).unwrap_or_else(|| folder.clone()),
        };
        let below = folder.strip_prefix(&root).map_err(|_| {
            let (spec, root) = (spec.display(), root.display());
            usage(format!(
                "{spec} lies outside of the root {root}\n  help: give a --root that it lies in"
            ))
        })?;
        let mut parts: Vec<&str> = Vec::new();
        for part in below.components() {
            let part = part.as_os_str().to_str();
            parts.push(
                part.ok_or_else(|| usage(format!("{}: the path is not UTF-8", spec.display())))?,
            );
        }
        parts.push(name);
        let path = parts.join("/");
        let from = if spec.is_absolute() { None } else { host::working_folder() };
        Ok((Self { root, from }, path))
    }

    /// Returns a source's path as the command line would name it.
    pub(crate) fn shown(&self, path: &str) -> String {
        // Parts of the standard library are no files.
        if path.starts_with("std.") && !path.contains('/') && !path.ends_with(".eufm") {
            return path.to_owned();
        }
        let whole = self.root.join(path);
        let Some(from) = &self.from else {
            return whole.to_string_lossy().into_owned();
        };
        let (whole, from): (Vec<_>, Vec<_>) =
            (whole.components().collect(), from.components().collect());
        let same = whole.iter().zip(&from).take_while(|(a, b)| a == b).count();
        let up = std::iter::repeat_n(Component::ParentDir, from.len() - same);
        let way: PathBuf = up.chain(whole.into_iter().skip(same)).collect();
        way.to_string_lossy().into_owned()
    }

    /// Returns where a path lies; no link may lead out of the root.
    fn place(&self, path: &str) -> Result<PathBuf, String> {
        let place = self.root.join(path).canonicalize().map_err(|error| reason(&error))?;
        if place.starts_with(&self.root) {
            Ok(place)
        } else {
            Err("a link leads out of the root".to_owned())
        }
    }
}

impl Sources for Project {
    fn load(&self, path: &str) -> Result<Vec<u8>, String> {
        read(&self.place(path)?)
    }

    fn script(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        let place = self.root.join(path);
        let Ok(found) = place.canonicalize() else { return Ok(None) };
        if found != place {
            return Err("that is a link, or lies behind one".to_owned());
        }
        if found.is_file() { read(&found).map(Some) } else { Ok(None) }
    }

    fn folders(&self, path: &str) -> Result<Vec<String>, String> {
        let no_folder = |reason: String| match reason.as_str() {
            "no such file" => "no such folder".to_owned(),
            _ => reason,
        };
        let place = self.place(path).map_err(no_folder)?;
        let entries = std::fs::read_dir(place).map_err(|error| reason(&error))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| reason(&error))?;
            // A link to a folder is none: it may lead anywhere.
            if entry.file_type().is_ok_and(|kind| kind.is_dir())
                && let Ok(name) = entry.file_name().into_string()
                && !name.starts_with('.')
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn standard(&self, name: &str) -> Option<&str> {
        eufm_stdlib::part(name)
    }

    fn standard_names(&self) -> Vec<&str> {
        eufm_stdlib::PARTS.iter().map(|(name, _)| *name).collect()
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
