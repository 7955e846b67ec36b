//! What a prepared environment is known by: everything that decides what is in
//! it, as far as the plan and the repository say.
//!
//! Unaware of where it lies. The programs in `tools` are not looked into: who
//! updates them takes care of what they left, as cargo does.

use eufm_plan::{Digest, Environment};
use serde::Serialize;

/// The number of this form of preparing; another one prepares everything anew.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Identity<'a> {
    format: u32,
    prepare: &'a [String],
    network: &'a [String],
    tools: &'a [String],
    keep: &'a [String],
    /// The files of `key`, each with its mode and the digest of its content.
    files: &'a [String],
}

/// Digests what decides; its name does not, so that equal ones are one.
pub(super) fn key(environment: &Environment, files: &[String]) -> Digest {
    let Environment { name: _, tools, prepare, network, key: _, keep } = environment;
    let identity = Identity { format: FORMAT, prepare, network, tools, keep, files };
    let bytes = serde_json::to_vec(&identity).expect("invariant: lists of texts are JSON");
    Digest::of(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_that_decides_makes_another_key_and_the_name_does_not() {
        let list = |text: &str| vec![text.to_owned()];
        let one = Environment {
            name: "rust".to_owned(),
            tools: list("~/.cargo/bin"),
            prepare: list("cargo"),
            network: list("a.example"),
            key: list("Cargo.lock"),
            keep: list("target"),
        };
        let files = list("100644 0123 Cargo.lock");
        let base = key(&one, &files);
        let with = |change: &dyn Fn(&mut Environment)| {
            let mut other = one.clone();
            change(&mut other);
            key(&other, &files)
        };
        assert_eq!(with(&|it| it.name = "other".to_owned()), base);
        let changes: &[&dyn Fn(&mut Environment)] = &[
            &|it| it.tools = list("x"),
            &|it| it.prepare = list("x"),
            &|it| it.prepare.push(String::new()),
            &|it| it.network = list("x"),
            &|it| it.keep = list("x"),
            // The same words in another place.
            &|it| (it.network, it.keep) = (it.keep.clone(), it.network.clone()),
        ];
        for (number, change) in changes.iter().enumerate() {
            assert_ne!(with(change), base, "change {number}");
        }
        assert_ne!(key(&one, &list("100644 4567 Cargo.lock")), base);
        assert_ne!(key(&one, &[]), base);
    }
}
