//! What evaluation sees: modules, scopes, files, and how much may still be made.
//!
//! Unaware of tasks.

use crate::files::Files;
use crate::load::ModuleId;
use crate::meter::Meter;
use crate::modules::Module;
use crate::scope::{ScopeId, Scopes};

/// Everything that a value can depend on.
pub(crate) struct World<'a> {
    pub(crate) modules: Vec<Module<'a>>,
    pub(crate) scopes: Scopes<'a>,
    pub(crate) files: Files<'a>,
    pub(crate) meter: Meter,
    /// Whether the pipeline or some `defaults` could not be read whole: then what they
    /// would have said is not missing elsewhere.
    pub(crate) doubtful_defaults: bool,
    /// Whether the spec is a file that is there to be used by others.
    pub(crate) is_used_only: bool,
}

impl<'a> World<'a> {
    /// Returns the spec's own module.
    pub(crate) fn spec(&self) -> ModuleId {
        ModuleId::new(self.modules.len().saturating_sub(1))
    }

    /// Returns the module in which a scope lies.
    pub(crate) fn module_of(&self, scope: ScopeId) -> &Module<'a> {
        &self.modules[self.scopes.at(scope).module.get()]
    }

    /// Finds a module by the word that a `use` gave it in the scope's file.
    pub(crate) fn used(&self, word: &str, scope: ScopeId) -> Option<ModuleId> {
        let module = self.module_of(scope);
        let (position, _) = module.uses.get(word)?;
        module.targets.get(position).map(|(target, _)| *target)
    }
}
