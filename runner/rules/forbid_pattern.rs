//! `rule … is forbid_pattern`: what must not stand in any file.
//!
//! Unaware of languages: it is a search in text.

use eufm_plan::schema::{KindSchema, Need, Param, ParamType};

use super::{RuleKind, SCOPE, WHEN_CHANGED};

/// The kind `forbid_pattern`.
#[derive(Debug)]
pub struct ForbidPattern;

const SCHEMA: KindSchema = KindSchema {
    name: "forbid_pattern",
    doc: "Holds while no line of the files in scope matches a pattern.",
    params: &[
        Param {
            name: "pattern",
            ty: ParamType::Pattern,
            need: Need::Required,
            doc: "The regular expression, compared with each line.",
        },
        SCOPE,
        WHEN_CHANGED,
    ],
};

impl RuleKind for ForbidPattern {
    fn schema(&self) -> &'static KindSchema {
        &SCHEMA
    }
}
