//! What differs between the base and a folder, and what of it is not allowed.
//!
//! Everything here works on lists of files; the contents are not read, but for
//! the targets of new symlinks. Unaware of how the lists came about.

use std::collections::BTreeSet;

use super::error::Error;
use super::harvest::{Change, ChangeKind};
use super::listing::Entry;
use super::names::{check_name, display, stays_inside, steers_git};
use super::refusal::{Breach, Reason};
use super::vault::Vault;
use super::writes::Writes;

/// A path with what it was and is.
pub(super) struct Delta<'a> {
    before: Option<&'a Entry>,
    after: Option<&'a Entry>,
}

impl<'a> Delta<'a> {
    /// Returns the path.
    pub(super) fn path(&self) -> &'a [u8] {
        self.after.or(self.before).map_or(&[], |entry| &entry.path)
    }

    /// Returns what there was.
    pub(super) fn before(&self) -> Option<&'a Entry> {
        self.before
    }

    /// Returns what there is now.
    pub(super) fn after(&self) -> Option<&'a Entry> {
        self.after
    }

    /// Returns the path if there is a file now.
    pub(super) fn written(&self) -> Option<&'a [u8]> {
        self.after.map(|entry| &*entry.path)
    }

    pub(super) fn kind(&self) -> ChangeKind {
        match (self.before, self.after) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Deleted,
            (Some(a), Some(b)) if a.is_symlink() != b.is_symlink() => ChangeKind::Type,
            (Some(a), Some(b)) if a.object == b.object => ChangeKind::Mode,
            _ => ChangeKind::Modified,
        }
    }

    pub(super) fn change(&self) -> Option<Change> {
        let path = std::str::from_utf8(self.path()).ok()?.to_owned();
        Some(Change { path, kind: self.kind() })
    }
}

/// Compares two sorted lists. Submodules count as unchanged: they were taken
/// out of the index, and what replaces one is found by its path.
pub(super) fn differences<'a>(before: &'a [Entry], after: &'a [Entry]) -> Vec<Delta<'a>> {
    compare(before.iter().filter(|entry| !entry.is_submodule()), after.iter())
}

/// Compares two sorted lists, entry by entry.
pub(super) fn compare<'a>(
    before: impl Iterator<Item = &'a Entry>,
    after: impl Iterator<Item = &'a Entry>,
) -> Vec<Delta<'a>> {
    let (mut before, mut after) = (before.peekable(), after.peekable());
    let mut deltas = Vec::new();
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => return deltas,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(a), Some(b)) => a.path.cmp(&b.path),
        };
        let old = if order.is_le() { before.next() } else { None };
        let new = if order.is_ge() { after.next() } else { None };
        if old != new {
            deltas.push(Delta { before: old, after: new });
        }
    }
}

/// Checks every changed path by itself.
pub(super) fn check_paths(
    deltas: &[Delta<'_>],
    submodules: &[&Entry],
    writes: &Writes,
) -> BTreeSet<Breach> {
    let mut breaches = BTreeSet::new();
    for delta in deltas {
        let path = delta.path();
        let mut refuse = |reason| breaches.insert(Breach { path: display(path), reason });
        let name = match check_name(path) {
            Ok(name) => name,
            Err(bad) => {
                // What has a strange name in the base already may go away.
                if delta.after.is_some() {
                    refuse(bad.into());
                } else if let Some(reason) = writes.against(&String::from_utf8_lossy(path)) {
                    refuse(reason);
                }
                continue;
            }
        };
        if lies_in(path, submodules) {
            refuse(Reason::Submodule);
        } else if delta.after.is_some_and(Entry::is_submodule) {
            refuse(Reason::Repository);
        } else if let Some(reason) = writes.against(name) {
            refuse(reason);
        } else if steers_git(name) && !writes.names(name) {
            refuse(Reason::SteersGit);
        }
    }
    breaches
}

/// Tells whether a path is one of these submodules or lies below one. They are
/// sorted, and none lies in another.
fn lies_in(path: &[u8], submodules: &[&Entry]) -> bool {
    let is_one = |path: &[u8]| submodules.binary_search_by(|s| (*s.path).cmp(path)).is_ok();
    let folders = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    is_one(path) || folders.map(|(end, _)| &path[..end]).any(is_one)
}

/// Finds new paths that differ from another path by case only, in any of their
/// components. Two such paths that the base has already are the user's.
pub(super) fn case_collisions(deltas: &[Delta<'_>], after: &[Entry]) -> BTreeSet<Breach> {
    let added = deltas.iter().filter(|delta| delta.kind() == ChangeKind::Added);
    let mut new_by_folded = std::collections::BTreeMap::new();
    for path in added.filter_map(|delta| std::str::from_utf8(delta.path()).ok()) {
        for prefix in prefixes(path) {
            new_by_folded.entry(prefix.to_lowercase()).or_insert_with(BTreeSet::new).insert(prefix);
        }
    }
    let mut breaches = BTreeSet::new();
    if new_by_folded.is_empty() {
        return breaches;
    }
    for path in after.iter().filter_map(|entry| std::str::from_utf8(&entry.path).ok()) {
        for prefix in prefixes(path) {
            for new in new_by_folded.get(&prefix.to_lowercase()).into_iter().flatten() {
                if *new != prefix {
                    let reason = Reason::CaseCollision(display(prefix.as_bytes()));
                    breaches.insert(Breach { path: display(new.as_bytes()), reason });
                }
            }
        }
    }
    breaches
}

/// Returns the folders above a path, and the path.
fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(end, _)| &path[..end]).chain([path])
}

/// Finds changed symlinks that lead out of the tree.
pub(super) fn outside_symlinks(vault: &Vault, deltas: &[Delta<'_>]) -> Result<Vec<Breach>, Error> {
    let links: Vec<&Entry> =
        deltas.iter().filter_map(|delta| delta.after).filter(|entry| entry.is_symlink()).collect();
    let objects: Vec<&str> = links.iter().map(|link| &*link.object).collect();
    let targets = vault.read_blobs(&objects)?;
    let leads_out = |link: &&&Entry| {
        let path = std::str::from_utf8(&link.path);
        let target = targets.get(&link.object);
        !matches!((path, target), (Ok(path), Some(target)) if stays_inside(path, target))
    };
    Ok(links
        .iter()
        .filter(leads_out)
        .map(|link| Breach { path: display(&link.path), reason: Reason::SymlinkOutside })
        .collect())
}
