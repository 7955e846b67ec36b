//! Compares the files that the checks and deploys of a plan run with those of the
//! base commit: gates put them back from there, and what they hold was reviewed.
//!
//! Unaware of what the files do.

use eufm_plan::scripts::{User, named};
use eufm_plan::{Digest, Plan};

use crate::error::RunError;
use crate::git::{CommitId, Held, Vault};

/// The largest file that a plan can bind, in bytes, and its line ends.
const BYTES_MAX: u64 = 128 << 20;

/// How many differences are named.
const NAMED_MAX: usize = 10;

/// Checks that the base has the files that the plan was made with, and none that
/// the plan does not know.
///
/// # Errors
/// Fails with the way out when it has others, or cannot be read.
pub(crate) fn check(vault: &Vault, base: &CommitId, plan: &Plan) -> Result<(), RunError> {
    let named = named(plan);
    if named.is_empty() {
        return Ok(());
    }
    let held = vault.held(base, |path| named.contains_key(path), BYTES_MAX);
    let held = held.map_err(|error| RunError::Usage(error.to_string()))?;
    // Those of the plan are sorted, and each of them is named.
    let bound = |path: &str| {
        let at = plan.scripts.binary_search_by(|script| script.path.as_str().cmp(path)).ok()?;
        Some(plan.scripts[at].digest)
    };
    let differs = |(path, user): (&String, &User<'_>)| {
        let what = difference(bound(path), held.get(path))?;
        Some(format!("{path}, which {user} runs, {what}"))
    };
    let mut differences: Vec<String> = named.iter().filter_map(differs).collect();
    if differences.is_empty() {
        return Ok(());
    }
    let more = differences.len().saturating_sub(NAMED_MAX);
    differences.truncate(NAMED_MAX);
    if more > 0 {
        differences.push(format!("{more} more files"));
    }
    Err(RunError::Stale(format!(
        "the base {} has not the files that the plan was made with:\n  {}\n  help: commit them, or \
         take the changes back; then compile the spec again and review the plan",
        base.short(),
        differences.join("\n  ")
    )))
}

/// Says how a file of the base differs from that of the plan, if it does.
fn difference(bound: Option<Digest>, held: Option<&Held>) -> Option<String> {
    let what = match (bound, held) {
        (None, None) => return None,
        (Some(bound), Some(Held::File(digest))) if bound == *digest => return None,
        (Some(bound), Some(Held::File(digest))) => {
            format!("has the digest {digest} there, and {bound} in the plan")
        }
        (None, Some(Held::File(digest))) => {
            format!("has the digest {digest} there, and is not in the plan")
        }
        // The plan can hold no such file.
        (_, Some(Held::Large(size))) => format!("has {size} bytes there, more than any may have"),
        // What a submodule or a folder holds is not bound.
        (None, Some(Held::Submodule)) => return None,
        (Some(_), Some(Held::Submodule)) => "is a submodule there".to_owned(),
        (_, Some(Held::Link)) => "is a link there: let the plan name what it leads to".to_owned(),
        (Some(bound), None) => format!("is not there, and has the digest {bound} in the plan"),
    };
    Some(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_file_or_none_at_all_is_no_difference() {
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let (file, link) = (Held::File(one), Held::Link);
        let module = Held::Submodule;
        for (bound, held, words) in [
            (None, None, None),
            (Some(one), Some(&file), None),
            (None, Some(&module), None),
            (Some(other), Some(&file), Some("in the plan")),
            (None, Some(&file), Some("is not in the plan")),
            (Some(one), None, Some("is not there")),
            (Some(one), Some(&link), Some("is a link there")),
            (None, Some(&link), Some("is a link there")),
            (Some(one), Some(&module), Some("is a submodule there")),
            (Some(one), Some(&Held::Large(9)), Some("has 9 bytes there")),
        ] {
            let said = difference(bound, held);
            assert_eq!(said.is_some(), words.is_some(), "{said:?}");
            assert!(said.unwrap_or_default().contains(words.unwrap_or_default()), "{words:?}");
        }
    }
}
