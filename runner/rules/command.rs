//! `rule … is command`: a command that must end with status 0.
//!
//! Unaware of what the command looks at.

use eufm_plan::schema::{KindSchema, Need, Param, ParamType};

use super::{RuleKind, SCOPE, WHEN_CHANGED};

/// The kind `command`.
#[derive(Debug)]
pub struct Command;

const SCHEMA: KindSchema = KindSchema {
    name: "command",
    doc: "Holds while its command ends with status 0 on the tree.",
    params: &[
        Param {
            name: "run",
            ty: ParamType::Command,
            need: Need::Required,
            doc: "The program and its arguments, never through a shell.",
        },
        Param {
            name: "cwd",
            ty: ParamType::Path,
            need: Need::Optional,
            doc: "The folder it runs in; the root if not given.",
        },
        Param {
            name: "vars",
            ty: ParamType::Variables,
            need: Need::Optional,
            doc: "Variables of its environment.",
        },
        SCOPE,
        WHEN_CHANGED,
    ],
};

impl RuleKind for Command {
    fn schema(&self) -> &'static KindSchema {
        &SCHEMA
    }
}
