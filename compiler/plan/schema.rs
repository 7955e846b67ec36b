//! How a kind of gate or agent describes its parameters.
//!
//! The runner publishes one [`KindSchema`] a kind; the compiler checks a spec
//! against them and knows no kind by name. Unaware of what the kinds do.

/// The schema of one kind: `gate unit is tests { … }` is checked against the
/// schema named `tests`.
#[derive(Debug)]
pub struct KindSchema {
    /// The name after `is`.
    pub name: &'static str,
    /// One line for people.
    pub doc: &'static str,
    /// The parameters, in the order in which plan.lock lists them.
    pub params: &'static [Param],
}

impl KindSchema {
    /// Finds a parameter by its key.
    #[must_use]
    pub fn param(&self, key: &str) -> Option<&'static Param> {
        self.params.iter().find(|param| param.name == key)
    }
}

/// One parameter of a kind.
#[derive(Debug)]
pub struct Param {
    /// The key in the spec and in plan.lock.
    pub name: &'static str,
    /// What may be written.
    pub ty: ParamType,
    /// Whether the spec must give it.
    pub required: bool,
    /// One line for people.
    pub doc: &'static str,
}

/// What may be written for a parameter, and how plan.lock spells it.
#[derive(Debug, Clone, Copy)]
pub enum ParamType {
    /// A string; kept as it is.
    Text,
    /// A list of strings, at least one: a command and its arguments.
    Command,
    /// One of these bare words; a string in plan.lock.
    Word(&'static [&'static str]),
    /// `name("path")` with one of these names; `name path` in plan.lock. The path
    /// is relative to the root and stays below it.
    Located(&'static [&'static str]),
    /// A block of comparisons `{ name >= value, … }`; a list of `name >= value`
    /// in plan.lock, in the order given here.
    Thresholds(&'static [Threshold]),
}

/// One comparison of a [`ParamType::Thresholds`] block.
#[derive(Debug)]
pub struct Threshold {
    /// The measured quantity.
    pub name: &'static str,
    /// Its unit.
    pub unit: ThresholdUnit,
}

/// The unit of a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThresholdUnit {
    /// A percentage, see [`crate::units::Percent`].
    Percent,
    /// A whole number.
    Count,
}

/// All kinds that a compile may use, given by the caller.
#[derive(Debug, Clone, Copy)]
pub struct Catalog<'a> {
    /// The gate kinds, sorted by name.
    pub gates: &'a [&'static KindSchema],
    /// The agent kinds, sorted by name.
    pub agents: &'a [&'static KindSchema],
}
