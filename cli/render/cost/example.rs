//! Figures for the tests of both renderings.

use std::path::PathBuf;

use eufm_plan::Digest;
use eufm_plan::units::{Money, Rate};
use eufm_runner::cost::{Bound, CostReport, Entry, Figures, Hour, RunCost, Standing, Sums};
use eufm_runner::gateway::Usage;
use eufm_runner::ledger::{Paced, Spent};
use eufm_runner::verify::Damage;

fn entry(name: &str, nodes: usize, micros: Option<u64>, sums: Sums) -> Entry {
    let bound = Bound { micros, tokens: None };
    Entry { name: name.to_owned(), nodes, bound, sums }
}

fn figures(one: Sums, two: Sums) -> Figures {
    let mut both = one;
    both += two;
    let mut run = entry("world", 2, Some(2_000_000), both);
    run.bound.tokens = Some(4_000);
    Figures {
        currency: Money::parse("1 EUR").map(|money| money.currency),
        run,
        nodes: vec![entry("a/one", 1, Some(500_000), one), entry("b", 1, None, two)],
        groups: vec![entry("a", 1, Some(500_000), one)],
        requirements: vec![
            entry("FR-1", 2, Some(2_000_000), both),
            entry("FR-2", 1, Some(500_000), one),
        ],
    }
}

/// A plan without a run.
pub(super) fn planned() -> CostReport {
    CostReport {
        pipeline: "world".to_owned(),
        plan: Digest::of(b"plan"),
        rate: Rate::parse("1 EUR per hour"),
        figures: figures(Sums::default(), Sums::default()),
        run: None,
        others: Vec::new(),
        runner: None,
    }
}

/// A run with an open request.
pub(super) fn going_on() -> CostReport {
    let one = Sums {
        spent: Spent { micros: 300_001, tokens: 400 },
        answers: 2,
        usage: Usage { input: 300, cached: 100, output: 100, ..Usage::default() },
        ..Sums::default()
    };
    let reserved = Spent { micros: 250_000, tokens: 900 };
    let two = Sums { reserved, open: 1, ..Sums::default() };
    let run = RunCost {
        run: "world-1".to_owned(),
        standing: Standing::Unfinished,
        active_ms: 5_400_000,
        worked_ms: 3_600_000,
        hourly: Some(300_001),
        paced: Some(Paced { spent: 300_001, allowed: 2_000_000 }),
        hours: vec![Hour { hour: 0, sums: one }],
        torn_bytes: 3,
        damage: None,
    };
    CostReport {
        figures: figures(one, two),
        run: Some(run),
        others: vec!["world-0".to_owned()],
        runner: Some("process 7".to_owned()),
        ..planned()
    }
}

/// A run whose journal is damaged, with all that can be odd.
pub(super) fn damaged() -> CostReport {
    let mut report = going_on();
    let odd = Sums {
        charged: Spent { micros: 10_000, tokens: 40 },
        charged_requests: 2,
        untaken: 1,
        unpriced: 3,
        ..Sums::default()
    };
    report.figures.run.sums += odd;
    let run = report.run.as_mut().expect("it has a run");
    run.paced = Some(Paced { spent: 300_001, allowed: 200_000 });
    run.damage = Some(Damage {
        file: PathBuf::from("/s/journal"),
        offset: Some(77),
        cause: "the checksum does not fit".to_owned(),
        help: "put back a copy".to_owned(),
    });
    report
}
