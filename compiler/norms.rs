//! The sentences of a constitution that ask for something, and where words stand
//! in it.
//!
//! A sentence is one of a paragraph or of an item of a list; headings, fenced
//! code, comments and what stands before the text are none. It asks for
//! something if it says MUST, SHALL, SHOULD or MAY. Unaware of rules and checks.

use std::ops::Range;

/// The words by which a sentence asks for something (RFC 2119).
const NORMATIVE: &[&str] = &["MUST", "SHALL", "SHOULD", "MAY"];

/// The word by which something says that it cannot be set aside.
const FIXED: &str = "NON-NEGOTIABLE";

/// What ends in a period and ends no sentence.
const SHORT: &[&str] = &["e.g.", "i.e.", "cf.", "vs.", "etc.", "approx.", "incl.", "resp."];

/// A document, as words with their lines.
pub(crate) struct Document<'t> {
    words: Vec<Word<'t>>,
    /// Where each sentence that asks for something stands among the words.
    sentences: Vec<Range<usize>>,
    /// What stands below headings that say that it cannot be set aside.
    fixed: Vec<Range<usize>>,
    /// The first part of a template that was not filled in, with its line.
    pub(crate) unfilled: Option<(&'t str, u32)>,
}

#[derive(Clone, Copy)]
struct Word<'t> {
    text: &'t str,
    line: u32,
}

impl<'t> Document<'t> {
    /// Reads a text whose lines end in `\n`.
    pub(crate) fn read(text: &'t str) -> Self {
        let mut reader = Reader::default();
        let mut body = text.lines().peekable();
        // Front matter is about the document.
        let mut is_front = body.peek().is_some_and(|first| first.trim_end() == "---");
        for (at, line) in body.enumerate() {
            let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
            if is_front {
                is_front = at == 0 || line.trim_end() != "---";
                reader.note(line, number);
                continue;
            }
            reader.line(line, number);
        }
        reader.end_block();
        reader.end_fixed(0);
        let Reader { words, sentences, fixed, unfilled, .. } = reader;
        Self { words, sentences, fixed, unfilled }
    }

    /// Finds where words stand first; any blanks may stand between them, and the
    /// first and the last may be a part of one, as before a period.
    pub(crate) fn find(&self, words: &str) -> Option<Range<usize>> {
        let wanted: Vec<&str> = words.split_whitespace().collect();
        let (first, last) = (wanted.first()?, wanted.last()?);
        let begin = self.words.windows(wanted.len()).position(|part| {
            part.iter().zip(&wanted).enumerate().all(|(at, (Word { text, .. }, wanted))| {
                match (at == 0, at + 1 == part.len()) {
                    (true, true) => text.contains(wanted),
                    (true, false) => text.ends_with(first),
                    (false, true) => text.starts_with(last),
                    (false, false) => text == wanted,
                }
            })
        })?;
        Some(begin..begin + wanted.len())
    }

    /// Returns the line on which a place begins.
    pub(crate) fn line(&self, place: &Range<usize>) -> u32 {
        self.words.get(place.start).map_or(0, |word| word.line)
    }

    /// Tells whether what stands at a place cannot be set aside: its sentence says
    /// so, or a heading that it stands below.
    pub(crate) fn is_fixed(&self, place: &Range<usize>) -> bool {
        let is_said = |place: &Range<usize>| {
            self.words[place.clone()].iter().any(|word| word.text.contains(FIXED))
        };
        let mut around = self.sentences.iter().filter(|it| meets(it, place));
        is_said(place) || around.any(is_said) || self.fixed.iter().any(|it| meets(it, place))
    }

    /// Lists the sentences that ask for something and meet none of these places,
    /// each with the line on which it begins.
    pub(crate) fn besides(&self, places: &[Range<usize>]) -> Vec<(u32, String)> {
        let mut places: Vec<&Range<usize>> = places.iter().collect();
        places.sort_by_key(|place| place.start);
        // The longest reach of all places up to each one.
        let reach: Vec<usize> = places
            .iter()
            .scan(0, |reach, place| {
                *reach = place.end.max(*reach);
                Some(*reach)
            })
            .collect();
        let is_free = |sentence: &&Range<usize>| {
            let before = places.partition_point(|place| place.start < sentence.end);
            before == 0 || reach[before - 1] <= sentence.start
        };
        let free = self.sentences.iter().filter(is_free);
        free.map(|sentence| (self.line(sentence), self.text(sentence))).collect()
    }

    fn text(&self, place: &Range<usize>) -> String {
        let words = self.words[place.clone()].iter().map(|word| word.text);
        // The marks of a quote begin each of its lines.
        words.filter(|word| *word != ">").collect::<Vec<_>>().join(" ")
    }
}

fn meets(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start < other.end && other.start < one.end
}

/// Reads line by line.
#[derive(Default)]
struct Reader<'t> {
    words: Vec<Word<'t>>,
    sentences: Vec<Range<usize>>,
    fixed: Vec<Range<usize>>,
    unfilled: Option<(&'t str, u32)>,
    /// The depth of a heading that cannot be set aside, and where what is below it
    /// begins.
    open: Option<(usize, usize)>,
    /// Where the block that is read begins among the words.
    block: Option<usize>,
    /// What closes the fenced code that is read.
    fence: Option<&'static str>,
    is_comment: bool,
}

impl<'t> Reader<'t> {
    /// Takes words that are in no sentence.
    fn note(&mut self, line: &'t str, number: u32) {
        let words = line.split_whitespace().map(|text| Word { text, line: number });
        self.words.extend(words);
    }

    fn line(&mut self, line: &'t str, number: u32) {
        let bare = line.trim_start_matches(['>', ' ', '\t']);
        if let Some(fence) = self.fence {
            if bare.trim_end().chars().all(|c| fence.contains(c)) && bare.starts_with(fence) {
                self.fence = None;
            }
            return self.note(line, number);
        }
        if self.is_comment || bare.starts_with("<!--") {
            // What stands behind a comment on its last line is passed over with it.
            self.is_comment = !line.contains("-->");
            self.end_block();
            return self.note(line, number);
        }
        self.fence = ["```", "~~~"].into_iter().find(|fence| bare.starts_with(*fence));
        let depth = heading(bare);
        if self.fence.is_some() || bare.trim().is_empty() || depth.is_some() {
            self.end_block();
            if let Some(depth) = depth.filter(|depth| *depth > 0) {
                self.end_fixed(depth);
                if line.contains(FIXED) {
                    self.open.get_or_insert((depth, self.words.len()));
                }
            }
            self.look_for_template(line, number);
            return self.note(line, number);
        }
        self.look_for_template(line, number);
        let text = match item(bare) {
            Some(text) => {
                self.end_block();
                text
            }
            None => bare,
        };
        // Marks of items and quotes are words of the document, and of no sentence.
        self.note(&line[..line.len() - text.len()], number);
        self.block.get_or_insert(self.words.len());
        self.note(text, number);
    }

    /// Takes the block apart into sentences.
    fn end_block(&mut self) {
        let Some(begin) = self.block.take() else { return };
        let mut start = begin;
        for at in begin..self.words.len() {
            let next = self.words.get(at + 1).map(|word| word.text);
            if at + 1 == self.words.len() || ends(self.words[at].text, next) {
                self.sentence(start..at + 1);
                start = at + 1;
            }
        }
    }

    /// Ends what cannot be set aside before a heading of this depth.
    fn end_fixed(&mut self, depth: usize) {
        if let Some((_, begin)) = self.open.filter(|(open, _)| depth <= *open) {
            self.fixed.push(begin..self.words.len());
            self.open = None;
        }
    }

    fn sentence(&mut self, place: Range<usize>) {
        let words = &self.words[place.clone()];
        let is_key =
            |word: &str| NORMATIVE.contains(&word.trim_matches(|c: char| !c.is_alphanumeric()));
        // The sentence that says what these words mean asks for nothing.
        let explains = words.windows(2).any(|pair| {
            matches!(
                (pair[0].text, pair[1].text.trim_matches(|c: char| !c.is_alphanumeric())),
                ("RFC" | "(RFC" | "[RFC" | "BCP", "2119" | "8174" | "14")
            )
        });
        if !explains && spoken(words).any(is_key) {
            self.sentences.push(place);
        }
    }

    fn look_for_template(&mut self, line: &'t str, number: u32) {
        if self.unfilled.is_none() {
            self.unfilled = placeholder(line).map(|part| (part, number));
        }
    }
}

/// Returns the words that are not in inline code.
fn spoken<'w, 't>(words: &'w [Word<'t>]) -> impl Iterator<Item = &'t str> + use<'w, 't> {
    let mut is_code = false;
    words.iter().filter_map(move |word| {
        let was_code = is_code;
        is_code ^= word.text.matches('`').count() % 2 == 1;
        (!was_code && !word.text.contains('`')).then_some(word.text)
    })
}

/// Returns the depth of a heading, and 0 for a rule between parts.
fn heading(line: &str) -> Option<usize> {
    let rest = line.trim_start_matches('#');
    let depth = line.len() - rest.len();
    let text = line.trim();
    if text.len() > 2 && text.chars().all(|c| matches!(c, '-' | '=' | '*' | '_')) {
        return Some(0);
    }
    let is_heading = (1..=6).contains(&depth) && (rest.is_empty() || rest.starts_with([' ', '\t']));
    is_heading.then_some(depth)
}

/// Returns what stands behind the mark of an item, or a row of a table whole.
fn item(line: &str) -> Option<&str> {
    if line.starts_with('|') {
        return Some(line);
    }
    let rest = match line.strip_prefix(['-', '*', '+']) {
        Some(rest) => rest,
        None => {
            let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
            let has_number = rest.len() < line.len();
            rest.strip_prefix(['.', ')']).filter(|_| has_number)?
        }
    };
    rest.starts_with([' ', '\t']).then(|| rest.trim_start())
}

/// Tells whether a sentence ends with a word.
fn ends(word: &str, next: Option<&str>) -> bool {
    let bare = word.trim_end_matches(['*', '_', ')', '"', '\'', '”', '’', ']', '`']);
    if !bare.ends_with(['.', '!', '?']) || SHORT.contains(&word.trim_start_matches('(')) {
        return false;
    }
    // In `e.g. this` and `no. 5` it goes on.
    next.is_none_or(|next| !next.starts_with(|c: char| c.is_lowercase() || c.is_ascii_digit()))
}

/// Finds a part of a template that is to be filled in, as `[PRINCIPLE_1_NAME]`; a
/// link is none.
fn placeholder(line: &str) -> Option<&str> {
    line.match_indices('[').find_map(|(begin, _)| {
        let length = line[begin..].find(']')?;
        let (part, behind) = line[begin..].split_at(length + 1);
        let name = &part[1..length];
        let is_name = name.contains('_')
            && name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        let is_link = behind.starts_with(['(', '[', ':']);
        let is_code = line[..begin].matches('`').count() % 2 == 1;
        (is_name && !is_link && !is_code).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(text: &str) -> Vec<(u32, String)> {
        Document::read(text).besides(&[])
    }

    fn texts(text: &str) -> Vec<String> {
        asks(text).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn words_are_found_over_line_ends_and_beside_signs() {
        let text =
            "# Rules\n\n- **Secrets MUST NOT\n  be committed.** Ever.\n- Small: below 800 lines.\n";
        let document = Document::read(text);
        for (cite, line) in [
            ("Secrets MUST NOT be committed", Some(3)),
            ("below 800 lines", Some(5)),
            ("800", Some(5)),
            ("Secrets MUST be committed", None),
            ("", None),
        ] {
            let found = document.find(cite).map(|place| document.line(&place));
            assert_eq!(found, line, "{cite}");
        }
    }

    #[test]
    fn sentences_of_paragraphs_and_items_ask_for_something() {
        let text = "# All code MUST be good\n\nTests SHOULD be\nfast. They are few. Names MAY\nbe long!\n\
                    - **Secrets** MUST NOT be kept, e.g. Keys.\n  1. A log SHALL be there (it MUST).\n\
                    > Quoted text MUST count.\n| Rows | MUST count |\n\nMAYBE must not, may not.\n";
        assert_eq!(
            asks(text),
            [
                (3, "Tests SHOULD be fast.".to_owned()),
                (4, "Names MAY be long!".to_owned()),
                (6, "**Secrets** MUST NOT be kept, e.g. Keys.".to_owned()),
                (7, "A log SHALL be there (it MUST).".to_owned()),
                (8, "Quoted text MUST count.".to_owned()),
                (9, "| Rows | MUST count |".to_owned()),
            ]
        );
    }

    #[test]
    fn code_comments_headings_and_what_explains_the_words_ask_for_nothing() {
        for text in [
            "```\nThis MUST run\n```\n",
            "- a\n  ~~~text\n  MUST\n  ~~~\n",
            "<!-- It MUST be\nfilled in, MUST. -->\n",
            "## MUST\n",
            "---\nnote: MUST\n---\n",
            "The words `MUST NOT` and `MAY` are loud.\n",
            "The key words \"MUST\", \"MAY\" are as in RFC 2119.\n",
            "",
        ] {
            assert_eq!(texts(text), [] as [&str; 0], "{text}");
        }
        assert_eq!(texts("```\nMUST\n```\nIt MUST run.\n"), ["It MUST run."]);
        assert_eq!(texts("<!-- MUST -->\nIt MUST run.\n"), ["It MUST run."]);
        assert_eq!(texts("---\na: b\n---\nIt MUST run.\n"), ["It MUST run."]);
    }

    #[test]
    fn what_a_citation_meets_is_covered_whole() {
        let text = "- One MUST hold, and more. Two MUST hold.\n- Three MUST hold.\n";
        let document = Document::read(text);
        let left = |cites: &[&str]| {
            let places: Vec<_> = cites.iter().filter_map(|cite| document.find(cite)).collect();
            document.besides(&places).into_iter().map(|(_, text)| text).collect::<Vec<_>>()
        };
        assert_eq!(left(&["and more"]), ["Two MUST hold.", "Three MUST hold."]);
        assert_eq!(left(&["more. Two"]), ["Three MUST hold."]);
        assert_eq!(left(&["Three", "One MUST"]), ["Two MUST hold."]);
        assert_eq!(left(&["One MUST hold, and more. Two MUST hold. - Three"]), [] as [&str; 0]);
    }

    #[test]
    fn what_cannot_be_set_aside_is_known_by_its_sentence_or_heading() {
        let text = "## One (NON-NEGOTIABLE)\nA is.\n### Sub\nB is.\n## Two\nC is.\n\n\
                    - D is, NON-NEGOTIABLE, it MUST.\n- E is.\n# F (NON-NEGOTIABLE)\nG is.\n";
        let document = Document::read(text);
        for (cite, is_fixed) in [
            ("A is", true),
            ("B is", true),
            ("C is", false),
            ("D is", true),
            ("E is", false),
            ("G is", true),
        ] {
            let place = document.find(cite).unwrap();
            assert_eq!(document.is_fixed(&place), is_fixed, "{cite}");
        }
    }

    #[test]
    fn a_template_that_was_not_filled_in_is_known_by_its_parts() {
        for (text, part) in [
            ("# [PROJECT_NAME] Constitution\n", Some(("[PROJECT_NAME]", 1))),
            ("a\n\n### [PRINCIPLE_1_NAME]\n", Some(("[PRINCIPLE_1_NAME]", 3))),
            ("[A_B](x) and [A_B][1] and [TODO] and [a_b] and `[A_B]`\n", None),
            ("<!-- [A_B] -->\n```\n[A_B]\n```\n", None),
            ("[A_B]: https://x.example\n", None),
        ] {
            assert_eq!(Document::read(text).unfilled, part, "{text}");
        }
    }

    #[test]
    fn no_text_is_too_odd() {
        for text in
            ["[", "[]", "-", "- ", "1.", "```", "<!--", "---", ">", "|", "`", "\u{feff}", "* * *"]
        {
            Document::read(text);
        }
    }
}
