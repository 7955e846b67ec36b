//! `rule … is change_together`: what must change when something else does, such
//! as the guide with the behaviour.
//!
//! Unaware of whether the changes fit.

use eufm_plan::schema::{KindSchema, Need, Param, ParamType};

use super::{RuleKind, SCOPE, WHEN_CHANGED};

/// The kind `change_together`.
#[derive(Debug)]
pub struct ChangeTogether;

const SCHEMA: KindSchema = KindSchema {
    name: "change_together",
    doc: "Holds while a change of some files comes with one of others.",
    params: &[
        Param {
            name: "paths",
            ty: ParamType::Globs,
            need: Need::Required,
            doc: "The globs of the files of which at least one must change too.",
        },
        SCOPE,
        Param {
            need: Need::Required,
            doc: "The globs of the files whose change asks for the other.",
            ..WHEN_CHANGED
        },
    ],
};

impl RuleKind for ChangeTogether {
    fn schema(&self) -> &'static KindSchema {
        &SCHEMA
    }
}
