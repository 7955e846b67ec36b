//! Finds out whether this host can give everyone layers of their own, or must
//! make copies.
//!
//! Unaware of plans and of what is shared.

use std::path::{Path, PathBuf};

use crate::layers::{self, Layer};
use crate::nest::{self, Tools};
use crate::sandbox::{REPO, Sandbox};

/// How everyone gets kept folders of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// As layers over the prepared ones.
    Layers,
    /// As copies of the prepared ones.
    Copies {
        /// The program that copies.
        cp: PathBuf,
        /// Why there are no layers.
        reason: String,
    },
}

impl Sharing {
    /// Tries a layer in a folder of the state, as a node would use one.
    ///
    /// # Errors
    /// Fails when the host has neither layers nor a program that copies.
    pub(crate) fn find(
        sandbox: &Sandbox,
        launcher: &Path,
        search_path: &[PathBuf],
        folder: &Path,
    ) -> Result<Self, String> {
        let Err(reason) = try_out(sandbox, launcher, folder) else { return Ok(Self::Layers) };
        let reason = crate::printable::line(&reason, 400);
        let cp = search_path.iter().map(|folder| folder.join("cp")).find(|file| file.is_file());
        match cp {
            Some(cp) => Ok(Self::Copies { cp, reason }),
            None => Err(format!("neither layers ({reason}) nor the program `cp`")),
        }
    }
}

fn try_out(sandbox: &Sandbox, launcher: &Path, folder: &Path) -> Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    let lower = folder.join("lower");
    std::fs::create_dir_all(&lower).map_err(text)?;
    std::fs::write(lower.join("file"), "prepared").map_err(text)?;
    let inside = Path::new(REPO).join("kept");
    let layer = Layer::make(&lower, &folder.join("layer"), &inside).map_err(text)?;
    let line = "test \"$(cat kept/file)\" = prepared && echo changed > kept/file";
    let run = ["/bin/sh".to_owned(), "-c".to_owned(), line.to_owned()];
    let confined = nest::command(&run, vec![layer.mount()], Tools::default());
    let command = layers::behind(launcher, &[layer], sandbox.command(folder, &confined));
    let output = command.output().map_err(text)?;
    crate::process::reap_sandboxes().map_err(text)?;
    match output.exit.is_success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}
