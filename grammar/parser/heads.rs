//! The head of an item: its name, its parameters and the clauses behind them.
//!
//! What is wrong in one parameter hides none in another. Unaware of blocks.

use pest::Parser as _;
use pest::iterators::{Pair, Pairs};

use super::wording::Form;
use super::{ItemParser, Reader, Rule};
use crate::ast::{Declaration, Name, Parameter, Repetition};
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::split::{bracket_end, split_entries};

impl<'a> Reader<'a, '_> {
    /// Reads the head of an item whose block has mistakes.
    pub(super) fn head_alone(&mut self, text: &'a str, base: usize) -> Option<Declaration<'a>> {
        if !text.contains('{') {
            return None;
        }
        let head = ItemParser::parse(Rule::head_alone, text)
            .ok()
            .and_then(|mut pairs| pairs.next()?.into_inner().next());
        match head {
            Some(head) => self.head(head, base),
            None => self.head_with_parameters(text, base),
        }
    }

    pub(super) fn head(&mut self, pair: Pair<'a, Rule>, base: usize) -> Option<Declaration<'a>> {
        let head = self.trimmed(&pair, base);
        let mut pairs = pair.into_inner();
        let keyword = self.name(&pairs.next()?, base);
        let subject = pairs.next()?;
        let quoted = subject.as_rule() == Rule::name_text;
        let name = self.maybe_quoted(&subject, base);
        let mut declaration = Declaration {
            keyword,
            name,
            quoted,
            parameters: Vec::new(),
            kind: None,
            by: None,
            repetition: None,
            entries: Vec::new(),
            items: Vec::new(),
            complete: true,
            head,
        };
        if pairs.peek().is_some_and(|next| next.as_rule() == Rule::parameters) {
            let parameters = pairs.next()?;
            let place = self.place(&parameters, base);
            let mut pairs = parameters.into_inner();
            while let Some(parameter) = self.parameter(&mut pairs, base) {
                declaration.parameters.push(parameter);
            }
            self.only_templates(&declaration, place);
        }
        self.clauses(&mut declaration, pairs, base)?;
        Some(declaration)
    }

    /// Reports parameters of an item that can have none.
    fn only_templates(&mut self, declaration: &Declaration, place: Span) {
        let keyword = declaration.keyword.text;
        if keyword != "template" {
            let finding = Diagnostic::error("E0101", format!("a {keyword} has no parameters"))
                .at(place, "only a template has parameters")
                .help("write `template NAME(…) { … }` around it, or remove them");
            self.out.push(finding);
        }
    }

    /// Reads the clauses behind a name.
    fn clauses(
        &mut self,
        declaration: &mut Declaration<'a>,
        pairs: Pairs<'a, Rule>,
        base: usize,
    ) -> Option<()> {
        for clause in pairs {
            let place = self.place(&clause, base);
            let rule = clause.as_rule();
            let again = if rule == Rule::for_clause {
                let repetition = self.repetition(clause, base)?;
                declaration.repetition.replace(repetition).is_some()
            } else {
                let Some(name) = clause.into_inner().next() else { continue };
                let name = self.name(&name, base);
                match rule {
                    Rule::is_clause => declaration.kind.replace(name).is_some(),
                    Rule::by_clause => declaration.by.replace(name).is_some(),
                    _ => false,
                }
            };
            self.said_twice(again, place);
        }
        Some(())
    }

    pub(super) fn said_twice(&mut self, again: bool, place: Span) {
        if again {
            let finding = Diagnostic::error("E0101", "this is said twice in one head")
                .at(place, "the second time")
                .help("keep one of them");
            self.out.push(finding);
        }
    }

    pub(super) fn repetition(
        &mut self,
        clause: Pair<'a, Rule>,
        base: usize,
    ) -> Option<Repetition<'a>> {
        let span = self.place(&clause, base);
        let mut pairs = clause.into_inner();
        let variable = self.name(&pairs.next()?, base);
        let list = self.value(&mut pairs, base)?;
        Some(Repetition { variable, list, span })
    }

    fn parameter(&mut self, pairs: &mut Pairs<'a, Rule>, base: usize) -> Option<Parameter<'a>> {
        let name = pairs.next().filter(|pair| pair.as_rule() == Rule::parameter_name)?;
        let name = self.name(&name, base);
        let ty = self.ty(pairs, base)?;
        let default = match pairs.peek().map(|next| next.as_rule()) {
            None | Some(Rule::parameter_name | Rule::EOI) => None,
            Some(_) => Some(self.value(pairs, base)?),
        };
        Some(Parameter { name, ty, default })
    }

    /// Reads a head in whose parameters there is a mistake: each of them alone,
    /// then what stands before and behind them.
    pub(super) fn head_with_parameters(
        &mut self,
        text: &'a str,
        base: usize,
    ) -> Option<Declaration<'a>> {
        if !text.contains('(') {
            return None;
        }
        let begin = ItemParser::parse(Rule::head_begin, text).ok()?.next()?;
        let open = begin.as_span().end();
        let mut pairs = begin.into_inner();
        let keyword = self.name(&pairs.next()?, base);
        let name = self.name(&pairs.next()?, base);
        let close = bracket_end(text, open)?;
        let end = ItemParser::parse(Rule::head_end, &text[close + 1..]).ok()?.next()?;
        let head = base + close + 1 + end.as_str().trim_end().len();
        let mut declaration = Declaration {
            keyword,
            name,
            quoted: false,
            parameters: Vec::new(),
            kind: None,
            by: None,
            repetition: None,
            entries: Vec::new(),
            items: Vec::new(),
            complete: true,
            head: self.span(base..head),
        };
        self.only_templates(&declaration, self.span(base + open..base + close + 1));
        self.clauses(&mut declaration, end.into_inner(), base + close + 1)?;
        for range in split_entries(self.text, base + open + 1..base + close) {
            let part = &self.text[range.clone()];
            match ItemParser::parse(Rule::parameter_alone, part) {
                Ok(mut pairs) => {
                    let mut pairs = pairs.next()?.into_inner();
                    declaration.parameters.extend(self.parameter(&mut pairs, range.start));
                }
                Err(error) => self.syntax(part, range.start, &error, Form::Parameter),
            }
        }
        Some(declaration)
    }

    /// Returns the place of a head, without the blanks up to the block.
    pub(super) fn trimmed(&self, head: &Pair<'a, Rule>, base: usize) -> Span {
        let span = head.as_span();
        // A comment can be no part of a head that a block follows on its line.
        self.span(base + span.start()..base + span.start() + head.as_str().trim_end().len())
    }

    /// Reads a name that may stand in quotes; its place is what they enclose.
    pub(super) fn maybe_quoted(&mut self, pair: &Pair<'a, Rule>, base: usize) -> Name<'a> {
        let name = self.name(pair, base);
        if pair.as_rule() != Rule::name_text {
            return name;
        }
        let range = name.span.range();
        let inner = range.start + 1..range.end - 1;
        let text = &self.text[inner.clone()];
        if let Some(at) = text.find('\\') {
            let at = inner.start + at;
            let finding = Diagnostic::error("E0107", "a name has no escapes")
                .at(self.span(at..at + 1), "stands for nothing here")
                .help("write the name as it is; in a path, folders are separated by `/`");
            self.out.push(finding);
        } else if let Some(at) = text.find("${") {
            let at = inner.start + at;
            let finding = Diagnostic::error("E0402", "nothing is filled into a name")
                .at(self.span(at..inner.end), "stands for itself here")
                .help("write the name as it is");
            self.out.push(finding);
        }
        Name { text, span: self.span(inner) }
    }
}
