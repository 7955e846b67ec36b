//! `rule … is human`: what only a person can judge.
//!
//! Unaware of who that is and of how they are asked.

use eufm_plan::schema::{KindSchema, Need, Param, ParamType};

use super::{RuleKind, SCOPE, WHEN_CHANGED};

/// The kind `human`.
#[derive(Debug)]
pub struct Human;

const SCHEMA: KindSchema = KindSchema {
    name: "human",
    doc: "Holds once a person has said so, looking at the changes.",
    params: &[
        Param {
            name: "role",
            ty: ParamType::Text,
            need: Need::Required,
            doc: "Who is asked, for example \"security-reviewer\".",
        },
        SCOPE,
        WHEN_CHANGED,
    ],
};

impl RuleKind for Human {
    fn schema(&self) -> &'static KindSchema {
        &SCHEMA
    }
}
