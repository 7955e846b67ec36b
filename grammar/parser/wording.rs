//! What pest could not read, in the words of the language.
//!
//! pest tells at which place it failed and what it looked for there; from these
//! and the form that was read come a message, a label and what to do. Unaware of
//! how the rest is read.

use std::ops::Range;

use pest::error::{Error, ErrorVariant, InputLocation};

use super::{Reader, Rule};
use crate::diagnostic::Diagnostic;
use crate::split::{blank_length, string_end};
use crate::text::{ends_in_hole, open_hole};
use crate::words::{explain_sign, found, word_before, word_length};

/// The form in which something was read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Declaration,
    Entry,
    Use,
    Let,
    Param,
    Call,
    Exchange,
    Parameter,
}

impl Form {
    /// Returns the rule that reads it as a whole.
    pub(super) fn rule(self) -> Rule {
        match self {
            Self::Declaration => Rule::declaration_item,
            Self::Entry => Rule::entry_alone,
            Self::Use => Rule::use_item,
            Self::Let => Rule::let_item,
            Self::Param => Rule::param_item,
            Self::Call => Rule::call_item,
            Self::Exchange => Rule::exchange_item,
            Self::Parameter => Rule::parameter_alone,
        }
    }

    /// Names it, with its article.
    fn noun(self) -> &'static str {
        match self {
            Self::Declaration => "a head",
            Self::Entry => "an entry",
            Self::Use => "a `use`",
            Self::Let => "a `let`",
            Self::Param => "a `param`",
            Self::Call => "a call",
            Self::Exchange => "an exchange rate",
            Self::Parameter => "a parameter",
        }
    }

    /// Shows how it is written.
    fn help(self) -> &'static str {
        match self {
            Self::Declaration => {
                "a head reads `keyword name [for x in list] [is kind] [by agent] { … }`"
            }
            Self::Entry => "an entry is `key = value` or `key { … }`",
            Self::Use => "write `use std.codex` or `use \"lib/prices.eufm\"`; `as name` may follow",
            Self::Let => "write `let name = value`",
            Self::Param => "write `param name: type` or `param name: type = value`",
            Self::Call => "a call reads `name(x = value) [as name] [for x in list]`",
            Self::Exchange => "write `exchange 1 USD = 0.92 EUR { date = \"…\", source = \"…\" }`",
            Self::Parameter => "write `name: type` or `name: type = value`",
        }
    }
}

/// What is said of a place.
struct Said {
    message: String,
    label: &'static str,
    help: &'static str,
}

impl Said {
    fn new(message: impl Into<String>, label: &'static str, help: &'static str) -> Self {
        Self { message: message.into(), label, help }
    }
}

impl Reader<'_, '_> {
    /// Reports what pest could not read.
    pub(super) fn syntax(&mut self, text: &str, base: usize, error: &Error<Rule>, form: Form) {
        if self.out.only_counts() {
            return;
        }
        let ErrorVariant::ParsingError { positives: wanted, .. } = &error.variant else {
            return self.too_large(text, base);
        };
        let at = position(text, error);
        if let Some(hole) = hole_before(text, at) {
            let place = self.span(base + hole.start..base + hole.end);
            self.out.push(ends_in_hole(place));
            return;
        }
        // What follows may stand behind the part that was read.
        let rest = &self.text[base + at..];
        let place = underlined(text, at);
        let said = explain(&rest[blank_length(rest)..], wanted, form);
        let mut finding = Diagnostic::error("E0101", said.message)
            .at(self.span(base + place.start..base + place.end), said.label)
            .help(said.help);
        if let Some(symbols) = symbols(wanted) {
            finding = finding.help(format!("here may stand {symbols}"));
        }
        self.out.push(finding);
    }

    /// Reports a hole that cannot be read.
    pub(super) fn hole(&mut self, range: &Range<usize>, error: &Error<Rule>) {
        let text = &self.text[range.clone()];
        let at = position(text, error);
        let place = underlined(text, at);
        let message = format!("{} cannot stand here in `${{…}}`", found(&text[at..]));
        let finding = Diagnostic::error("E0402", message)
            .at(
                self.span(range.start + place.start..range.start + place.end),
                "the hole cannot be read from here on",
            )
            .help("a hole holds a name, a call or a reference: `${site}`, `${file(\"page.md\")}`, `${plan[site].answer}`")
            .help("a literal `${` is written `$${`");
        self.out.push(finding);
    }

    /// Reports what takes pest more steps than it may.
    fn too_large(&mut self, text: &str, base: usize) {
        let length = word_length(text).max(1).min(text.len());
        let message = "this is too large or too deeply nested to be read";
        let finding = Diagnostic::error("E0112", message)
            .at(self.span(base..base + length), "begins here")
            .help("divide it: bind parts of a long list with `let`, or make several items of it");
        self.out.push(finding);
    }
}

/// Returns the offset at which pest failed.
fn position(text: &str, error: &Error<Rule>) -> usize {
    match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => text.floor_char_boundary(at),
    }
}

/// Returns what is underlined of a place: the word or sign there.
fn underlined(text: &str, at: usize) -> Range<usize> {
    let rest = &text[at..];
    let length = match word_length(rest) {
        0 => rest.chars().next().filter(|&sign| sign != '\n').map_or(0, char::len_utf8),
        length => length,
    };
    // At the end of a line there is nothing to underline but the word before it.
    if length == 0 { word_before(text, at) } else { at..at + length }
}

/// Returns where the hole stands in which the first one-line text before the
/// place `at` ended: what follows it was meant to stand in the hole.
fn hole_before(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut next = 0;
    while next < at {
        next += match bytes[next] {
            b'#' => text[next..].find('\n').unwrap_or(text.len()),
            b'"' => {
                let end = string_end(text, next).filter(|&end| end <= at)?;
                if let Some(hole) = open_hole(&text[next..end]) {
                    return Some(next + hole..end - 1);
                }
                end - next
            }
            _ => 1,
        };
    }
    None
}

/// Says what is wrong at a place, what to underline it with, and what to do.
fn explain(rest: &str, wanted: &[Rule], form: Form) -> Said {
    let found = found(rest);
    let any = |rules: &[Rule]| wanted.iter().any(|rule| rules.contains(rule));
    if form == Form::Let && rest.starts_with(':') && any(&[Rule::equals]) {
        return Said::new("a `let` has no type", "only a `param` has one", form.help());
    }
    let typed = matches!(form, Form::Param | Form::Parameter) && rest.starts_with(':');
    if let Some((label, help)) = explain_sign(rest).filter(|_| !typed) {
        return Said::new(format!("{found} cannot stand here"), label, help);
    }
    if form == Form::Declaration && any(&[Rule::is_clause]) && rest.starts_with(['.', '/']) {
        let help = "a name that is more than a word stands in quotes: `prices \"gpt-5.5\" { … }`";
        return Said::new(
            format!("{found} cannot stand in a name"),
            "the name ends before it",
            help,
        );
    }
    if (rest.starts_with("==") || rest.starts_with("!=")) && !any(&[Rule::set, Rule::equals]) {
        return Said::new(
            "a comparison cannot stand here",
            "no comparison can begin or go on here",
            "a comparison is of two values and stands right behind a `key =`; `let` binds one for use elsewhere",
        );
    }
    explain_more(&found, rest, wanted, form)
}

/// Says the same of what is no sign that is known from elsewhere.
fn explain_more(found: &str, rest: &str, wanted: &[Rule], form: Form) -> Said {
    let any = |rules: &[Rule]| wanted.iter().any(|rule| rules.contains(rule));
    if any(&[Rule::relation, Rule::set]) {
        let help = "write `key = value`, or `key { … }` for a block";
        return Said::new(format!("{found} cannot follow a key"), "the key has no value", help);
    }
    if form == Form::Use && any(&[Rule::dotted]) {
        return Said::new("this `use` names nothing", "a name is missing", form.help());
    }
    if any(&[Rule::quantity, Rule::text]) {
        let help = match form {
            Form::Exchange => form.help(),
            _ => "write a value: \"text\", a name, `15 min`, `85%`, or `[…]`",
        };
        return Said::new(format!("a value is missing before {found}"), "no value", help);
    }
    if any(&[Rule::subject, Rule::parameter_name]) {
        let (message, help) = match form {
            Form::Declaration => ("the item has no name", "write `task greet { … }`"),
            _ => ("a name is missing", form.help()),
        };
        return Said::new(message, "a name is missing", help);
    }
    if let [Rule::dotted | Rule::alias | Rule::variable] = wanted {
        let help = "write the name after the word, as in `by builder`, `as x`, `for x in list`";
        return Said::new(format!("a name is missing before {found}"), "no name", help);
    }
    if any(&[Rule::ty, Rule::path]) && !any(&[Rule::value, Rule::list]) {
        return Said::new(format!("a type is missing before {found}"), "no type", form.help());
    }
    if any(&[Rule::colon]) {
        return Said::new("the parameter has no type", "`:` and a type are missing", form.help());
    }
    if any(&[Rule::key]) {
        let help = "an entry is `key = value` or `key { … }`";
        return Said::new(format!("{found} begins no entry"), "not a key", help);
    }
    let ends = rest.is_empty() || rest.starts_with(['\n', '#', ',', '}']);
    if form == Form::Declaration && ends && any(&[Rule::block, Rule::block_start]) {
        let label = "a `{` is missing behind this";
        return Said::new("this item has no `{ … }`", label, form.help());
    }
    let head =
        any(&[Rule::is_clause, Rule::by_clause, Rule::as_clause, Rule::for_clause, Rule::in_word]);
    let rate = form == Form::Exchange && any(&[Rule::block, Rule::block_start, Rule::equals]);
    if head || rate || any(&[Rule::equals]) && !any(&[Rule::comparison]) {
        let message = match ends {
            true => format!("{} cannot end here", form.noun()),
            false => format!("{found} cannot stand in {}", form.noun()),
        };
        return Said::new(message, "cannot be read from here on", form.help());
    }
    Said::new(
        format!("{found} cannot follow a value"),
        "the value before it is complete",
        "put a comma or a new line before it, or close the bracket that is still open",
    )
}

/// Lists what may stand at a place; `None` if that helps nobody.
fn symbols(wanted: &[Rule]) -> Option<String> {
    let mut list: Vec<&str> = wanted.iter().filter_map(|rule| symbol(*rule)).collect();
    list.sort_unstable();
    list.dedup();
    (list.len() > 1).then(|| {
        let last = list.pop().unwrap_or_default();
        format!("{} or {last}", list.join(", "))
    })
}

/// How a rule reads in a message. Exhaustive, so that a new rule must be decided on.
pub(super) fn symbol(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::key => "a key",
        Rule::set | Rule::equals => "`=`",
        Rule::relation => "`<=`, `>=`",
        Rule::comparison => "`==`, `!=`",
        Rule::colon => "`:`",
        Rule::text | Rule::name_text => "text in quotes",
        Rule::list | Rule::index => "`[`",
        Rule::block | Rule::block_start | Rule::changes => "`{`",
        Rule::quantity => "a number",
        Rule::path | Rule::dotted | Rule::subject | Rule::alias | Rule::variable => "a name",
        Rule::parameter_name => "a parameter",
        Rule::ty => "a type",
        Rule::arguments => "`(`",
        Rule::argument_name => "a parameter with `=`",
        Rule::block_end => "`}`",
        Rule::list_end => "`]`",
        Rule::arguments_end => "`)`",
        Rule::step => "`.` or `/` with a name",
        Rule::is_clause => "`is` with a kind",
        Rule::by_clause => "`by` with an agent",
        Rule::as_clause => "`as` with a name",
        Rule::for_clause => "`for x in list`",
        Rule::in_word => "`in`",
        Rule::edition_number => "the edition's number",
        Rule::keyword | Rule::head => "an item",
        Rule::exchange => "a rate",
        // The rest is made of these, or only ends what was read.
        Rule::EOI
        | Rule::COMMENT
        | Rule::argument
        | Rule::bare
        | Rule::blanks
        | Rule::call_item
        | Rule::clause
        | Rule::comment
        | Rule::declaration_item
        | Rule::edition_item
        | Rule::ends
        | Rule::entry
        | Rule::entry_alone
        | Rule::exchange_alone
        | Rule::exchange_item
        | Rule::gap
        | Rule::head_alone
        | Rule::head_begin
        | Rule::head_end
        | Rule::hole_alone
        | Rule::inside
        | Rule::instance
        | Rule::let_item
        | Rule::lines
        | Rule::long_plain
        | Rule::long_text
        | Rule::named
        | Rule::number
        | Rule::param_item
        | Rule::parameter
        | Rule::parameter_alone
        | Rule::parameters
        | Rule::plain
        | Rule::separator
        | Rule::typed
        | Rule::unit
        | Rule::use_item
        | Rule::value
        | Rule::value_begin
        | Rule::whole
        | Rule::whole_begin
        | Rule::word => return None,
    })
}
