//! The pages of the codes: what each code of a finding means.
//!
//! The text is docs/codes.md, part of the binary; this file finds the sections
//! in it. Unaware of which codes exist and of how a page is shown.

/// The page with all codes.
const TEXT: &str = include_str!("../docs/codes.md");

/// What begins the section of a code.
const HEADING: &str = "\n## ";

/// What is said about one code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    /// The code, `E0204`.
    pub(crate) code: &'static str,
    /// What it means, in a few words.
    pub(crate) title: &'static str,
    /// The section below its heading, in Markdown.
    pub(crate) body: &'static str,
}

/// Returns the pages in their order.
pub(crate) fn pages() -> impl Iterator<Item = Page> {
    TEXT.split(HEADING).skip(1).filter_map(|section| {
        let (heading, body) = section.split_once('\n')?;
        let (code, title) = heading.split_once(": ")?;
        Some(Page { code, title, body: body.trim() })
    })
}

/// Finds the page of a code; upper and lower case are the same.
pub(crate) fn page(code: &str) -> Option<Page> {
    pages().find(|page| page.code.eq_ignore_ascii_case(code))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use eufm_compiler::{Compiled, Sources};

    use super::*;
    use crate::catalog::with_catalog;

    /// Codes whose example cannot be a text of a few lines.
    const WITHOUT_EXAMPLE: &[&str] = &["E0001", "E0003", "E0213"];

    /// A spec in memory; without one, there is no file.
    struct Memory(Option<Vec<u8>>);

    impl Sources for Memory {
        fn load(&self, _: &str) -> Result<Vec<u8>, String> {
            self.0.clone().ok_or_else(|| "no such file".to_owned())
        }
    }

    /// Compiles and returns the codes that were found.
    fn codes(bytes: Option<Vec<u8>>) -> BTreeSet<&'static str> {
        let result = with_catalog(|kinds| eufm_compiler::compile(&Memory(bytes), "x.eufm", kinds));
        let found = match result {
            Ok(Compiled { diagnostics, .. }) => diagnostics,
            Err(rejected) => rejected.diagnostics,
        };
        found.sorted().iter().map(|finding| finding.code).collect()
    }

    /// Returns the blocks of a page with this word behind ```` ```eufm ````, as bytes.
    fn examples(page: &Page, word: &str) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        for block in page.body.split("```eufm ").skip(1) {
            let (info, rest) = block.split_once('\n').unwrap();
            let text = unhidden(rest.split("```").next().unwrap());
            let info: Vec<&str> = info.split(' ').collect();
            match info[..] {
                [first] if first == word => found.push(text.into_bytes()),
                [first, "latin-1"] if first == word => {
                    found.push(text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect());
                }
                ["bad" | "good", ..] => {}
                _ => panic!("{}: an example is good or bad, not {info:?}", page.code),
            }
        }
        found
    }

    /// Puts the characters that nobody sees in the place of `<U+200B>`.
    fn unhidden(text: &str) -> String {
        let mut parts = text.split("<U+");
        let mut shown = parts.next().unwrap().to_owned();
        for part in parts {
            let (number, rest) = part.split_once('>').unwrap();
            shown.push(char::from_u32(u32::from_str_radix(number, 16).unwrap()).unwrap());
            shown.push_str(rest);
        }
        shown
    }

    /// Collects the codes that stand in quotes in the files below a folder, tests left out.
    fn used(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                used(&path, found);
            } else if name.ends_with(".rs") && name != "tests.rs" && !name.ends_with("_test.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
                found.extend(code.split('"').filter(|word| is_code(word)).map(str::to_owned));
            }
        }
    }

    fn is_code(word: &str) -> bool {
        let digits = word.strip_prefix(['E', 'W']).unwrap_or_default();
        digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit())
    }

    #[test]
    fn every_code_that_can_be_found_has_a_page_and_every_page_its_code() {
        let mut used_codes = BTreeSet::new();
        for folder in ["grammar", "compiler", "cli"] {
            used(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut used_codes);
        }
        let explained: Vec<String> = pages().map(|page| page.code.to_owned()).collect();
        assert!(explained.is_sorted_by(|a, b| a < b), "docs/codes.md is sorted: {explained:?}");
        let explained: BTreeSet<String> = explained.into_iter().collect();
        let missing: Vec<_> = used_codes.difference(&explained).collect();
        assert!(missing.is_empty(), "docs/codes.md lacks {missing:?}");
        let stale: Vec<_> = explained.difference(&used_codes).collect();
        assert!(stale.is_empty(), "nothing gives {stale:?} of docs/codes.md");
        assert!(explained.len() >= 40);
    }

    #[test]
    fn no_section_is_lost() {
        assert_eq!(pages().count(), TEXT.matches(HEADING).count());
        assert!(pages().all(|page| is_code(page.code) && !page.title.is_empty()));
    }

    #[test]
    fn every_bad_example_gives_its_code_alone_and_every_good_one_nothing() {
        for page in pages().filter(|page| !WITHOUT_EXAMPLE.contains(&page.code)) {
            let (bad, good) = (examples(&page, "bad"), examples(&page, "good"));
            assert!(!bad.is_empty() && !good.is_empty(), "{} has both examples", page.code);
            for text in bad {
                let shown = String::from_utf8_lossy(&text).into_owned();
                assert_eq!(codes(Some(text)), BTreeSet::from([page.code]), "{shown}");
            }
            for text in good {
                let shown = String::from_utf8_lossy(&text).into_owned();
                assert_eq!(codes(Some(text)), BTreeSet::new(), "{}\n{shown}", page.code);
            }
        }
    }

    #[test]
    fn what_no_text_can_show_is_given_too() {
        assert_eq!(codes(None), BTreeSet::from(["E0003"]));
        // The bytes are never looked at, so this costs address space only.
        let large = vec![0; eufm_grammar::source::MAX_SOURCE_BYTES + 1];
        let (mut map, mut out) = (eufm_grammar::SourceMap::new(), eufm_grammar::Diagnostics::new());
        assert!(map.add("x.eufm", large, &mut out).is_none());
        assert_eq!(out.sorted()[0].code, "E0001");
    }

    #[test]
    fn a_code_is_found_in_either_case() {
        assert_eq!(page("e0204"), page("E0204"));
        assert_eq!(page("W0602").unwrap().title, "No gate checks the result");
        assert_eq!(page("E9999"), None);
    }
}
