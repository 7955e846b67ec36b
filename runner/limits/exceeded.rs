//! Which limit was passed, with what was used: the reason that people read.
//!
//! Plain data. Unaware of how it was found out.

use std::fmt;

use crate::size::Size;

/// A limit that was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exceeded {
    /// Its own limit on memory.
    Memory {
        /// What it used, in bytes.
        used: u64,
        /// What it may use, in bytes.
        cap: u64,
    },
    /// The run's limit on memory, as the one that used the most.
    Together {
        /// What it used itself, in bytes.
        used: u64,
        /// What all may use together, in bytes.
        cap: u64,
    },
    /// The limit on processes.
    Processes {
        /// What it may have at once.
        cap: u64,
    },
    /// The limit on the size of one file.
    File {
        /// What a file may have, in bytes.
        cap: u64,
    },
    /// The limit on disk.
    Disk {
        /// By how much its folders grew, in bytes.
        used: u64,
        /// By how much they may, in bytes.
        cap: u64,
    },
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Memory { used, cap } => write!(
                f,
                "its memory budget is used up: it used {}, it may use {}",
                Size(used),
                Size(cap)
            ),
            Self::Together { used, cap } => write!(
                f,
                "the run's memory budget is used up: it used the most, {}, of {} for all",
                Size(used),
                Size(cap)
            ),
            Self::Processes { cap } => {
                write!(f, "it had as many processes and threads as it may have: {cap}")
            }
            Self::File { cap } => {
                write!(f, "it wrote a file beyond the {} that one may have", Size(cap))
            }
            Self::Disk { used, cap } => write!(
                f,
                "its disk is used up: its folders grew by {}, they may grow by {}",
                Size(used),
                Size(cap)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_says_what_was_used_and_what_may_be() {
        let reason = Exceeded::Memory { used: 3 << 30, cap: 2 << 30 }.to_string();
        assert_eq!(reason, "its memory budget is used up: it used 3 GiB, it may use 2 GiB");
    }
}
