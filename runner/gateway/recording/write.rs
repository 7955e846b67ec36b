//! Writes an exchange as it stands in a node's file.
//!
//! Unaware of where the file is, and of what exchanges there are.

use std::fmt::Write as _;

use super::exchange::End;
use super::folder::FORMAT;
use super::form::{Form, Text, Texts};
use super::spelling::{EXCHANGE, WHOLE, push_pair, push_text};
use crate::gateway::Usage;

/// An exchange that is to be written.
pub(super) struct Draft<'a> {
    /// Its number, from 1.
    pub(super) number: usize,
    /// The number of the exchange whose conversation it goes on from.
    pub(super) after: Option<usize>,
    /// How many entries of that are the same, if not all.
    pub(super) keep: Option<usize>,
    /// The file of its settings, if they differ from those before.
    pub(super) settings: Option<&'a str>,
    /// It asks once more, after an interruption, for what was answered before.
    pub(super) asks_again: bool,
    /// What is new in the request.
    pub(super) new: &'a [Form],
    /// The items of the answer.
    pub(super) answer: &'a [Form],
    /// How the answer ended.
    pub(super) end: &'a End,
}

/// Returns the head of a node's file.
pub(super) fn head(node: &str) -> String {
    let mut out = format!("format = {FORMAT}\n");
    push_pair(&mut out, "node", node);
    out
}

/// Returns the text of an exchange. Its last line says that it is whole.
pub(super) fn exchange(draft: &Draft<'_>) -> String {
    let mut out = format!("\n{EXCHANGE}\n");
    push_number(&mut out, "number", draft.number as u64);
    if let Some(after) = draft.after {
        push_number(&mut out, "after", after as u64);
    }
    if let Some(keep) = draft.keep {
        push_number(&mut out, "keep", keep as u64);
    }
    if let Some(settings) = draft.settings {
        push_pair(&mut out, "settings", settings);
    }
    if draft.asks_again {
        out.push_str("asks_again = true\n");
    }
    for (table, forms) in [("new", draft.new), ("answer", draft.answer)] {
        for form in forms {
            out.push_str(&format!("\n[[exchange.{table}]]\n"));
            push_form(&mut out, form);
        }
    }
    out.push_str("\n[exchange.end]\n");
    push_end(&mut out, draft.end);
    out.push_str(WHOLE);
    out
}

fn push_number(out: &mut String, key: &str, number: u64) {
    writeln!(out, "{key} = {number}").expect("invariant: writing to a string cannot fail");
}

/// Appends the keys of an entry, what says most first.
pub(super) fn push_form(out: &mut String, form: &Form) {
    let texts = [
        ("developer", &form.developer),
        ("user", &form.user),
        ("say", &form.say),
        ("reason", &form.reason),
    ];
    for (key, texts) in texts {
        if let Some(texts) = texts {
            push_texts(out, key, texts);
        }
    }
    let strings = [
        ("phase", &form.phase),
        ("shell", &form.shell),
        ("patch", &form.patch),
        ("call", &form.call),
        ("namespace", &form.namespace),
        ("with", &form.with),
        ("input", &form.input),
    ];
    for (key, text) in strings {
        if let Some(text) = text {
            push_pair(out, key, text);
        }
    }
    if let Some(of) = form.of {
        push_number(out, "of", of as u64);
    }
    if form.custom {
        out.push_str("custom = true\n");
    }
    if let Some(output) = &form.output {
        push_texts(out, "output", output);
    }
    if let Some(item) = &form.item {
        out.push_str("item = ");
        push_one(out, item);
        out.push('\n');
    }
}

fn push_texts(out: &mut String, key: &str, texts: &Texts) {
    out.push_str(key);
    out.push_str(" = ");
    match texts {
        Texts::One(text) => push_one(out, text),
        Texts::Many(texts) => {
            out.push('[');
            for (at, text) in texts.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                push_one(out, text);
            }
            out.push(']');
        }
    }
    out.push('\n');
}

fn push_one(out: &mut String, text: &Text) {
    match text {
        Text::Inline(text) => push_text(out, text),
        Text::Shared { file } => {
            out.push_str("{ file = ");
            push_text(out, file);
            out.push_str(" }");
        }
    }
}

fn push_end(out: &mut String, end: &End) {
    match end {
        End::Completed { usage } => push_usage(out, *usage),
        End::Incomplete { reason, usage } => {
            push_pair(out, "incomplete", reason);
            push_usage(out, *usage);
        }
        End::Failed { code, message } => {
            push_pair(out, "failed", code);
            push_pair(out, "message", message);
        }
        End::Broken => out.push_str("broken = true\n"),
        End::Status { status, retry_after_s, body } => {
            push_number(out, "status", u64::from(*status));
            if let Some(seconds) = retry_after_s {
                push_number(out, "retry_after_s", *seconds);
            }
            push_pair(out, "body", body);
        }
    }
}

fn push_usage(out: &mut String, usage: Usage) {
    let Usage { input, cached, cache_write, output, reasoning } = usage;
    let written =
        if cache_write > 0 { format!("cache_write = {cache_write}, ") } else { String::new() };
    out.push_str(&format!(
        "usage = {{ input = {input}, cached = {cached}, {written}output = {output}, reasoning = {reasoning} }}\n"
    ));
}
