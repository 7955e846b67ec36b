//! What a review costs: all proofs beside the rest of a compile, `eufm diff` beside
//! `diff` of the same files, and `eufm show NODE` beside a bare digest of the file.
//!
//! The graph is that of the other benchmarks, each node with its own globs. Whole
//! processes are measured but for the proofs, which are a function. It prints both
//! sides and the growth from the smallest to the largest plan, and judges nothing.

#![expect(clippy::print_stdout, reason = "the figures are the result")]

mod graph;
mod layered;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use eufm_plan::{lockfile, proof};
use graph::{Result, milliseconds, peak};
use layered::spec;

/// How many nodes the plans have, and how often each is measured.
const SIZES: &[(usize, usize)] = &[(1_000, 15), (10_000, 9), (100_000, 5)];

/// The size of the plans that are compared.
const COMPARED: usize = 10_000;

/// The size of the plan of which one node is shown.
const SHOWN: usize = 100_000;

fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    proofs(folder)?;
    comparison(folder)?;
    one_node(folder)
}

/// Compiles plans of all sizes and proves them once more.
fn proofs(folder: &Path) -> Result<()> {
    println!("eufm compile with every proof, and the proofs alone; least wall of all rounds");
    println!("    nodes   compile ms   proofs ms   with / without");
    let mut times = Vec::new();
    for &(nodes, rounds) in SIZES {
        fs::write(folder.join("spec.eufm"), spec(nodes))?;
        let mut least = [Duration::MAX; 2];
        for _ in 0..rounds {
            let _ = fs::remove_file(folder.join("plan.lock"));
            least[0] = least[0].min(time(&mut eufm(folder, &["compile", "spec.eufm"]), &[0])?);
            let text = fs::read_to_string(folder.join("plan.lock"))?;
            let plan = lockfile::read_kept(&text)?.plan;
            let start = Instant::now();
            std::hint::black_box(proof::proofs(&plan));
            least[1] = least[1].min(start.elapsed());
        }
        let [compile, proofs] = least;
        let without = compile.saturating_sub(proofs).as_secs_f64();
        println!(
            "{nodes:>9} {:>12} {:>11} {:>16.2}",
            milliseconds(compile),
            milliseconds(proofs),
            compile.as_secs_f64() / without,
        );
        times.push((nodes as f64, compile.as_secs_f64(), proofs.as_secs_f64()));
    }
    if let (Some(first), Some(last)) = (times.first(), times.last()) {
        let steps = (last.0 / first.0).ln();
        println!(
            "log-log slope: compile {:.2}, proofs {:.2}\n",
            (last.1 / first.1).ln() / steps,
            (last.2 / first.2).ln() / steps,
        );
    }
    Ok(())
}

/// Compares two plans: one of few differences, and one in which every node differs.
fn comparison(folder: &Path) -> Result<()> {
    println!("eufm diff of two plans of {COMPARED} nodes, beside diff; least wall of 9 rounds");
    println!("    differences   eufm ms   diff ms");
    let text = spec(COMPARED);
    let few = text.replacen("short", "very short", 3).replacen("15 min", "16 min", 3);
    let all = text.replace("short", "very short").replace("attempts <= 2", "attempts <= 3");
    for (name, text) in [("old", &text), ("few", &few), ("all", &all)] {
        fs::write(folder.join("spec.eufm"), text)?;
        let lock = format!("{name}.lock");
        time(&mut eufm(folder, &["compile", "spec.eufm", "-o", &lock]), &[0])?;
    }
    for name in ["few", "all"] {
        let lock = format!("{name}.lock");
        let mut least = [Duration::MAX; 2];
        for _ in 0..9 {
            least[0] = least[0].min(time(&mut eufm(folder, &["diff", "old.lock", &lock]), &[3])?);
            let mut diff = Command::new("diff");
            diff.args(["old.lock", &lock]).current_dir(folder);
            least[1] = least[1].min(time(&mut diff, &[1])?);
        }
        println!("{name:>15} {:>9} {:>9}", milliseconds(least[0]), milliseconds(least[1]));
    }
    println!();
    Ok(())
}

/// Shows one node of a large plan.
fn one_node(folder: &Path) -> Result<()> {
    fs::write(folder.join("spec.eufm"), spec(SHOWN))?;
    time(&mut eufm(folder, &["compile", "spec.eufm"]), &[0])?;
    let node = format!("n{}", SHOWN / 2);
    let mut least = [Duration::MAX; 2];
    for _ in 0..9 {
        least[0] = least[0].min(time(&mut eufm(folder, &["show", "plan.lock", &node]), &[0])?);
        let mut digest = Command::new("sha256sum");
        least[1] = least[1].min(time(digest.arg("plan.lock").current_dir(folder), &[0])?);
    }
    println!("eufm show of one node of {SHOWN}, beside sha256sum; least wall of 9 rounds");
    let memory = peak(&mut eufm(folder, &["show", "plan.lock", &node]))? as f64 * 1_024.0 / 1e6;
    println!("    eufm ms   eufm MB   sha256sum ms");
    println!("{:>11} {memory:>9.1} {:>14}", milliseconds(least[0]), milliseconds(least[1]));
    Ok(())
}

fn eufm(folder: &Path, args: &[&str]) -> Command {
    let mut eufm = Command::new(env!("CARGO_BIN_EXE_eufm"));
    eufm.args(args).current_dir(folder);
    eufm
}

fn time(command: &mut Command, good: &[i32]) -> Result<Duration> {
    let start = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    let time = start.elapsed();
    let is_good = status.code().is_some_and(|code| good.contains(&code));
    if is_good { Ok(time) } else { Err(format!("{command:?}: {status}").into()) }
}
