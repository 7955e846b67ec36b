//! What is wrong with brackets, quotes and signs, whom to blame for it, and
//! where to go on.
//!
//! A lost bracket shows only where something else fails to fit: the indentation
//! tells where it was meant to stand. Unaware of what items look like inside.

use std::ops::Range;

use super::scan::{
    begins_item, blank_length, control_at, first_invisible, is_harmless, is_invisible, line_end,
};
use super::{MAX_NESTING, MAX_PIECES, Open, Splitter, closing};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

impl Splitter<'_> {
    /// Ends what is still open where a line begins an item that stands outside of it.
    pub(super) fn recover(&mut self) {
        let Some(depth) = self.around_item(self.at) else { return };
        if self.open.len() > depth {
            self.report_unclosed(self.at + blank_length(&self.text[self.at..]));
            self.leave_to(depth);
        }
    }

    /// Returns how many brackets are open around the item that the line at `at`
    /// begins, from its indentation; `None` if it begins none.
    fn around_item(&self, at: usize) -> Option<usize> {
        let rest = &self.text[at..];
        let found = &rest[..blank_length(rest)];
        if !begins_item(&rest[found.len()..]) {
            return None;
        }
        let fits = self.frames.iter().rev().find(|frame| match &frame.inside {
            Some(inside) => self.text[inside.clone()] == *found,
            None => found.len() > frame.indent,
        });
        fits.map(|frame| frame.depth).or(found.is_empty().then_some(0))
    }

    /// Tells whether the quotes that end here look like the opening of another
    /// text: what they end was then not closed where its author meant it.
    pub(super) fn runs_on(&self, end: usize) -> bool {
        let blank = [' ', '\t'];
        let before = self.text[..end - 3].trim_end_matches(blank);
        let rest = self.text[end..].trim_start_matches(blank);
        before.ends_with('=') && (rest.is_empty() || rest.starts_with('\n'))
    }

    pub(super) fn unclosed_long(&mut self, end: Option<usize>) {
        let start = self.at;
        let mut finding = Diagnostic::error("E0103", "this text has no closing `\"\"\"`")
            .at(self.span(start..start + 3), "opened here, never closed");
        if let Some(end) = end {
            finding = finding.at(self.span(end - 3..end), "the text runs on to here");
        }
        finding = finding.help("close it with `\"\"\"` on a line of its own");
        self.findings.push(finding);
        if !self.recovering {
            self.ended_inside = true;
        }
        // In a second reading the text ends where an item seems to begin or to end.
        let mut stop = line_end(self.text.as_bytes(), start);
        while stop < self.text.len() {
            let next = stop + 1;
            if self.around_item(next).is_some() || self.ends_piece(next) {
                break;
            }
            stop = line_end(self.text.as_bytes(), next);
        }
        self.advance(stop - start);
        self.mark_unsound();
    }

    /// Tells whether the line at `at` has only a `}` that stands below the begin
    /// of the current piece.
    fn ends_piece(&self, at: usize) -> bool {
        let margin = if self.piece.is_some() { &self.text[self.margin.clone()] } else { "" };
        let rest = self.text[at..].strip_prefix(margin).and_then(|rest| rest.strip_prefix('}'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('\n'))
    }

    /// A text ends on its line at the latest. Brackets that were opened on this
    /// line and seem to be closed within the text are taken as closed.
    pub(super) fn unclosed_text(&mut self) {
        let start = self.at;
        let end = line_end(self.text.as_bytes(), start);
        let finding = Diagnostic::error("E0103", "this text has no closing `\"`")
            .at(self.span(start..start + 1), "opened here, not closed on this line")
            .help("a text ends on its line; for several lines write `\"\"\"`");
        self.report(finding);
        // The text belongs to a piece even if nothing else does.
        self.advance(end - start);
        self.mark_unsound();
        for byte in &self.text.as_bytes()[start..end] {
            if self
                .open
                .last()
                .is_some_and(|last| last.at >= self.line && closing(last.byte) == *byte)
            {
                self.open.pop();
                if self.open.len() < self.level {
                    self.leave(true);
                }
            }
        }
    }

    pub(super) fn check_string(&mut self, range: Range<usize>) {
        let text = &self.text[range.clone()];
        if is_harmless(text.as_bytes()) {
            return;
        }
        if let Some(at) = control_at(text.as_bytes()) {
            let finding = self.control_error(range.start + at, text.as_bytes()[at]);
            self.report(finding);
        } else if let Some((at, sign)) = first_invisible(self.text, range) {
            let message = format!("an invisible sign, U+{:04X}, stands in a text", u32::from(sign));
            let finding = Diagnostic::warning("W0603", message)
                .at(self.span(at..at + sign.len_utf8()), "here")
                .help(
                    "remove it, or write it as `\\u{…}` in a one-line text so that readers see it",
                );
            self.findings.push(finding);
        }
    }

    /// Ends a text that has more pieces than there may be.
    pub(super) fn too_many(&mut self) {
        let start = self.piece.take().map_or(self.at, |piece| piece.range.start);
        let end = line_end(self.text.as_bytes(), self.at);
        let message = format!("this file has more than {MAX_PIECES} items");
        let finding = Diagnostic::error("E0112", message)
            .at(self.span(start..end), "nothing is read from here on")
            .help("put some of them into a file of their own, or make them by a template");
        self.findings.push(finding);
        self.leave_to(0);
    }

    pub(super) fn too_deep(&mut self) {
        let message = format!("brackets are nested more than {MAX_NESTING} deep");
        let finding = Diagnostic::error("E0105", message)
            .at(self.span(self.at - 1..self.at), "one too many")
            .help("no specification needs this; flatten it");
        self.report(finding);
    }

    /// Reports a bracket that is ended by that of one around it, here.
    pub(super) fn report_inner(&mut self, inner: Open, byte: u8) {
        let message = format!("`{}` is never closed", char::from(inner.byte));
        let finding = Diagnostic::error("E0102", message)
            .at(self.span(inner.at..inner.at + 1), "opened here")
            .at(
                self.span(self.at..self.at + 1),
                format!("`{}` ends what is around it", char::from(byte)),
            )
            .help(format!("add `{}` before it", char::from(closing(inner.byte))));
        self.report(finding);
    }

    pub(super) fn stray(&mut self, byte: u8) {
        let sign = char::from(byte);
        let mut finding = Diagnostic::error("E0104", format!("`{sign}` closes nothing"))
            .at(self.span(self.at..self.at + 1), "nothing is open here");
        if let Some(closed) = self.early.or(self.closed)
            && self.open.is_empty()
            && byte == b'}'
        {
            let end = self.span(closed..closed + 1);
            finding = finding.at(end, "the item before was closed here, perhaps too early");
        }
        self.report(finding.help("remove it, or add what it should close"));
        if self.piece.is_some() {
            self.advance(1);
        } else {
            self.at += 1;
        }
    }

    pub(super) fn control(&mut self, byte: u8) {
        let finding = self.control_error(self.at, byte);
        self.advance(1);
        self.report(finding);
    }

    fn control_error(&self, at: usize, byte: u8) -> Diagnostic {
        let help = match byte {
            b'\r' => "line ends are `\\n` or `\\r\\n`; remove the lone carriage return",
            0 => "no text can hold U+0000; remove it",
            _ => "remove it; in a one-line text it can be written as `\\u{…}`",
        };
        Diagnostic::error("E0106", format!("a control character, U+{byte:04X}, stands here"))
            .at(self.span(at..at + 1), "not readable")
            .help(help)
    }

    /// Takes a character beyond ASCII that stands outside of strings and comments.
    pub(super) fn wide(&mut self) {
        let sign = self.text[self.at..].chars().next().unwrap_or('\u{fffd}');
        let finding = self.sign_error(self.at, sign, "between the words");
        self.advance(sign.len_utf8());
        if is_invisible(sign) || sign.is_whitespace() || sign.is_control() {
            self.report(finding);
        }
    }

    pub(super) fn sign_error(&self, at: usize, sign: char, place: &str) -> Diagnostic {
        let what = if sign.is_whitespace() { "an unusual blank" } else { "an invisible sign" };
        let message = format!("{what}, U+{:04X}, stands {place}", u32::from(sign));
        Diagnostic::error("E0106", message)
            .at(self.span(at..at + sign.len_utf8()), "here")
            .help("remove it: readers cannot see it, or see the text in another order")
    }

    /// Reports a finding that breaks the current piece; of one piece only the
    /// first, since the others mostly follow from it.
    fn report(&mut self, finding: Diagnostic) {
        if self.piece.as_ref().is_none_or(|piece| piece.sound) {
            self.findings.push(finding);
        }
        self.mark_unsound();
    }

    fn mark_unsound(&mut self) {
        if let Some(piece) = &mut self.piece {
            piece.sound = false;
        }
    }

    /// Reports that something is still open at `at`, where another item begins or the text ends.
    pub(super) fn report_unclosed(&mut self, at: usize) {
        let Some(&first) = self.open.last() else {
            return;
        };
        let (blame, closed) = match self.suspect {
            Some((open, closed)) => (open, Some(closed)),
            None => (first, None),
        };
        let sign = char::from(blame.byte);
        let mut finding = Diagnostic::error("E0102", format!("`{sign}` is never closed"))
            .at(self.span(blame.at..blame.at + 1), "opened here");
        if let Some(closed) = closed {
            let text = "closed by this, which seems to belong to what is around it";
            finding = finding.at(self.span(closed..closed + 1), text);
        } else if at < self.text.len() {
            let end = line_end(self.text.as_bytes(), at);
            finding = finding.at(self.span(at..end), "still open where this begins");
        }
        self.report(finding.help(format!("add `{}`", char::from(closing(blame.byte)))));
    }

    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.file, range)
    }
}
