//! What a compile costs: `eufm compile` from a spec's text to the written
//! plan.lock, beside `ninja -n` on the same graph, both as whole processes.
//!
//! The graph has layers of ceil(sqrt N) nodes, each of which needs two of the
//! layer before. It prints both sides with their ratio, the growth from the
//! smallest to the largest graph and the peak memory, and judges nothing.
//! ninja is optional; where it is missing the page says so.

#![expect(clippy::print_stdout, reason = "the figures are the result")]

mod graph;
mod layered;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use graph::{Result, milliseconds, needs, peak};
use layered::spec;

/// How many nodes the graphs have, and how often each is measured.
const SIZES: &[(usize, usize)] = &[(1_000, 15), (10_000, 9), (100_000, 5)];

/// What one tool needed for one graph.
struct Figures {
    /// The least wall time of all rounds.
    time: Duration,
    /// The peak of the resident memory, in KiB.
    memory: u64,
}

/// A size with the figures of both sides; those of ninja where it is there.
struct Row {
    nodes: usize,
    spec_bytes: u64,
    eufm: Figures,
    ninja: Option<Figures>,
}

fn main() -> Result<()> {
    let with_ninja = Command::new("ninja").arg("--version").output().is_ok();
    if !with_ninja {
        println!(
            "NINJA IS MISSING: only eufm is measured, there is no ratio (install ninja-build)"
        );
    }
    let folder = tempfile::tempdir()?;
    let mut rows = Vec::new();
    for &(nodes, rounds) in SIZES {
        rows.push(measure(folder.path(), nodes, rounds, with_ninja)?);
    }
    print(&rows);
    Ok(())
}

/// Measures both tools in turn, so that a busy moment hits both.
fn measure(folder: &Path, nodes: usize, rounds: usize, with_ninja: bool) -> Result<Row> {
    fs::write(folder.join("spec.eufm"), spec(nodes))?;
    fs::write(folder.join("build.ninja"), ninja(nodes))?;
    let mut compile = Command::new(env!("CARGO_BIN_EXE_eufm"));
    compile.args(["compile", "spec.eufm"]).current_dir(folder);
    let mut dry_run = Command::new("ninja");
    dry_run.arg("-n").current_dir(folder);
    let mut times = [Duration::MAX; 2];
    for _ in 0..rounds {
        let _ = fs::remove_file(folder.join("plan.lock"));
        times[0] = times[0].min(time(&mut compile)?);
        if with_ninja {
            times[1] = times[1].min(time(&mut dry_run)?);
        }
    }
    fs::remove_file(folder.join("plan.lock"))?;
    let eufm = Figures { time: times[0], memory: peak(&mut compile)? };
    let ninja =
        with_ninja.then(|| peak(&mut dry_run).map(|memory| Figures { time: times[1], memory }));
    let spec_bytes = fs::metadata(folder.join("spec.eufm"))?.len();
    Ok(Row { nodes, spec_bytes, eufm, ninja: ninja.transpose()? })
}

fn time(command: &mut Command) -> Result<Duration> {
    let start = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    let time = start.elapsed();
    if status.success() { Ok(time) } else { Err(format!("{command:?}: {status}").into()) }
}

fn print(rows: &[Row]) {
    println!(
        "eufm compile (text to plan.lock) beside ninja -n; least wall of all rounds, peak RSS"
    );
    println!("    nodes   spec MB   eufm ms   ninja ms   ratio   eufm MB   B/node over the spec");
    for row in rows {
        let over = (row.eufm.memory * 1_024).saturating_sub(row.spec_bytes) / row.nodes as u64;
        let (ninja, ratio) = row.ninja.as_ref().map_or_else(
            || ("-".to_owned(), "-".to_owned()),
            |ninja| {
                let ratio = row.eufm.time.as_secs_f64() / ninja.time.as_secs_f64();
                (milliseconds(ninja.time), format!("{ratio:.2}"))
            },
        );
        println!(
            "{:>9} {:>9.1} {:>9} {ninja:>10} {ratio:>7} {:>9.1} {over:>8}",
            row.nodes,
            row.spec_bytes as f64 / 1e6,
            milliseconds(row.eufm.time),
            row.eufm.memory as f64 * 1_024.0 / 1e6,
        );
    }
    let slope = |time: fn(&Row) -> Option<Duration>| {
        let (first, last) = (rows.first()?, rows.last()?);
        let growth = time(last)?.as_secs_f64() / time(first)?.as_secs_f64();
        Some(growth.ln() / (last.nodes as f64 / first.nodes as f64).ln())
    };
    println!("log-log slope: eufm {}", number(slope(|row| Some(row.eufm.time))));
    println!("               ninja {}", number(slope(|row| Some(row.ninja.as_ref()?.time))));
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

fn ninja(nodes: usize) -> String {
    let mut text = "rule touch\n  command = touch $out\n\n".to_owned();
    for node in 0..nodes {
        let needs = needs(node, nodes).join(" ");
        let _ = writeln!(text, "build n{node}: touch {needs}");
    }
    text
}
