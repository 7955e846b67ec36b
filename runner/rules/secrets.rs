//! `rule … is secrets`: no credential in the files.
//!
//! Unaware of whether one is still valid.

use eufm_plan::schema::KindSchema;

use super::{RuleKind, SCOPE, WHEN_CHANGED};

/// The kind `secrets`.
#[derive(Debug)]
pub struct Secrets;

const SCHEMA: KindSchema = KindSchema {
    name: "secrets",
    doc: "Holds while nothing that looks like a credential is added to the files in scope.",
    params: &[SCOPE, WHEN_CHANGED],
};

impl RuleKind for Secrets {
    fn schema(&self) -> &'static KindSchema {
        &SCHEMA
    }
}
