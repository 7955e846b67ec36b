//! The small project that a fuzzed spec belongs to: the one of `tests/cases`, so
//! that the specs of the corpus find what they name, and names that a disk may
//! have although nobody wants them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use eufm_compiler::{Request, Setting, Sources};

/// The path of the fuzzed spec.
pub const SPEC: &str = "fuzzed.eufm";

/// Folders whose names are allowed on a disk; each has a file.
const ODD_FOLDERS: &[&str] = &[
    "odd/-dash",
    "odd/UPPER",
    "odd/a b",
    "odd/a.b",
    "odd/a_b",
    "odd/back\\slash",
    "odd/glob*?[x]{y}",
    "odd/line\nend",
    "odd/quote\"d",
    "odd/${hole}",
    "odd/\u{202e}right",
    "odd/\u{fffd}",
    "odd/über",
];

/// Files that are no good text.
const ODD_FILES: &[(&str, &[u8])] = &[
    ("odd/binary.txt", b"\xff\xfe\x00a"),
    ("odd/binary.eufm", b"edition 1\n\xc3\x28"),
    ("odd/empty.txt", b""),
    ("odd/empty.eufm", b""),
    ("odd/control.txt", b"\x1b[31mred\x1b[0m\x00\x07 a\r\nb\rc\t\n"),
    ("odd/hole.txt", b"a ${name} and \"\"\" and \\u{41}\n"),
];

static FILES: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(files);

/// A project with one fuzzed spec.
#[derive(Debug)]
pub struct Project<'a> {
    /// The bytes of the spec at [`SPEC`].
    pub spec: &'a [u8],
}

impl Project<'_> {
    /// Returns the request to compile the spec, with the values of parameters
    /// that its second line says, as in the corpus: `# set: a=1; b=2`.
    #[must_use]
    pub fn request(&self) -> Request {
        let text = str::from_utf8(self.spec).unwrap_or_default();
        let line = text.lines().nth(1).and_then(|line| line.strip_prefix("# set: "));
        let pairs = line.into_iter().flat_map(|list| list.split("; "));
        let setting = |pair: &str| {
            let (name, value) = pair.split_once('=')?;
            Some(Setting { name: name.to_owned(), value: value.to_owned() })
        };
        Request { spec: SPEC.to_owned(), settings: pairs.filter_map(setting).collect() }
    }
}

impl Sources for Project<'_> {
    fn load(&self, path: &str) -> Result<Vec<u8>, String> {
        assert_normal(path);
        if path == SPEC {
            return Ok(self.spec.to_vec());
        }
        FILES.get(path).cloned().ok_or_else(|| "no such file".to_owned())
    }

    fn folders(&self, path: &str) -> Result<Vec<String>, String> {
        if !path.is_empty() {
            assert_normal(path);
        }
        let begin = if path.is_empty() { String::new() } else { format!("{path}/") };
        let mut below = FILES.keys().filter_map(|file| file.strip_prefix(&begin)).peekable();
        if below.peek().is_none() {
            return Err("no such folder".to_owned());
        }
        let names = below.filter_map(|rest| Some(rest.split_once('/')?.0.to_owned()));
        Ok(names.collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn standard(&self, name: &str) -> Option<&str> {
        eufm_stdlib::part(name)
    }

    fn standard_names(&self) -> Vec<&str> {
        eufm_stdlib::PARTS.iter().map(|(name, _)| *name).collect()
    }
}

/// Asserts what [`Sources`] promises of a path: a path that climbs out of the
/// root must not get as far as this.
fn assert_normal(path: &str) {
    let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
    assert!(path.split('/').all(is_part), "{path:?} is no normal path");
}

fn files() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases/project");
    read_below(&root, "", &mut files);
    assert!(!files.is_empty(), "{} has no files", root.display());
    files.extend(ODD_FOLDERS.iter().map(|name| (format!("{name}/file"), Vec::new())));
    files.extend(ODD_FILES.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())));
    files
}

fn read_below(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).expect("the project of the corpus is there") {
        let path = entry.expect("readable").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name");
        if path.is_dir() {
            read_below(&path, &format!("{prefix}{name}/"), files);
        } else {
            files.insert(format!("{prefix}{name}"), std::fs::read(&path).expect("readable"));
        }
    }
}
