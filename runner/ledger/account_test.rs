//! Tests of the account: no cap is passed, whatever is asked and however it ends.

use eufm_plan::units::{Money, Price, Tokens};
use eufm_plan::{Agent, AgentIndex, ModelPrice, NodeIndex, ParamValue, Params, Plan, Work};
use proptest::prelude::*;

use super::*;
use crate::state_test::{Sketch, plan_of};

/// Makes a plan of so many agents, at 5 and 30 EUR for a million tokens.
pub(crate) fn agents(count: usize, parallel: u32) -> Plan {
    let sketch = |_| Sketch { needs: Vec::new(), gates: 0, attempts: 3 };
    let mut plan = plan_of(&(0..count).map(sketch).collect::<Vec<_>>(), parallel);
    for node in &mut plan.nodes {
        node.work =
            Work::Agent { agent: AgentIndex::new(0), prompt: "Work.".to_owned(), session: None };
    }
    let params = Params(vec![("model".to_owned(), ParamValue::Text("gpt-5.5".to_owned()))]);
    plan.agents.push(Agent { name: "builder".to_owned(), kind: "codex".to_owned(), params });
    let price = |text| Price(Money::parse(text).expect("money"));
    plan.prices.push(ModelPrice {
        model: "gpt-5.5".to_owned(),
        input: price("5 EUR"),
        cached: Some(price("0.50 EUR")),
        cache_write: None,
        output: price("30 EUR"),
        long: None,
        max_output: Some(Tokens(128_000)),
        date: "2026-06-12".to_owned(),
        source: "a table".to_owned(),
    });
    plan
}

fn node(position: usize) -> NodeIndex {
    NodeIndex::new(position)
}

fn quote(input: u64) -> Quote {
    Quote { input, output: Output::Set { most: None } }
}

fn admitted(account: &Account, at: usize, input: u64) -> Reservation {
    match account.decide(node(at), quote(input)) {
        Decision::Admitted(reservation) => reservation,
        other => panic!("not admitted: {other:?}"),
    }
}

fn ask(account: &mut Account, at: usize, input: u64) -> Reservation {
    let reservation = admitted(account, at, input);
    let request = account.last_request(node(at)) + 1;
    account.reserve(node(at), request, reservation.most);
    reservation
}

#[test]
fn without_a_cap_an_answer_may_be_as_long_as_the_model_makes_it() {
    let account = Account::of(&agents(1, 1));
    let reservation = admitted(&account, 0, 41_000);
    assert_eq!(reservation.output, 128_000);
    assert_eq!(reservation.most.tokens, 41_000 + 128_000);
}

#[test]
fn a_request_that_asks_for_less_gets_less() {
    let account = Account::of(&agents(1, 1));
    let quote = Quote { input: 1, output: Output::Set { most: Some(500) } };
    let Decision::Admitted(reservation) = account.decide(node(0), quote) else { panic!() };
    assert_eq!(reservation.output, 500);
}

#[test]
fn a_cap_that_pays_for_all_lets_all_go_at_once() {
    let mut plan = agents(8, 8);
    // Each: 40,000 tokens of prompt and 8,192 of answer, 0.45 EUR.
    plan.budget.cost = Money::parse("3.70 EUR");
    let mut account = Account::of(&plan);
    for at in 0..8 {
        assert!(ask(&mut account, at, 40_000).output >= 8_192, "{at}");
    }
    assert!(account.used().micros <= 3_700_000);
}

#[test]
fn an_answer_is_short_where_it_could_be_longer_and_waits_below_the_least() {
    let mut plan = agents(2, 2);
    assert!(!admitted(&Account::of(&plan), 0, 41_000).is_short);
    let shortest = |left: u64| {
        plan.budget.tokens = Some(Tokens(100_000));
        let mut account = Account::of(&plan);
        account.reserve(node(0), 1, Spent { micros: 0, tokens: 100_000 - 1_000 - left });
        account.decide(node(1), quote(1_000))
    };
    let mut shortest = shortest;
    let Decision::Admitted(least) = shortest(1_024) else { panic!("it is enough") };
    assert_eq!((least.output, least.is_short), (1_024, true));
    assert_eq!(shortest(1_023), Decision::Wait);
}

#[test]
fn what_fits_only_without_the_others_waits_for_their_end() {
    let mut plan = agents(2, 2);
    plan.budget.cost = Money::parse("0.30 EUR");
    let mut account = Account::of(&plan);
    ask(&mut account, 0, 40_000);
    assert_eq!(account.decide(node(1), quote(40_000)), Decision::Wait);
    let usage = Usage { input: 10_000, output: 100, ..Usage::default() };
    let micros = account.cost(node(0), usage).expect("a price");
    account.settle(node(0), Some(1), Spent { micros, tokens: 10_100 });
    assert_eq!(account.used(), Spent { micros: 53_000, tokens: 10_100 });
    admitted(&account, 1, 40_000);
}

#[test]
fn what_never_fits_is_told_with_the_cap_that_is_in_the_way() {
    let mut plan = agents(1, 1);
    plan.budget.cost = Money::parse("1 EUR");
    plan.nodes[0].budget.cost = Money::parse("0.01 EUR");
    let exhausted = |plan: &Plan| match Account::of(plan).decide(node(0), quote(41_000)) {
        Decision::Exhausted(exhausted) => exhausted.to_string(),
        other => panic!("{other:?}"),
    };
    let own = "its cap of 0.010000 EUR is used up: 0.010000 EUR left, the next request can use \
               0.235720 EUR";
    assert_eq!(exhausted(&plan), own);
    plan.nodes[0].budget.cost = None;
    plan.budget.tokens = Some(Tokens(42_000));
    let run = "the run's cap of 42000 tokens is used up: 42000 tokens left, the next request can \
               use 42024 tokens";
    assert_eq!(exhausted(&plan), run);
}

#[test]
fn a_model_without_a_price_is_never_taken_for_free() {
    let mut plan = agents(1, 1);
    plan.prices.clear();
    let account = Account::of(&plan);
    assert_eq!(admitted(&account, 0, 9).most, Spent { micros: 0, tokens: 128_009 });
    plan.budget.cost = Money::parse("1000 EUR");
    let decision = Account::of(&plan).decide(node(0), quote(9));
    assert!(matches!(decision, Decision::Exhausted(_)), "{decision:?}");
}

#[test]
fn what_nobody_will_learn_is_spent() {
    let mut plan = agents(2, 2);
    plan.budget.cost = Money::parse("1 EUR");
    let mut account = Account::of(&plan);
    let reservation = ask(&mut account, 0, 40_000);
    let before = account.used();
    account.forfeit();
    assert_eq!(account.used(), before);
    assert_eq!(account.used_by(node(0)), reservation.most);
    assert_eq!(account.reserved(node(0), 1), None);
}

/// One step of a random history.
#[derive(Debug, Clone)]
enum Step {
    Ask {
        at: usize,
        input: u64,
        most: Option<u64>,
        fixed: bool,
    },
    /// Ends an open request, having used this share of what it may, in percent.
    End {
        at: usize,
        percent: u64,
        cached: bool,
    },
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4_usize, 0..400_000_u64, proptest::option::of(1..200_000_u64), any::<bool>())
            .prop_map(|(at, input, most, fixed)| Step::Ask { at, input, most, fixed }),
        6 => (0..4_usize, 0..=100_u64, any::<bool>())
            .prop_map(|(at, percent, cached)| Step::End { at, percent, cached }),
        1 => Just(Step::Crash),
    ]
}

proptest! {
    #[test]
    fn no_cap_is_passed_and_nobody_waits_for_nothing(
        steps in prop::collection::vec(step(), 1..120),
        run in proptest::option::of(0..20_000_000_u64),
        own in proptest::option::of(0..8_000_000_u64),
        tokens in proptest::option::of(0..3_000_000_u64),
        parallel in 1..5_u32,
    ) {
        let euros = |micros| Money { micros, currency: Money::parse("1 EUR").expect("money").currency };
        let mut plan = agents(4, parallel);
        plan.budget.cost = run.map(euros);
        plan.budget.tokens = tokens.map(Tokens);
        plan.nodes[1].budget.cost = own.map(euros);
        plan.nodes[2].budget.tokens = own.map(|own| Tokens(own / 8));
        let mut account = Account::of(&plan);
        let mut open: Vec<(usize, u32, u64, Reservation)> = Vec::new();
        let mut billed = 0;
        for step in steps {
            match step {
                Step::Ask { at, input, most, fixed } => {
                    let output = match most {
                        Some(most) if fixed => Output::Fixed(most),
                        most => Output::Set { most },
                    };
                    match account.decide(node(at), Quote { input, output }) {
                        Decision::Admitted(reservation) => {
                            prop_assert!(most.is_none_or(|most| reservation.output <= most));
                            let request = account.last_request(node(at)) + 1;
                            prop_assert!(account.may_open(node(at), request));
                            account.reserve(node(at), request, reservation.most);
                            open.push((at, request, input, reservation));
                        }
                        Decision::Wait => prop_assert!(!open.is_empty()),
                        Decision::Exhausted(_) => {}
                    }
                }
                Step::End { at, percent, cached } => {
                    let Some(found) = open.iter().position(|(owner, ..)| *owner == at) else {
                        continue;
                    };
                    let (_, request, input, reservation) = open.remove(found);
                    let (input, output) = (input * percent / 100, reservation.output * percent / 100);
                    let cached = if cached { input } else { 0 };
                    let usage = Usage { input, cached, output, ..Usage::default() };
                    let micros = account.cost(node(at), usage).expect("a price");
                    prop_assert!(micros <= reservation.most.micros);
                    billed += micros;
                    let spent = Spent { micros, tokens: input + output };
                    account.settle(node(at), Some(request), spent);
                }
                Step::Crash => {
                    account.forfeit();
                    for (.., reservation) in open.drain(..) {
                        billed += reservation.most.micros;
                    }
                }
            }
            prop_assert!(run.is_none_or(|cap| account.used().micros <= cap));
            prop_assert!(own.is_none_or(|cap| account.used_by(node(1)).micros <= cap));
            prop_assert!(own.is_none_or(|cap| account.used_by(node(2)).tokens <= cap / 8));
            prop_assert!(tokens.is_none_or(|cap| account.used().tokens <= cap));
            prop_assert!(account.used().micros >= billed);
            let nodes: u64 = (0..4).map(|at| account.used_by(node(at)).micros).sum();
            prop_assert_eq!(nodes, account.used().micros);
        }
        if open.is_empty() {
            prop_assert_eq!(account.used().micros, billed);
        }
    }
}
