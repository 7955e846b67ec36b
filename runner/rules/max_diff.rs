//! `rule … is max_diff`: how large the changes of one result may be.
//!
//! Unaware of what is changed.

use eufm_plan::schema::{KindSchema, Need, Param, ParamType};

use super::{COUNT_MAX, RuleKind, SCOPE, WHEN_CHANGED};

/// The kind `max_diff`.
#[derive(Debug)]
pub struct MaxDiff;

const SCHEMA: KindSchema = KindSchema {
    name: "max_diff",
    doc: "Holds while the changes of one result are not larger than this.",
    params: &[
        Param {
            name: "lines",
            ty: ParamType::Count { least: 1, most: COUNT_MAX },
            need: Need::Required,
            doc: "How many lines may be added and removed, together.",
        },
        Param {
            name: "files",
            ty: ParamType::Count { least: 1, most: COUNT_MAX },
            need: Need::Optional,
            doc: "How many files may change; as many as there are if not given.",
        },
        SCOPE,
        WHEN_CHANGED,
    ],
};

impl RuleKind for MaxDiff {
    fn schema(&self) -> &'static KindSchema {
        &SCHEMA
    }
}
