//! What the fuzz targets share: the world around a spec, and the form of findings.
//!
//! A target states what must hold for every input, and panics where it does
//! not. Unaware of how inputs are made.

#![forbid(unsafe_code)]

pub mod findings;
pub mod naive;
pub mod project;

/// Keeps all work on the thread that fuzzes, so that an input covers the same
/// code each time.
///
/// # Panics
/// Panics when it is called for a second time.
pub fn on_one_thread() {
    rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .use_current_thread()
        .build_global()
        .expect("no other pool was made before");
}
