//! Heads: whether the name has quotes, and which of `is`, `by` and `for` an item has.
//!
//! Unaware of what they mean.

use eufm_grammar::ast::Declaration;
use eufm_grammar::{Diagnostic, Diagnostics, Span};

use crate::wording::with_article;

/// Reports a name that should have no quotes, and the clauses of a head that its
/// item does not have.
pub(crate) fn refuse(item: &Declaration<'_>, allowed: &[&str], out: &mut Diagnostics) {
    let keyword = item.keyword.text;
    if item.quoted && !matches!(keyword, "prices" | "constitution" | "generated") {
        let message = format!("{} is named by a bare name, not by a text", with_article(keyword));
        let finding = Diagnostic::error("E0223", message)
            .at(item.name.span, "a text")
            .help(format!("write `{keyword} {}` without quotes", item.name.text));
        out.push(finding);
    }
    let clauses: [(&str, Option<Span>); 3] = [
        ("is", item.kind.map(|name| name.span)),
        ("by", item.by.map(|name| name.span)),
        ("for", item.repetition.as_ref().map(|repetition| repetition.span)),
    ];
    for (word, span) in clauses {
        let Some(span) = span.filter(|_| !allowed.contains(&word)) else {
            continue;
        };
        let finding =
            Diagnostic::error("E0210", format!("{} has no `{word}`", with_article(keyword)))
                .at(span, "does not belong here");
        out.push(finding.help(match (word, keyword) {
            ("by", "group" | "template") => "write `defaults { by = … }` in its block".to_owned(),
            _ => format!("remove `{word}` and what is behind it"),
        }));
    }
}
