//! What a task waits for: its own `needs`, and those of the groups around it.
//!
//! Unaware of cycles; they are checked afterwards.

use eufm_grammar::ast::Entry;
use eufm_grammar::{Diagnostic, Span};

use crate::names::{Seen, listed_twice};
use crate::refs::{Refs, tasks as tasks_in};
use crate::resolve::{Reading, Resolver};
use crate::scope::ScopeId;
use crate::task::Need;
use crate::tree::TaskId;
use crate::typed::{self, Spanned};

impl<'a> Resolver<'_, 'a, '_> {
    /// Reads `needs`, of the task and of the groups around it.
    pub(crate) fn needs(&mut self, reading: &Reading<'a>) -> Vec<Need> {
        let mut seen = Seen::new();
        let mut needs = Vec::new();
        if let Some(entry) = reading.fields.get("needs") {
            self.need(entry, reading.scope, reading.instance, true, &mut seen, &mut needs);
        }
        let tree = self.shared.tree;
        let mut at = Some(tree.instance(reading.instance).group);
        while let Some(id) = at {
            let group = tree.group(id);
            if let Some((entry, scope)) = group.needs {
                self.need(entry, scope, reading.instance, false, &mut seen, &mut needs);
            }
            at = group.parent;
        }
        needs
    }

    /// Adds what one `needs` names; in a task's own list nothing should stand twice.
    fn need(
        &mut self,
        entry: &'a Entry<'a>,
        scope: ScopeId,
        own: TaskId,
        is_own: bool,
        seen: &mut Seen<TaskId>,
        needs: &mut Vec<Need>,
    ) {
        let mut value = self.eval.value(&entry.value, scope);
        // What is no list is wrong here, wherever a variable has it from.
        value.span = entry.value.span;
        let Some(values) = typed::list("needs", value, self.eval.out) else {
            return;
        };
        let refs = Refs { tree: self.shared.tree };
        for value in values {
            let span = value.span;
            let ranges = refs.tasks("needs", &value, &mut self.eval);
            let count = ranges.iter().map(|range| u64::from(range.end - range.start)).sum();
            if !self.shared.world.meter.connect(count) {
                self.too_many_edges(span);
                return;
            }
            let single = count == 1;
            for task in tasks_in(&ranges) {
                // A group that waits for something around itself means the rest of it.
                if task == own && !(is_own && single) {
                    continue;
                }
                match seen.note(task, span) {
                    Some(first) if is_own && single && first != span => {
                        let name = self.shared.tree.instance(task).item.name.text;
                        self.eval.out.push(listed_twice(name, span, first));
                    }
                    Some(_) => {}
                    None => needs.push(Need { task, span, is_named: is_own && single }),
                }
            }
        }
    }

    fn too_many_edges(&mut self, span: Span) {
        if self.shared.world.meter.is_first() {
            let most = self.shared.world.meter.edges;
            let finding = Diagnostic::error(
                "E0213",
                format!("the spec makes more than {most} dependencies"),
            )
            .at(span, "too many here")
            .help("let a command wait for all of one group, and the other group for that command");
            self.eval.out.push(finding);
        }
    }

    /// Adds what is waited for without being named in `needs`.
    pub(crate) fn imply(
        &mut self,
        needs: &mut Vec<Need>,
        implied: impl Iterator<Item = Spanned<TaskId>>,
    ) {
        for need in implied {
            let (task, span) = (need.value, need.span);
            match needs.iter_mut().find(|known| known.task == task) {
                Some(known) => known.is_named = true,
                None => needs.push(Need { task, span, is_named: true }),
            }
        }
    }
}
