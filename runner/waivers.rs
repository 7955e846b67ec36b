//! Rules that are set aside until a day: a run begins with them no later.
//!
//! Pure but for the day, which it is told. Unaware of what the rules ask for.

use eufm_plan::Plan;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::error::RunError;

/// Checks that no waiver of a plan has run out, by seconds since 1970-01-01 UTC.
///
/// # Errors
/// Names those that have, and the way out.
pub(crate) fn check(plan: &Plan, now: u64) -> Result<(), RunError> {
    let now = i64::try_from(now).ok().and_then(|now| Timestamp::from_second(now).ok());
    let today = now.unwrap_or(Timestamp::MAX).to_zoned(TimeZone::UTC).date().to_string();
    let rules = plan.constitution.iter().flat_map(|it| &it.rules);
    let ended = rules.filter_map(|rule| Some((rule, rule.waiver.as_ref()?)));
    // Days in this form are in the order of their texts.
    let ended = ended.filter(|(_, waiver)| waiver.until < today);
    let ended: Vec<String> =
        ended.map(|(rule, waiver)| format!("rule {} was waived {waiver}", rule.name)).collect();
    if ended.is_empty() {
        return Ok(());
    }
    Err(RunError::Stale(format!(
        "what was set aside counts again, since today is {today}:\n  {}\n  help: remove `waive` \
         from the rule, or have it waived for longer; then compile the spec again and review the \
         plan",
        ended.join("\n  ")
    )))
}

#[cfg(test)]
mod tests {
    use eufm_plan::{Constitution, Digest, Level, Params, Rule, Waiver};

    use super::*;
    use crate::state_test::plan_of;

    #[test]
    fn a_waiver_holds_until_the_end_of_its_day() {
        let mut plan = plan_of(&[], 1);
        let waiver = Waiver {
            until: "2026-12-31".to_owned(),
            by: "ada".to_owned(),
            reason: "because".to_owned(),
        };
        let rule = Rule {
            name: "small".to_owned(),
            kind: "max_diff".to_owned(),
            level: Level::Must,
            cite: "small".to_owned(),
            line: 1,
            waiver: Some(waiver),
            params: Params::default(),
        };
        plan.constitution = Some(Constitution {
            path: "rules.md".to_owned(),
            digest: Digest::of(b""),
            unmapped: Vec::new(),
            unmapped_more: 0,
            rules: vec![rule],
        });
        // 2026-12-31T23:59:59Z, and the second behind it.
        assert!(check(&plan, 1_798_761_599).is_ok());
        let error = check(&plan, 1_798_761_600).unwrap_err().to_string();
        assert!(
            error.contains("rule small was waived until 2026-12-31 by ada: because"),
            "{error}"
        );
        assert!(check(&plan, u64::MAX).is_err());
    }
}
