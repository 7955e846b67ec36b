//! Compares the constitution of a plan with the one in the base commit: rules
//! that cite another text than people reviewed are judged by nobody.
//!
//! Unaware of the rules.

use eufm_plan::{Digest, Plan};

use crate::error::RunError;
use crate::git::{CommitId, Content, Vault};

/// The largest file that a spec can name, in bytes, and its line ends.
const BYTES_MAX: u64 = 32 << 20;

/// Checks that the base has the document that the plan was made with.
///
/// # Errors
/// Fails with the way out when it has another one or none, or cannot be read.
pub(crate) fn check(vault: &Vault, base: &CommitId, plan: &Plan) -> Result<(), RunError> {
    let Some(constitution) = &plan.constitution else { return Ok(()) };
    let found = vault.file(base, &constitution.path, BYTES_MAX);
    let what = match found.map_err(|error| RunError::Usage(error.to_string()))? {
        Content::File(bytes) => match Digest::of_file(&bytes) {
            digest if digest == constitution.digest => return Ok(()),
            digest => format!("has the digest {digest} there, and {}", constitution.digest),
        },
        Content::Large(size) => format!("has {size} bytes there, more than any"),
        Content::Absent => format!("is not there, and has the digest {}", constitution.digest),
        Content::Other(what) => format!("is {what} there, and a file"),
    };
    Err(RunError::Stale(format!(
        "{}: the constitution of the base {} is not the one that the plan was made with: it {what} \
         in the plan\n  help: commit the constitution, or take it back; then compile the spec again \
         and review the plan",
        constitution.path,
        base.short()
    )))
}
