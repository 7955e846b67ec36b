//! Lists of files as git writes them: of a tree and of an index.
//!
//! Paths stay bytes here; they become text only behind the checks of `names`.

use super::error::Error;

/// The mode of a symlink.
const MODE_SYMLINK: u32 = 0o120_000;
/// The mode of a commit of another repository.
const MODE_SUBMODULE: u32 = 0o160_000;

/// A file of a tree or of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Type and permissions as git keeps them.
    pub(super) mode: u32,
    /// The name of the object.
    pub(super) object: String,
    /// The path from the root.
    pub(super) path: Vec<u8>,
}

impl Entry {
    /// Tells whether it is a submodule's commit (a "gitlink").
    pub(super) fn is_submodule(&self) -> bool {
        self.mode == MODE_SUBMODULE
    }

    /// Tells whether it is a symlink.
    pub(super) fn is_symlink(&self) -> bool {
        self.mode == MODE_SYMLINK
    }

    /// Writes it in the form that `update-index --index-info -z` reads.
    pub(super) fn write_index_info(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{:06o} {}\t", self.mode, self.object).as_bytes());
        out.extend_from_slice(&self.path);
        out.push(0);
    }
}

/// Reads the output of `ls-tree -r -z` (`mode type object TAB path`) sorted by
/// path.
pub(super) fn parse_tree(bytes: &[u8]) -> Result<Vec<Entry>, Error> {
    parse(bytes, "ls-tree", |fields| fields.nth(1))
}

/// Reads the output of `ls-files -s -z` (`mode object stage TAB path`) sorted
/// by path.
pub(super) fn parse_index(bytes: &[u8]) -> Result<Vec<Entry>, Error> {
    parse(bytes, "ls-files", Iterator::next)
}

fn parse<'a>(
    bytes: &'a [u8],
    command: &'static str,
    object: impl Fn(&mut std::str::Split<'a, char>) -> Option<&'a str>,
) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    for line in records(bytes) {
        let entry = parse_line(line, &object).ok_or_else(|| Error::answer(command, line))?;
        entries.push(entry);
    }
    entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

fn parse_line<'a>(
    line: &'a [u8],
    object: impl Fn(&mut std::str::Split<'a, char>) -> Option<&'a str>,
) -> Option<Entry> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let mut fields = std::str::from_utf8(&line[..tab]).ok()?.split(' ');
    let mode = u32::from_str_radix(fields.next()?, 8).ok()?;
    let object = object(&mut fields)?;
    super::id::is_object_name(object).then(|| Entry {
        mode,
        object: object.to_owned(),
        path: line[tab + 1..].to_vec(),
    })
}

/// Takes output of `-z` apart.
pub(super) fn records(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == 0).filter(|record| !record.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_byte_for_byte() {
        let id = "a".repeat(40);
        let tree = format!("100644 blob {id}\tb\tc\n\0160000 commit {id}\ta\0");
        let index = format!("100644 {id} 0\tb\tc\n\0160000 {id} 0\ta\0");
        let entries = parse_tree(tree.as_bytes()).unwrap();
        assert_eq!(entries, parse_index(index.as_bytes()).unwrap());
        assert_eq!(entries[1].path, b"b\tc\n");
        assert!(entries[0].is_submodule() && !entries[1].is_submodule());
    }

    #[test]
    fn an_unknown_form_is_an_error() {
        for bad in ["100644 blob\tx", "x", "100644 blob HEAD\tx", "9 blob aaaa\tx"] {
            assert!(matches!(parse_tree(bad.as_bytes()), Err(Error::Answer { .. })), "{bad}");
        }
    }
}
