//! Layers: folders that a sandbox may change while nobody else sees it.
//!
//! Each is an overlay of the kernel's: what is read comes from a folder that
//! stays as it is, what is written goes to another one. They are mounted by a
//! launcher in a mount namespace of its own, without privileges, before it
//! becomes bubblewrap; so they go with the last process of the sandbox, however
//! that ends, and the host never sees them. bubblewrap can mount overlays since
//! 0.11 only. Unaware of what the folders hold.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use rustix::process::{Signal, getegid, geteuid, set_parent_process_death_signal};

use crate::process::Command;
use crate::sandbox::Mount;

/// The hidden subcommand of this program that mounts layers and then becomes
/// the command behind `--`.
pub const SUBCOMMAND: &str = "__layers";

/// The folders of a layer: what was written, what the kernel needs, and where
/// both are seen as one.
const UPPER: &str = "upper";
const WORK: &str = "work";
const MERGED: &str = "merged";

/// A folder that can be changed without changing what lies below it.
#[derive(Debug, Clone)]
pub struct Layer {
    /// What is seen at first; it stays as it is.
    pub lower: PathBuf,
    /// Where the changes go.
    pub folder: PathBuf,
    /// Where it is seen inside of the sandbox.
    pub inside: PathBuf,
}

impl Layer {
    /// Makes the folders of a layer that nobody has changed yet.
    ///
    /// # Errors
    /// Fails when they cannot be made.
    pub fn make(lower: &Path, folder: &Path, inside: &Path) -> io::Result<Self> {
        for name in [UPPER, WORK, MERGED] {
            fs::create_dir_all(folder.join(name))?;
        }
        let (lower, folder) = (lower.to_owned(), folder.to_owned());
        Ok(Self { lower, folder, inside: inside.to_owned() })
    }

    /// Returns what the sandbox is to show, once the layer is mounted.
    #[must_use]
    pub fn mount(&self) -> Mount {
        Mount::writable(self.folder.join(MERGED), &self.inside)
    }

    /// Returns the folder with what was written.
    #[must_use]
    pub fn written(&self) -> PathBuf {
        self.folder.join(UPPER)
    }
}

/// Puts a sandbox behind the launcher that mounts its layers.
#[must_use]
pub fn behind(launcher: &Path, layers: &[Layer], sandbox: Command) -> Command {
    if layers.is_empty() {
        return sandbox;
    }
    let mut args = vec![SUBCOMMAND.into()];
    for layer in layers {
        args.push(layer.lower.clone().into_os_string());
        args.push(layer.folder.clone().into_os_string());
    }
    args.push("--".into());
    sandbox.behind(launcher, args)
}

/// Mounts layers in a new mount namespace, which this process enters: each is
/// two folders, what is seen at first and where the changes go. The process
/// must have one thread, and dies with the one that started it.
///
/// # Errors
/// Fails when the host does not let it.
pub fn enter(folders: &[PathBuf]) -> io::Result<()> {
    let parent = rustix::process::getppid();
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)
        .map_err(|error| because("a user namespace cannot be made", error))?;
    // Nobody becomes anybody else: bubblewrap does that.
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{group} {group} 1"))?;
    // After the change of namespaces, which takes it away.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if rustix::process::getppid() != parent {
        return Err(io::Error::other("who started it has gone"));
    }
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .map_err(|error| because("mounts cannot be made private", error))?;
    for pair in folders.chunks_exact(2) {
        overlay(&pair[0], &pair[1])?;
    }
    Ok(())
}

fn overlay(lower: &Path, folder: &Path) -> io::Result<()> {
    // By descriptor: a path may hold the signs that separate options.
    let open = |path: &Path| File::open(path);
    let (lower, upper, work) =
        (open(lower)?, open(&folder.join(UPPER))?, open(&folder.join(WORK))?);
    let by = |file: &File| format!("/proc/self/fd/{}", file.as_raw_fd());
    // Volatile: nothing of it is needed after a crash, so nothing is synced.
    let options = format!(
        "lowerdir={},upperdir={},workdir={},userxattr,volatile",
        by(&lower),
        by(&upper),
        by(&work)
    );
    let merged = folder.join(MERGED);
    let flags = MsFlags::MS_NODEV | MsFlags::MS_NOSUID;
    mount(Some("overlay"), &merged, Some("overlay"), flags, Some(options.as_str()))
        .map_err(|error| because("an overlay cannot be mounted", error))?;
    // Where the kernel cannot use the folder for work it mounts all read-only.
    let mounted = rustix::fs::statvfs(&merged)?;
    if mounted.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
        return Err(io::Error::other("an overlay was mounted that cannot be written to"));
    }
    Ok(())
}

fn because(what: &str, error: nix::Error) -> io::Error {
    io::Error::other(format!("{what}: {error}"))
}
