//! Finds what has the form of a credential in the bytes of a file.
//!
//! Three ways: formats that providers have made recognisable, private keys in
//! their armour, and values without order that a name calls a secret. The
//! formats are those that the providers publish, and that the scanners of public
//! repositories look for; no crate keeps such a list under a licence and for a
//! compiler that fit here. Unaware of which of them are new.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::Content;

/// A credential in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Credential<'a> {
    /// What it is.
    pub kind: &'static str,
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Itself: to be compared, never to be shown.
    pub value: &'a [u8],
}

/// The formats: what each is, a regular expression over bytes, and how many bits
/// of disorder a character of it has at least; below that it is a sample.
const FORMATS: &[(&str, &str, f64)] = &[
    ("age secret key", r"AGE-SECRET-KEY-1[0-9A-Z]{58}", 3.0),
    ("Anthropic key", r"\bsk-ant-[a-z0-9]{2,12}-[0-9A-Za-z_-]{32,200}", 3.0),
    ("AWS access key", r"\b(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b", 3.0),
    ("Azure storage key", r"AccountKey=[0-9A-Za-z+/]{86}==", 3.0),
    ("crates.io token", r"\bcio[0-9A-Za-z]{32}\b", 3.0),
    ("DigitalOcean token", r"\bdo[opr]_v1_[0-9a-f]{64}\b", 3.0),
    ("Docker token", r"\bdckr_(?:pat|oat)_[0-9A-Za-z_-]{27,64}", 3.0),
    ("GitHub token", r"\bgh[oprsu]_[0-9A-Za-z]{36,255}\b", 3.0),
    ("GitHub token", r"\bgithub_pat_[0-9A-Za-z_]{82}\b", 3.0),
    (
        "GitLab token",
        r"\bgl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|oas)-[0-9A-Za-z_.-]{20,200}",
        3.0,
    ),
    ("Google API key", r"\bAIza[0-9A-Za-z_-]{35}", 3.0),
    ("Google client secret", r"\bGOCSPX-[0-9A-Za-z_-]{28}", 3.0),
    ("HashiCorp Vault token", r"\bhv[bs]\.[0-9A-Za-z_-]{24,300}", 3.0),
    ("Hugging Face token", r"\bhf_[0-9A-Za-z]{34}\b", 3.0),
    ("npm token", r"\bnpm_[0-9A-Za-z]{36}\b", 3.0),
    ("OpenAI key", r"\bsk-(?:admin-|proj-|svcacct-)[0-9A-Za-z_-]{20,250}", 3.0),
    ("OpenAI key", r"\bsk-[0-9A-Za-z]{20}T3BlbkFJ[0-9A-Za-z]{20}\b", 3.0),
    (
        "private key",
        r"(?s)-----BEGIN[A-Z0-9 ]{0,30} PRIVATE KEY(?: BLOCK)?-----.{0,300}?[0-9A-Za-z+/]{40}",
        3.0,
    ),
    ("PyPI token", r"\bpypi-AgE[0-9A-Za-z_-]{50,300}", 3.0),
    ("SendGrid key", r"\bSG\.[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43}", 3.0),
    (
        "signed token (JWT)",
        r"\beyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{20,}",
        3.0,
    ),
    ("Slack token", r"\bxox[abeoprs]-[0-9A-Za-z-]{20,255}", 3.0),
    ("Slack token", r"\bxapp-[0-9]-[0-9A-Z]{8,16}-[0-9]{8,16}-[0-9a-f]{32,80}", 3.0),
    (
        "Slack webhook",
        r"hooks\.slack\.com/services/T[0-9A-Z]{8,12}/B[0-9A-Z]{8,12}/[0-9A-Za-z]{24}",
        3.0,
    ),
    ("Stripe key", r"\b[rs]k_(?:live|prod|test)_[0-9A-Za-z]{16,247}\b", 3.0),
    ("Twilio key", r"\bSK[0-9a-f]{32}\b", 3.0),
];

/// A value behind a name that says that it is secret, in quotes or as all that is
/// left of its line, as in a `.env` file.
const NAMED: &str = r#"(?i)(?:api_?key|access_?key|auth|credential|passwd|password|private_?key|secret|token)[0-9a-z_.-]{0,30}["'`]?[ \t]{0,8}(?:=>|:=|=|:)[ \t]{0,8}(?:["'`]([0-9a-z+/=_.~-]{16,200})["'`]|([0-9a-z+/=_~-]{16,200})[ \t]*\r?(?:\n|\z))"#;

/// A password within an address.
const ADDRESS: &str =
    r#"[a-z][0-9a-z+.-]{1,20}://[^\s/:@"'<>{}$]{1,100}:([^\s/:@"'<>{}$]{8,200})@"#;

/// Words in what is shown as a sample.
const SAMPLES: [&str; 5] = ["example", "placeholder", "changeme", "xxxx", "dummy"];

struct Forms {
    formats: Vec<(&'static str, Regex, f64)>,
    named: Regex,
    address: Regex,
}

static FORMS: LazyLock<Forms> = LazyLock::new(|| {
    // Bytes, not text: files need not be UTF-8.
    let read = |form: &str| {
        Regex::new(&format!("(?-u:{form})")).expect("invariant: a test reads each of them")
    };
    Forms {
        formats: FORMATS.iter().map(|(kind, form, least)| (*kind, read(form), *least)).collect(),
        named: read(NAMED),
        address: read(ADDRESS),
    }
});

/// Finds the credentials in a file, in the order of the table. A binary file is
/// searched for what has a format only.
pub(super) fn credentials<'a>(content: Content<'a>, mut each: impl FnMut(Credential<'a>)) {
    let bytes = content.bytes;
    let mut taken: Vec<std::ops::Range<usize>> = Vec::new();
    let mut lines = Lines::new(bytes);
    for (kind, form, least) in &FORMS.formats {
        lines.rewind();
        for found in form.find_iter(bytes) {
            if disorder(found.as_bytes()) >= *least && !is_sample(found.as_bytes()) {
                taken.push(found.range());
                each(Credential { kind, line: lines.at(found.start()), value: found.as_bytes() });
            }
        }
    }
    if content.is_binary() {
        return;
    }
    taken.sort_unstable_by_key(|range| range.start);
    // A password is chosen by people, so it is shorter than what is made.
    for (kind, form, run) in [
        ("secret in an assignment", &FORMS.named, 16),
        ("password in an address", &FORMS.address, 10),
    ] {
        lines.rewind();
        for found in form.captures_iter(bytes) {
            let Some(value) = found.get(1).or_else(|| found.get(2)) else { continue };
            let (place, value) = (value.range(), value.as_bytes());
            if !is_taken(&taken, &place) && is_without_order(value, run) && !is_sample(value) {
                each(Credential { kind, line: lines.at(place.start), value });
            }
        }
    }
}

/// Tells whether a range meets one of these, which are sorted by their start.
fn is_taken(taken: &[std::ops::Range<usize>], range: &std::ops::Range<usize>) -> bool {
    let before = &taken[..taken.partition_point(|it| it.start < range.end)];
    // They seldom overlap; the last few tell.
    before.iter().rev().take(FORMATS.len()).any(|it| it.end > range.start)
}

/// Tells whether a value looks made by chance: a run of letters and digits, at
/// least so long, with both in it and in no order. Words with signs between them
/// are names.
fn is_without_order(value: &[u8], least: usize) -> bool {
    value.split(|byte| matches!(byte, b'-' | b'_' | b'.' | b'~')).any(|run| {
        let digits = run.iter().filter(|byte| byte.is_ascii_digit()).count();
        let letters = run.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
        run.len() >= least && digits >= 2 && letters >= 2 && disorder(run) >= 3.0
    })
}

fn is_sample(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value).to_lowercase();
    SAMPLES.iter().any(|sample| text.contains(sample))
}

/// Returns how many bits a byte of it carries, by how often each occurs (Shannon).
fn disorder(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    bytes.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let all = bytes.len() as f64;
    let shares = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / all);
    -shares.map(|share| share * share.log2()).sum::<f64>()
}

/// Counts lines up to places that come in ascending order.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, line: 1 }
    }

    fn rewind(&mut self) {
        (self.at, self.line) = (0, 1);
    }

    fn at(&mut self, place: usize) -> u64 {
        self.line += memchr::memchr_iter(b'\n', &self.bytes[self.at..place]).count() as u64;
        self.at = place;
        self.line
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// Characters without order, always the same. Put together here: what looks
    /// like a credential in this file would be taken for one.
    fn chance(from: &str, length: usize) -> String {
        let from: Vec<char> = from.chars().collect();
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            from[(state % from.len() as u64) as usize]
        };
        (0..length).map(|_| next()).collect()
    }

    const WORD: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const HEX: &str = "0123456789abcdef";

    fn found(text: impl AsRef<[u8]>) -> Vec<(u64, &'static str)> {
        let mut all = Vec::new();
        credentials(Content::whole(text.as_ref()), |it| all.push((it.line, it.kind)));
        all
    }

    fn every_format() -> Vec<(&'static str, String)> {
        let word = |length| chance(WORD, length);
        vec![
            ("age secret key", format!("AGE-SECRET-KEY-1{}", chance(UPPER, 58))),
            ("Anthropic key", format!("sk-ant-api03-{}", word(95))),
            ("AWS access key", format!("AKIA{}", chance(BASE32, 16))),
            ("Azure storage key", format!("AccountKey={}==", word(86))),
            ("crates.io token", format!("cio{}", word(32))),
            ("DigitalOcean token", format!("dop_v1_{}", chance(HEX, 64))),
            ("Docker token", format!("dckr_pat_{}", word(27))),
            ("GitHub token", format!("ghp_{}", word(36))),
            ("GitHub token", format!("github_pat_{}", word(82))),
            ("GitLab token", format!("glpat-{}", word(20))),
            ("Google API key", format!("AIza{}", word(35))),
            ("Google client secret", format!("GOCSPX-{}", word(28))),
            ("HashiCorp Vault token", format!("hvs.{}", word(24))),
            ("Hugging Face token", format!("hf_{}", word(34))),
            ("npm token", format!("npm_{}", word(36))),
            ("OpenAI key", format!("sk-proj-{}", word(40))),
            ("OpenAI key", format!("sk-{}T3BlbkFJ{}", word(20), word(20))),
            ("private key", format!("-----BEGIN RSA {} KEY-----\n{}\n", "PRIVATE", word(64))),
            ("PyPI token", format!("pypi-AgE{}", word(60))),
            ("SendGrid key", format!("SG.{}.{}", word(22), word(43))),
            ("signed token (JWT)", format!("eyJ{}.eyJ{}.{}", word(20), word(20), word(43))),
            ("Slack token", format!("xoxb-{}", word(40))),
            (
                "Slack token",
                format!(
                    "xapp-1-{}-{}-{}",
                    chance(UPPER, 11),
                    chance("0123456789", 13),
                    chance(HEX, 64)
                ),
            ),
            (
                "Slack webhook",
                format!(
                    "https://hooks.slack.com/services/T{}/B{}/{}",
                    chance(UPPER, 10),
                    chance(UPPER, 10),
                    word(24)
                ),
            ),
            ("Stripe key", format!("sk_live_{}", word(24))),
            ("Twilio key", format!("SK{}", chance(HEX, 32))),
        ]
    }

    #[test]
    fn each_format_is_found_wherever_it_stands() {
        let formats = every_format();
        assert!(FORMATS.is_sorted_by_key(|(kind, ..)| kind.to_lowercase()));
        for (kind, form, _) in FORMATS {
            let form = Regex::new(&format!("(?-u:{form})")).expect("it can be read");
            let is_it = |(of, text): &(&str, String)| of == kind && form.is_match(text.as_bytes());
            assert!(formats.iter().any(is_it), "no example of {kind}");
        }
        for (kind, text) in formats {
            assert_eq!(found(&text), [(1, kind)], "alone");
            assert_eq!(found(format!("a\r\n\n  key: \"{text}\",\r\n")), [(3, kind)], "in quotes");
            let bytes = [b"\xff\xfe\n\0\n", text.as_bytes(), b"\n\xff"].concat();
            assert_eq!(found(bytes), [(3, kind)], "in a binary file");
        }
    }

    #[test]
    fn keys_in_one_line_and_with_headers_are_private_keys() {
        let begin = format!("-----BEGIN {} KEY", "PRIVATE");
        let body = chance(WORD, 64);
        for text in [
            format!("{{\"private_key\": \"{begin}-----\\n{body}\\n\"}}"),
            format!("{begin}-----\r\n{body}\r\n"),
            format!("-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\n{body}\n"),
            format!(
                "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: x\n\n{body}"
            ),
        ] {
            assert_eq!(found(&text), [(1, "private key")], "{text}");
        }
        assert_eq!(found(format!("looks for `{begin}-----` in files\n")), []);
        assert_eq!(found(format!("-----BEGIN PUBLIC KEY-----\n{body}\n")), []);
    }

    #[test]
    fn a_value_without_order_behind_a_telling_name_is_a_secret() {
        let value = chance(WORD, 32);
        let kind = "secret in an assignment";
        for text in [
            format!("API_KEY={value}"),
            format!("export DB_PASSWORD={value}\r\n"),
            format!("  \"clientSecret\": \"{value}\","),
            format!("let auth_token = '{value}';"),
            format!("token: `{value}`"),
            format!("'access-key' => '{value}'").replace("access-key", "access_key"),
            format!("secret := \"{}\"", chance(HEX, 32)),
            format!("password = \"{value}+/=\""),
        ] {
            assert_eq!(found(&text), [(1, kind)], "{text}");
        }
        assert_eq!(
            found(format!("\n\npostgres://me:{}@db/x\n", chance(WORD, 12))),
            [(3, "password in an address")]
        );
        let both = format!("token = \"ghp_{}\"", chance(WORD, 36));
        assert_eq!(found(both), [(1, "GitHub token")], "each once");
        assert_eq!(found([b"\0".to_vec(), format!("token=\"{value}\"").into_bytes()].concat()), []);
    }

    #[test]
    fn names_samples_and_references_are_no_secrets() {
        let value = chance(WORD, 32);
        for text in [
            "secretName: \"my-service-credentials-v2-2024\"".to_owned(),
            "token = getAccessTokenFromTheKeychain2(options)".to_owned(),
            "password: \"${DATABASE_PASSWORD_2024_01}\"".to_owned(),
            "api_key = process.env.MY_SERVICE_API_KEY_2".to_owned(),
            "AWS_KEY=AKIAIOSFODNN7EXAMPLE".to_owned(),
            format!("AKIA{}", "A".repeat(16)),
            format!("ghp_{}", "0".repeat(36)),
            format!("token = \"xxxx{value}\""),
            format!("checksum = \"{value}\""),
            format!("\"integrity\": \"sha512-{value}\""),
            "postgres://user:password@localhost/db".to_owned(),
            "postgres://user:${DB_PASSWORD_12AB}@localhost/db".to_owned(),
            "https://example.com:8080/a@b".to_owned(),
            "token: 00000000-0000-0000-0000-000000000000".to_owned(),
            String::new(),
        ] {
            assert_eq!(found(&text), [], "{text}");
        }
    }

    #[test]
    fn hostile_bytes_take_no_long_time() {
        let begin = format!("-----BEGIN {} KEY-----", "PRIVATE");
        let began = Instant::now();
        for text in [
            "token".repeat(400_000),
            "token=\"".repeat(200_000),
            begin.repeat(40_000),
            "eyJ".repeat(400_000),
            "a://b:".repeat(200_000),
            format!("token = \"{}", "a1".repeat(500_000)),
            "\n".repeat(1_000_000),
        ] {
            found(text);
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    }
}
