//! `rule … is max_lines`: how long a file may be.
//!
//! Unaware of what stands in it.

use eufm_plan::schema::{KindSchema, Need, Param, ParamType};

use super::{COUNT_MAX, RuleKind, SCOPE, WHEN_CHANGED};

/// The kind `max_lines`.
#[derive(Debug)]
pub struct MaxLines;

const SCHEMA: KindSchema = KindSchema {
    name: "max_lines",
    doc: "Holds while no file in scope has more lines than this.",
    params: &[
        Param {
            name: "lines",
            ty: ParamType::Count { least: 1, most: COUNT_MAX },
            need: Need::Required,
            doc: "The most lines of a file.",
        },
        SCOPE,
        WHEN_CHANGED,
    ],
};

impl RuleKind for MaxLines {
    fn schema(&self) -> &'static KindSchema {
        &SCHEMA
    }
}
