//! Makes foreign text fit to be shown: what an agent or a command wrote must
//! not move the cursor, colour the terminal or forge a line.
//!
//! Unaware of where the text is shown.

/// Returns the text as one line of at most `max` characters: line ends become
/// spaces, control and direction characters are left out.
#[must_use]
pub fn line(text: &str, max: usize) -> String {
    let as_one = |c| if matches!(c, '\n' | '\t' | '\r') { ' ' } else { c };
    // First without what is hidden: a blank behind it is then at the end.
    let plain: String = text.chars().map(as_one).filter(|&c| !is_hidden(c)).collect();
    let mut shown = String::new();
    let mut count = 0;
    for c in plain.trim().chars() {
        if c == ' ' && shown.ends_with(' ') {
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

/// Writes a path for a message: text as it is; what is hidden, and what is no
/// text, escaped as in Rust, so that two paths never look the same.
#[must_use]
pub fn path(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_hidden(c) {
                text.extend(c.escape_unicode());
            } else {
                text.push(c);
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
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
    use proptest::prelude::*;

    use super::*;

    /// What programs have sent to terminals to move, colour, forge and steal: what
    /// is shown of each must be plain signs, whatever stands around it.
    const ESCAPES: &[&str] = &[
        // CSI: colours, cursor, erasing, scrolling, modes, reports.
        "\u{1b}[31mred\u{1b}[0m",
        "\u{1b}[1;5;7mloud",
        "\u{1b}[38;2;0;0;0mblack on black",
        "\u{1b}[8mhidden",
        "\u{1b}[2Jcleared",
        "\u{1b}[H\u{1b}[Jhome",
        "\u{1b}[1Aup",
        "\u{1b}[999Dleft",
        "\u{1b}[2K\rgate unit passed",
        "\u{1b}[1;1Hfirst",
        "\u{1b}[s\u{1b}[usaved",
        "\u{1b}[5Sscrolled",
        "\u{1b}[?25lno cursor",
        "\u{1b}[?1049hother screen",
        "\u{1b}[?2004hpasted",
        "\u{1b}[?1000hmouse",
        "\u{1b}[6nwhere",
        "\u{1b}[cwho",
        "\u{1b}[21ttitle back",
        "\u{1b}[4hinsert",
        "\u{1b}[20ibegin to print",
        "\u{1b}[!preset",
        "\u{1b}[1;5rmargins",
        "\u{1b}[;;;;m",
        "\u{1b}[",
        // OSC: titles, links, clipboard, colours, notices.
        "\u{1b}]0;title\u{7}",
        "\u{1b}]2;title\u{1b}\\",
        "\u{1b}]8;;http://example.org\u{1b}\\link\u{1b}]8;;\u{1b}\\",
        "\u{1b}]8;id=1;file:///etc/passwd\u{7}click\u{1b}]8;;\u{7}",
        "\u{1b}]52;c;ZWNobyBoaQ==\u{7}",
        "\u{1b}]52;p;?\u{1b}\\",
        "\u{1b}]4;1;rgb:00/00/00\u{7}",
        "\u{1b}]10;?\u{7}",
        "\u{1b}]9;done\u{7}",
        "\u{1b}]777;notify;a;b\u{7}",
        "\u{1b}]1337;File=inline=1:AAAA\u{7}",
        "\u{1b}]133;A\u{7}",
        "\u{1b}]50;font\u{7}",
        "\u{1b}]0;never ended",
        // DCS, APC, PM, SOS, and the short ones.
        "\u{1b}P+q544e\u{1b}\\",
        "\u{1b}P$q\"p\u{1b}\\",
        "\u{1b}Pq#0;2;0;0;0\u{1b}\\",
        "\u{1b}_Gf=32;AAAA\u{1b}\\",
        "\u{1b}^secret\u{1b}\\",
        "\u{1b}Xstring\u{1b}\\",
        "\u{1b}creset",
        "\u{1b}7\u{1b}8",
        "\u{1b}(0lines",
        "\u{1b}#8aligned",
        "\u{1b}Mup",
        "\u{1b}=\u{1b}>",
        "\u{1b}\u{1b}[31m",
        // C1 as single signs.
        "\u{9b}31mred",
        "\u{9d}0;title\u{9c}",
        "\u{90}q\u{9c}",
        "\u{9f}G\u{9c}",
        "\u{85}next line",
        "\u{84}\u{8d}",
        // C0: overwriting, bells, tabs, shifts.
        "failed\rpassed",
        "failed\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}passed",
        "\u{7}\u{7}\u{7}",
        "a\u{b}b\u{c}c",
        "\u{e}lines\u{f}",
        "a\u{0}b",
        "a\u{7f}b",
        "\u{5}\u{18}\u{1a}",
        // Direction, width and invisible signs.
        "\u{202e}dessap\u{202c}",
        "\u{2066}a\u{2069}\u{2067}b\u{2068}",
        "\u{200f}\u{200e}\u{61c}",
        "pass\u{200b}ed\u{2060}",
        "\u{feff}text",
        "so\u{ad}ft",
        "a\u{2028}b\u{2029}c",
        "tag\u{e0041}\u{e007f}",
        "\u{fff9}a\u{fffa}b\u{fffb}",
    ];

    /// Tells whether a sign may be shown: it is one that only looks.
    fn is_plain(c: char) -> bool {
        !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            && !matches!(c, '\u{2060}'..='\u{206f}' | '\u{ad}' | '\u{61c}' | '\u{feff}')
            && !matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    }

    fn assert_harmless(text: &str) {
        let one = line(text, 1_000);
        assert!(one.chars().all(is_plain), "{text:?} gives {one:?}");
        assert_eq!(line(&one, 1_000), one, "{text:?} twice");
        let many = lines(text);
        assert!(many.chars().all(|c| is_plain(c) || matches!(c, '\n' | '\t')), "{text:?}");
        assert_eq!(lines(&many), many, "{text:?} twice");
    }

    #[test]
    fn no_known_escape_reaches_the_terminal() {
        assert!(ESCAPES.len() >= 60, "{}", ESCAPES.len());
        for escape in ESCAPES {
            assert!(!escape.chars().all(is_plain), "{escape:?} is none");
            for text in [(*escape).to_owned(), format!("a{escape}b"), escape.repeat(3)] {
                assert_harmless(&text);
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_becomes_harmless_and_stays_as_it_is_then(text in any::<String>()) {
            assert_harmless(&text);
        }

        #[test]
        fn any_mixture_of_escapes_becomes_harmless(
            parts in prop::collection::vec((prop::sample::select(ESCAPES), ".{0,4}"), 0..8)
        ) {
            let text: String = parts.iter().flat_map(|(a, b)| [*a, b.as_str()]).collect();
            assert_harmless(&text);
        }

        #[test]
        fn a_cut_line_has_at_most_as_many_signs_and_one_that_says_so(
            text in any::<String>(), max in 0_usize..20
        ) {
            prop_assert!(line(&text, max).chars().count() <= max + 1);
        }
    }

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
