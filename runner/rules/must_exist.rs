//! `rule … is must_exist`: files that must be there.
//!
//! Unaware of what stands in them.

use eufm_plan::schema::{KindSchema, Need, Param, ParamType};

use super::{RuleKind, SCOPE, WHEN_CHANGED};

/// The kind `must_exist`.
#[derive(Debug)]
pub struct MustExist;

const SCHEMA: KindSchema = KindSchema {
    name: "must_exist",
    doc: "Holds while each of the globs matches a file.",
    params: &[
        Param {
            name: "paths",
            ty: ParamType::Globs,
            need: Need::Required,
            doc: "The globs; each must match at least one file.",
        },
        SCOPE,
        WHEN_CHANGED,
    ],
};

impl RuleKind for MustExist {
    fn schema(&self) -> &'static KindSchema {
        &SCHEMA
    }
}
