//! Fits text to a width, for pages that are read in a terminal.

/// How many characters a line of a page has at most, if its words allow it.
pub(super) const WIDTH: usize = 80;

/// Breaks a paragraph between words into lines of at most [`WIDTH`] characters,
/// each behind `indent`. What stands between backquotes is one word.
pub(super) fn wrapped(paragraph: &str, indent: &str) -> String {
    wrapped_at(paragraph, WIDTH, indent)
}

/// Breaks a paragraph as [`wrapped`] does, into lines of at most `width` characters.
pub(super) fn wrapped_at(paragraph: &str, width: usize, indent: &str) -> String {
    let mut text = String::new();
    let mut line = 0;
    for word in words(paragraph) {
        let length = word.chars().count();
        if line > 0 && line + 1 + length > width {
            text.push('\n');
            line = 0;
        }
        let gap = if line == 0 { indent } else { " " };
        text.push_str(gap);
        text.push_str(word);
        line += gap.chars().count() + length;
    }
    text.push('\n');
    text
}

/// Splits at blanks outside of backquotes.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let is_gap = move |sign: char| {
        quoted ^= sign == '`';
        sign.is_whitespace() && !quoted
    };
    text.split(is_gap).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_lose_none() {
        let text = "word ".repeat(50);
        let page = wrapped(&text, "    ");
        assert!(page.lines().all(|line| line.len() <= WIDTH && line.starts_with("    w")));
        assert_eq!(page.split_whitespace().count(), 50);
        assert_eq!(page.lines().count(), 4);
    }

    #[test]
    fn code_is_not_torn_apart() {
        let text = format!("{} `gates = [unit]`, {}", "x".repeat(70), "y".repeat(90));
        let expected = format!("{}\n`gates = [unit]`,\n{}\n", "x".repeat(70), "y".repeat(90));
        assert_eq!(wrapped(&text, ""), expected);
    }
}
