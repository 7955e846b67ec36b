//! The tests of the whole program: the real binary, git, bubblewrap and the
//! real Codex CLI, with a cassette in place of the model. One topic a file.

mod check;
mod compile;
mod exec;
mod explain;
mod gates;
mod layering;
mod lock;
mod plan;
mod progress;
mod refusals;
mod resume;
mod sandbox;
mod support;
