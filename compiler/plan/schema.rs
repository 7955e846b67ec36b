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
    /// Whether it must be given, and what holds if it is not.
    pub need: Need,
    /// One line for people.
    pub doc: &'static str,
}

/// Whether a parameter must be given, and what holds if it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It must be given.
    Required,
    /// It may be left out; what then holds, its doc line says.
    Optional,
    /// If it is left out this holds, in the spelling of plan.lock.
    Default(&'static str),
}

/// What may be written for a parameter, and how plan.lock spells it.
#[derive(Debug, Clone, Copy)]
pub enum ParamType {
    /// A string; kept as it is.
    Text,
    /// A list of strings, at least one.
    Texts,
    /// A list of strings, at least one: a command and its arguments.
    Command,
    /// One of these bare words; a string in plan.lock.
    Word(&'static [&'static str]),
    /// `name("path")` with one of these names; `name path` in plan.lock. The path
    /// stays below the root, or below the folder the kind has a parameter for.
    Located(&'static [&'static str]),
    /// A block of comparisons `{ name >= value, … }`; a list of `name >= value`
    /// in plan.lock, in the order given here.
    Thresholds(&'static [Threshold]),
    /// A whole number in this range; a string of digits in plan.lock.
    Count {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// A duration above zero, `15 min`.
    Duration,
    /// A size in bytes, `8 MiB`.
    Bytes,
    /// A path relative to the root that stays below it.
    Path,
    /// A list of globs, at least one, relative to the root.
    Globs,
    /// A list of host names, each with an optional port.
    Hosts,
    /// The address of a service, `https://host:port/path`, without a `/` at its
    /// end; `http` for this host alone.
    Address,
    /// A block of variables `{ NAME = "value" }`; a list of `NAME=value` in plan.lock.
    Variables,
    /// A regular expression as the crate `regex` reads it.
    Pattern,
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
    /// The kinds of rules, sorted by name.
    pub rules: &'a [&'static KindSchema],
}
