//! What a plan can cost, in one screen: the bound, what holds it, the heaviest nodes
//! and the prices that it is counted with.
//!
//! Unaware of runs; what one has cost `eufm cost` says.

use eufm_plan::Plan;
use eufm_plan::proof::proofs;
use eufm_plan::review::review;
use eufm_plan::units::Money;

use super::things::{Thing, page, rows, things};

/// Makes the page.
pub(super) fn emit(plan: &Plan) -> String {
    let review = review(plan);
    let budget = &plan.budget;
    let mut lines = vec![
        format!("What {} can cost", plan.pipeline),
        String::new(),
        format!("  money     {}", review.cost),
    ];
    let proofs = proofs(plan);
    lines
        .extend(proofs.iter().filter(|it| it.name == "cost").map(|it| format!("            {it}")));
    let tokens = budget.tokens.map_or_else(|| "no cap".to_owned(), |it| format!("at most {it}"));
    lines.push(format!("  tokens    {tokens}"));
    lines.push(format!("  time      {}", review.wall));
    let memory = budget.memory.map(|memory| format!(", {memory} of memory together"));
    let at_once = crate::render::count(budget.parallel as usize, "node");
    lines.push(format!("  at once   {at_once}{}", memory.unwrap_or_default()));
    let mut capped: Vec<(u64, Thing<'_>)> = things(plan, |node| node.budget.cost.is_some())
        .into_iter()
        .map(|thing| {
            (thing.nodes.iter().filter_map(|it| it.budget.cost).map(|it| it.micros).sum(), thing)
        })
        .collect();
    // Those that weigh the same stay in plan order.
    capped.sort_by_key(|(micros, _)| std::cmp::Reverse(*micros));
    let heaviest: Vec<(String, String)> =
        capped.iter().map(|(micros, thing)| (thing.label(), asked(*micros, thing))).collect();
    lines.extend(rows("the nodes may ask, all attempts together", &heaviest));
    let prices: Vec<(String, String)> = plan
        .prices
        .iter()
        .map(|price| {
            let per = format!(
                "{} in, {} out; of {} by {}",
                price.input, price.output, price.date, price.source
            );
            (price.model.clone(), per)
        })
        .collect();
    lines.extend(rows("counted with these prices", &prices));
    page(&lines)
}

/// Says what the nodes of a thing may ask together.
fn asked(micros: u64, thing: &Thing<'_>) -> String {
    let currency = thing.nodes.iter().find_map(|node| node.budget.cost).map(|cost| cost.currency);
    let sum = currency.map(|currency| Money { micros, currency }.to_string()).unwrap_or_default();
    let attempts = thing.nodes.iter().map(|node| node.budget.attempts).max().unwrap_or(1);
    let each = match thing.nodes.len() {
        1 => String::new(),
        _ => " each".to_owned(),
    };
    format!("{sum}, up to {}{each}", crate::render::count(attempts as usize, "attempt"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::views::example::everything;

    #[test]
    fn the_heaviest_stand_first_and_instances_are_added_up() {
        let mut plan = everything();
        for (at, cost) in [(1, "2 EUR"), (2, "1.5 EUR"), (3, "3 EUR")] {
            plan.nodes[at].budget.cost = Money::parse(cost);
        }
        let page = emit(&plan);
        let rows = [
            "    telemetry/collector (2 nodes)  3.500000 EUR, up to 1 attempt each\n",
            "    story[\"search\"]/implement      3.000000 EUR, up to 1 attempt\n",
            "    schema                         0.600000 EUR, up to 3 attempts\n",
        ];
        assert!(page.contains(&rows.concat()), "{page}");
    }

    #[test]
    fn a_plan_without_caps_says_so() {
        let mut plan = everything();
        plan.budget = eufm_plan::RunBudget { parallel: 1, ..eufm_plan::RunBudget::default() };
        plan.nodes[0].budget.cost = None;
        let page = emit(&plan);
        assert!(page.contains("  money     no cap\n"), "{page}");
        assert!(page.contains("  tokens    no cap\n") && page.contains("  at once   1 node\n"));
    }
}
