//! Git, as the runner uses it: a vault of its own, a worktree an attempt, the
//! harvest of its result, merges, and the branch the user gets.
//!
//! An agent's folder is nothing but a work tree to the runner: git never reads
//! a git directory, a configuration, an attribute or a hook from it. The user's
//! repository is read, and written in two places: `refs/eufm/<run>/base` and
//! the branch `eufm/<run>`. Unaware of plans, nodes, journals and sandboxes.

mod attributes;
mod collect;
mod command;
mod contents;
mod delta;
mod error;
mod harvest;
mod id;
mod inspect;
mod known;
mod listing;
mod locks;
mod merge;
mod names;
mod part;
mod publish;
mod refs;
mod refusal;
mod restore;
mod survey;
mod vault;
mod view;
mod worktree;
mod writes;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod planted;

pub(crate) use command::Git;
pub(crate) use contents::{Content, Held};
pub(crate) use error::Error;
pub(crate) use harvest::{CodeImplementation, HarvestError};
pub(crate) use id::{CommitId, TreeId};
pub(crate) use merge::MergeError;
pub(crate) use part::{Grafted, Sight};
pub(crate) use refs::Ref;
pub(crate) use survey::{Survey, meet};
pub(crate) use vault::{Author, Stamp, Vault};
pub(crate) use view::View;
pub(crate) use worktree::Worktree;
pub(crate) use writes::Writes;
