//! Makes foreign text fit to be shown: what an agent or a command wrote must
//! not move the cursor, colour the terminal or forge a line.
//!
//! Unaware of where the text is shown.

/// Returns the text as one line of at most `max` characters: line ends become
/// spaces, control and direction characters are left out.
#[must_use]
pub fn line(text: &str, max: usize) -> String {
    let mut shown = String::new();
    let mut count = 0;
    for c in text.trim().chars() {
        let c = if matches!(c, '\n' | '\t' | '\r') { ' ' } else { c };
        if is_hidden(c) || (c == ' ' && shown.ends_with(' ')) {
            continue;
        }
        if count == max {
            shown.push('…');
            break;
        }
        shown.push(c);
        count += 1;
    }
    shown
}

/// Returns the text with its lines; other control and direction characters
/// are left out.
#[must_use]
pub fn lines(text: &str) -> String {
    text.chars().filter(|&c| c == '\n' || c == '\t' || !is_hidden(c)).collect()
}

/// Tells whether a character has an effect other than being seen: C0 and C1
/// controls, zero-width ones, and those that change the direction of text.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_line_ends_do_not_reach_the_terminal() {
        assert_eq!(line("a\u{1b}[31m\r\nb\u{9b}2J\u{202e}c", 80), "a[31m b2Jc");
        assert_eq!(lines("a\r\n\tb\u{7}"), "a\n\tb");
    }

    #[test]
    fn a_long_line_is_cut_by_characters() {
        assert_eq!(line("äöü", 2), "äö…");
        assert_eq!(line("äö", 2), "äö");
    }
}
