//! Trees drawn in memory, for the tests of the kinds.

use std::collections::BTreeMap;

use eufm_plan::{Digest, Level, ParamValue, Params, Rule};

use super::view::{Change, Content, Count, File, Unread, View};
use super::{Outcome, Ruling, judge};

/// A file: its mode and its content.
type Drawing = (u32, Vec<u8>);

/// A base and a tree, by path.
#[derive(Debug, Default, Clone)]
pub(super) struct Drawn {
    base: BTreeMap<Vec<u8>, Drawing>,
    tree: BTreeMap<Vec<u8>, Drawing>,
    files: Vec<File>,
    changes: Vec<Change>,
    contents: BTreeMap<String, Vec<u8>>,
    /// How many bytes are read of one file.
    most: Option<usize>,
}

impl Drawn {
    /// A tree with this in it, in the base too.
    pub(super) fn with(files: &[(&str, &str)]) -> Self {
        let mut drawn = Self::default();
        for (path, content) in files {
            let file = (0o100_644, content.as_bytes().to_vec());
            drawn.base.insert(path.as_bytes().to_vec(), file.clone());
            drawn.tree.insert(path.as_bytes().to_vec(), file);
        }
        drawn.finished()
    }

    /// Writes a file of the tree.
    pub(super) fn write(self, path: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        self.put(path, 0o100_644, content)
    }

    /// Writes a file of the tree with a mode.
    pub(super) fn put(
        mut self,
        path: impl AsRef<[u8]>,
        mode: u32,
        content: impl AsRef<[u8]>,
    ) -> Self {
        self.tree.insert(path.as_ref().to_vec(), (mode, content.as_ref().to_vec()));
        self.finished()
    }

    /// Removes a file of the tree.
    pub(super) fn remove(mut self, path: &str) -> Self {
        self.tree.remove(path.as_bytes()).expect("it is there");
        self.finished()
    }

    /// Moves a file of the tree.
    pub(super) fn rename(mut self, from: &str, to: &str) -> Self {
        let file = self.tree.remove(from.as_bytes()).expect("it is there");
        self.tree.insert(to.as_bytes().to_vec(), file);
        self.finished()
    }

    /// Lets only so many bytes of a file be read.
    pub(super) fn reading(self, most: usize) -> Self {
        Self { most: Some(most), ..self }
    }

    fn finished(mut self) -> Self {
        let mut contents = BTreeMap::new();
        let mut file = |path: &[u8], (mode, content): &Drawing| {
            let object = Digest::of(content).to_string();
            contents.insert(object.clone(), content.clone());
            File { path: path.to_vec(), mode: *mode, object }
        };
        self.files = self.tree.iter().map(|(path, it)| file(path, it)).collect();
        let before: Vec<File> = self.base.iter().map(|(path, it)| file(path, it)).collect();
        let paths: std::collections::BTreeSet<_> =
            self.base.keys().chain(self.tree.keys()).cloned().collect();
        let find = |all: &[File], path: &[u8]| all.iter().find(|it| it.path == path).cloned();
        self.changes = paths
            .iter()
            .map(|path| Change { before: find(&before, path), after: find(&self.files, path) })
            .filter(|change| change.before != change.after)
            .collect();
        self.contents = contents;
        self
    }
}

impl View for Drawn {
    fn files(&self) -> &[File] {
        &self.files
    }

    fn changes(&self) -> &[Change] {
        &self.changes
    }

    fn read(
        &self,
        objects: &[&str],
        each: &mut dyn FnMut(usize, Content<'_>),
    ) -> Result<(), Unread> {
        for (at, object) in objects.iter().enumerate() {
            let bytes = self.contents.get(*object).ok_or_else(|| Unread((*object).to_owned()))?;
            let most = self.most.unwrap_or(usize::MAX).min(bytes.len());
            each(at, Content { bytes: &bytes[..most], size: bytes.len() as u64 });
        }
        Ok(())
    }

    fn counts(&self) -> Result<Vec<Count>, Unread> {
        let content = |file: &Option<File>| {
            file.as_ref().map(|file| self.contents[&file.object].clone()).unwrap_or_default()
        };
        Ok(self
            .changes
            .iter()
            .map(|change| {
                let (old, new) = (content(&change.before), content(&change.after));
                if old.len().max(new.len()) > self.most.unwrap_or(usize::MAX) {
                    return Count::TooLarge;
                }
                if Content::whole(&old).is_binary() || Content::whole(&new).is_binary() {
                    return Count::Binary;
                }
                let lines = |text: &[u8]| -> Vec<Vec<u8>> {
                    text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
                };
                let (old, new) = (lines(&old), lines(&new));
                let same = common(&old, &new);
                Count::Lines { added: new.len() as u64 - same, removed: old.len() as u64 - same }
            })
            .collect())
    }
}

/// The length of the longest common subsequence.
fn common(old: &[Vec<u8>], new: &[Vec<u8>]) -> u64 {
    let mut row = vec![0; new.len() + 1];
    for line in old {
        let mut diagonal = 0;
        for (at, other) in new.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if line == other { diagonal + 1 } else { above.max(row[at]) };
            diagonal = above;
        }
    }
    row[new.len()]
}

/// A rule of a kind with these lists and texts.
pub(super) fn rule(kind: &str, lists: &[(&str, &[&str])], texts: &[(&str, &str)]) -> Rule {
    let list = |(key, values): &(&str, &[&str])| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        ((*key).to_owned(), ParamValue::List(values))
    };
    let text =
        |(key, value): &(&str, &str)| ((*key).to_owned(), ParamValue::Text((*value).to_owned()));
    let params = lists.iter().map(list).chain(texts.iter().map(text)).collect();
    Rule {
        waiver: None,
        name: "r".to_owned(),
        kind: kind.to_owned(),
        level: Level::Must,
        cite: "words".to_owned(),
        line: 1,
        params: Params(params),
    }
}

/// Judges without an errand.
pub(super) fn judged(rule: &Rule, drawn: &Drawn) -> Ruling {
    judge(rule, drawn, None).expect("it can be read")
}

/// Judges with what came of the errand.
pub(super) fn judged_after(rule: &Rule, drawn: &Drawn, outcome: &Outcome) -> Ruling {
    judge(rule, drawn, Some(outcome)).expect("it can be read")
}
