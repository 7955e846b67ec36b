//! `rule … is protect`: files that nobody may change.
//!
//! Unaware of why.

use eufm_plan::schema::{KindSchema, Need, Param, ParamType};

use super::{RuleKind, SCOPE, WHEN_CHANGED};

/// The kind `protect`.
#[derive(Debug)]
pub struct Protect;

const SCHEMA: KindSchema = KindSchema {
    name: "protect",
    doc: "Holds while no file that matches is changed, removed or renamed.",
    params: &[
        Param {
            name: "paths",
            ty: ParamType::Globs,
            need: Need::Required,
            doc: "The globs of the files; one that is new may be added.",
        },
        SCOPE,
        WHEN_CHANGED,
    ],
};

impl RuleKind for Protect {
    fn schema(&self) -> &'static KindSchema {
        &SCHEMA
    }
}
