//! The functions of the language: `file`, `lines` and `dirs`.
//!
//! They only read what [`crate::Sources`] gives below the root; what was read is
//! part of the plan by its digest. Unaware of the keys that values belong to.

use eufm_grammar::ast::Name;
use eufm_grammar::{Diagnostic, Span};
use globset::GlobBuilder;

use crate::eval::Eval;
use crate::files::MAX_FOLDERS;
use crate::paths;
use crate::scope::ScopeId;
use crate::value::{Kind, Value};
use crate::wording::quoted;

/// A function: evaluated arguments to a value; what does not fit is reported.
pub(crate) type Function =
    for<'w, 'a, 'o> fn(&mut Eval<'w, 'a, 'o>, &Name<'a>, &[Value<'a>], Span, ScopeId) -> Value<'a>;

/// The functions, sorted by name, each with what it gives.
pub(crate) const FUNCTIONS: &[(&str, Function)] =
    &[("dirs", dirs), ("file", file), ("lines", lines)];

/// Finds a function by its name.
pub(crate) fn find(name: &str) -> Option<Function> {
    FUNCTIONS.iter().find_map(|(known, function)| (*known == name).then_some(*function))
}

/// `file("docs/x.md")`: the text of a file, its path relative to the file that names it.
fn file<'a>(
    eval: &mut Eval<'_, 'a, '_>,
    name: &Name<'a>,
    arguments: &[Value<'a>],
    span: Span,
    scope: ScopeId,
) -> Value<'a> {
    let read = |eval: &mut Eval<'_, 'a, '_>| {
        let (path, place) = only_text(eval, name, arguments, span, scope, "file(\"docs/x.md\")")?;
        let path = joined(eval, &path, place, scope)?;
        match eval.world.files.text(&path) {
            Ok(text) => {
                let length = text.len() as u64;
                let text = text.to_owned();
                eval.charge(length, span).then(|| Value::new(Kind::Text(text.into()), span))
            }
            Err(reason) => {
                let finding =
                    Diagnostic::error("E0003", format!("cannot read {}: {reason}", quoted(&path)))
                        .at(place, "not there")
                        .help("the path is relative to the file that names it");
                eval.report(finding, scope);
                None
            }
        }
    };
    read(eval).unwrap_or_else(|| Value::damaged(span))
}

/// `lines(text)`: the lines of a text without surrounding blanks; empty ones and
/// those that begin with `#` are left out.
fn lines<'a>(
    eval: &mut Eval<'_, 'a, '_>,
    name: &Name<'a>,
    arguments: &[Value<'a>],
    span: Span,
    scope: ScopeId,
) -> Value<'a> {
    let Some((text, place)) =
        only_text(eval, name, arguments, span, scope, "lines(file(\"sites.txt\"))")
    else {
        return Value::damaged(span);
    };
    let said = |line: &&str| !line.is_empty() && !line.starts_with('#');
    let list: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(said)
        .map(|line| Value::new(Kind::Text(line.to_owned().into()), place))
        .collect();
    let weight = list.iter().map(Value::weight).sum();
    if eval.charge(weight, span) {
        Value::new(Kind::List(list), span)
    } else {
        Value::damaged(span)
    }
}

/// `dirs("packages/*")`: the folders that match, sorted, each as what stands
/// where the wildcards begin.
fn dirs<'a>(
    eval: &mut Eval<'_, 'a, '_>,
    name: &Name<'a>,
    arguments: &[Value<'a>],
    span: Span,
    scope: ScopeId,
) -> Value<'a> {
    let list = |eval: &mut Eval<'_, 'a, '_>| {
        let (pattern, place) =
            only_text(eval, name, arguments, span, scope, "dirs(\"packages/*\")")?;
        let path = joined(eval, &pattern, place, scope)?;
        match matching(eval, &path) {
            Ok(found) => Some((found, place)),
            Err(reason) => {
                let finding = Diagnostic::error("E0003", format!("cannot list {}: {reason}", quoted(&pattern)))
                    .at(place, "not usable")
                    .help("the path is relative to the file that names it; `*` stands for a name or a part of one");
                eval.report(finding, scope);
                None
            }
        }
    };
    let Some((found, place)) = list(eval) else {
        return Value::damaged(span);
    };
    let list = found.into_iter().map(|path| Value::new(Kind::Text(path.into()), place)).collect();
    Value::new(Kind::List(list), span)
}

/// Returns the folders that a pattern matches, relative to the part before its
/// first wildcard.
fn matching(eval: &Eval<'_, '_, '_>, pattern: &str) -> Result<Vec<String>, String> {
    let is_wild = |part: &&str| part.contains(['*', '?', '[', '{']);
    let parts: Vec<&str> = pattern.split('/').collect();
    let fixed = parts.iter().position(is_wild).ok_or("it has no `*`")?;
    let base = parts[..fixed].join("/");
    let mut found = vec![String::new()];
    for part in &parts[fixed..] {
        if *part == "**" {
            return Err("`**` has no end; write one `*` for each level".to_owned());
        }
        let glob = GlobBuilder::new(part).backslash_escape(false).build();
        let glob =
            glob.map_err(|error| format!("it is no glob: {}", error.kind()))?.compile_matcher();
        let mut next = Vec::new();
        for below in &found {
            let folder = [base.as_str(), below]
                .iter()
                .filter(|part| !part.is_empty())
                .copied()
                .collect::<Vec<_>>()
                .join("/");
            let names = match eval.world.files.folders(&folder) {
                Ok(names) => names,
                // A folder without the next fixed level is no mistake.
                Err(_) if !below.is_empty() => continue,
                Err(reason) => return Err(reason),
            };
            let fits = names.into_iter().filter(|name| glob.is_match(name));
            next.extend(
                fits.map(|name| if below.is_empty() { name } else { format!("{below}/{name}") }),
            );
            if next.len() > MAX_FOLDERS {
                return Err(format!("it matches more than {MAX_FOLDERS} folders"));
            }
        }
        found = next;
    }
    Ok(found)
}

/// Returns the text that is a function's only argument.
fn only_text<'a>(
    eval: &mut Eval<'_, 'a, '_>,
    name: &Name<'a>,
    arguments: &[Value<'a>],
    span: Span,
    scope: ScopeId,
    example: &str,
) -> Option<(String, Span)> {
    let finding = match arguments {
        [Value { kind: Kind::Text(text), span }] => {
            return Some((text.clone().into_owned(), *span));
        }
        [value] if value.is_damaged() => return None,
        [value] => Diagnostic::error(
            "E0301",
            format!("{} takes a text, not {}", quoted(name.text), value.kind.noun()),
        )
        .at(value.span, value.kind.noun()),
        _ => Diagnostic::error("E0301", format!("{} takes one text", quoted(name.text)))
            .at(span, format!("{} are given", arguments.len())),
    };
    eval.report(finding.help(format!("write it as in `{example}`")), scope);
    None
}

/// Returns the root-relative path of what a file names.
pub(crate) fn joined(
    eval: &mut Eval<'_, '_, '_>,
    path: &str,
    place: Span,
    scope: ScopeId,
) -> Option<String> {
    let folder = eval.world.module_of(scope).folder();
    match paths::join(folder, path) {
        Ok(path) => Some(path),
        Err((problem, help)) => {
            let finding = Diagnostic::error("E0306", format!("{} {problem}", quoted(path)))
                .at(place, "not usable")
                .help(help);
            eval.report(finding, scope);
            None
        }
    }
}
