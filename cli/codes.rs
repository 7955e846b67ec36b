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
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    use eufm_compiler::{Compiled, Request, Setting, Sources};

    use super::*;
    use crate::catalog::with_catalog;

    /// Codes whose example cannot be a text of a few lines.
    const WITHOUT_EXAMPLE: &[&str] = &["E0001", "E0112"];

    /// The name of an example, at the root.
    const SPEC: &str = "x.eufm";

    /// Files in memory.
    #[derive(Clone, Default)]
    struct Memory(BTreeMap<String, Vec<u8>>);

    impl Sources for Memory {
        fn load(&self, path: &str) -> Result<Vec<u8>, String> {
            self.0.get(path).cloned().ok_or_else(|| "no such file".to_owned())
        }

        fn folders(&self, _: &str) -> Result<Vec<String>, String> {
            Err("no such folder".to_owned())
        }

        fn standard(&self, name: &str) -> Option<&str> {
            eufm_stdlib::part(name)
        }

        fn standard_names(&self) -> Vec<&str> {
            eufm_stdlib::PARTS.iter().map(|(name, _)| *name).collect()
        }
    }

    /// Compiles and returns the codes that were found.
    fn codes(files: &Memory, settings: &[Setting]) -> BTreeSet<&'static str> {
        let request = Request { spec: SPEC.to_owned(), settings: settings.to_vec() };
        let result = with_catalog(|kinds| eufm_compiler::compile(files, &request, kinds));
        let found = match result {
            Ok(Compiled { diagnostics, .. }) => diagnostics,
            Err(rejected) => rejected.diagnostics,
        };
        found.sorted().iter().map(|finding| finding.code).collect()
    }

    /// A block of a page that says what it is, as in ```` ```eufm bad ````.
    struct Block {
        /// `bad`, `good` or `file`.
        word: String,
        /// What stands behind that word.
        rest: String,
        text: String,
    }

    /// Returns the blocks of a page but for plain text.
    fn blocks(page: &Page) -> Vec<Block> {
        let mut found = Vec::new();
        for (number, fenced) in page.body.split("```").enumerate() {
            let Some((info, text)) = fenced.split_once('\n').filter(|_| number % 2 == 1) else {
                continue;
            };
            let Some((_, info)) = info.split_once(' ') else {
                assert_eq!(info, "text", "{}: an example is good or bad", page.code);
                continue;
            };
            let (word, rest) = info.split_once(' ').unwrap_or((info, ""));
            assert!(["bad", "good", "file"].contains(&word), "{}: {info}", page.code);
            let (word, rest) = (word.to_owned(), rest.to_owned());
            found.push(Block { word, rest, text: unhidden(text) });
        }
        found
    }

    /// Compiles an example beside the files of its page: `latin-1` and `--set a=b`
    /// may stand behind its word.
    fn codes_of(example: &Block, files: &Memory) -> BTreeSet<&'static str> {
        let mut files = files.clone();
        let (mut bytes, mut settings) = (example.text.clone().into_bytes(), Vec::new());
        if example.rest == "latin-1" {
            bytes = example.text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        } else if !example.rest.is_empty() {
            let setting = example.rest.strip_prefix("--set ").unwrap();
            let (name, value) = setting.split_once('=').unwrap();
            settings.push(Setting { name: name.to_owned(), value: value.to_owned() });
        }
        files.0.insert(SPEC.to_owned(), bytes);
        codes(&files, &settings)
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
            let blocks = blocks(&page);
            let of = |word: &'static str| blocks.iter().filter(move |block| block.word == word);
            let files: BTreeMap<_, _> = of("file")
                .map(|file| (file.rest.clone(), file.text.clone().into_bytes()))
                .collect();
            let files = Memory(files);
            assert!(of("bad").count() > 0 && of("good").count() > 0, "{}: both", page.code);
            for bad in of("bad") {
                assert_eq!(codes_of(bad, &files), BTreeSet::from([page.code]), "{}", bad.text);
            }
            for good in of("good") {
                assert_eq!(codes_of(good, &files), BTreeSet::new(), "{}\n{}", page.code, good.text);
            }
        }
    }

    #[test]
    fn what_no_text_can_show_is_given_too() {
        assert_eq!(codes(&Memory::default(), &[]), BTreeSet::from(["E0003"]));
        // The bytes are never looked at, so this costs address space only.
        let large = vec![0; eufm_grammar::source::MAX_SOURCE_BYTES + 1];
        let (map, mut out) = (eufm_grammar::SourceMap::new(), eufm_grammar::Diagnostics::new());
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
