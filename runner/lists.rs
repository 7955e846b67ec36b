//! Many short lists in two arrays: what each node waits for, and who waits for it.
//!
//! A list of its own for each of ten thousand nodes is ten thousand pieces of
//! memory. Unaware of what the items mean, but for the indices of nodes, whose
//! lists can be turned round.

use std::fmt;

use eufm_plan::NodeIndex;

/// One list a node, in plan order.
pub(crate) struct Lists<T> {
    /// Where each node's list ends among the items; it begins where the one
    /// before ends.
    ends: Vec<u32>,
    items: Vec<T>,
}

impl<T: Copy> Lists<T> {
    /// Copies the lists of all nodes.
    pub(crate) fn of<'a>(lists: impl Iterator<Item = &'a [T]> + Clone) -> Self
    where
        T: 'a,
    {
        let mut items = Vec::with_capacity(lists.clone().map(<[T]>::len).sum());
        let ends = lists.map(|list| {
            items.extend_from_slice(list);
            place(items.len())
        });
        Self { ends: ends.collect(), items }
    }

    /// Puts two lists of each node into one that is sorted.
    pub(crate) fn of_both<'a>(lists: impl Iterator<Item = (&'a [T], &'a [T])> + Clone) -> Self
    where
        T: Ord + 'a,
    {
        let count = lists.clone().map(|(one, other)| one.len() + other.len()).sum();
        let mut items = Vec::with_capacity(count);
        let ends = lists.map(|(one, other)| {
            let start = items.len();
            items.extend_from_slice(one);
            items.extend_from_slice(other);
            if !other.is_empty() {
                items[start..].sort_unstable();
            }
            place(items.len())
        });
        Self { ends: ends.collect(), items }
    }

    /// Returns a node's list.
    pub(crate) fn at(&self, node: NodeIndex) -> &[T] {
        let node = node.get();
        let start = node.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.items[start as usize..self.ends[node] as usize]
    }
}

impl<T: Copy + fmt::Debug> fmt::Debug for Lists<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = (0..self.ends.len()).map(NodeIndex::new);
        f.debug_list().entries(nodes.map(|node| self.at(node))).finish()
    }
}

impl Lists<NodeIndex> {
    /// Turns the lists round: each node gets those in whose list it stands, in
    /// plan order.
    pub(crate) fn turned(&self) -> Self {
        // First where each list begins; each item then moves that on by one, to
        // where the list ends.
        let mut ends = vec![0; self.ends.len()];
        self.items.iter().for_each(|item| ends[item.get()] += 1);
        let mut sum = 0;
        for end in &mut ends {
            sum += std::mem::replace(end, sum);
        }
        let mut items = vec![NodeIndex::new(0); self.items.len()];
        for node in (0..self.ends.len()).map(NodeIndex::new) {
            for item in self.at(node) {
                let end = &mut ends[item.get()];
                items[*end as usize] = node;
                *end += 1;
            }
        }
        Self { ends, items }
    }
}

fn place(items: usize) -> u32 {
    u32::try_from(items).expect("invariant: fewer than 2^32 edges in a plan of 256 MiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(list: &[usize]) -> Vec<NodeIndex> {
        list.iter().copied().map(NodeIndex::new).collect()
    }

    #[test]
    fn two_lists_of_a_node_become_a_sorted_one() {
        let (needs, writers) = ([nodes(&[]), nodes(&[1, 4])], [nodes(&[3]), nodes(&[0, 2])]);
        let lists = needs.iter().map(Vec::as_slice).zip(writers.iter().map(Vec::as_slice));
        let both = Lists::of_both(lists);
        assert_eq!(both.at(NodeIndex::new(0)), nodes(&[3]));
        assert_eq!(both.at(NodeIndex::new(1)), nodes(&[0, 1, 2, 4]));
    }

    #[test]
    fn each_node_has_its_list_and_its_place_in_those_of_others() {
        let needs = [nodes(&[]), nodes(&[0]), nodes(&[0, 1]), nodes(&[0])];
        let lists = Lists::of(needs.iter().map(Vec::as_slice));
        let turned = lists.turned();
        let expected = [nodes(&[1, 2, 3]), nodes(&[2]), nodes(&[]), nodes(&[])];
        for (position, (needs, needed_by)) in needs.iter().zip(&expected).enumerate() {
            assert_eq!(lists.at(NodeIndex::new(position)), needs);
            assert_eq!(turned.at(NodeIndex::new(position)), needed_by);
        }
    }
}
