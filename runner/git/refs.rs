//! Names of references, from parts that may hold anything: `refs/eufm/<run>/…`.
//!
//! Each part is one component; what git does not take as one, its slug stands
//! for. Unaware of what the parts mean.

use std::borrow::Cow;
use std::fmt;

use eufm_plan::id::slug;

use super::error::Error;
use super::id::CommitId;
use super::vault::Vault;

/// A reference of a run, always below `refs/eufm/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ref(String);

impl Ref {
    /// Makes the reference of a run.
    ///
    /// `Ref::new("r1", &["salvage", "story[\"a/b\"]", "2"])` is
    /// `refs/eufm/r1/salvage/story_a_b.9999b09f9392/2`.
    #[must_use]
    pub(crate) fn new(run: &str, parts: &[&str]) -> Self {
        let mut name = format!("refs/eufm/{}", component(run));
        for part in parts {
            name.push('/');
            name.push_str(&component(part));
        }
        Self(name)
    }

    /// Returns the whole name.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns the component of a part: numbers are themselves, as names are.
fn component(part: &str) -> Cow<'_, str> {
    let is_number = (1..=20).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    if is_number { Cow::Borrowed(part) } else { slug(part) }
}

impl Vault {
    /// Keeps a commit under a reference of the vault, whatever stood there.
    ///
    /// # Errors
    /// Fails when git cannot write.
    pub(crate) fn keep(&self, name: &Ref, commit: &CommitId) -> Result<(), Error> {
        self.git_at_vault("update-ref").args([name.as_str(), commit.as_str()]).run().map(drop)
    }

    /// Pins the base of a run in the user's repository, so that no garbage
    /// collection there takes it away: `refs/eufm/<run>/base`.
    ///
    /// # Errors
    /// Fails when git cannot write there.
    pub(crate) fn pin(&self, run: &str, base: &CommitId) -> Result<(), Error> {
        let name = Ref::new(run, &["base"]);
        self.git_at_repository("update-ref").args([name.as_str(), base.as_str()]).run().map(drop)
    }

    /// Takes the pin of a run away; without one there is nothing to do.
    ///
    /// # Errors
    /// Fails when git cannot write there.
    pub(crate) fn unpin(&self, run: &str) -> Result<(), Error> {
        let name = Ref::new(run, &["base"]);
        self.git_at_repository("update-ref").args(["-d", name.as_str()]).run().map(drop)
    }
}

/// Reads a reference by its exact name. (`rev-parse` would also try others.)
pub(super) fn lookup(
    for_each_ref: &super::command::Invocation,
    name: &str,
) -> Result<Option<CommitId>, Error> {
    // for-each-ref also lists what lies below a name, hence the comparison.
    let output =
        for_each_ref.clone().args(["--format=%(objectname) %(refname)", "--", name]).run()?;
    let text = String::from_utf8_lossy(&output);
    let found = text.lines().find_map(|line| {
        line.split_once(' ').filter(|(_, found)| *found == name).map(|(id, _)| id)
    });
    found
        .map(|id| CommitId::new(id).map_err(|_| Error::answer("for-each-ref", &output)))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::Fixture;

    #[test]
    fn any_part_makes_a_valid_component() {
        let fixture = Fixture::new();
        let long = "x".repeat(5_000);
        for part in ["story[\"a/b\"]", "..", "", "x.lock", "-a", "@{", "@", "12", "é\n", &long] {
            let name = Ref::new("r.1", &["salvage", part]);
            assert!(name.as_str().len() < 250, "{name}");
            assert_eq!(name.as_str().matches('/').count(), 4, "{name}");
            fixture.user(&["check-ref-format", name.as_str()]);
        }
        assert_eq!(Ref::new("run-1", &["work", "a", "2"]).as_str(), "refs/eufm/run-1/work/a/2");
    }

    #[test]
    fn parts_stay_different() {
        let (a, b) = ("x".repeat(5_000) + "a", "x".repeat(5_000) + "b");
        for (a, b) in [(a.as_str(), b.as_str()), ("a/b", "a b"), ("a", "a."), ("2", "2.")] {
            assert_ne!(Ref::new("run", &[a]), Ref::new("run", &[b]));
        }
    }

    #[test]
    fn a_kept_commit_is_found_again_and_can_move() {
        let fixture = Fixture::new();
        let name = Ref::new("run", &["node", "story[\"ä b\"].x~^:?*\\", "%"]);
        assert_eq!(fixture.vault.kept(&name).unwrap(), None);
        fixture.vault.keep(&name, &fixture.base).unwrap();
        fixture.vault.keep(&name, &fixture.base).unwrap();
        assert_eq!(fixture.vault.kept(&name).unwrap(), Some(fixture.base.clone()));
        assert_eq!(fixture.vault.kept(&Ref::new("run", &["node"])).unwrap(), None);
    }

    #[test]
    fn a_pin_holds_the_base_against_garbage_collection() {
        let fixture = Fixture::new();
        fixture.user(&["checkout", "-q", "--orphan", "other"]);
        fixture.user(&["commit", "-q", "-m", "other"]);
        fixture.user(&["branch", "-D", "main"]);
        fixture.vault.pin("run", &fixture.base).unwrap();
        let gc = ["-c", "gc.reflogExpire=now", "gc", "-q", "--prune=now"];
        fixture.user(&["reflog", "expire", "--expire=now", "--all"]);
        fixture.user(&gc);
        assert_eq!(fixture.user(&["cat-file", "-t", fixture.base.as_str()]), "commit\n");
        fixture.vault.unpin("run").unwrap();
        fixture.vault.unpin("run").unwrap();
        fixture.user(&gc);
        assert!(fixture.user_fails(&["cat-file", "-t", fixture.base.as_str()]));
    }
}
