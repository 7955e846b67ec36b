//! Deploys: the folders of the host that they may write are few and precise.

use eufm_grammar::{Diagnostic, Diagnostics};

use super::tools::{Words, check_host_folder};
use crate::names::{Seen, listed_twice};
use crate::spec::ResolvedSpec;
use crate::task::Work;
use crate::wording::quoted;

const WORDS: Words = Words {
    wide: "holds far more than what is deployed",
    odd: "contains `:` or a sign that nobody sees",
    system: "belongs to the system",
    precise: "name the folder that is deployed to, as in `/srv/www` or `~/sites/staging`",
};

/// Reports folders that no deploy can be given to write.
pub(super) fn check(spec: &ResolvedSpec<'_>, out: &mut Diagnostics) {
    for task in &spec.tasks {
        let Work::Deploy { folders, .. } = &task.work else { continue };
        let mut seen = Seen::new();
        for folder in folders {
            if let Err((problem, help)) = check_host_folder(&folder.value, &WORDS) {
                let message = format!("{} {problem}", quoted(&folder.value));
                let finding = Diagnostic::error("E0305", message)
                    .at(folder.span, "not usable as a folder to deploy to")
                    .help(help);
                out.push(finding);
            }
            if let Some(first) = seen.note(folder.value.as_ref(), folder.span) {
                out.push(listed_twice(&folder.value, folder.span, first));
            }
        }
    }
}
