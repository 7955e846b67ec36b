//! What commands and deploys run, and in which surroundings.
//!
//! No text becomes a shell line unless `shell = true` says so. Unaware of needs
//! and budgets.

use eufm_grammar::{Diagnostic, Span};
use eufm_plan::Command;

use crate::names::listed_twice;
use crate::resolve::{Reading, Resolver};
use crate::value::{Kind, Value};
use crate::wording::quoted;
use crate::{hosts, params, typed, variables};

/// Reads the keys that commands and deploys share.
pub(crate) fn read<'a>(resolver: &mut Resolver<'_, 'a, '_>, reading: &Reading<'a>) -> Command {
    let mut flag = |key: &str| {
        let value = resolver.said(reading, key)?;
        typed::flag(key, &value, resolver.eval.out)
    };
    let (shell, in_place) = (flag("shell").unwrap_or(false), flag("in_place").unwrap_or(false));
    let run = resolver.said(reading, "run");
    let run = run.and_then(|run| match shell {
        true => line(run, resolver),
        false if matches!(run.kind, Kind::Text(_)) => {
            let help = "write a list of arguments, as in `[\"make\", \"smoke\"]`; for a shell line write `shell = true` beside it";
            typed::mismatch("run", "a list of arguments", &run, help, resolver.eval.out)
        }
        false => typed::command("run", run, resolver.eval.out),
    });
    let cwd = resolver.said(reading, "cwd");
    let stdout = resolver.said(reading, "stdout");
    let network = resolver.said(reading, "network");
    let vars = reading.fields.get("vars").map(|entry| [(entry, reading.scope)]);
    let command = Command {
        run: run.unwrap_or_default(),
        cwd: cwd.and_then(|cwd| params::path("cwd", cwd, &mut resolver.eval)),
        vars: vars
            .and_then(|vars| variables::read("vars", &vars, &mut resolver.eval))
            .unwrap_or_default(),
        ok: statuses(resolver, reading),
        stdout: stdout.and_then(|path| params::path("stdout", path, &mut resolver.eval)),
        network: network
            .and_then(|hosts| hosts::read("network", hosts, resolver.eval.out))
            .unwrap_or_default(),
        secrets: secrets(resolver, reading),
        in_place,
        shell,
    };
    check(&command, resolver, reading);
    command
}

/// Reads a shell line: `sh -c` with a text of the author's.
fn line(value: Value<'_>, resolver: &mut Resolver<'_, '_, '_>) -> Option<Vec<String>> {
    if let Kind::List(_) = value.kind {
        let help = "write one text, as in `run = \"make smoke | tee smoke.txt\"`, or remove `shell = true`";
        return typed::mismatch("run", "a shell line", &value, help, resolver.eval.out);
    }
    let line = typed::full_text("run", value, resolver.eval.out)?;
    Some(vec!["sh".to_owned(), "-c".to_owned(), line.into_owned()])
}

/// Reads the exit statuses that count as success; ascending.
fn statuses<'a>(resolver: &mut Resolver<'_, 'a, '_>, reading: &Reading<'a>) -> Vec<u8> {
    let Some(value) = resolver.said(reading, "ok") else {
        return Vec::new();
    };
    let out = &mut *resolver.eval.out;
    let mut statuses: Vec<u8> = Vec::new();
    for value in typed::list("ok", value, out).unwrap_or_default() {
        // From 124 up shells and the sandbox report what did not run at all.
        let status = typed::count("ok", &value, 0..=123, out);
        statuses.extend(status.and_then(|status| u8::try_from(status).ok()));
    }
    statuses.sort_unstable();
    statuses.dedup();
    if statuses == [0] { Vec::new() } else { statuses }
}

/// Reads the names of secrets; sorted.
fn secrets<'a>(resolver: &mut Resolver<'_, 'a, '_>, reading: &Reading<'a>) -> Vec<String> {
    let Some(value) = resolver.said(reading, "secrets") else {
        return Vec::new();
    };
    let mut found: Vec<(String, Span)> = Vec::new();
    for value in typed::list("secrets", value, resolver.eval.out).unwrap_or_default() {
        let name = match &value.kind {
            Kind::Word(word) => word.text.to_string(),
            Kind::Text(text) => text.to_string(),
            _ => {
                let help = "write the names of secrets, as in `secrets = [DEPLOY_KEY]`";
                typed::mismatch::<()>("secrets", "names", &value, help, resolver.eval.out);
                continue;
            }
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty()
            || !name.bytes().all(plain)
            || name.starts_with(|sign: char| sign.is_ascii_digit())
        {
            let finding = Diagnostic::error("E0314", format!("{} is no name of a secret", quoted(&name)))
                .at(value.span, "not usable")
                .help("write letters, digits and `_`, as in `DEPLOY_KEY`; the value is never part of a spec");
            resolver.eval.out.push(finding);
        } else if let Some((_, first)) = found.iter().find(|(known, _)| *known == name) {
            let finding = listed_twice(&name, value.span, *first);
            resolver.eval.out.push(finding);
        } else {
            found.push((name, value.span));
        }
    }
    let mut names: Vec<String> = found.into_iter().map(|(name, _)| name).collect();
    names.sort();
    names
}

/// Reports what excludes each other.
fn check(command: &Command, resolver: &mut Resolver<'_, '_, '_>, reading: &Reading<'_>) {
    let (item, fields) = (reading.item, &reading.fields);
    let mut refuse = |first: (&str, &str), second: (&str, &str), help: &str| {
        let (Some(one), Some(other)) = (fields.get(first.0), fields.get(second.0)) else {
            return;
        };
        let (noun, name) = (item.keyword.text, quoted(item.name.text));
        let message = format!("{noun} {name} {} and {}", first.1, second.1);
        let finding = Diagnostic::error("E0506", message)
            .at(one.key.span, first.1)
            .at(other.key.span, second.1)
            .help(help);
        resolver.eval.report(finding, reading.scope);
    };
    let files =
        [("writes", "has files to be taken over"), ("stdout", "has output to be taken over")];
    for file in files {
        if !command.secrets.is_empty() {
            let help = "let another command, without secrets, write the files";
            refuse(("secrets", "has secrets"), file, help);
        }
        if command.in_place {
            let help = "remove one of them; a command in place changes the user's checkout, and nothing of it is taken over";
            refuse(("in_place", "runs in place"), file, help);
        }
    }
    if command.in_place {
        let help = "remove one of them; in the user's checkout nothing keeps a secret from others";
        refuse(("in_place", "runs in place"), ("secrets", "has secrets"), help);
        let help = "remove `network`: in place there is no sandbox that could hold it";
        refuse(("in_place", "runs in place"), ("network", "names the hosts it may reach"), help);
        let help = "remove `reads`: in place it sees the user's whole checkout";
        refuse(("in_place", "runs in place"), ("reads", "names the files it sees"), help);
    }
}
