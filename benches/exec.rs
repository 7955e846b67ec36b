//! What a run of trusted commands costs: `eufm exec` with its journal, beside a
//! bare loop that starts the same command and waits for it, and beside ninja,
//! make and n2 on the same graph. Then the finished run once more, beside
//! ninja's null build; and twenty nodes, for what a start costs.
//!
//! The graph is that of the compile benchmark. The sides take turns, so that a
//! busy moment hits all; the least wall of all rounds counts. It prints figures
//! and judges nothing. A tool that is missing is named, with its column empty.

#![expect(clippy::print_stdout, reason = "the figures are the result")]

mod graph;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use graph::{Result, milliseconds, needs, peak};

/// The program that each node runs.
const PROGRAM: &str = "/bin/true";

/// How many run at once, on every side.
const PARALLEL: usize = 2;

fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    println!("trusted commands ({PROGRAM}, {PARALLEL} at once), least wall of all rounds");
    small(folder.path())?;
    for (nodes, rounds) in [(1_000, 5), (10_000, 3)] {
        large(folder.path(), nodes, rounds)?;
    }
    Ok(())
}

/// Twenty nodes: the start, and what each node takes.
fn small(folder: &Path) -> Result<()> {
    let (none, some) = (Project::new(folder, 1)?, Project::new(folder, 20)?);
    let mut least = [Duration::MAX; 2];
    for _ in 0..15 {
        least[0] = least[0].min(none.fresh()?);
        least[1] = least[1].min(some.fresh()?);
    }
    let each = least[1].saturating_sub(least[0]).as_secs_f64() * 1e3 / 19.0;
    println!(
        "  one node: {} ms; 20 nodes: {} ms, {each:.2} ms for each more; peak {:.1} MB",
        milliseconds(least[0]),
        milliseconds(least[1]),
        some.peak()?
    );
    Ok(())
}

/// Many nodes, on all sides.
fn large(folder: &Path, nodes: usize, rounds: usize) -> Result<()> {
    let project = Project::new(folder, nodes)?;
    let mut sides: Vec<Side> = vec![
        Side::new("bare loop", Box::new(move || bare(nodes))),
        Side::new("eufm exec", Box::new(|| project.fresh())),
        Side::new("eufm exec, finished", Box::new(|| project.again())),
    ];
    for tool in TOOLS {
        if is_there(tool.program) {
            sides.push(Side::new(tool.name, Box::new(|| project.tool(tool))));
        } else {
            println!("  {} IS MISSING: not measured", tool.program);
        }
    }
    for _ in 0..rounds {
        for side in &mut sides {
            side.least = side.least.min((side.run)()?);
        }
    }
    println!(
        "  {nodes} nodes, {rounds} rounds; eufm's peak {:.1} MB, {} bytes of plan.lock",
        project.peak()?,
        project.plan_bytes()?
    );
    let anchor = sides[0].least.as_secs_f64();
    for side in &sides {
        let each = side.least.as_secs_f64() * 1e6 / nodes as f64;
        let ratio = side.least.as_secs_f64() / anchor;
        println!(
            "    {:<24} {:>9} ms {each:>8.1} us a node {ratio:>6.2} x bare",
            side.name,
            milliseconds(side.least)
        );
    }
    Ok(())
}

/// One way to run the graph.
struct Side<'a> {
    name: &'a str,
    run: Box<dyn Fn() -> Result<Duration> + 'a>,
    least: Duration,
}

impl<'a> Side<'a> {
    fn new(name: &'a str, run: Box<dyn Fn() -> Result<Duration> + 'a>) -> Self {
        Self { name, run, least: Duration::MAX }
    }
}

/// A build tool: its null build follows a whole one.
struct Tool {
    name: &'static str,
    program: &'static str,
    /// The file that describes the graph.
    file: &'static str,
    args: &'static [&'static str],
    is_null_build: bool,
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "ninja",
        program: "ninja",
        file: "build.ninja",
        args: &["-j2"],
        is_null_build: false,
    },
    Tool {
        name: "ninja, null build",
        program: "ninja",
        file: "build.ninja",
        args: &["-j2"],
        is_null_build: true,
    },
    Tool {
        name: "make",
        program: "make",
        file: "Makefile",
        args: &["-j2", "-s"],
        is_null_build: false,
    },
    Tool {
        name: "make, null build",
        program: "make",
        file: "Makefile",
        args: &["-j2", "-s"],
        is_null_build: true,
    },
    Tool { name: "n2", program: "n2", file: "build.ninja", args: &["-j2"], is_null_build: false },
];

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// Starts the command and waits for it, as often as there are nodes, in as many
/// threads as may run at once.
fn bare(nodes: usize) -> Result<Duration> {
    let start = Instant::now();
    let each = nodes / PARALLEL;
    let work = move || -> std::io::Result<()> {
        for _ in 0..each {
            Command::new(PROGRAM).stdin(Stdio::null()).status()?;
        }
        Ok(())
    };
    let threads: Vec<_> = (0..PARALLEL).map(|_| std::thread::spawn(work)).collect();
    for thread in threads {
        thread.join().map_err(|_| "a thread panicked")??;
    }
    Ok(start.elapsed())
}

/// A repository with a plan, and the graph in other tools' words.
struct Project {
    dir: PathBuf,
}

impl Project {
    fn new(folder: &Path, nodes: usize) -> Result<Self> {
        let dir = folder.join(nodes.to_string());
        fs::create_dir_all(&dir)?;
        let project = Self { dir };
        fs::write(project.dir.join("spec.eufm"), spec(nodes))?;
        fs::write(project.dir.join("build.ninja"), ninja(nodes))?;
        fs::write(project.dir.join("Makefile"), makefile(nodes))?;
        let identity = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"];
        for args in [&["init", "-q", "-b", "main"][..], &["commit", "-qm", "base", "--allow-empty"]]
        {
            project.run(Command::new("git").args(identity).args(args))?;
        }
        project.run(Command::new(env!("CARGO_BIN_EXE_eufm")).args(["compile", "spec.eufm"]))?;
        Ok(project)
    }

    /// A run from nothing.
    fn fresh(&self) -> Result<Duration> {
        let _ = fs::remove_dir_all(self.dir.join("state"));
        self.again()
    }

    fn again(&self) -> Result<Duration> {
        self.run(&mut self.exec())
    }

    fn exec(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eufm"));
        command.args(["exec", "plan.lock", "--state", "state"]);
        command
    }

    fn tool(&self, tool: &Tool) -> Result<Duration> {
        let out = self.dir.join("out");
        if !tool.is_null_build {
            let _ = fs::remove_dir_all(&out);
            let _ = fs::remove_file(self.dir.join(".ninja_log"));
            let _ = fs::remove_file(self.dir.join(".n2_db"));
            fs::create_dir_all(&out)?;
        }
        self.run(Command::new(tool.program).args(["-f", tool.file]).args(tool.args))
    }

    fn run(&self, command: &mut Command) -> Result<Duration> {
        let log = File::create(self.dir.join("log"))?;
        command.current_dir(&self.dir).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let start = Instant::now();
        let status = command.status()?;
        let time = start.elapsed();
        if status.success() {
            return Ok(time);
        }
        let log = fs::read_to_string(self.dir.join("log"))?;
        let end: Vec<&str> = log.lines().rev().take(5).collect();
        Err(format!("{command:?}: {status}: {end:?}").into())
    }

    /// The peak of eufm's own resident memory over a run from nothing, in MB.
    fn peak(&self) -> Result<f64> {
        let _ = fs::remove_dir_all(self.dir.join("state"));
        let mut command = self.exec();
        command.current_dir(&self.dir).stdin(Stdio::null());
        Ok(peak(&mut command)? as f64 * 1_024.0 / 1e6)
    }

    fn plan_bytes(&self) -> Result<u64> {
        Ok(fs::metadata(self.dir.join("plan.lock"))?.len())
    }
}

fn spec(nodes: usize) -> String {
    let mut text = format!(
        "edition 1\npipeline bench {{ base = \"main\", budget {{ parallel <= {PARALLEL} }} }}\n"
    );
    for node in 0..nodes {
        let needs = needs(node, nodes).join(", ");
        let _ = writeln!(
            text,
            "command n{node} {{ needs = [{needs}], run = [\"{PROGRAM}\"], in_place = true }}"
        );
    }
    text
}

/// Ninja and make go by files, so each command makes one as well: through the
/// shell that both of them start.
fn ninja(nodes: usize) -> String {
    let mut text = "rule r\n command = : > $out\n".to_owned();
    for node in 0..nodes {
        let needs: Vec<String> =
            needs(node, nodes).iter().map(|need| format!("out/{need}")).collect();
        let _ = writeln!(text, "build out/n{node}: r {}", needs.join(" "));
    }
    text
}

fn makefile(nodes: usize) -> String {
    let all: Vec<String> = (0..nodes).map(|node| format!("out/n{node}")).collect();
    let mut text = format!("all: {}\n", all.join(" "));
    for node in 0..nodes {
        let needs: Vec<String> =
            needs(node, nodes).iter().map(|need| format!("out/{need}")).collect();
        let _ = writeln!(text, "out/n{node}: {}\n\t: > $@", needs.join(" "));
    }
    text
}
