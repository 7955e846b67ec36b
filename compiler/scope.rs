//! Scopes: which names have a value where, and where a name was written.
//!
//! A scope is a module, a group, one element of a `for`, or one call of a
//! template, with its values. Names are never hidden by others. Unaware of how
//! values come to be.

use eufm_grammar::{Diagnostic, Span};
use indexmap::IndexMap;

use crate::load::ModuleId;
use crate::tree::GroupId;
use crate::types::Type;
use crate::value::Value;

/// How many calls of templates a finding shows.
const MAX_CALLS_SHOWN: usize = 3;

/// The position of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ScopeId(u32);

impl ScopeId {
    pub(crate) fn new(position: usize) -> Self {
        Self(u32::try_from(position).unwrap_or(u32::MAX))
    }

    pub(crate) fn get(self) -> usize {
        self.0 as usize
    }
}

/// A stretch of a spec in which certain names have a value.
#[derive(Debug)]
pub(crate) struct Scope<'a> {
    /// The scope around it; none for a module.
    pub(crate) parent: Option<ScopeId>,
    /// The file whose names are seen.
    pub(crate) module: ModuleId,
    /// The group in which tasks are looked for first.
    pub(crate) group: GroupId,
    /// The call of the template that this is the inside of, and the scope it stands in.
    pub(crate) call: Option<(Span, ScopeId)>,
    pub(crate) values: IndexMap<&'a str, Bound<'a>>,
}

/// A value with the place of its name.
#[derive(Debug, Clone)]
pub(crate) struct Bound<'a> {
    pub(crate) value: Value<'a>,
    pub(crate) name: Span,
    /// The type of a parameter.
    pub(crate) ty: Option<Type<'a>>,
}

/// All scopes; those of the modules stand first, by their ids.
#[derive(Debug, Default)]
pub(crate) struct Scopes<'a>(Vec<Scope<'a>>);

impl<'a> Scopes<'a> {
    /// Adds a scope.
    pub(crate) fn push(&mut self, scope: Scope<'a>) -> ScopeId {
        self.0.push(scope);
        ScopeId::new(self.0.len() - 1)
    }

    /// Makes the scope of a part of another one.
    pub(crate) fn inside(&mut self, parent: ScopeId, group: GroupId) -> ScopeId {
        let module = self.at(parent).module;
        let values = IndexMap::new();
        self.push(Scope { parent: Some(parent), module, group, call: None, values })
    }

    pub(crate) fn at(&self, id: ScopeId) -> &Scope<'a> {
        &self.0[id.get()]
    }

    pub(crate) fn at_mut(&mut self, id: ScopeId) -> &mut Scope<'a> {
        &mut self.0[id.get()]
    }

    /// Returns the scope of a module.
    pub(crate) fn module(&self, id: ModuleId) -> ScopeId {
        ScopeId::new(id.get())
    }

    /// Finds the value of a name, in a scope or around it.
    pub(crate) fn find(&self, name: &str, from: ScopeId) -> Option<&Bound<'a>> {
        let mut at = Some(from);
        while let Some(id) = at {
            let scope = self.at(id);
            if !scope.values.is_empty()
                && let Some(bound) = scope.values.get(name)
            {
                return Some(bound);
            }
            at = scope.parent;
        }
        None
    }

    /// Returns the names that have a value, the nearest first.
    pub(crate) fn names(&self, from: ScopeId) -> Vec<&'a str> {
        let mut names = Vec::new();
        let mut at = Some(from);
        while let Some(id) = at {
            let scope = self.at(id);
            names.extend(scope.values.keys().copied().take(1_000));
            at = scope.parent;
        }
        names
    }

    /// Adds the calls of templates that lead to a finding's place.
    pub(crate) fn with_calls(&self, mut finding: Diagnostic, from: ScopeId) -> Diagnostic {
        for (position, call) in self.calls(from).into_iter().take(MAX_CALLS_SHOWN).enumerate() {
            finding = finding.at(call, if position == 0 { "in this call" } else { "called here" });
        }
        finding
    }

    /// Returns the calls of templates that lead to a scope, the nearest first.
    fn calls(&self, from: ScopeId) -> Vec<Span> {
        let mut calls = Vec::new();
        let mut at = Some(from);
        while let Some(id) = at {
            let scope = self.at(id);
            at = match scope.call {
                Some((span, caller)) => {
                    calls.push(span);
                    Some(caller)
                }
                None => scope.parent,
            };
        }
        calls
    }
}
