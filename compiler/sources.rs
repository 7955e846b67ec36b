//! Where the compiler gets its sources from.
//!
//! The compiler reads no file itself: whoever calls it decides what a path
//! means. So a compile can be tested, and repeated, without a disk.

/// Gives the compiler the files that a spec consists of.
pub trait Sources {
    /// Returns the bytes of a file.
    ///
    /// # Errors
    /// Returns the reason in words, without the path: `no such file`.
    fn load(&self, path: &str) -> Result<Vec<u8>, String>;
}
