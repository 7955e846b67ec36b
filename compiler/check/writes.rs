//! What nodes see and may write: globs that can hold, each once.

use std::borrow::Cow;

use eufm_grammar::Diagnostics;

use crate::globs;
use crate::names::listed_twice;
use crate::spec::ResolvedSpec;
use crate::typed::Spanned;

/// Reports globs that cannot hold, and warns of those that are listed twice.
pub(super) fn check(spec: &ResolvedSpec<'_>, out: &mut Diagnostics) {
    for (task, instance) in spec.tasks.iter().zip(&spec.tree.instances) {
        for globs in [&task.reads, &task.writes].into_iter().flatten() {
            for glob in globs {
                if let Some(finding) = globs::check(&glob.value, glob.span) {
                    out.push(spec.world.scopes.with_calls(finding, instance.scope));
                }
            }
            check_twice(globs, out);
        }
    }
}

fn check_twice(globs: &[Spanned<Cow<'_, str>>], out: &mut Diagnostics) {
    let mut sorted: Vec<&Spanned<Cow<'_, str>>> = globs.iter().collect();
    sorted.sort_by(|a, b| (&a.value, a.span).cmp(&(&b.value, b.span)));
    for pair in sorted.windows(2) {
        // One glob that a variable brings twice stands at one place.
        if pair[0].value == pair[1].value && pair[0].span != pair[1].span {
            out.push(listed_twice(&pair[1].value, pair[1].span, pair[0].span));
        }
    }
}
