//! Which globs of a plan meet, each pair of distinct ones decided once.
//!
//! Globs are sorted by the folders that they begin with, case ignored, so that those
//! below others come right behind them: of globs in other folders no pair is looked
//! at. Most pairs are decided by that; the rest is for automata, within a bound. A
//! glob that is left undecided counts as `**`, which is safe: it meets all. What
//! comes out depends on the globs alone. Unaware of the order of nodes.

use std::collections::BTreeMap;

use rayon::prelude::{IntoParallelIterator as _, ParallelIterator as _, ParallelSliceMut as _};

use crate::globs::{Generated, Language, SPECIAL, fold, meeting};
use crate::{Node, NodeIndex};

/// How much is found out about the globs of a plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The most pairs of globs that meet.
    pub(super) pairs: usize,
    /// The most pairs of globs that automata are asked about: some 20 microseconds each.
    pub(super) asked: usize,
    /// The most bytes of all automata.
    pub(super) bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { pairs: 2_000_000, asked: 20_000, bytes: 64 << 20 }
    }
}

/// The number of a glob among the distinct ones of a plan.
pub(super) type Class = u32;

/// What counts as `**`: the files of nodes without a list, and all that was left
/// undecided.
pub(super) const ALL: Class = 0;

/// The globs of a plan.
pub(super) struct Classes {
    /// Where the list of each node ends.
    ends: Vec<u32>,
    /// The classes of each node that writes; of one in [`ALL`] no other counts.
    of: Vec<Class>,
    /// For each class the others that it meets, ascending. Those of [`ALL`] are not
    /// listed, and it in no list.
    meets: Vec<Vec<Class>>,
}

impl Classes {
    pub(super) fn of(nodes: &[Node], generated: &Generated<'_>, bounds: Bounds) -> Self {
        // Each glob with where it stands among all.
        let mut listed: Vec<(&str, u32)> = Vec::new();
        let mut ends = Vec::with_capacity(nodes.len());
        for node in nodes {
            let at = count(listed.len());
            match node.writes.globs() {
                _ if !node.is_writer() => {}
                None => listed.push(("", at)),
                Some(list) => {
                    listed.extend((at..).zip(list).map(|(at, glob)| (glob.as_str(), at)));
                }
            }
            ends.push(count(listed.len()));
        }
        listed.par_sort_unstable();
        let (mut globs, mut of) = (vec![""], vec![ALL; listed.len()]);
        for (glob, at) in listed {
            if globs.last() != Some(&glob) {
                globs.push(glob);
            }
            of[at as usize] = count(globs.len() - 1);
        }
        Self::of_found(Found::of(&globs, generated, bounds), &of, &ends)
    }

    /// Leaves out what writes nothing that counts, and all beside [`ALL`].
    fn of_found(found: Found<'_>, all: &[Class], all_ends: &[u32]) -> Self {
        let (mut of, mut ends) =
            (Vec::with_capacity(all.len()), Vec::with_capacity(all_ends.len()));
        let mut start = 0;
        for &end in all_ends {
            let own = &all[start as usize..end as usize];
            if own.iter().any(|class| found.is_all[*class as usize]) {
                of.push(ALL);
            } else {
                let mut own: Vec<Class> = own.to_vec();
                own.retain(|class| found.counts[*class as usize]);
                own.sort_unstable();
                own.dedup();
                of.extend(own);
            }
            ends.push(count(of.len()));
            start = end;
        }
        Self { ends, of, meets: found.meets }
    }

    /// Returns how many classes there are.
    pub(super) fn len(&self) -> usize {
        self.meets.len()
    }

    /// Returns the others that a class meets, apart from [`ALL`].
    pub(super) fn met(&self, class: Class) -> &[Class] {
        &self.meets[class as usize]
    }

    /// Returns the classes of a node.
    pub(super) fn at(&self, node: NodeIndex) -> &[Class] {
        let start = node.get().checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.of[start as usize..self.ends[node.get()] as usize]
    }

    /// Tells whether a node meets a class.
    pub(super) fn meets(&self, node: NodeIndex, class: Class) -> bool {
        let meets = |own: &Class| {
            *own == ALL || *own == class || self.met(class).binary_search(own).is_ok()
        };
        self.at(node).iter().any(meets)
    }
}

/// How a glob goes on behind the folders that it begins with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Not at all: it is one path.
    Literal,
    /// By `**`: it matches something below all that lies there.
    Deep,
    /// In another way.
    Other,
}

/// A glob among those sorted by their folders.
struct Entry {
    folders: String,
    kind: Kind,
    class: Class,
}

/// Globs that lie in the same folder.
struct Open {
    folders: String,
    plain: Vec<Class>,
    others: Vec<Class>,
}

/// Finds what meets.
struct Found<'a> {
    globs: &'a [&'a str],
    generated: &'a Generated<'a>,
    meets: Vec<Vec<Class>>,
    /// What matches some path that counts.
    counts: Vec<bool>,
    /// What counts as [`ALL`].
    is_all: Vec<bool>,
    languages: BTreeMap<Class, Option<Language>>,
    left: Bounds,
}

impl<'a> Found<'a> {
    fn of(globs: &'a [&'a str], generated: &'a Generated<'a>, left: Bounds) -> Self {
        let mut found = Self {
            globs,
            generated,
            meets: vec![Vec::new(); globs.len()],
            counts: vec![false; globs.len()],
            is_all: vec![false; globs.len()],
            languages: BTreeMap::new(),
            left,
        };
        found.is_all[ALL as usize] = true;
        let all = 1..globs.len();
        let entries = all.into_par_iter().filter_map(|at| entry(globs[at], count(at), generated));
        let mut entries: Vec<Entry> = entries.collect();
        // Classes are in the order of their globs, so most are sorted already.
        entries.sort_by(|a, b| a.folders.cmp(&b.folders));
        let mut open: Vec<Open> = Vec::new();
        for entry in &entries {
            while open.last().is_some_and(|above| !is_below(&entry.folders, &above.folders)) {
                open.pop();
            }
            found.place(entry, &mut open);
        }
        found.meets.iter_mut().for_each(|meets| meets.sort_unstable());
        found
    }

    /// Compares a glob with those in the folders above it and in its own.
    fn place(&mut self, entry: &Entry, open: &mut Vec<Open>) {
        let class = entry.class;
        for above in &*open {
            let is_same = above.folders == entry.folders;
            for &other in &above.plain {
                self.note(class, other);
            }
            for &other in &above.others {
                if self.is_all[class as usize] {
                    return;
                }
                // A path is a folder of all that a glob matches below it, and below
                // all that one matches there is something that `**` does.
                let is_plain = is_same && entry.kind != Kind::Other;
                match is_plain.then_some(true).or_else(|| self.ask(class, other)) {
                    Some(true) => self.note(class, other),
                    Some(false) => {}
                    // What cannot be read meets all, and is no reason that others do.
                    None if !self.is_readable(other) => self.is_all[other as usize] = true,
                    None => self.is_all[class as usize] = true,
                }
            }
            if self.is_all[class as usize] {
                return;
            }
        }
        self.counts[class as usize] = true;
        if open.last().is_none_or(|last| last.folders != entry.folders) {
            let folders = entry.folders.clone();
            open.push(Open { folders, plain: Vec::new(), others: Vec::new() });
        }
        if let Some(own) = open.last_mut() {
            match entry.kind {
                Kind::Literal | Kind::Deep => own.plain.push(class),
                Kind::Other => own.others.push(class),
            }
        }
    }

    /// Notes that two globs meet; with too many, the one meets all.
    fn note(&mut self, class: Class, other: Class) {
        match self.left.pairs.checked_sub(1) {
            None => self.is_all[class as usize] = true,
            Some(left) => {
                self.left.pairs = left;
                self.meets[class as usize].push(other);
                self.meets[other as usize].push(class);
            }
        }
    }

    /// Asks automata; `None`: there is no answer within the bounds.
    fn ask(&mut self, class: Class, other: Class) -> Option<bool> {
        self.left.asked = self.left.asked.checked_sub(1)?;
        self.read(class);
        self.read(other);
        let language = |class: Class| self.languages.get(&class)?.as_ref();
        Some(meeting(language(class)?, language(other)?)?.is_some())
    }

    fn is_readable(&self, class: Class) -> bool {
        self.languages.get(&class).is_none_or(Option::is_some)
    }

    fn read(&mut self, class: Class) {
        if self.left.bytes > 0 && !self.languages.contains_key(&class) {
            let language = Language::of(self.globs[class as usize], self.generated);
            let bytes = language.as_ref().map_or(1 << 10, Language::bytes);
            self.left.bytes = self.left.bytes.saturating_sub(bytes);
            self.languages.insert(class, language);
        }
    }
}

/// Says where a glob lies; `None`: it matches no path that counts.
fn entry(glob: &str, class: Class, generated: &Generated<'_>) -> Option<Entry> {
    let special = glob.split('/').position(|part| part.contains(SPECIAL));
    let (kind, parts) = match special {
        None if generated.has(glob) || !is_path(glob) => return None,
        None => (Kind::Literal, usize::MAX),
        Some(at) if glob.split('/').nth(at) == Some("**") => (Kind::Deep, at),
        Some(at) => (Kind::Other, at),
    };
    // The least sign ends a folder, so that what lies below comes right behind it.
    let mut folders = String::with_capacity(glob.len() + 1);
    for part in glob.split('/').take(parts) {
        match part.is_ascii() {
            true => folders.extend(part.bytes().map(|byte| char::from(byte.to_ascii_lowercase()))),
            false => folders.extend(part.chars().map(fold)),
        }
        folders.push('\0');
    }
    Some(Entry { folders, kind, class })
}

/// Counts what there are fewer than 2^32 of in a plan of 256 MiB.
fn count(length: usize) -> u32 {
    u32::try_from(length).expect("invariant: fewer than 2^32 globs in a plan")
}

/// Tells whether one text of folders lies within another.
fn is_below(folders: &str, above: &str) -> bool {
    folders.starts_with(above)
}

/// Tells whether a text without special signs can be the path of a file.
fn is_path(text: &str) -> bool {
    text.split('/').all(|part| !part.is_empty())
}
