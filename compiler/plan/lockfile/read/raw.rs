//! The form of the tables of plan.lock: their keys as TOML has them, nothing
//! else let in.
//!
//! Tables of names stay in the order of the file, which is the order of the
//! plan. Unaware of what the names point to.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::lockfile::items::UNPROTECTED;
use crate::{Accept, Digest, OnFail, Overlap, Writes};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRunBudget {
    pub(super) cost: Option<String>,
    pub(super) rate: Option<String>,
    pub(super) wall: Option<String>,
    pub(super) tokens: Option<String>,
    pub(super) memory: Option<String>,
    pub(super) parallel: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEnvironment {
    pub(super) tools: Vec<String>,
    #[serde(default)]
    pub(super) network: Vec<String>,
    #[serde(default)]
    pub(super) prepare: Vec<String>,
    #[serde(default)]
    pub(super) key: Vec<String>,
    #[serde(default)]
    pub(super) keep: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a parameter is a string or a list of strings")]
pub(super) enum RawParam {
    Text(String),
    List(Vec<String>),
    /// The line of a rule, which is no parameter.
    Number(u32),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConstitution {
    pub(super) path: String,
    pub(super) digest: Digest,
    #[serde(default)]
    pub(super) unmapped: Vec<String>,
    #[serde(default)]
    pub(super) unmapped_more: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProtected {
    pub(super) paths: Vec<String>,
    pub(super) existing: Vec<String>,
    pub(super) named: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGenerated {
    #[serde(default)]
    pub(super) network: Vec<String>,
    #[serde(default)]
    pub(super) env: Vec<String>,
    pub(super) run: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawText {
    pub(super) text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOmitted {
    pub(super) nodes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPrice {
    pub(super) input: String,
    pub(super) cached: Option<String>,
    pub(super) cache_write: Option<String>,
    pub(super) output: String,
    pub(super) long: Option<RawLongPrompt>,
    pub(super) max_output: Option<String>,
    pub(super) date: String,
    pub(super) source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLongPrompt {
    pub(super) above: String,
    pub(super) input: String,
    pub(super) cached: Option<String>,
    pub(super) cache_write: Option<String>,
    pub(super) output: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExchange {
    pub(super) rate: String,
    pub(super) date: String,
    pub(super) source: String,
}

/// A node; which keys each kind has, `work` checks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNode {
    pub(super) kind: RawKind,
    pub(super) agent: Option<String>,
    pub(super) session: Option<String>,
    pub(super) network: Option<Vec<String>>,
    pub(super) secrets: Option<Vec<String>>,
    pub(super) in_place: Option<bool>,
    pub(super) shell: Option<bool>,
    pub(super) folders: Option<Vec<String>>,
    pub(super) recovery: Option<RawRecovery>,
    pub(super) probe: Option<Vec<String>>,
    pub(super) needs: Vec<String>,
    #[serde(default)]
    pub(super) after_writer: Vec<String>,
    #[serde(default)]
    pub(super) accept: Accept,
    #[serde(default)]
    pub(super) inputs: Vec<String>,
    #[serde(default)]
    pub(super) implements: Vec<String>,
    pub(super) reads: Option<Vec<String>>,
    #[serde(deserialize_with = "writes")]
    pub(super) writes: Writes,
    #[serde(default)]
    pub(super) overlap: Overlap,
    pub(super) env: Vec<String>,
    pub(super) gates: Vec<String>,
    pub(super) budget: Vec<String>,
    #[serde(default)]
    pub(super) on_fail: OnFail,
    pub(super) cwd: Option<String>,
    pub(super) vars: Option<Vec<String>>,
    pub(super) ok: Option<Vec<u8>>,
    pub(super) stdout: Option<String>,
    pub(super) prompt: Option<String>,
    pub(super) prompt_of: Option<String>,
    pub(super) ask: Option<String>,
    pub(super) ask_of: Option<String>,
    pub(super) rules: Option<Vec<String>>,
    pub(super) run: Option<Vec<String>>,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawKind {
    Agent,
    Command,
    Approval,
    Verify,
    Deploy,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawRecovery {
    Ask,
    Rerun,
    Skip,
    Probe,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCompiler {
    pub(super) spec: String,
    pub(super) root: Option<String>,
    pub(super) edition: u32,
    pub(super) version: String,
}

/// Reads `writes` without the detour of an untagged enum: every node has one.
fn writes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Writes, D::Error> {
    struct Either;

    impl<'de> Visitor<'de> for Either {
        type Value = Writes;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of globs or \"{UNPROTECTED}\"")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Writes, E> {
            if text == UNPROTECTED {
                return Ok(Writes::Unprotected);
            }
            Err(E::invalid_value(serde::de::Unexpected::Str(text), &self))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Writes, A::Error> {
            let mut globs = Vec::new();
            while let Some(glob) = items.next_element()? {
                globs.push(glob);
            }
            Ok(Writes::Globs(globs))
        }
    }

    deserializer.deserialize_any(Either)
}

/// A table in the order of the file, which is the order of the plan.
pub(super) struct Ordered<T>(pub(super) Vec<(String, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OrderedVisitor(PhantomData))
    }
}

struct OrderedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OrderedVisitor<T> {
    type Value = Ordered<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Ordered(entries))
    }
}
