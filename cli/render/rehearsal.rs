//! Shows what came of rehearsing a plan, for people.

use eufm_runner::gates::Verdict;
use eufm_runner::printable;
use eufm_runner::rehearsal::{Preparation, Rehearsal, Trial};

/// Makes the part of the doctor's page about a plan.
pub(super) fn page(rehearsal: &Rehearsal) -> String {
    let base = rehearsal.base.get(..12).unwrap_or(&rehearsal.base);
    let mut lines = vec![String::new(), format!("the plan on its base {base}"), String::new()];
    lines.extend(rehearsal.environments.iter().flat_map(preparation));
    lines.extend(rehearsal.gates.iter().flat_map(trial));
    if rehearsal.environments.is_empty() && rehearsal.gates.is_empty() {
        lines.push("  it has neither environments nor gates".to_owned());
    }
    lines.join("\n") + "\n"
}

fn preparation(of: &Preparation) -> Vec<String> {
    let name = &of.environment;
    let Some(failure) = &of.failure else {
        return vec![format!("  environment {name}  prepared")];
    };
    let mut lines = vec![format!("  environment {name}  cannot be prepared: {failure}")];
    lines.extend(of.output.lines().map(|line| format!("    | {}", printable::line(line, 200))));
    lines.extend(of.log.iter().map(|log| format!("    log: {}", log.display())));
    lines
}

fn trial(of: &Trial) -> Vec<String> {
    let with = match of.environments.is_empty() {
        true => String::new(),
        false => format!(" with {}", of.environments.join(", ")),
    };
    let word = match (of.ran, of.verdict) {
        (false, _) => "could not run".to_owned(),
        // Nothing is wrong with that: a plan may be there to change it.
        (true, Verdict::Fail) => "fails on the base".to_owned(),
        (true, verdict) => verdict.to_string(),
    };
    let reason = printable::line(&of.reason, 300);
    let mut lines = vec![format!("  gate {}{with}  {word}: {reason}", of.gate)];
    let is_odd = !of.ran || of.verdict != Verdict::Pass;
    lines.extend(of.log.iter().filter(|_| is_odd).map(|log| format!("    log: {}", log.display())));
    lines
}
