//! What a sandboxed node costs: `eufm exec` of a chain of commands with a gate
//! each, beside a script that does the same steps by hand: `git worktree add`,
//! bwrap, `git add` and `git commit`, a second worktree with bwrap for the gate,
//! and `git worktree remove` for both. On repositories of 100 and of 10,000 files.
//!
//! The sides take turns, so that a busy moment hits both; the least of all rounds
//! counts. A node of eufm is what each further node of the chain takes; a start
//! with its trial of the host is told beside it, and so is the processor time,
//! which other work on the host changes less. It prints figures and judges
//! nothing; numbers of files as arguments choose among the repositories. It needs
//! bubblewrap.

#![expect(clippy::print_stdout, reason = "the figures are the result")]

use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How many files the repositories have, with how many nodes the chain has.
const SIZES: [(usize, u32); 2] = [(100, 12), (10_000, 4)];

/// How often each side has its turn.
const ROUNDS: usize = 3;

/// How many files are in a folder.
const FOLDER: usize = 100;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    println!("a node with worktree, sandbox, harvest and gate, least of {ROUNDS} rounds");
    let wanted: Vec<usize> = std::env::args().filter_map(|it| it.parse().ok()).collect();
    for (files, nodes) in SIZES {
        if !wanted.is_empty() && !wanted.contains(&files) {
            continue;
        }
        let folder = tempfile::tempdir()?;
        let (one, many) = (
            Project::new(&folder.path().join("one"), files, 1)?,
            Project::new(&folder.path().join("many"), files, nodes)?,
        );
        let (mut least, mut worked) = ([Duration::MAX; 3], [Duration::MAX; 3]);
        for _ in 0..ROUNDS {
            let mut sides = [Duration::ZERO; 3];
            let mut marks = [worked_so_far()?; 4];
            for (number, side) in sides.iter_mut().enumerate() {
                *side = match number {
                    0 => one.eufm()?,
                    1 => many.eufm()?,
                    _ => many.by_hand()?,
                };
                marks[number + 1] = worked_so_far()?;
            }
            for number in 0..3 {
                least[number] = least[number].min(sides[number]);
                worked[number] = worked[number].min(marks[number + 1] - marks[number]);
            }
        }
        println!("  {files} files, a chain of {nodes}");
        let processor = worked[1].saturating_sub(worked[0]) / (nodes - 1);
        println!(
            "    processor time   {:>8.1} ms a node by hand, {:.1} ms of eufm: {:.2} x",
            milliseconds(worked[2] / nodes),
            milliseconds(processor),
            processor.as_secs_f64() / (worked[2] / nodes).as_secs_f64()
        );
        let node = least[1].saturating_sub(least[0]) / (nodes - 1);
        let by_hand = least[2] / nodes;
        println!("    by hand          {:>8.1} ms a node", milliseconds(by_hand));
        println!(
            "    eufm exec        {:>8.1} ms a node, {:.2} x by hand",
            milliseconds(node),
            node.as_secs_f64() / by_hand.as_secs_f64()
        );
        println!(
            "    eufm exec, whole {:>8.1} ms with its start, {:.2} x by hand",
            milliseconds(least[1]),
            least[1].as_secs_f64() / least[2].as_secs_f64()
        );
    }
    Ok(())
}

/// Returns the processor time that ended children have taken (fields 16 and 17 of
/// proc_pid_stat(5), in ticks of 10 ms): what a busy host does not change.
fn worked_so_far() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
    let ticks: u64 = fields.skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A repository with a plan.
struct Project {
    dir: PathBuf,
    nodes: u32,
}

impl Project {
    fn new(dir: &Path, files: usize, nodes: u32) -> Result<Self> {
        let project = Self { dir: dir.to_owned(), nodes };
        for number in 0..files {
            let folder = dir.join(format!("src/folder{}", number / FOLDER));
            fs::create_dir_all(&folder)?;
            fs::write(folder.join(format!("file{number}.txt")), format!("content {number}\n"))?;
        }
        fs::write(dir.join("spec.eufm"), spec(nodes))?;
        fs::write(dir.join(".gitignore"), "/state/\n/plan.lock\n/log\n/spec.eufm\n/work/\n")?;
        project.git(&["init", "-q", "-b", "main"])?;
        project.git(&["add", "-A"])?;
        project.git(&["commit", "-qm", "base"])?;
        project.run(Command::new(env!("CARGO_BIN_EXE_eufm")).args(["compile", "spec.eufm"]))?;
        Ok(project)
    }

    /// A run from nothing.
    fn eufm(&self) -> Result<Duration> {
        let _ = fs::remove_dir_all(self.dir.join("state"));
        for branch in self.git(&["for-each-ref", "--format=%(refname)", "refs/heads/eufm"])?.lines()
        {
            self.git(&["update-ref", "-d", branch])?;
        }
        let start = Instant::now();
        let mut exec = Command::new(env!("CARGO_BIN_EXE_eufm"));
        self.run(exec.args(["exec", "plan.lock", "--state", "state"]))?;
        Ok(start.elapsed())
    }

    /// The same steps, as a person would write them down.
    fn by_hand(&self) -> Result<Duration> {
        let _ = fs::remove_dir_all(self.dir.join("work"));
        self.git(&["worktree", "prune"])?;
        let start = Instant::now();
        let mut base = "main".to_owned();
        for number in 0..self.nodes {
            let (work, gate) = (format!("work/{number}"), format!("work/{number}-gate"));
            self.git(&["worktree", "add", "-q", "--detach", &work, &base])?;
            self.run(&mut self.sandboxed(&work, &script(number)))?;
            self.git(&["-C", &work, "add", "-A"])?;
            self.git(&["-C", &work, "commit", "-qm", "a result"])?;
            base = self.git(&["-C", &work, "rev-parse", "HEAD"])?.trim().to_owned();
            self.git(&["worktree", "add", "-q", "--detach", &gate, &base])?;
            self.run(&mut self.sandboxed(&gate, &check(number)))?;
            self.git(&["worktree", "remove", "--force", &gate])?;
            self.git(&["update-ref", "refs/heads/by-hand", &base])?;
            self.git(&["worktree", "remove", "--force", &work])?;
        }
        Ok(start.elapsed())
    }

    /// A command in a sandbox on a worktree, with the namespaces that eufm makes.
    fn sandboxed(&self, worktree: &str, script: &str) -> Command {
        let mut command = Command::new("bwrap");
        command.args(words(
            "--unshare-user --uid 65533 --gid 65533 --cap-drop ALL --unshare-net --unshare-pid \
             --unshare-ipc --unshare-uts --die-with-parent --new-session --ro-bind /usr /usr",
        ));
        for name in ["bin", "sbin", "lib", "lib64"] {
            command.args(["--symlink", &format!("usr/{name}"), &format!("/{name}")]);
        }
        command.args(words("--proc /proc --dev /dev --tmpfs /tmp --tmpfs /home/agent --bind"));
        command.arg(self.dir.join(worktree)).args(words("/repo --chdir /repo -- sh -c"));
        command.arg(script);
        command
    }

    fn git(&self, args: &[&str]) -> Result<String> {
        let identity = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"];
        let mut git = Command::new("git");
        let output = git.current_dir(&self.dir).args(identity).args(args).output()?;
        if !output.status.success() {
            return Err(format!("{git:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    fn run(&self, command: &mut Command) -> Result<()> {
        let log = File::create(self.dir.join("log"))?;
        command.current_dir(&self.dir).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let status = command.status()?;
        if status.success() {
            return Ok(());
        }
        let log = fs::read_to_string(self.dir.join("log"))?;
        let end: Vec<&str> = log.lines().rev().take(5).collect();
        Err(format!("{command:?}: {status}: {end:?}").into())
    }
}

fn words(text: &str) -> std::str::SplitAsciiWhitespace<'_> {
    text.split_ascii_whitespace()
}

fn script(number: u32) -> String {
    format!("echo {number} > n{number}.txt")
}

fn check(number: u32) -> String {
    format!("grep -q {number} n{number}.txt")
}

fn spec(nodes: u32) -> String {
    let mut text =
        "edition 1\npipeline bench { base = \"main\", budget { parallel <= 1 } }\n".to_owned();
    for number in 0..nodes {
        let needs = number.checked_sub(1).map(|before| format!("needs = [n{before}], "));
        let (needs, script, check) = (needs.unwrap_or_default(), script(number), check(number));
        text += &format!(
            "gate g{number} is command {{ run = [\"sh\", \"-c\", \"{check}\"] }}\ncommand n{number} \
             {{ {needs}run = [\"sh\", \"-c\", \"{script}\"], writes = [\"n{number}.txt\"], gates = \
             [g{number}] }}\n"
        );
    }
    text
}
