//! The commands: one file each. A command turns its arguments into a call of
//! the compiler or the runner and renders the result; it computes nothing.

pub(crate) mod cassette;
pub(crate) mod check;
pub(crate) mod compile;
pub(crate) mod confine;
pub(crate) mod cost;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod exec;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod forward;
pub(crate) mod gc;
pub(crate) mod init;
pub(crate) mod layers;
pub(crate) mod limit;
pub(crate) mod now;
pub(crate) mod people;
pub(crate) mod prices;
pub(crate) mod show;
pub(crate) mod verify;
pub(crate) mod why;
