//! What nodes share: environments, agents, gates, rules and generated files.
//!
//! What a kind means is unknown here: of a parameter that changed nobody can say
//! whether it asks for less, but for thresholds and hosts. Unaware of who uses
//! what is compared.

use std::collections::BTreeMap;

use super::change::{At, Change, Looser, Part, command_line, joined};
use super::likes::Likes;
use super::nodes::Lists;
use super::pairs::{Pairs, rules_of};
use crate::units::{Percent, parse_count};
use crate::{
    Digest, Environment, Generated, ParamValue, Params, Plan, Protected, Rule, Waiver, scripts,
};

/// Compares the environments of two plans.
pub(super) fn environments(pairs: &Pairs<'_>, out: &mut Vec<Change>) {
    let (before, after) = (&pairs.before.environments, &pairs.after.environments);
    for &(old, new) in &pairs.environments.both {
        let mut at = At { out, part: Part::Environment, name: &after[new].name };
        environment((&before[old], &after[new]), &mut at);
    }
    for &old in &pairs.environments.removed {
        gone(Part::Environment, &before[old].name, None, out);
    }
    for &new in &pairs.environments.added {
        let name = &after[new].name;
        let nothing = Environment { name: name.clone(), ..Environment::default() };
        come(Part::Environment, name, out);
        if pairs.environments.after(new).is_none() {
            let mut at = At { out, part: Part::Environment, name };
            environment((&nothing, &after[new]), &mut at);
        }
    }
}

fn environment((before, after): (&Environment, &Environment), at: &mut At<'_>) {
    // A new key is compared here or nowhere: without `..` this does not compile.
    let Environment { name, tools, prepare, network, key, keep } = before;
    let looser = |_: &str| Some(Looser::Environment);
    at.text("name", (name, &after.name), None);
    at.list("tools", (tools, &after.tools), |_| None, looser);
    at.list("network", (network, &after.network), |_| None, |_| Some(Looser::Network));
    at.value(
        "prepare",
        (prepare, &after.prepare),
        |it| Some(command_line(it)),
        |_, after| (!after.is_empty()).then_some(Looser::Environment),
    );
    // What is not looked at any more lets an environment stay that is out of date.
    at.list("key", (key, &after.key), looser, |_| None);
    at.list("keep", (keep, &after.keep), |_| None, looser);
}

/// Compares the agents of two plans.
pub(super) fn agents(pairs: &Pairs<'_>, out: &mut Vec<Change>) {
    let (before, after) = (&pairs.before.agents, &pairs.after.agents);
    let other = Some(Looser::Agent);
    for &(old, new) in &pairs.agents.both {
        let (old, new) = (&before[old], &after[new]);
        let mut at = At { out, part: Part::Agent, name: &new.name };
        at.text("name", (&old.name, &new.name), None);
        at.text("kind", (&old.kind, &new.kind), other);
        params((&old.params, &new.params), other, &mut at);
    }
    for &old in &pairs.agents.removed {
        gone(Part::Agent, &before[old].name, None, out);
    }
    for &new in &pairs.agents.added {
        let name = &after[new].name;
        come(Part::Agent, name, out);
        if pairs.agents.after(new).is_none() {
            let mut at = At { out, part: Part::Agent, name };
            at.note("kind", (None, Some(after[new].kind.clone())), other);
            params((&Params::default(), &after[new].params), other, &mut at);
        }
    }
}

/// Compares the gates of two plans. A new one adds a check; a node without its
/// old one is found at the node.
pub(super) fn gates(pairs: &Pairs<'_>, out: &mut Vec<Change>) {
    let (before, after) = (&pairs.before.gates, &pairs.after.gates);
    let other = Some(Looser::Check);
    for &(old, new) in &pairs.gates.both {
        let (old, new) = (&before[old], &after[new]);
        let mut at = At { out, part: Part::Gate, name: &new.name };
        at.text("name", (&old.name, &new.name), None);
        at.text("kind", (&old.kind, &new.kind), other);
        params((&old.params, &new.params), other, &mut at);
    }
    for &old in &pairs.gates.removed {
        gone(Part::Gate, &before[old].name, None, out);
    }
    for &new in &pairs.gates.added {
        let name = &after[new].name;
        come(Part::Gate, name, out);
        if pairs.gates.after(new).is_none() {
            let network = crate::review::network(&after[new].params);
            let mut at = At { out, part: Part::Gate, name };
            at.list("network", (&[], &network), |_| None, |_| Some(Looser::Network));
        }
    }
}

/// Compares the documents of rules of two plans.
pub(super) fn constitution(pairs: &Pairs<'_>, out: &mut Vec<Change>) {
    let looser = Some(Looser::Constitution);
    let of = |plan: &Plan| {
        let constitution = plan.constitution.as_ref();
        let path = constitution.map(|it| it.path.clone());
        (path, constitution.map(|it| it.digest.to_string()))
    };
    let (old, new) = (of(pairs.before), of(pairs.after));
    let mut at = At { out, part: Part::Constitution, name: "" };
    let other = |before: &Option<String>, _: &Option<String>| before.as_ref().and(looser);
    at.value("path", (&old.0, &new.0), Clone::clone, other);
    at.value("digest", (&old.1, &new.1), Clone::clone, other);
    unmapped(pairs, out);
    rules(pairs, out);
}

/// Compares the sentences that no rule cites by their words: those of a document
/// that has one line more are the same.
fn unmapped(pairs: &Pairs<'_>, out: &mut Vec<Change>) {
    let of = |plan: &Plan| {
        let constitution = plan.constitution.as_ref();
        let unmapped = constitution.map_or(&[][..], |it| &it.unmapped);
        let texts: Vec<String> = unmapped.iter().map(|it| it.text.clone()).collect();
        let lines: Vec<String> = unmapped.iter().map(|it| it.line.to_string()).collect();
        (texts, lines, constitution.map_or(0, |it| it.unmapped_more))
    };
    let (old, new) = (of(pairs.before), of(pairs.after));
    // Where there was none, less was asked for.
    let looser = pairs.before.constitution.as_ref().map(|_| Looser::Unmapped);
    let mut at = At { out, part: Part::Constitution, name: "" };
    at.list("unmapped", (&old.0, &new.0), |_| None, |_| looser);
    if old.0 == new.0 {
        at.value("lines of unmapped", (&old.1, &new.1), |lines| Some(joined(lines)), |_, _| None);
    }
    let more = |old: &u32, new: &u32| looser.filter(|_| new > old);
    at.value("unmapped_more", (&old.2, &new.2), |more| Some(more.to_string()), more);
}

fn rules(pairs: &Pairs<'_>, out: &mut Vec<Change>) {
    let (before, after) = (rules_of(pairs.before), rules_of(pairs.after));
    for &(old, new) in &pairs.rules.both {
        let mut at = At { out, part: Part::Rule, name: &after[new].name };
        rule((&before[old], &after[new]), &mut at);
    }
    for &old in &pairs.rules.removed {
        gone(Part::Rule, &before[old].name, Some(Looser::Rule), out);
    }
    for &new in &pairs.rules.added {
        come(Part::Rule, &after[new].name, out);
    }
}

fn rule((before, after): (&Rule, &Rule), at: &mut At<'_>) {
    let Rule { name, kind, level, cite, line, waiver, params: old } = before;
    let other = Some(Looser::RuleCheck);
    at.text("name", (name, &after.name), None);
    at.text("kind", (kind, &after.kind), other);
    // `must` stands first: a later one binds less.
    at.value(
        "level",
        (level, &after.level),
        |it| Some(it.word().to_owned()),
        |old, new| (new > old).then_some(Looser::Level),
    );
    at.text("cite", (cite, &after.cite), None);
    at.value("line", (line, &after.line), |it| Some(it.to_string()), |_, _| None);
    at.value(
        "waived",
        (waiver, &after.waiver),
        |it| it.as_ref().map(ToString::to_string),
        |old, new| {
            // Days in this form are in the order of their texts.
            let until = |it: &Option<Waiver>| it.as_ref().map(|it| it.until.clone());
            (until(new) > until(old)).then_some(Looser::Waived)
        },
    );
    params((old, &after.params), other, at);
}

/// Compares what nodes without `writes` may not change. Without such a node nothing
/// is lost by what is not protected any more.
pub(super) fn protected(pairs: &Pairs<'_>, out: &mut Vec<Change>) {
    let (before, after) = (&pairs.before.protected, &pairs.after.protected);
    let looser = before.as_ref().and(after.as_ref()).map(|_| Looser::Writes);
    let none = Protected::default();
    // A new key is compared here or nowhere: without `..` this does not compile.
    let Protected { paths, existing, named } = before.as_ref().unwrap_or(&none);
    let now = after.as_ref().unwrap_or(&none);
    let noted = out.len();
    let mut at = At { out, part: Part::Protected, name: "" };
    at.list("paths", (paths, &now.paths), |_| looser, |_| None);
    at.list("existing", (existing, &now.existing), |_| looser, |_| None);
    at.list("named", (named, &now.named), |_| looser, |_| None);
    if before != after && at.out.len() == noted {
        // There was no such node, or there is none any more, and nothing is protected.
        let shown = |it: &Option<Protected>| it.as_ref().map(|_| "nothing".to_owned());
        at.note("paths", (shown(before), shown(after)), None);
    }
}

/// Compares the files that are made again after each merge.
pub(super) fn generated(pairs: &Pairs<'_>, out: &mut Vec<Change>) {
    let (before, after) = (&pairs.before.generated, &pairs.after.generated);
    let likes = Likes::of((before, after), |file| &file.path, |file| &file.path);
    for &(old, new) in &likes.both {
        let mut at = At { out, part: Part::Generated, name: &after[new].path };
        file(pairs, (&before[old], &after[new]), &mut at);
    }
    for &old in &likes.removed {
        gone(Part::Generated, &before[old].path, None, out);
    }
    for &new in &likes.added {
        let path = &after[new].path;
        let mut at = At { out, part: Part::Generated, name: path };
        at.note("run", (None, Some(command_line(&after[new].run))), Some(Looser::Writes));
        let hosts = &after[new].network;
        at.list("network", (&[], hosts), |_| None, |_| Some(Looser::Network));
    }
}

fn file(pairs: &Pairs<'_>, (before, after): (&Generated, &Generated), at: &mut At<'_>) {
    let Generated { path: _, run, env, network } = before;
    let program = (!after.network.is_empty()).then_some(Looser::Program);
    at.value("run", (run, &after.run), |run| Some(command_line(run)), |_, _| program);
    let (old, new) = (pairs.environments_before(env), pairs.environments_after(&after.env));
    let old_name = |place: usize| &pairs.before.environments[env[place].get()].name;
    let new_name = |place: usize| &pairs.after.environments[after.env[place].get()].name;
    Lists { old: &old, new: &new, old_name: &old_name, new_name: &new_name }.compare(
        "env",
        (None, Some(Looser::Environment)),
        at,
    );
    at.list("network", (network, &after.network), |_| None, |_| Some(Looser::Network));
}

/// Compares the files that checks and deploys run. One that is new is run by
/// something that changed too; one that is held no more, though it may be run, is
/// whatever the base commit has.
pub(super) fn scripts(before: &Plan, after: &Plan, out: &mut Vec<Change>) {
    if before.scripts == after.scripts {
        return;
    }
    let digests = |plan: &Plan| -> BTreeMap<String, Digest> {
        plan.scripts.iter().map(|it| (it.path.clone(), it.digest)).collect()
    };
    let (old, new) = (digests(before), digests(after));
    let named = scripts::named(after);
    for (path, digest) in &old {
        let now = new.get(path);
        let looser = named.contains_key(path).then_some(Looser::Script);
        let mut at = At { out, part: Part::Script, name: path };
        let show = |digest: &Option<&Digest>| digest.map(ToString::to_string);
        at.value("digest", (&Some(digest), &now), show, |_, _| looser);
    }
    for (path, digest) in new.iter().filter(|(path, _)| !old.contains_key(*path)) {
        At { out, part: Part::Script, name: path }.note(
            "digest",
            (None, Some(digest.to_string())),
            None,
        );
    }
}

fn gone(part: Part, name: &str, looser: Option<Looser>, out: &mut Vec<Change>) {
    At { out, part, name }.note("name", (Some(name.to_owned()), None), looser);
}

fn come(part: Part, name: &str, out: &mut Vec<Change>) {
    At { out, part, name }.note("name", (None, Some(name.to_owned())), None);
}

/// Compares the parameters of a kind. What they mean is the kind's matter, so any
/// change is `other`, but for hosts that go and thresholds that rise.
fn params((before, after): (&Params, &Params), other: Option<Looser>, at: &mut At<'_>) {
    if before == after {
        return;
    }
    let noted = at.out.len();
    let map =
        |params: &Params| -> BTreeMap<String, ParamValue> { params.0.iter().cloned().collect() };
    let (old, new) = (map(before), map(after));
    for (key, value) in &old {
        match (value, new.get(key)) {
            (value, Some(now)) if value == now => {}
            (ParamValue::List(old), Some(ParamValue::List(new))) => {
                lists(key, (old, new), other, at);
            }
            (value, now) => {
                at.note(key.clone(), (Some(shown(value)), now.map(shown)), looser(key, now, other));
            }
        }
    }
    for (key, value) in &new {
        if !old.contains_key(key) {
            at.note(key.clone(), (None, Some(shown(value))), looser(key, Some(value), other));
        }
    }
    if at.out.len() == noted {
        let keys = |params: &Params| {
            let keys: Vec<&String> = params.0.iter().map(|(key, _)| key).collect();
            Some(joined(&keys))
        };
        at.note("order of parameters", (keys(before), keys(after)), None);
    }
}

/// Tells what a parameter of another value, or none, loosens.
fn looser(key: &str, now: Option<&ParamValue>, other: Option<Looser>) -> Option<Looser> {
    if key != NETWORK {
        return other;
    }
    let reaches = match now {
        None => false,
        Some(ParamValue::Text(reach)) => reach != "none",
        Some(ParamValue::List(hosts)) => !hosts.is_empty(),
    };
    reaches.then_some(Looser::Network)
}

/// The parameter that says what a kind reaches.
const NETWORK: &str = "network";

fn lists(key: &str, (old, new): (&[String], &[String]), other: Option<Looser>, at: &mut At<'_>) {
    if key == NETWORK {
        return at.list(NETWORK, (old, new), |_| None, |_| Some(Looser::Network));
    }
    let noted = at.out.len();
    match (thresholds(old), thresholds(new)) {
        (Some(least), Some(now)) => {
            for (name, value) in &least {
                let rises = now.get(name).map(|now| now.0 == value.0 && now.1 >= value.1);
                let texts = (text_of(old, name), text_of(new, name));
                match rises {
                    Some(true) if texts.0 == texts.1 => {}
                    Some(true) => at.note(key.to_owned(), texts, None),
                    Some(false) | None => at.note(key.to_owned(), texts, Some(Looser::Threshold)),
                }
            }
            // Without it the kind's own default held, and that may have asked for more.
            for name in now.keys().filter(|name| !least.contains_key(*name)) {
                at.note(key.to_owned(), (None, text_of(new, name)), Some(Looser::Threshold));
            }
        }
        _ => at.note(key.to_owned(), (Some(command_line(old)), Some(command_line(new))), other),
    }
    if at.out.len() == noted {
        at.note(key.to_owned(), (Some(command_line(old)), Some(command_line(new))), None);
    }
}

/// Reads comparisons `name >= value`; `None`: it is another list.
fn thresholds(list: &[String]) -> Option<BTreeMap<&str, (bool, u64)>> {
    let read = |text: &'_ String| {
        let (name, value) = text.split_once(" >= ")?;
        let value = match Percent::parse(value) {
            Some(percent) => (true, u64::from(percent.basis_points())),
            None => (false, parse_count(value)?),
        };
        Some((name.len(), value))
    };
    let mut found = BTreeMap::new();
    for text in list {
        let (length, value) = read(text)?;
        if found.insert(&text[..length], value).is_some() {
            return None;
        }
    }
    (!found.is_empty()).then_some(found)
}

fn text_of(list: &[String], name: &str) -> Option<String> {
    let is_it = |text: &&String| text.split_once(" >= ").is_some_and(|(known, _)| known == name);
    list.iter().find(is_it).cloned()
}

fn shown(value: &ParamValue) -> String {
    match value {
        ParamValue::Text(text) => text.clone(),
        ParamValue::List(list) => command_line(list),
    }
}
