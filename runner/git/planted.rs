//! The proof that the runner executes nothing from an agent's folder: every
//! way by which git is known to run programs, planted where the agent can
//! write, each with a control that shows that a plain git takes the bait.
//!
//! A planted program leaves a mark. The control runs git as most tools do, in
//! the folder and trusting it; then a whole attempt runs on the same folder.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::fixture::{Fixture, plain_git, stamp, write, writes};
use super::{CommitId, HarvestError, Vault};

/// A way to make git run a program.
struct Vector {
    name: &'static str,
    /// Plants it in a folder whose `.git` is a repository of the agent.
    plant: fn(&Bait),
    /// What a plain git is asked for in the folder.
    control: &'static [&'static [&'static str]],
}

/// A folder with the program to be planted in it.
struct Bait {
    dir: PathBuf,
    marker: PathBuf,
    program: PathBuf,
}

impl Bait {
    fn new(dir: &Path, marker: &Path) -> Self {
        let program = dir.join("planted program");
        let script = format!("#!/bin/sh\necho ran >> '{}'\nexit 0\n", marker.display());
        write(dir, "planted program", script);
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self { dir: dir.to_owned(), marker: marker.to_owned(), program }
    }

    /// Makes the folder's `.git` a repository of the agent with two branches
    /// that conflict, as a lure for merges and diffs.
    fn repository(&self) {
        let git = self.dir.join(".git");
        let _ = fs::remove_file(&git).or_else(|_| fs::remove_dir_all(&git));
        for args in [
            &["init", "-q", "-b", "main"][..],
            &["add", "-A"],
            &["commit", "-q", "-m", "agent"],
            &["checkout", "-q", "-b", "other"],
        ] {
            self.git(args);
        }
        for (branch, text) in [("other", "theirs\n"), ("main", "ours\n")] {
            self.git(&["checkout", "-q", branch]);
            write(&self.dir, "src/a.txt", text);
            self.git(&["commit", "-q", "-a", "-m", branch]);
        }
        write(&self.dir, "src/a.txt", "changed\n");
    }

    fn git(&self, args: &[&str]) {
        let output = plain_git(&self.dir, args);
        assert!(output.exit.is_success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// The program, as a value that git hands to a shell.
    fn command(&self) -> String {
        format!("'{}'", self.program.display())
    }

    fn config(&self, key: &str, value: &str) {
        self.git(&["config", key, value]);
    }

    fn hooks(&self, folder: &str) {
        for name in [
            "pre-commit",
            "post-commit",
            "post-checkout",
            "reference-transaction",
            "post-index-change",
            "pre-merge-commit",
            "post-merge",
            "update",
            "post-rewrite",
        ] {
            let path = self.dir.join(folder).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::copy(&self.program, &path).unwrap();
        }
    }

    fn ran(&self) -> bool {
        self.marker.exists()
    }
}

const STATUS: &[&[&str]] = &[&["status"]];

const VECTORS: &[Vector] = &[
    Vector {
        name: "alias",
        plant: |bait| {
            // Git never lets an alias replace a command of its own, so this
            // catches those who call a command that is none.
            for name in ["add", "status", "harvest"] {
                bait.config(&format!("alias.{name}"), &format!("!{}", bait.command()));
            }
        },
        control: &[&["harvest"]],
    },
    Vector {
        name: "commondir",
        plant: |bait| {
            bait.config("core.fsmonitor", &bait.command());
            let (git, real) = (bait.dir.join(".git"), bait.dir.join("real.git"));
            fs::rename(&git, &real).unwrap();
            fs::create_dir(&git).unwrap();
            fs::copy(real.join("HEAD"), git.join("HEAD")).unwrap();
            fs::copy(real.join("index"), git.join("index")).unwrap();
            fs::write(git.join("commondir"), "../real.git\n").unwrap();
        },
        control: STATUS,
    },
    Vector {
        name: "config.worktree",
        plant: |bait| {
            bait.config("extensions.worktreeConfig", "true");
            let config = format!("[core]\n\tfsmonitor = \"{}\"\n", bait.command());
            write(&bait.dir, ".git/config.worktree", config);
        },
        control: STATUS,
    },
    Vector {
        name: "embedded repository",
        plant: |bait| {
            let sub = bait.dir.join("sub");
            fs::create_dir(&sub).unwrap();
            for args in [
                &["init", "-q"][..],
                &["commit", "-q", "--allow-empty", "-m", "sub"],
                &["config", "core.fsmonitor", &bait.command()],
            ] {
                assert!(plain_git(&sub, args).exit.is_success());
            }
            let _ = fs::remove_file(&bait.marker);
            bait.git(&["-c", "core.fsmonitor=false", "add", "sub"]);
            let _ = fs::remove_file(&bait.marker);
        },
        control: STATUS,
    },
    Vector {
        name: "external diff",
        plant: |bait| bait.config("diff.external", &bait.command()),
        control: &[&["diff"]],
    },
    Vector {
        name: "filter.clean",
        plant: |bait| {
            write(&bait.dir, ".gitattributes", "* filter=x\n");
            bait.config("filter.x.clean", &bait.command());
        },
        control: &[&["add", "-A"]],
    },
    Vector {
        name: "filter.process",
        plant: |bait| {
            write(&bait.dir, ".gitattributes", "* filter=x\n");
            bait.config("filter.x.process", &bait.command());
        },
        control: &[&["add", "-A"]],
    },
    Vector {
        name: "filter.smudge",
        plant: |bait| {
            write(&bait.dir, ".gitattributes", "* filter=x\n");
            bait.config("filter.x.smudge", &bait.command());
        },
        control: &[&["checkout", "-f", "HEAD", "--", "src/a.txt"]],
    },
    Vector {
        name: "fsmonitor",
        plant: |bait| bait.config("core.fsmonitor", &bait.command()),
        control: STATUS,
    },
    Vector {
        name: "hooks",
        plant: |bait| bait.hooks(".git/hooks"),
        control: &[&["commit", "-a", "-m", "x"]],
    },
    Vector {
        name: "hooksPath",
        plant: |bait| {
            bait.hooks("evil hooks");
            bait.config("core.hooksPath", &bait.dir.join("evil hooks").display().to_string());
        },
        control: &[&["commit", "-a", "-m", "x"]],
    },
    Vector {
        name: "merge driver",
        plant: |bait| {
            bait.git(&["checkout", "-q", "-f"]);
            write(&bait.dir, ".gitattributes", "* merge=x\n");
            bait.config("merge.x.driver", &bait.command());
        },
        control: &[&["merge", "other"]],
    },
    Vector {
        name: "pager",
        plant: |bait| bait.config("core.pager", &bait.command()),
        // A pager starts on a terminal only; util-linux's script makes one.
        control: &[&["--on-a-terminal", "log"]],
    },
    Vector {
        name: "pointer",
        plant: |bait| {
            bait.config("core.fsmonitor", &bait.command());
            fs::rename(bait.dir.join(".git"), bait.dir.join("elsewhere")).unwrap();
            fs::write(bait.dir.join(".git"), "gitdir: elsewhere\n").unwrap();
        },
        control: STATUS,
    },
    Vector {
        name: "sshCommand",
        plant: |bait| bait.config("core.sshCommand", &bait.command()),
        control: &[&["fetch", "ssh://localhost/x"]],
    },
    Vector {
        name: "textconv",
        plant: |bait| {
            write(&bait.dir, ".gitattributes", "* diff=x\n");
            bait.config("diff.x.textconv", &bait.command());
        },
        control: &[&["diff"]],
    },
];

/// Runs git in the folder as a tool would that knows nothing.
fn control(bait: &Bait, args: &[&str]) {
    if let Some(args) = args.strip_prefix(&["--on-a-terminal"]) {
        let git = format!("git -C '{}' {}", bait.dir.display(), args.join(" "));
        let mut script = std::process::Command::new("script");
        script.args(["-qec", &git, "/dev/null"]).env("GIT_CONFIG_GLOBAL", "/dev/null");
        script.env("TERM", "dumb").env_remove("GIT_PAGER").env_remove("PAGER");
        script.stdin(std::process::Stdio::null()).output().unwrap();
    } else {
        plain_git(&bait.dir, args);
    }
}

/// Everything that the runner does with a folder, to the end.
fn whole_attempt(fixture: &Fixture, dir: &Path, vector: &str) {
    let vault = &fixture.vault;
    let worktree = vault.reopen(dir).unwrap();
    let view = vault.view(&fixture.root.path().join(format!("view {vector}")), &worktree).unwrap();
    assert!(view.git_dir.is_dir());
    let strict = worktree.harvest(&fixture.base, &writes(&["src/**"]));
    assert!(matches!(strict, Err(HarvestError::Refused(_))), "{vector}: {strict:?}");
    let salvaged = worktree.salvage("left\n", &stamp()).unwrap();
    let harvested = harvest_all(fixture, dir, &salvaged);
    let other = fixture.change(&fixture.base, &[("src/a.txt", Some("2\n")), ("b", Some("b"))]);
    // The same line on both sides, so that git must merge contents.
    assert!(vault.merge(&other, &harvested, "m\n", &stamp()).is_err(), "{vector}");
    let beside = fixture.change(&fixture.base, &[("c", Some("c"))]);
    let merged = vault.merge(&beside, &harvested, "m\n", &stamp()).unwrap();
    worktree.restore(&fixture.base, "", &["src", "tests/t.txt"]).unwrap();
    let gated =
        vault.worktree(&fixture.root.path().join(format!("gate {vector}")), &merged).unwrap();
    gated.restore(&fixture.base, "", &["src"]).unwrap();
    gated.remove().unwrap();
    vault.publish(&format!("eufm/{}", vector.replace(' ', "-")), &fixture.base, &merged).unwrap();
    worktree.remove().unwrap();
    vault.prune(dir).unwrap();
    vault.sweep().unwrap();
}

/// Harvests with everything allowed; falls back to what was salvaged where an
/// embedded repository is refused.
fn harvest_all(fixture: &Fixture, dir: &Path, salvaged: &CommitId) -> CommitId {
    let all = writes(&["**", "**/.gitattributes"]);
    let worktree = fixture.vault.reopen(dir).unwrap();
    match worktree.harvest(&fixture.base, &all) {
        Ok(harvest) => {
            let base = std::slice::from_ref(&fixture.base);
            fixture.vault.commit(&harvest.tree, base, "m\n", &stamp()).unwrap()
        }
        Err(HarvestError::Refused(refusal)) => {
            let text = refusal.to_string();
            assert!(text.contains("repository") || text.contains("submodule"), "{text}");
            salvaged.clone()
        }
        Err(error) => panic!("{error}"),
    }
}

fn plant(vector: &Vector, dir: &Path, marker: &Path) -> Bait {
    let bait = Bait::new(dir, marker);
    bait.repository();
    (vector.plant)(&bait);
    assert!(!bait.ran(), "{}: the mark was made by planting", vector.name);
    bait
}

#[test]
fn plain_git_runs_every_planted_program() {
    assert!(VECTORS.len() >= 14, "every known way is planted");
    for vector in VECTORS {
        let root = tempfile::tempdir().unwrap();
        write(&root.path().join("w"), "src/a.txt", "a\n");
        let bait = plant(vector, &root.path().join("w"), &root.path().join("marker"));
        for args in vector.control {
            control(&bait, args);
        }
        assert!(bait.ran(), "{}: the control did not take the bait", vector.name);
    }
}

#[test]
fn the_runner_runs_no_planted_program() {
    for vector in VECTORS {
        let fixture = Fixture::new();
        let dir = fixture.worktree("attempt").dir().to_owned();
        let bait = plant(vector, &dir, &fixture.root.path().join("marker"));
        whole_attempt(&fixture, &dir, vector.name);
        assert!(!bait.ran(), "{}: the runner took the bait", vector.name);
    }
}

#[test]
fn a_submodules_folder_that_an_agent_fills_runs_nothing() {
    // `git add` and `git status` start a git of their own in a submodule, which
    // reads the configuration there; no setting of ours reaches its filters.
    let fixture = Fixture::prepared(|user| {
        write(user, "src/a.txt", "a\n");
        write(user, "tests/t.txt", "t\n");
        let lib = user.join("vendor/lib");
        write(&lib, "file", "x");
        for args in [&["init", "-q"][..], &["add", "-A"], &["commit", "-q", "-m", "lib"]] {
            assert!(plain_git(&lib, args).exit.is_success());
        }
    });
    let dir = fixture.worktree("attempt").dir().to_owned();
    let marker = fixture.root.path().join("marker");
    let bait = Bait::new(&dir, &marker);
    let lib = dir.join("vendor/lib");
    let copy = ["clone", "-q", fixture.user.join("vendor/lib").to_str().unwrap(), "lib"]
        .map(str::to_owned);
    let copy: Vec<&str> = copy.iter().map(String::as_str).collect();
    assert!(plain_git(lib.parent().unwrap(), &copy).exit.is_success());
    write(&lib, ".gitattributes", "* filter=x\n");
    plain_git(&lib, &["config", "filter.x.clean", &bait.command()]);
    write(&lib, "file", "y");
    // Harmless without the care taken: the control asks as the runner would.
    let control = |worktree: &super::Worktree| {
        let index = worktree.copy_index("control.index").unwrap();
        let add = fixture.vault.git_at_vault("add").work_tree(worktree.dir()).index(&index);
        add.arg("--all").answer().unwrap();
    };
    let worktree = fixture.vault.reopen(&dir).unwrap();
    control(&worktree);
    assert!(bait.ran(), "the control did not take the bait");
    fs::remove_file(&marker).unwrap();
    write(&lib, "file", "z");
    write(&dir, "src/a.txt", "changed\n");
    whole_attempt(&fixture, &dir, "submodule");
    assert!(!bait.ran());
}

#[test]
fn even_a_poisoned_administrative_folder_runs_nothing() {
    // An agent cannot reach it. If it could: the runner reads its own names and
    // the index from there, and git is never told that it is a git directory.
    let fixture = Fixture::new();
    let worktree = fixture.worktree("attempt");
    let dir = worktree.dir().to_owned();
    let bait = Bait::new(&dir, &fixture.root.path().join("marker"));
    let admin = worktree.fresh_index().parent().unwrap().to_owned();
    bait.repository();
    bait.config("core.fsmonitor", &bait.command());
    fs::write(admin.join("commondir"), format!("{}\n", dir.join(".git").display())).unwrap();
    write(&admin, "config.worktree", format!("[core]\n\tfsmonitor = \"{}\"\n", bait.command()));
    whole_attempt(&fixture, &dir, "admin");
    assert!(!bait.ran());
}

#[test]
fn a_poisoned_user_repository_runs_nothing_either() {
    // The user's configuration is the user's; but a run must not depend on it.
    let fixture = Fixture::new();
    let bait = Bait::new(&fixture.user, &fixture.root.path().join("marker"));
    bait.hooks(".git/hooks");
    for (key, value) in [
        ("core.fsmonitor", bait.command()),
        ("core.alternateRefsCommand", bait.command()),
        ("filter.x.clean", bait.command()),
        ("filter.x.smudge", bait.command()),
        ("gpg.program", bait.command()),
        ("commit.gpgSign", "true".to_owned()),
    ] {
        fixture.user(&["config", key, &value]);
    }
    let _ = fs::remove_file(&bait.marker);
    let vault = Vault::open(&super::fixture::git(), &fixture.user, fixture.vault.dir()).unwrap();
    let base = vault.resolve("HEAD").unwrap();
    vault.pin("run", &base).unwrap();
    let commit = fixture.change(&base, &[("x", Some("x"))]);
    vault.unwritable(&base).unwrap().check(&writes(&["**"])).unwrap();
    vault.publish("eufm/run", &base, &commit).unwrap();
    vault.unpin("run").unwrap();
    assert!(!bait.ran());
    plain_git(&fixture.user, &["commit", "-q", "--allow-empty", "-m", "x"]);
    assert!(bait.ran(), "the control did not take the bait");
}
