//! Blocks of environment variables.
//!
//! Unaware of whose environment they belong to.

use std::collections::BTreeMap;

use eufm_grammar::Diagnostic;
use eufm_grammar::ast::Entry;

use crate::eval::Eval;
use crate::scope::ScopeId;
use crate::spelling;
use crate::typed;
use crate::value::{Field, Kind};
use crate::wording::quoted;

/// Variables that are the runner's own: others would break its sandbox.
const RESERVED: &[&str] = &["HOME", "PATH", "TMPDIR"];

/// Reads blocks of variables, the nearest first; sorted by name.
pub(crate) fn read<'a>(
    key: &str,
    given: &[(&'a Entry<'a>, ScopeId)],
    eval: &mut Eval<'_, 'a, '_>,
) -> Option<Vec<(String, String)>> {
    let before = eval.out.errors();
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    for (entry, scope) in given {
        let value = eval.value(&entry.value, *scope);
        let Kind::Map(fields) = value.kind else {
            return typed::mismatch(key, "a block", &value, "write `{ CI = \"1\" }`", eval.out);
        };
        for field in fields {
            if let Some(text) = variable(&field, eval) {
                variables.entry(field.key.text.to_owned()).or_insert(text);
            }
        }
    }
    (eval.out.errors() == before).then(|| variables.into_iter().collect())
}

fn variable(field: &Field<'_>, eval: &mut Eval<'_, '_, '_>) -> Option<String> {
    let name = field.key.text;
    let problem = if field.relation != eufm_grammar::ast::Relation::Set {
        Some(("is not set with `=`", "write it as in `CI = \"1\"`"))
    } else if name.contains('-') {
        Some(("is no name of a variable", "write letters, digits and `_`"))
    } else if RESERVED.contains(&name) || name.starts_with("EUFM_") {
        Some(("belongs to the runner", "folders with programs come from `tools` of an environment"))
    } else {
        None
    };
    if let Some((problem, help)) = problem {
        let finding = Diagnostic::error("E0314", format!("{} {problem}", quoted(name)))
            .at(field.key.span, "not usable")
            .help(help);
        eval.out.push(finding);
        return None;
    }
    match &field.value.kind {
        Kind::Text(_) | Kind::Quantity { .. } => {}
        _ => {
            return typed::mismatch(
                name,
                "a text",
                &field.value,
                "write it between `\"` and `\"`",
                eval.out,
            );
        }
    }
    let text = spelling::of(&field.value.kind)?;
    if text.contains('\0') {
        let finding = Diagnostic::error("E0302", format!("{} holds U+0000", quoted(name)))
            .at(field.value.span, "no variable can hold this")
            .help("remove it");
        eval.out.push(finding);
        return None;
    }
    Some(text)
}
