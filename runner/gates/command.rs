//! `gate … is command`: a command that must end with status 0.
//!
//! Unaware of what the command does and writes.

use eufm_plan::QualityGate;
use eufm_plan::schema::KindSchema;

use super::{CWD, Evidence, GateError, GateKind, Judgement, NETWORK, RUN, VARS, Verdict, run};

/// The kind `command`.
#[derive(Debug)]
pub struct Command;

const SCHEMA: KindSchema = KindSchema {
    name: "command",
    doc: "Passes when its command ends with status 0.",
    params: &[RUN, CWD, VARS, NETWORK],
};

impl GateKind for Command {
    fn schema(&self) -> &'static KindSchema {
        &SCHEMA
    }

    fn command<'a>(&self, gate: &'a QualityGate) -> Result<&'a [String], GateError> {
        run(gate)
    }

    fn judge(&self, _gate: &QualityGate, evidence: &Evidence) -> Judgement {
        let verdict =
            if evidence.finish.status() == Some(0) { Verdict::Pass } else { Verdict::Fail };
        Judgement::new(verdict, evidence.finish.to_string())
    }
}

#[cfg(test)]
mod tests {
    use eufm_plan::{ParamValue, Params};

    use super::super::Finish;
    use super::*;
    use crate::process::Exit;

    #[test]
    fn only_status_0_passes() {
        let run = ParamValue::List(vec!["true".to_owned()]);
        let params = Params(vec![("run".to_owned(), run)]);
        let gate = QualityGate { name: "lint".to_owned(), kind: "command".to_owned(), params };
        assert_eq!(Command.command(&gate), Ok(&["true".to_owned()][..]));
        for (finish, verdict) in [
            (Finish::Exited(Exit::Status(0)), Verdict::Pass),
            (Finish::Exited(Exit::Status(1)), Verdict::Fail),
            (Finish::Exited(Exit::Status(127)), Verdict::Fail),
            (Finish::Exited(Exit::Signal(0)), Verdict::Fail),
            (Finish::TimedOut, Verdict::Fail),
        ] {
            let judgement = Command.judge(&gate, &Evidence { finish, report: None });
            assert_eq!(judgement.verdict, verdict, "{finish}");
            assert_eq!(judgement.reason, finish.to_string());
        }
    }
}
