//! Takes the values of secrets out of what a program says, as it comes.
//!
//! Hidden are the value itself, its lines where it has several, and what base64,
//! percent-encoding, hexadecimal digits and escapes make of it, wherever the
//! pieces of the stream begin and end. What a program encrypts, packs or spells
//! in a way of its own is not known here. Unaware of where the text goes.

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::Secret;

/// The shortest form of a value, or line of it, that is looked for: shorter ones
/// are parts of any text.
const FORM_MIN: usize = 8;

/// What percent-encoding leaves as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Hides secrets in a stream.
#[derive(Debug, Default, Clone)]
pub(crate) struct Hider {
    finder: Option<AhoCorasick>,
    /// What stands in place of each form.
    marks: Vec<String>,
    /// How long the longest form is.
    longest: usize,
    /// What may be the beginning of one.
    pending: Vec<u8>,
}

impl Hider {
    /// Makes one that hides these secrets; of none it hides nothing.
    ///
    /// # Errors
    /// Fails when they are too large to be looked for.
    pub(crate) fn of(secrets: &[Secret]) -> std::io::Result<Self> {
        let (mut patterns, mut marks) = (Vec::new(), Vec::new());
        for secret in secrets {
            for form in forms(&secret.value) {
                patterns.push(form);
                marks.push(format!("[secret {}]", secret.name));
            }
        }
        if patterns.is_empty() {
            return Ok(Self::default());
        }
        let longest = patterns.iter().map(Vec::len).max().unwrap_or_default();
        let kind = MatchKind::LeftmostLongest;
        let finder = AhoCorasick::builder().match_kind(kind).build(&patterns);
        let finder = finder.map_err(std::io::Error::other)?;
        Ok(Self { finder: Some(finder), marks, longest, pending: Vec::new() })
    }

    /// Takes the next piece and hands on what is sure to hold no secret.
    pub(crate) fn push(&mut self, bytes: &[u8], take: &mut dyn FnMut(&[u8])) {
        if self.finder.is_none() {
            return take(bytes);
        }
        self.pending.extend_from_slice(bytes);
        // What begins before this place is there to its end.
        let sure = (self.pending.len() + 1).saturating_sub(self.longest);
        self.hand_on(sure, take);
    }

    /// Hands on the rest.
    pub(crate) fn finish(&mut self, take: &mut dyn FnMut(&[u8])) {
        self.hand_on(self.pending.len(), take);
    }

    fn hand_on(&mut self, sure: usize, take: &mut dyn FnMut(&[u8])) {
        let Some(finder) = &self.finder else { return };
        let mut at = 0;
        while at < sure {
            let input = aho_corasick::Input::new(&self.pending).range(at..);
            match finder.find(input).filter(|found| found.start() < sure) {
                Some(found) => {
                    take(&self.pending[at..found.start()]);
                    take(self.marks[found.pattern().as_usize()].as_bytes());
                    at = found.end();
                }
                None => {
                    take(&self.pending[at..sure]);
                    at = sure;
                }
            }
        }
        self.pending.drain(..at);
    }

    /// Hides secrets in a whole text.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut hidden = Vec::new();
        let mut fresh = Self { pending: Vec::new(), ..self.clone() };
        let mut take = |bytes: &[u8]| hidden.extend_from_slice(bytes);
        fresh.push(text.as_bytes(), &mut take);
        fresh.finish(&mut take);
        String::from_utf8_lossy(&hidden).into_owned()
    }

    /// Hides secrets in a file that is whole.
    ///
    /// # Errors
    /// Fails when it cannot be read or written.
    pub(crate) fn file(&self, path: &std::path::Path) -> std::io::Result<()> {
        if self.finder.is_none() || !path.exists() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&std::fs::read(path)?).into_owned();
        let hidden = self.text(&text);
        if hidden == text { Ok(()) } else { std::fs::write(path, hidden) }
    }
}

/// Lists what a value may look like.
fn forms(value: &[u8]) -> Vec<Vec<u8>> {
    let value = value.trim_ascii();
    let mut forms = vec![value.to_vec()];
    let mut parts = vec![value];
    let lines = value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let lines: Vec<&[u8]> = lines.filter(|line| line.len() >= FORM_MIN).collect();
    if lines.len() > 1 {
        parts.extend(lines);
    }
    for part in parts {
        forms.push(part.to_vec());
        let percent = percent_encode(part, UNRESERVED).to_string();
        forms.push(lower_escapes(&percent).into_bytes());
        forms.push(percent.replace("%20", "+").into_bytes());
        forms.push(percent.into_bytes());
        let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
        forms.push(hex.to_ascii_uppercase().into_bytes());
        forms.push(hex.into_bytes());
        if let Ok(text) = std::str::from_utf8(part) {
            let quoted = serde_json::Value::from(text).to_string();
            forms.push(quoted.as_bytes()[1..quoted.len() - 1].to_vec());
        }
        for offset in 0..3 {
            forms.extend(
                [STANDARD.encode(shifted(part, offset)), URL_SAFE.encode(shifted(part, offset))]
                    .map(|encoded| of_the_value(&encoded, part.len(), offset)),
            );
        }
        forms.extend([STANDARD.encode(part), URL_SAFE.encode(part)].map(String::into_bytes));
    }
    let (first, rest) = (forms[0].clone(), forms.split_off(1));
    forms.extend(rest.into_iter().filter(|form| form.len() >= FORM_MIN && *form != first));
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// Puts some bytes before a value: base64 depends on where it begins.
fn shifted(value: &[u8], offset: usize) -> Vec<u8> {
    [&vec![0; offset][..], value].concat()
}

/// Returns of a base64 text the digits in which nothing but the value is.
fn of_the_value(encoded: &str, length: usize, offset: usize) -> Vec<u8> {
    let (start, end) = ((offset * 8).div_ceil(6), (offset + length) * 8 / 6);
    encoded.as_bytes()[start.min(end)..end].to_vec()
}

/// Writes the digits of `%2F` small.
fn lower_escapes(text: &str) -> String {
    let mut parts = text.split('%');
    let mut lower = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at(part.len().min(2));
        lower.push('%');
        lower.push_str(&digits.to_ascii_lowercase());
        lower.push_str(rest);
    }
    lower
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop};
    use proptest::{prop_assert, proptest};

    use super::*;

    const VALUE: &[u8] = b"s3cret/key+with ~odd\"signs";

    fn hider(secrets: &[(&str, &[u8])]) -> Hider {
        let secrets: Vec<_> =
            secrets.iter().map(|(name, value)| Secret::new(name, value)).collect();
        Hider::of(&secrets).expect("made")
    }

    fn in_pieces(hider: &Hider, text: &[u8], size: usize) -> Vec<u8> {
        let (mut hider, mut hidden) = (hider.clone(), Vec::new());
        for piece in text.chunks(size.max(1)) {
            hider.push(piece, &mut |bytes| hidden.extend_from_slice(bytes));
        }
        hider.finish(&mut |bytes| hidden.extend_from_slice(bytes));
        hidden
    }

    #[test]
    fn a_value_is_hidden_in_every_form_and_whatever_the_pieces_are() {
        let value = std::str::from_utf8(VALUE).expect("text");
        let hex: String = VALUE.iter().map(|byte| format!("{byte:02x}")).collect();
        let json = serde_json::json!({ "key": value }).to_string();
        let url = percent_encode(VALUE, UNRESERVED).to_string();
        let mut texts = vec![value.to_owned(), hex.to_ascii_uppercase(), hex, json];
        texts.extend([lower_escapes(&url), url.replace("%20", "+"), url, value.repeat(3)]);
        for before in ["", "u", "us", "user:", "Bearer"] {
            let all = [before.as_bytes(), VALUE, b":behind"].concat();
            texts.extend([STANDARD.encode(&all), URL_SAFE.encode(&all)]);
        }
        texts.push(STANDARD.encode(VALUE));
        let hider = hider(&[("KEY", VALUE)]);
        for text in texts {
            let text = format!("before {text} behind");
            for size in [1, 2, 7, 1_000] {
                let hidden = in_pieces(&hider, text.as_bytes(), size);
                let hidden = String::from_utf8(hidden).expect("text");
                assert!(hidden.contains("[secret KEY]"), "{text} in {size}: {hidden}");
                let is_hidden = |form: &Vec<u8>| !contains(hidden.as_bytes(), form);
                assert!(forms(VALUE).iter().all(is_hidden), "{text} in {size}: {hidden}");
                assert!(hidden.starts_with("before ") && hidden.ends_with(" behind"), "{hidden}");
            }
        }
    }

    fn contains(text: &[u8], part: &[u8]) -> bool {
        text.windows(part.len()).any(|window| window == part)
    }

    #[test]
    fn each_line_of_a_value_is_hidden_and_the_longest_of_several_wins() {
        let key = b"-----BEGIN KEY-----\nMIIEowIBAAKCAQEA\nshort\n-----END KEY-----\n";
        let hider = hider(&[("PEM", key), ("A", b"MIIEowIB"), ("B", b"MIIEowIBAAKCAQEAzz")]);
        let text = "x MIIEowIBAAKCAQEA y MIIEowIBAA z MIIEowIBAAKCAQEAzz short";
        assert_eq!(hider.text(text), "x [secret PEM] y [secret A]AA z [secret B] short");
        assert_eq!(hider.text(std::str::from_utf8(key).expect("text")), "[secret PEM]\n");
    }

    #[test]
    fn all_is_handed_on_but_what_may_begin_a_secret() {
        let mut hider = hider(&[("KEY", VALUE)]);
        let (mut handed, kept) = (0, hider.longest - 1);
        for pushed in 1..=3 * hider.longest {
            hider.push(b"x", &mut |bytes| handed += bytes.len());
            assert_eq!(handed, pushed.saturating_sub(kept));
        }
        // A text of its own does not begin with what is kept here.
        assert_eq!(hider.text("own"), "own");
    }

    #[test]
    fn what_holds_no_secret_is_not_changed() {
        for hider in [Hider::default(), hider(&[("KEY", b"abcd")])] {
            let text: Vec<u8> =
                (0..=255).cycle().take(1_000).filter(|byte| *byte != b'd').collect();
            assert_eq!(in_pieces(&hider, &text, 13), text);
        }
    }

    fn any_value() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), 8..40)
            .prop_filter("not blank at its ends", |value| value.trim_ascii().len() >= FORM_MIN)
    }

    proptest! {
        #[test]
        fn no_value_survives_any_text_and_pieces(
            value in any_value(),
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..30), 1..6),
            size in 1_usize..50,
        ) {
            let text = parts.join(&value[..]);
            let hidden = in_pieces(&hider(&[("K", &value)]), &text, size);
            prop_assert!(!contains(&hidden, value.trim_ascii()));
        }
    }
}
