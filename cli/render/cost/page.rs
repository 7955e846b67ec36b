//! The figures for people: a few lines about the whole, then a table for nodes,
//! groups, requirements and hours.
//!
//! A line or a column that would say nothing is left out. Unaware of programs.

use eufm_plan::units::{Currency, Money};
use eufm_runner::Outcome;
use eufm_runner::cost::{CostReport, Entry, RunCost, Standing, Sums};
use eufm_runner::ledger::Spent;
use eufm_runner::printable;
use eufm_runner::reporters::seconds;

use super::per_mille;
use crate::render::count;

/// How wide a column of names gets.
const NAME_MAX: usize = 60;

/// Spells a figure of an entry.
type Cell<'a> = &'a dyn Fn(&Entry) -> String;

/// What stands where there is no figure.
const NONE: &str = "-";

/// Makes the page.
pub(super) fn page(report: &CostReport) -> String {
    let figures = &report.figures;
    let shown = Shown { currency: figures.currency, has_run: report.run.is_some() };
    let mut lines = vec![headline(report), String::new()];
    lines.extend(summary(report, &shown));
    let tables = [
        ("node", &figures.nodes),
        ("group", &figures.groups),
        ("requirement", &figures.requirements),
    ];
    for (what, entries) in tables.into_iter().filter(|(_, entries)| !entries.is_empty()) {
        lines.push(String::new());
        lines.extend(table(&shown.columns(what, entries)));
    }
    if figures.requirements.iter().map(|entry| entry.nodes).sum::<usize>() > figures.nodes.len() {
        lines.push("  a node counts in full with each requirement: they add up to no total".into());
    }
    let hours = report.run.iter().flat_map(|run| &run.hours);
    let hours: Vec<Entry> = hours.map(|hour| hourly_entry(hour.hour, hour.sums)).collect();
    if !hours.is_empty() {
        lines.push(String::new());
        lines.extend(table(&shown.columns("hour of the run", &hours)));
    }
    if let Some(damage) = report.run.as_ref().and_then(|run| run.damage.as_ref()) {
        let place = damage.offset.map_or_else(String::new, |offset| format!(" at byte {offset}"));
        lines.push(String::new());
        lines.push(format!("  damage    {}{place}: {}", damage.file.display(), damage.cause));
        lines.push(format!("  help      {}", damage.help));
    }
    lines.iter().map(|line| format!("{}\n", printable::lines(line.trim_end()))).collect()
}

fn hourly_entry(hour: u64, sums: Sums) -> Entry {
    let name = (hour + 1).to_string();
    Entry { name, nodes: 0, bound: Default::default(), sums }
}

fn headline(report: &CostReport) -> String {
    let Some(run) = &report.run else {
        return format!("no run of {} with this plan yet; what it may cost:", report.pipeline);
    };
    let how = match run.standing {
        _ if run.damage.is_some() => "is damaged; what is known of it up to there",
        Standing::Unfinished if report.runner.is_some() => "goes on",
        Standing::Unfinished => "is not at its end",
        Standing::Closed => "is closed: another run has its place",
        Standing::Ended(Outcome::Done) => "is done",
        Standing::Ended(Outcome::Failed) => "has failed",
        Standing::Ended(Outcome::BudgetExhausted) => "was ended by a budget",
        Standing::Ended(Outcome::Unavailable) => "has failed: the model was not to be had",
    };
    format!("run {} {how}, after {}", run.run, seconds(run.active_ms))
}

/// What all tables and lines of a page have in common.
struct Shown {
    currency: Option<Currency>,
    has_run: bool,
}

fn summary(report: &CostReport, shown: &Shown) -> Vec<String> {
    let Entry { bound, sums, .. } = &report.figures.run;
    let mut rows: Vec<(&str, String)> = Vec::new();
    let of = |spent: String, most: Option<String>| match most {
        Some(most) if shown.has_run => format!("{spent} of at most {most}"),
        Some(most) => format!("at most {most}"),
        None if shown.has_run => format!("{spent}, no cap"),
        None => "no cap".to_owned(),
    };
    if shown.currency.is_some() {
        let most = bound.micros.map(|micros| shown.money(micros));
        rows.push(("spent", of(shown.money(sums.spent.micros), most)));
    }
    rows.push(("tokens", of(sums.spent.tokens.to_string(), bound.tokens.map(|it| it.to_string()))));
    if let Some(run) = &report.run {
        rows.extend(of_answers(sums));
        rows.extend(shown.speed(report, run));
        rows.extend(shown.odd_requests(sums));
    } else if let Some(rate) = report.rate {
        rows.push(("rate", format!("at most {rate}")));
    }
    if !report.others.is_empty() {
        let names = report.others.join(", ");
        rows.push(("others", format!("{names} (runs of this plan too; see them with --run)")));
    }
    rows.into_iter().map(|(word, text)| format!("  {word:<9} {text}")).collect()
}

fn of_answers(sums: &Sums) -> Vec<(&'static str, String)> {
    let usage = sums.usage;
    let share = |part, whole| per_mille(part, whole).map_or_else(String::new, percent_in_brackets);
    let written = match usage.cache_write {
        0 => String::new(),
        tokens => format!(", {tokens} written to a cache"),
    };
    let cached = share(usage.cached, usage.input);
    let reasoning = share(usage.reasoning, usage.output);
    let answers = usize::try_from(sums.answers).unwrap_or(usize::MAX);
    vec![
        ("answers", count(answers, "answer")),
        ("input", format!("{} tokens, {} cached{cached}{written}", usage.input, usage.cached)),
        ("output", format!("{} tokens, {} reasoning{reasoning}", usage.output, usage.reasoning)),
    ]
}

fn percent_in_brackets(per_mille: u64) -> String {
    format!(" ({})", percent(per_mille))
}

fn percent(per_mille: u64) -> String {
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}

impl Shown {
    fn money(&self, micros: u64) -> String {
        match self.currency {
            Some(currency) => Money { micros, currency }.to_string(),
            None => NONE.to_owned(),
        }
    }

    /// Spells an amount without its currency, for a column.
    fn number(&self, micros: u64) -> String {
        let money = self.money(micros);
        money.split_once(' ').map_or_else(|| money.clone(), |(number, _)| number.to_owned())
    }

    fn speed(&self, report: &CostReport, run: &RunCost) -> Vec<(&'static str, String)> {
        let mut rows = Vec::new();
        let worked = seconds(run.worked_ms);
        let speed = match (self.currency, run.hourly) {
            (Some(_), Some(hourly)) => {
                format!("{} per hour, in {worked} of implementation", self.money(hourly))
            }
            _ => format!("{worked} of implementation"),
        };
        rows.push(("rate", speed));
        if let (Some(rate), Some(paced)) = (report.rate, run.paced) {
            let (spent, allowed) = (self.money(paced.spent), self.money(paced.allowed));
            let passed = if paced.is_passed() { "passed: " } else { "" };
            let so_far = format!("{passed}{spent} spent of {allowed} allowed so far");
            rows.push(("allowed", format!("{so_far}, {rate} with one hour in advance")));
        }
        rows
    }

    fn odd_requests(&self, sums: &Sums) -> Vec<(&'static str, String)> {
        let requests = |number| count(usize::try_from(number).unwrap_or(usize::MAX), "request");
        let of = |number, Spent { micros, tokens }: Spent| {
            let money = self.currency.map_or_else(String::new, |_| self.money(micros) + " and ");
            format!("{} with {money}{tokens} tokens", requests(number))
        };
        let mut rows = Vec::new();
        if sums.open > 0 {
            rows.push(("reserved", of(sums.open, sums.reserved) + ", their end not known yet"));
        }
        if sums.charged_requests > 0 {
            let of = of(sums.charged_requests, sums.charged);
            rows.push(("charged", of + ", without an account of what they used"));
        }
        if sums.untaken > 0 {
            rows.push(("untaken", requests(sums.untaken) + " that cost nothing"));
        }
        if sums.unpriced > 0 && self.currency.is_some() {
            let text = format!("{} of the answers, counted as tokens only", sums.unpriced);
            rows.push(("no price", text));
        }
        rows
    }

    /// Makes the columns of a table: a head and a cell for each entry.
    fn columns(&self, what: &str, entries: &[Entry]) -> Vec<Vec<String>> {
        let optional =
            |number: Option<u64>| number.map_or_else(|| NONE.into(), |it| it.to_string());
        let money = self.currency.map_or_else(|| "money".to_owned(), |it| it.to_string());
        let name = |entry: &Entry| printable::line(&entry.name, NAME_MAX);
        let most = |entry: &Entry| {
            entry.bound.micros.map_or_else(|| NONE.to_owned(), |micros| self.number(micros))
        };
        let share = |part, whole| per_mille(part, whole).map_or_else(|| NONE.into(), percent);
        let column = |head: &str, cell: Cell<'_>| {
            std::iter::once(head.to_owned()).chain(entries.iter().map(cell)).collect::<Vec<_>>()
        };
        let mut columns = vec![column(what, &name)];
        let has_run = self.has_run;
        let cells: [(&str, bool, Cell<'_>); 9] = [
            (&money, has_run, &|it| self.number(it.sums.spent.micros)),
            (if has_run { "at most" } else { &money }, true, &most),
            ("tokens", has_run, &|it| it.sums.spent.tokens.to_string()),
            (if has_run { "at most" } else { "tokens" }, true, &|it| optional(it.bound.tokens)),
            ("answers", has_run, &|it| it.sums.answers.to_string()),
            ("cached", has_run, &|it| share(it.sums.usage.cached, it.sums.usage.input)),
            ("reasoning", has_run, &|it| share(it.sums.usage.reasoning, it.sums.usage.output)),
            ("charged", has_run, &|it| some(it.sums.charged_requests)),
            ("open", has_run, &|it| some(it.sums.open)),
        ];
        let wanted = cells.into_iter().filter(|(_, is_wanted, _)| *is_wanted);
        columns.extend(wanted.map(|(head, _, cell)| column(head, cell)));
        columns.retain(|column| column[1..].iter().any(|cell| cell != NONE));
        columns
    }
}

fn some(number: u64) -> String {
    if number == 0 { NONE.to_owned() } else { number.to_string() }
}

/// Aligns columns: names to the left, figures to the right.
fn table(columns: &[Vec<String>]) -> Vec<String> {
    let width = |column: &Vec<String>| column.iter().map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = columns.iter().map(|column| width(column).unwrap_or(0)).collect();
    let rows = columns.first().map_or(0, Vec::len);
    let row = |at: usize| {
        let cells = columns.iter().zip(&widths).enumerate().map(|(place, (column, width))| {
            let cell = &column[at];
            if place == 0 { format!("  {cell:<width$}") } else { format!("  {cell:>width$}") }
        });
        cells.collect::<String>()
    };
    (0..rows).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::cost::example;

    #[test]
    fn a_run_that_goes_on_is_shown_with_its_bounds() {
        let expected = "\
run world-1 goes on, after 1 h 30 min

  spent     0.300001 EUR of at most 2.000000 EUR
  tokens    400 of at most 4000
  answers   2 answers
  input     300 tokens, 100 cached (33.3 %)
  output    100 tokens, 0 reasoning (0.0 %)
  rate      0.300001 EUR per hour, in 1 h 00 min of implementation
  allowed   0.300001 EUR spent of 2.000000 EUR allowed so far, 1.000000 EUR per hour with one hour in advance
  reserved  1 request with 0.250000 EUR and 900 tokens, their end not known yet
  others    world-0 (runs of this plan too; see them with --run)

  node       EUR   at most  tokens  answers  cached  reasoning  open
  a/one 0.300001  0.500000     400        2  33.3 %      0.0 %     -
  b     0.000000         -       0        0       -          -     1
";
        let told = page(&example::going_on());
        let squeezed = |text: &str| -> Vec<String> {
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
        };
        assert_eq!(squeezed(told.split("\n\n  group").next().unwrap()), squeezed(expected));
        let hour = "  hour of the run       EUR  tokens  answers  cached  reasoning\n  \
                    1                0.300001     400        2  33.3 %      0.0 %\n";
        assert!(told.ends_with(hour), "{told}");
        assert!(told.contains("they add up to no total"), "{told}");
    }

    #[test]
    fn without_a_run_there_are_the_bounds_alone() {
        let told = page(&example::planned());
        let expected = "no run of world with this plan yet; what it may cost:\n\n  \
                        spent     at most 2.000000 EUR\n  \
                        tokens    at most 4000\n  \
                        rate      at most 1.000000 EUR per hour\n\n  \
                        node        EUR\n  \
                        a/one  0.500000\n  \
                        b             -\n\n";
        assert!(told.starts_with(expected), "{told}");
        assert!(!told.contains("answers") && !told.contains("hour of"), "{told}");
    }

    #[test]
    fn damage_is_said_with_its_place_and_the_way_out() {
        let told = page(&example::damaged());
        for expected in [
            "run world-1 is damaged; what is known of it up to there, after",
            "  charged   2 requests with 0.010000 EUR and 40 tokens, without an account",
            "  untaken   1 request that cost nothing",
            "  no price  3 of the answers, counted as tokens only",
            "  damage    /s/journal at byte 77: the checksum does not fit",
            "  help      put back a copy",
            "passed: 0.300001 EUR spent of 0.200000 EUR allowed so far",
        ] {
            assert!(told.contains(expected), "{expected:?} is not said:\n{told}");
        }
    }
}
