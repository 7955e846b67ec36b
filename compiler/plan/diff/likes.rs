//! Finds in two lists of named things which of one is which of the other: by
//! name, else by equal content, as for a gate that is named after a node and
//! goes with its name.
//!
//! Unaware of what the things are.

use std::collections::BTreeMap;

/// Two lists of named things, and which belong together.
pub(super) struct Likes {
    /// For each thing of the second list the one of the first that it is, or has
    /// the content of.
    of_after: Vec<Option<usize>>,
    /// For each thing of the first list the first one with its content.
    first: Vec<usize>,
    /// The pairs to be compared, in the order of the second list.
    pub(super) both: Vec<(usize, usize)>,
    /// What is in the first list alone.
    pub(super) removed: Vec<usize>,
    /// What is in the second list alone, though its content may be in the first.
    pub(super) added: Vec<usize>,
}

impl Likes {
    /// Pairs two lists, in which names are unique.
    pub(super) fn of<'a, T, K: Ord>(
        (before, after): (&'a [T], &'a [T]),
        name: impl Fn(&'a T) -> &'a str,
        content: impl Fn(&'a T) -> K,
    ) -> Self {
        let names: BTreeMap<&str, usize> =
            before.iter().enumerate().map(|(at, thing)| (name(thing), at)).collect();
        let mut contents: BTreeMap<K, usize> = BTreeMap::new();
        let first: Vec<usize> = before
            .iter()
            .enumerate()
            .map(|(at, thing)| *contents.entry(content(thing)).or_insert(at))
            .collect();
        let mut is_left = vec![true; before.len()];
        for thing in after {
            if let Some(&at) = names.get(name(thing)) {
                is_left[at] = false;
            }
        }
        let (mut of_after, mut both, mut added) = (Vec::new(), Vec::new(), Vec::new());
        for (at, thing) in after.iter().enumerate() {
            let named = names.get(name(thing)).copied();
            let alike = named.or_else(|| contents.get(&content(thing)).copied());
            of_after.push(alike.map(|like| first[like]));
            match alike {
                Some(like) if named.is_some() || std::mem::take(&mut is_left[like]) => {
                    both.push((like, at));
                }
                _ => added.push(at),
            }
        }
        let removed = (0..before.len()).filter(|&at| is_left[at]).collect();
        Self { of_after, first, both, removed, added }
    }

    /// Tells whether each thing is what stands at its place in the other list.
    pub(super) fn is_same(&self) -> bool {
        let is_own = |(at, pair): (usize, &(usize, usize))| *pair == (at, at);
        self.both.len() == self.of_after.len() && self.both.iter().enumerate().all(is_own)
    }

    /// Returns what a thing of the first list is compared by.
    pub(super) fn before(&self, at: usize) -> usize {
        self.first[at]
    }

    /// Returns what a thing of the second list is compared by; `None`: its like is
    /// not in the first one.
    pub(super) fn after(&self, at: usize) -> Option<usize> {
        self.of_after[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Thing = (&'static str, u8);

    fn likes(before: &'static [Thing], after: &'static [Thing]) -> Likes {
        Likes::of((before, after), |thing| thing.0, |thing| thing.1)
    }

    #[test]
    fn a_name_decides_before_content_does() {
        let found = likes(&[("a", 1), ("b", 2)], &[("a", 2), ("c", 2)]);
        assert_eq!(found.both, [(0, 0), (1, 1)]);
        assert!(found.removed.is_empty() && found.added.is_empty());
        let found = likes(&[("a", 1), ("b", 2)], &[("b", 1)]);
        assert_eq!((found.both, found.removed), (vec![(1, 0)], vec![0]));
    }

    #[test]
    fn one_thing_is_found_again_once() {
        let found = likes(&[("a", 1)], &[("x", 1), ("y", 1)]);
        assert_eq!((&found.both, &found.added), (&vec![(0, 0)], &vec![1]));
        // What names the second one means the same all the same.
        assert_eq!((found.after(0), found.after(1)), (Some(0), Some(0)));
        assert!(!found.is_same());
    }

    #[test]
    fn what_was_equal_is_compared_as_one() {
        let found = likes(&[("a", 1), ("b", 1)], &[("b", 1), ("c", 3)]);
        assert_eq!((found.before(1), found.after(0), found.after(1)), (0, Some(0), None));
        assert_eq!((found.removed, found.added), (vec![0], vec![1]));
    }
}
