//! Shows the pages of codes in a terminal, and the list of all topics.

use super::wrap::wrapped;
use crate::codes::Page;

/// Prints what a code means to standard output.
pub(crate) fn code(page: &Page) {
    super::print(&text(page));
}

/// Prints a part of the standard library to standard output, as it is.
pub(crate) fn part(text: &str) {
    super::print(text);
}

/// Prints what can be explained to standard output: the codes, then kinds as
/// `gate tests` with their doc lines.
pub(crate) fn topics(codes: impl Iterator<Item = Page>, kinds: &[(String, &'static str)]) {
    let width = kinds.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let codes = codes.map(|page| format!("{:<width$}  {}\n", page.code, page.title));
    let kinds = kinds.iter().map(|(name, doc)| format!("{name:<width$}  {doc}\n"));
    super::print(&kinds.chain(codes).collect::<String>());
}

/// Turns the Markdown of a page into plain text: paragraphs are fitted to the
/// width, examples indented.
fn text(page: &Page) -> String {
    let mut text = format!("{}: {}\n\n", page.code, page.title);
    let mut is_example = false;
    for line in page.body.lines() {
        if line.starts_with("```") {
            is_example = !is_example;
        } else if line.is_empty() {
            text.push('\n');
        } else if is_example {
            text.push_str(&format!("    {line}\n"));
        } else {
            text.push_str(&wrapped(line, ""));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::wrap::WIDTH;
    use super::*;

    #[test]
    fn a_page_is_plain_text() {
        let body = "One.\n\n```eufm bad\nedition 1\n\nx {\n  y\n}\n```\n\n```eufm good\nz\n```";
        let page = Page { code: "E0999", title: "Not so", body };
        let expected =
            "E0999: Not so\n\nOne.\n\n    edition 1\n\n    x {\n      y\n    }\n\n    z\n";
        assert_eq!(text(&page), expected);
    }

    #[test]
    fn every_page_fits_a_terminal() {
        for page in crate::codes::pages() {
            let text = text(&page);
            assert!(!text.contains("```"), "{text}");
            // Examples stand as they are.
            let mut lines = text.lines().filter(|line| !line.starts_with("    "));
            assert!(lines.all(|line| line.chars().count() <= WIDTH), "{text}");
            assert!(text.lines().count() > 4, "{text}");
        }
    }
}
