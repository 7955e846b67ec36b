//! How much a spec may expand to: a small text must not make an endless plan.
//!
//! Counted are nodes, and the bytes of what repetition and filling in copy. What
//! stands in the sources as it is costs nothing. The bounds grow with the
//! sources, so that no honest spec of any size meets them. Unaware of what is
//! counted.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::MAX_NODES;

/// How many nodes repetition may make, however small the sources are.
const FREE_NODES: u64 = 50_000;
/// For each so many bytes of the sources there may be one node more.
const BYTES_A_NODE: u64 = 16;
/// How many bytes may be copied, however small the sources are.
const FREE_BYTES: u64 = 48 << 20;
/// How many dependencies there may be, however small the sources are.
const FREE_EDGES: u64 = 500_000;

/// What may still be made.
#[derive(Debug)]
pub(crate) struct Meter {
    /// The most nodes.
    pub(crate) nodes: u64,
    /// The most bytes that are copied.
    pub(crate) bytes: u64,
    /// The most dependencies.
    pub(crate) edges: u64,
    used_bytes: AtomicU64,
    used_edges: AtomicU64,
    said: AtomicBool,
}

impl Meter {
    /// Makes the bounds for sources of so many bytes.
    pub(crate) fn new(source_bytes: u64) -> Self {
        let most = MAX_NODES as u64;
        Self {
            nodes: (FREE_NODES + source_bytes / BYTES_A_NODE).min(most),
            bytes: FREE_BYTES + 2 * source_bytes,
            edges: FREE_EDGES + source_bytes / 4,
            used_bytes: AtomicU64::new(0),
            used_edges: AtomicU64::new(0),
            said: AtomicBool::new(false),
        }
    }

    /// Counts copied bytes; false if there are too many.
    pub(crate) fn copy(&self, bytes: u64) -> bool {
        let before = self.used_bytes.fetch_add(bytes, Ordering::Relaxed);
        before.saturating_add(bytes) <= self.bytes
    }

    /// Counts dependencies; false if there are too many.
    pub(crate) fn connect(&self, edges: u64) -> bool {
        let before = self.used_edges.fetch_add(edges, Ordering::Relaxed);
        before.saturating_add(edges) <= self.edges
    }

    /// Tells whether nothing was said yet about what is too much.
    pub(crate) fn is_first(&self) -> bool {
        !self.said.swap(true, Ordering::Relaxed)
    }

    /// Returns what is counted so far, for [`Self::rewind`].
    pub(crate) fn mark(&self) -> (u64, u64) {
        (self.used_bytes.load(Ordering::Relaxed), self.used_edges.load(Ordering::Relaxed))
    }

    /// Counts again from a mark: what followed is done once more.
    pub(crate) fn rewind(&self, mark: (u64, u64)) {
        self.used_bytes.store(mark.0, Ordering::Relaxed);
        self.used_edges.store(mark.1, Ordering::Relaxed);
        self.said.store(false, Ordering::Relaxed);
    }
}
