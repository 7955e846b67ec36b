//! Names: they become files, branches and keys, so they are plain.

use eufm_grammar::ast::Name;
use eufm_grammar::{Diagnostic, Diagnostics};

use crate::tree::TaskTree;
use crate::wording::quoted;

/// The most characters of a name.
const MAX_NAME: usize = 64;

/// Reports names that are not made of `a-z`, `0-9`, `_` and `-`, or are too long.
pub(super) fn check(tree: &TaskTree, out: &mut Diagnostics) {
    let shared = &tree.declarations;
    let names = std::iter::once(&shared.pipeline.name)
        .chain(shared.environments.iter().map(|item| &item.name))
        .chain(shared.agents.iter().map(|item| &item.name))
        .chain(shared.gates.iter().map(|item| &item.name))
        .chain(tree.tasks.iter().map(|item| &item.name));
    for name in names {
        check_name(name, out);
    }
}

fn check_name(name: &Name, out: &mut Diagnostics) {
    let text = name.text;
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    // A stand-in without a name was reported where it is missing.
    if text.is_empty()
        || (text.len() <= MAX_NAME
            && text.as_bytes()[0].is_ascii_lowercase()
            && text.bytes().all(plain))
    {
        return;
    }
    let finding = Diagnostic::error("E0207", format!("{} cannot be a name", quoted(text)));
    let lower = text.to_ascii_lowercase();
    let finding = if text.len() > MAX_NAME {
        finding.at(name.span, format!("{} characters", text.len()))
    } else {
        finding.at(name.span, "not a name")
    };
    let rule = format!(
        "a name begins with a-z and goes on with a-z, 0-9, `_` and `-`, up to {MAX_NAME} characters"
    );
    let finding = finding.help(rule);
    let lowered = text.len() <= MAX_NAME
        && lower.as_bytes()[0].is_ascii_lowercase()
        && lower.bytes().all(plain);
    out.push(if lowered { finding.help(format!("write `{lower}`")) } else { finding });
}
