//! What one attempt or gate is given of its environments: tools to read, and
//! the kept folders as its own.
//!
//! Each kept folder is a layer over the prepared one, or a copy of it where the
//! host has no layers. It lies beside the worktree and not in it: so a harvest
//! sees nothing of it, and nothing comes back to the prepared one. Unaware of
//! how that came to be.

use std::io;
use std::path::{Path, PathBuf};

use super::{Sharing, inside};
use crate::layers::{self, Layer};
use crate::nest::Tools;
use crate::process::Command;
use crate::sandbox::Mount;

/// What a sandbox is given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outfit {
    /// What it shows, and what leads its search path.
    pub tools: Tools,
    layers: Vec<Layer>,
    launcher: PathBuf,
    written: Vec<Written>,
}

/// A folder below the worktree whose files are not in it.
#[derive(Debug, Clone)]
struct Written {
    /// The folder, relative to the root.
    keep: String,
    /// Where what was written there lies.
    folder: PathBuf,
}

impl Outfit {
    /// Begins an outfit of these tools; `launcher` is this program.
    pub(super) fn new(tools: Tools, launcher: &Path) -> Self {
        Self { tools, launcher: launcher.to_owned(), ..Self::default() }
    }

    /// Adds a kept folder, of which `prepared` stays as it is and `folder`,
    /// which is made, takes what is written.
    pub(super) fn add(
        &mut self,
        keep: &str,
        prepared: &Path,
        folder: &Path,
        sharing: &Sharing,
    ) -> io::Result<()> {
        let written = match sharing {
            Sharing::Layers => {
                let layer = Layer::make(prepared, folder, &inside(keep))?;
                let written = layer.written();
                self.tools.mounts.push(layer.mount());
                self.layers.push(layer);
                written
            }
            Sharing::Copies { cp, .. } => {
                copy(cp, prepared, folder)?;
                self.tools.mounts.push(Mount::writable(folder, inside(keep)));
                folder.to_owned()
            }
        };
        if !keep.starts_with(['~', '/']) {
            self.written.push(Written { keep: keep.to_owned(), folder: written });
        }
        Ok(())
    }

    /// Puts a sandbox with this outfit behind what its layers need.
    #[must_use]
    pub(crate) fn behind(&self, sandbox: Command) -> Command {
        layers::behind(&self.launcher, &self.layers, sandbox)
    }

    /// Finds where a file lies that was written at a path of the worktree: in
    /// which folder, and by which path from there.
    #[must_use]
    pub(crate) fn locate(&self, worktree: &Path, path: &str) -> (PathBuf, String) {
        let kept = self.written.iter().find_map(|written| {
            let rest = path.strip_prefix(written.keep.as_str())?.strip_prefix('/')?;
            Some((written.folder.clone(), rest.to_owned()))
        });
        kept.unwrap_or_else(|| (worktree.to_owned(), path.to_owned()))
    }
}

/// Copies a folder with times, modes and links as they are. Blocks of the disk
/// are shared where the file system can; files never are.
fn copy(cp: &Path, from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    let copy = Command::new(cp).args(["-a", "--reflink=auto", "--"]);
    let output = copy.arg(from.join(".")).arg(to).output()?;
    if output.exit.is_success() {
        return Ok(());
    }
    let said = crate::printable::line(&String::from_utf8_lossy(&output.stderr), 400);
    Err(io::Error::other(format!("{} cannot be copied: {said}", from.display())))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn copies() -> Sharing {
        let cp = ["/bin/cp", "/usr/bin/cp"].map(PathBuf::from).into_iter().find(|cp| cp.is_file());
        Sharing::Copies { cp: cp.expect("cp"), reason: String::new() }
    }

    #[test]
    fn a_copy_is_like_the_prepared_folder_and_shares_no_file_with_it() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (prepared, own) = (dir.path().join("prepared"), dir.path().join("own"));
        fs::create_dir_all(prepared.join("bin")).expect("made");
        let tool = prepared.join("bin/tool");
        fs::write(&tool, "#!/bin/sh\n").expect("written");
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).expect("set");
        let time = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        fs::File::options().write(true).open(&tool).expect("open").set_modified(time).expect("set");
        symlink("tool", prepared.join("bin/link")).expect("linked");
        let mut outfit = Outfit::default();
        outfit.add("target", &prepared, &own, &copies()).expect("copied");
        let copy = fs::metadata(own.join("bin/tool")).expect("there");
        assert_eq!(copy.permissions().mode() & 0o777, 0o755);
        assert_eq!(copy.modified().expect("a time"), time);
        assert_ne!(copy.ino(), fs::metadata(&tool).expect("there").ino());
        assert_eq!(fs::read_link(own.join("bin/link")).expect("a link"), Path::new("tool"));
        fs::write(own.join("bin/tool"), "changed").expect("written");
        assert_eq!(fs::read_to_string(&tool).expect("there"), "#!/bin/sh\n");
        assert_eq!(outfit.tools.mounts[0].inside, Path::new("/repo/target"));
        assert!(outfit.tools.mounts[0].writable);
    }

    #[test]
    fn a_file_in_a_kept_folder_is_found_where_it_was_written() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (worktree, prepared) = (Path::new("/w"), dir.path().join("prepared"));
        fs::create_dir(&prepared).expect("made");
        let mut outfit = Outfit::default();
        outfit.add("target", &prepared, &dir.path().join("a"), &Sharing::Layers).expect("added");
        outfit.add("~/.cache", &prepared, &dir.path().join("b"), &copies()).expect("added");
        let (folder, path) = outfit.locate(worktree, "target/ci/junit.xml");
        assert_eq!((folder, path.as_str()), (dir.path().join("a/upper"), "ci/junit.xml"));
        for elsewhere in ["report.xml", "targets/x", "target"] {
            let found = outfit.locate(worktree, elsewhere);
            assert_eq!(found, (worktree.to_owned(), elsewhere.to_owned()));
        }
    }
}
