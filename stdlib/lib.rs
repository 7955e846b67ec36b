//! The standard library: `.eufm` files that are part of the binary.
//!
//! Text only; unaware of the grammar that reads it and of who asks for it.

/// A small spec that compiles, to start from; `eufm init` writes it.
pub const STARTER: &str = include_str!("starter.eufm");
