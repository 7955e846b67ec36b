//! A whole spec, resolved: what the checks look at and the plan is made of.
//!
//! Plain data. Unaware of how it came to be.

use eufm_plan::{Constitution, Exchange, ModelPrice};

use crate::actors::Actors;
use crate::environments::Environments;
use crate::governance::Made;
use crate::load::Loaded;
use crate::project::Pipeline;
use crate::task::Task;
use crate::tree::{TaskId, TaskTree};
use crate::world::World;

/// A spec with typed values, in which every reference leads to something.
pub(crate) struct ResolvedSpec<'a> {
    pub(crate) world: World<'a>,
    pub(crate) loaded: &'a [Loaded<'a>],
    pub(crate) pipeline: Pipeline<'a>,
    pub(crate) agents: Actors<'a>,
    pub(crate) gates: Actors<'a>,
    pub(crate) environments: Environments<'a>,
    pub(crate) tree: TaskTree<'a>,
    /// One for each instance of the tree.
    pub(crate) tasks: Vec<Task<'a>>,
    pub(crate) constitution: Option<Constitution>,
    pub(crate) generated: Vec<Made>,
    pub(crate) prices: Vec<ModelPrice>,
    pub(crate) exchange: Vec<Exchange>,
    /// The parameters that the request set, as they are spelled, sorted by name.
    pub(crate) params: Vec<(String, String)>,
}

impl<'a> ResolvedSpec<'a> {
    /// Iterates over the instances that are not taken out.
    pub(crate) fn present(&self) -> impl Iterator<Item = (TaskId, &Task<'a>)> {
        let tasks = self.tasks.iter().enumerate().map(|(at, task)| (TaskId::new(at), task));
        tasks.filter(|(id, _)| !self.tree.instance(*id).omitted)
    }
}
