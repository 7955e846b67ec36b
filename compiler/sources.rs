//! Where the compiler gets its sources from.
//!
//! The compiler reads no file itself: whoever calls it decides what a path
//! means. So a compile can be tested, and repeated, without a disk.

/// Gives the compiler the files that a spec consists of.
///
/// Paths are relative to the root, normal (no `.`, `..` or empty part) and
/// separated by `/`; whoever implements this must not let a link lead out of
/// the root.
pub trait Sources: Sync {
    /// Returns the bytes of a file.
    ///
    /// # Errors
    /// Returns the reason in words, without the path: `no such file`.
    fn load(&self, path: &str) -> Result<Vec<u8>, String>;

    /// Returns the bytes of a file that a check may run; `None` where no file has
    /// this name: nothing has, or a folder.
    ///
    /// # Errors
    /// Returns the reason in words, without the path: for a link, since a commit
    /// holds the link and not what it leads to, and where the file cannot be read.
    fn script(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(self.load(path).ok())
    }

    /// Returns the names of the folders in a folder, hidden ones left out, in any
    /// order; the empty path is the root.
    ///
    /// # Errors
    /// Returns the reason in words, without the path: `no such folder`.
    fn folders(&self, path: &str) -> Result<Vec<String>, String>;

    /// Returns a part of the standard library by its name without `std.`.
    fn standard(&self, name: &str) -> Option<&str>;

    /// Lists the names of the parts of the standard library.
    fn standard_names(&self) -> Vec<&str>;
}
