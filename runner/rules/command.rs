//! `rule … is command`: a command that must end with status 0.
//!
//! Unaware of what the command looks at.

use eufm_plan::schema::{KindSchema, Need, Param, ParamType};

use super::case::missing;
use super::{Case, Errand, Outcome, RuleKind, Ruling, SCOPE, Unread, WHEN_CHANGED};
use crate::gates::Verdict;

/// The kind `command`.
#[derive(Debug)]
pub struct Command;

const SCHEMA: KindSchema = KindSchema {
    name: "command",
    doc: "Holds while its command ends with status 0 on the tree.",
    params: &[
        Param {
            name: "run",
            ty: ParamType::Command,
            need: Need::Required,
            doc: "The program and its arguments, never through a shell.",
        },
        Param {
            name: "cwd",
            ty: ParamType::Path,
            need: Need::Optional,
            doc: "The folder it runs in; the root if not given.",
        },
        Param {
            name: "vars",
            ty: ParamType::Variables,
            need: Need::Optional,
            doc: "Variables of its environment.",
        },
        SCOPE,
        WHEN_CHANGED,
    ],
};

impl RuleKind for Command {
    fn schema(&self) -> &'static KindSchema {
        &SCHEMA
    }

    fn errand<'a>(&self, case: &Case<'a>) -> Errand<'a> {
        match case.rule.params.list("run") {
            Some(run) if !run.is_empty() => Errand::Run(run),
            _ => Errand::None,
        }
    }

    fn judge(&self, case: &Case<'_>) -> Result<Ruling, Unread> {
        Ok(match (self.errand(case), case.outcome) {
            (Errand::Run(_), Some(Outcome::Ran(finish))) => {
                let is_good = finish.status() == Some(0);
                let verdict = if is_good { Verdict::Pass } else { Verdict::Fail };
                Ruling::new(verdict, &finish.to_string())
            }
            (Errand::Run(_), _) => Ruling::unknown("its command was not run"),
            _ => missing("run"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::drawn::{Drawn, judged, judged_after, rule};
    use super::super::errand;
    use super::*;
    use crate::gates::Finish;
    use crate::process::Exit;

    #[test]
    fn only_a_command_that_ended_with_0_holds() {
        let tree = Drawn::with(&[("a", "a\n")]).write("a", "b\n");
        let rule = rule("command", &[("run", &["make", "check"])], &[]);
        assert_eq!(errand(&rule, &tree), Errand::Run(&["make".to_owned(), "check".to_owned()]));
        assert_eq!(judged(&rule, &tree).verdict, Verdict::Unknown);
        for (finish, verdict) in [
            (Finish::Exited(Exit::Status(0)), Verdict::Pass),
            (Finish::Exited(Exit::Status(1)), Verdict::Fail),
            (Finish::Exited(Exit::Status(127)), Verdict::Fail),
            (Finish::Exited(Exit::Signal(9)), Verdict::Fail),
            (Finish::TimedOut, Verdict::Fail),
        ] {
            let ruling = judged_after(&rule, &tree, &Outcome::Ran(finish));
            assert_eq!(ruling.verdict, verdict, "{finish}");
        }
    }

    #[test]
    fn nothing_is_run_where_the_rule_does_not_apply() {
        let lists: &[(&str, &[&str])] = &[("run", &["make"]), ("when_changed", &["src/**"])];
        let rule = rule("command", lists, &[]);
        let tree = Drawn::with(&[("a", "a\n")]).write("a", "b\n");
        assert_eq!(errand(&rule, &tree), Errand::None);
        assert_eq!(judged(&rule, &tree).verdict, Verdict::Pass);
        assert_ne!(errand(&rule, &tree.write("src/x", "")), Errand::None);
    }
}
