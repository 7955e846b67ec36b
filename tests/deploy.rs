//! Deploys: what they see, what they leave, and that nothing else is deployed
//! than what was verified as a whole.

use std::path::PathBuf;

use crate::support::{Project, until};

/// A project with a folder to deploy to, and a spec in which `{site}` stands for it.
struct Site {
    project: Project,
    folder: PathBuf,
}

impl Site {
    fn of(files: &[(&str, &str)], spec: &str) -> Self {
        let project = Project::new(&[&[("README.md", "# A project\n")], files].concat());
        let folder = project.root().canonicalize().expect("there").join("site");
        std::fs::create_dir(&folder).expect("a folder can be made");
        let spec = spec.replace("{site}", &folder.display().to_string());
        project.write("spec.eufm", format!("edition 1\npipeline p {{ base = \"main\" }}\n{spec}"));
        project.compile().expect(0);
        Self { project, folder }
    }

    /// Returns a file that was deployed.
    fn deployed(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.join(path)).ok()
    }

    fn log(&self, node: &str) -> String {
        let nodes = std::fs::read_dir(self.project.run_dir().join("nodes")).expect("there");
        let folder = nodes.filter_map(Result::ok).map(|entry| entry.path()).find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().ends_with(&format!("-{node}")))
        });
        let log = folder.expect("the node has a folder").join("1/stdout.log");
        std::fs::read_to_string(log).expect("a log")
    }
}

/// Deploys the worktree, and tries to change what it must not.
const SHIP: &str = r#"echo change > /repo/change.txt && echo changed the checkout
echo change > /home/agent/x && echo change > "$TMPDIR/x" && echo has folders of its own
ls / /srv /run/eufm 2>/dev/null
cp -r out "$1/"
echo "shipped $SHIPPED from $PWD"
"#;

const WORK: &str = r#"
gate sound is command { run = ["sh", "-c", "grep -q good out/page.txt"] }
command build {
  run    = ["sh", "-c", "mkdir -p out; echo good > out/page.txt"]
  writes = ["out/**", "scripts/**"]
  gates  = [sound]
}
"#;

fn ship(more: &str) -> String {
    format!(
        "{WORK}deploy ship {{ needs = [build], run = [\"sh\", \"scripts/ship.sh\", \"{{site}}\"], \
         folders = [\"{{site}}\"], vars = {{ SHIPPED = \"it\" }}{more} }}\n"
    )
}

#[test]
fn a_deploy_writes_its_folders_from_a_checkout_that_it_cannot_change() {
    let site = Site::of(&[("scripts/ship.sh", SHIP)], &ship(""));
    site.project.exec().run().expect(0).shows(&["ship/verify", "ship  "]);
    assert_eq!(site.deployed("out/page.txt").as_deref(), Some("good\n"));
    let said = site.log("ship");
    assert!(said.contains("has folders of its own\n"), "{said}");
    assert!(said.contains("shipped it from /repo\n"), "{said}");
    assert!(!said.contains("changed the checkout"), "{said}");
    // It is one with what was verified, and nothing is taken from it.
    let verified = site.project.facts("ship/verify", "committed")[0]["commit"].clone();
    assert_eq!(site.project.facts("ship", "started")[0]["base"], verified);
    assert_eq!(site.project.facts("ship", "committed")[0]["commit"], verified);
    assert_eq!(site.project.facts("ship", "harvested")[0]["changes"], 0);
    let judged = &site.project.facts("ship/verify", "judged")[0];
    assert_eq!((&judged["gate"], &judged["verdict"]), (&"sound".into(), &"pass".into()));
    site.project.nothing_is_left();
    // Once is enough.
    std::fs::remove_dir_all(site.folder.join("out")).expect("removed");
    site.project.exec().run().expect(0);
    assert_eq!(site.deployed("out/page.txt"), None);
}

#[test]
fn what_does_not_pass_as_a_whole_is_not_deployed() {
    // Each alone is sound; together they are not.
    let spec = r#"
gate sound is command { run = ["sh", "-c", "test ! -e a || test ! -e b"] }
command one { run = ["sh", "-c", "echo a > a"], writes = ["a"], gates = [sound] }
command two { run = ["sh", "-c", "echo b > b"], writes = ["b"], gates = [sound] }
deploy ship { needs = [one, two], run = ["cp", "a", "{site}/"], folders = ["{site}"] }
"#;
    let site = Site::of(&[], spec);
    site.project.exec().run().expect(1).shows(&["gate sound did not pass"]);
    assert_eq!(site.deployed("a"), None);
    assert_eq!(site.project.facts("ship", "started").len(), 0);
}

#[test]
fn a_script_that_a_node_changed_is_not_what_deploys() {
    let spec = ship("").replace(
        "echo good > out/page.txt",
        "echo good > out/page.txt; echo 'touch \\\"$1/stolen\\\"' > scripts/ship.sh",
    );
    let site = Site::of(&[("scripts/ship.sh", SHIP)], &spec);
    site.project.exec().run().expect(0);
    assert_eq!(site.deployed("out/page.txt").as_deref(), Some("good\n"));
    assert!(!site.folder.join("stolen").exists(), "its own script ran");
    assert!(site.project.merged("scripts/ship.sh").contains("stolen"), "it was changed");
}

#[test]
fn a_script_that_a_person_saw_is_what_deploys() {
    let spec = ship("").replace(
        "echo good > out/page.txt",
        "echo good > out/page.txt; echo 'touch \\\"$1/new\\\"' > scripts/ship.sh",
    );
    let spec = spec.replace("needs = [build]", "needs = [release]");
    let site = Site::of(
        &[("scripts/ship.sh", SHIP)],
        &format!("{spec}approval release {{ needs = [build], ask = \"Ship?\" }}\n"),
    );
    site.project.exec().run().expect(6);
    assert_eq!(site.project.facts("ship/verify", "committed").len(), 1, "it is verified first");
    site.project
        .eufm()
        .args(["approve", "release", "--state"])
        .arg(site.project.state())
        .run()
        .expect(0);
    site.project.exec().run().expect(0);
    assert!(site.folder.join("new").exists());
    assert_eq!(site.deployed("out/page.txt"), None);
}

#[test]
fn what_comes_after_the_verify_node_is_not_deployed() {
    // It waits for the deploy's own start, so it ends behind the verify node.
    let spec = format!(
        "{}command later {{ needs = [build], run = [\"sh\", \"-c\", \"echo bad > out/page.txt\"], writes = [\"out/**\"] }}\n",
        ship("")
    );
    let site = Site::of(&[("scripts/ship.sh", SHIP)], &spec);
    site.project.exec().run().expect(0);
    assert_eq!(site.deployed("out/page.txt").as_deref(), Some("good\n"));
    assert_eq!(site.project.merged("out/page.txt"), "bad");
}

#[test]
fn a_plan_in_which_a_deploy_bypasses_its_verify_node_is_refused() {
    let site = Site::of(&[("scripts/ship.sh", SHIP)], &ship(""));
    let plan = site.project.read("plan.lock");
    for (old, new) in [
        ("needs = [\"ship/verify\"]", "needs = [\"build\"]"),
        ("needs = [\"ship/verify\"]", "needs = [\"build\", \"ship/verify\"]"),
        (
            "gates = [\"sound\"]\nbudget = [\"attempts <= 1\"]\nrules",
            "gates = []\nbudget = [\"attempts <= 1\"]\nrules",
        ),
    ] {
        assert!(plan.contains(old), "{old}");
        let body = plan.replacen(old, new, 1);
        let head = body.rfind("[digest]\n").expect("a digest");
        let digest = eufm_plan::Digest::of(&body.as_bytes()[..head]);
        let sealed = format!("{}[digest]\nplan = \"{digest}\"\n", &body[..head]);
        site.project.write("other.lock", sealed);
        let run = site.project.eufm().args(["exec", "other.lock", "--state"]);
        run.arg(site.project.state()).run().expect(4).says(&["ship"]);
    }
    assert_eq!(site.deployed("out/page.txt"), None);
}

#[test]
fn folders_that_are_not_there_are_refused_before_anything_starts() {
    let site = Site::of(&[("scripts/ship.sh", SHIP)], &ship(""));
    std::fs::remove_dir(&site.folder).expect("removed");
    site.project.exec().run().expect(2).says(&["ship: folder ", "there is no such folder"]);
    assert_eq!(site.project.journal().len(), 0);
}

/// Stops in the middle the first time, and notes each time that it comes to its end.
const HANGS: &str = r#"if ! [ -e "$1/begun" ]; then
  touch "$1/begun"
  mkfifo "$1/hold"
  read line < "$1/hold"
fi
echo done >> "$1/done"
"#;

/// Tells what became of a deploy by a file beside it.
const PROBE: &str =
    "test -e /repo/README.md && test -e \"$1/begun\" && exit $(cat \"$1/status\")\n";

/// Kills a run in the middle of a deploy that recovers so, and goes on with it.
fn killed(recovery: &str) -> Site {
    let more = format!(", recovery = {recovery}");
    let files = [("scripts/ship.sh", HANGS), ("scripts/probe.sh", PROBE)];
    let site = Site::of(&files, &ship(&more));
    let run = site.project.exec().start();
    until("the deploy", || site.folder.join("hold").exists().then_some(()));
    run.kill();
    site.project.nothing_runs();
    assert_eq!(site.project.facts("ship", "exited").len(), 0);
    site
}

impl Site {
    /// Answers what became of the deploy, and goes on.
    fn answer(&self, words: &[&str], code: i32) {
        let answer = self.project.eufm().args(words).arg("--state").arg(self.project.state());
        answer.run().expect(0);
        self.project.exec().run().expect(code);
    }

    /// Tells how often the deploy came to its end.
    fn times(&self) -> usize {
        self.deployed("done").map_or(0, |done| done.lines().count())
    }
}

#[test]
fn a_killed_deploy_runs_again_where_the_plan_says_so() {
    let site = killed("rerun");
    site.project.exec().run().expect(0);
    assert_eq!(site.times(), 1);
    assert_eq!(site.project.facts("ship", "started").len(), 2);
    site.project.nothing_is_left();
}

#[test]
fn a_killed_deploy_counts_as_done_where_the_plan_says_so() {
    let site = killed("skip");
    site.project.exec().run().expect(0).says(&["was cut short, and counts as done"]);
    assert_eq!(site.times(), 0);
    assert_eq!(site.project.facts("ship", "recovered")[0]["by"], "plan");
    site.project.nothing_is_left();
}

#[test]
fn a_probe_tells_what_became_of_a_killed_deploy() {
    for (status, code, times) in [("0", 0, 0), ("1", 0, 1), ("2", 6, 0)] {
        let site = killed(r#"probe(["sh", "scripts/probe.sh", "{site}"])"#);
        std::fs::write(site.folder.join("status"), status).expect("written");
        site.project.exec().run().expect(code);
        assert_eq!(site.times(), times, "{status}");
        let recovered = site.project.facts("ship", "recovered").len();
        assert_eq!(recovered, usize::from(status == "0"), "{status}");
        site.project.nothing_is_left();
    }
}

#[test]
fn a_person_says_what_became_of_a_killed_deploy() {
    let site = killed("ask");
    // Another run would deploy beside it.
    for _ in 0..2 {
        let refused = site.project.exec().arg("--new").run().expect(2);
        refused.says(&["has the deploy ship, which was cut short"]);
        site.project.exec().run().expect(6).says(&["waiting for a person: ship"]);
    }
    assert_eq!(site.project.facts("ship", "questioned").len(), 1, "they are asked once");
    site.answer(&["approve", "ship", "--done"], 0);
    assert_eq!(site.times(), 0);

    let site = killed("ask");
    site.project.exec().run().expect(6);
    site.answer(&["approve", "ship"], 0);
    assert_eq!(site.times(), 1);

    let site = killed("ask");
    site.project.exec().run().expect(6);
    site.answer(&["reject", "ship", "--note", "it went wrong"], 1);
    assert_eq!(site.times(), 0);
    site.project.exec().arg("--retry").run().expect(0);
    assert_eq!(site.times(), 1);
    site.project.nothing_is_left();
}

#[test]
fn a_deploy_that_is_stopped_in_the_middle_is_asked_about_too() {
    let site = Site::of(&[("scripts/ship.sh", HANGS)], &ship(""));
    let run = site.project.exec().start();
    until("the deploy", || site.folder.join("hold").exists().then_some(()));
    run.signal("INT");
    run.wait().expect(130);
    site.project.nothing_is_left();
    site.project.exec().run().expect(6).says(&["nobody knows whether it was done"]);
    assert_eq!((site.times(), site.project.facts("ship", "interrupted").len()), (0, 0));
}

#[test]
fn a_deploy_has_its_secrets_and_leaves_none() {
    let script = r#"cp "$KEY_FILE" "$1/key"; cat "$KEY_FILE"; echo "failed with $(cat "$KEY_FILE")" >&2; exit 9
"#;
    let site = Site::of(&[("scripts/ship.sh", script)], &ship(", secrets = [KEY]"));
    site.project.exec().run().expect(2).says(&["secret KEY: it is not given"]);
    site.project.write("../home/key", "d3ploy-key\n");
    let key = format!("KEY=file:{}", site.project.root().join("home/key").display());
    let ended = site.project.exec().args(["--secret", &key]).run().expect(1);
    ended.shows(&["exit status 9: failed with [secret KEY]"]);
    assert_eq!(site.deployed("key").as_deref(), Some("d3ploy-key\n"));
    assert_eq!(site.log("ship"), "[secret KEY]\n");
    // What is done needs it no more.
    site.project.exec().run().expect(1);
}

#[test]
fn a_folder_below_one_that_an_environment_keeps_is_the_one_of_the_host() {
    let spec = r#"edition 1
pipeline small { base = "main" }
environment tools { prepare = ["sh", "prepare.sh"], keep = ["~/.local", "build"] }
deploy ship {
  run     = ["sh", "-c", "cat build/x > build/y && cp build/y ~/.local/share/site/tool"]
  env     = [tools]
  folders = ["~/.local/share/site"]
}
"#;
    let prepare = "mkdir -p ~/.local/share/site build\necho kept > build/x\n";
    let project = Project::new(&[("prepare.sh", prepare)]);
    let folder = project.root().join("home/.local/share/site");
    std::fs::create_dir_all(&folder).expect("made");
    project.write("spec.eufm", spec);
    project.compile().expect(0);
    project.exec().run().expect(0);
    let deployed = std::fs::read_to_string(folder.join("tool"));
    assert_eq!(deployed.expect("deployed to the host"), "kept\n");
}

#[test]
fn a_side_branch_without_a_gate_is_judged_with_the_rest() {
    let side = "command side { run = [\"sh\", \"-c\", \"mkdir -p out; echo bad > out/page.txt\"], \
                writes = [\"out/**\"], needs = [build] }\n";
    let spec = format!("{side}{}", ship("")).replace(
        "needs = [build], run = [\"sh\", \"scripts",
        "needs = [build, side], run = [\"sh\", \"scripts",
    );
    let site = Site::of(&[("scripts/ship.sh", SHIP)], &spec);
    site.project.exec().run().expect(1).shows(&["ship/verify", "gate sound did not pass"]);
    assert_eq!(site.project.facts("side", "committed").len(), 1, "alone it is let through");
    assert_eq!(site.deployed("out/page.txt"), None);
}

/// A deploy behind an approval, of a page whose text the base decides.
const APPROVED: &str = r#"
command build {
  run    = ["sh", "-c", "mkdir -p out; cp text.txt out/page.txt"]
  writes = ["out/**"]
}
approval release { needs = [build], ask = "Ship?" }
deploy ship { needs = [release], run = ["cp", "-r", "out", "{site}/"], folders = ["{site}"] }
"#;

#[test]
fn an_answer_for_another_tree_or_plan_deploys_nothing() {
    let site = Site::of(&[("text.txt", "old\n")], APPROVED);
    site.project.exec().run().expect(6);
    let first = site.question();
    // Another run, on a base in which the text is another one; the answer is for the old one.
    site.project.write("text.txt", "new\n");
    site.project.commit("new text");
    site.project.exec().arg("--new").run().expect(6);
    let second = site.question();
    assert_ne!(first["tree"], second["tree"]);
    let other = serde_json::json!(format!("sha256:{}", "a".repeat(64)));
    for (key, value) in [("tree", first["tree"].clone()), ("plan", other)] {
        let mut answer = serde_json::json!({
            "decision": "approve", "by": "anna", "at": "now",
            "plan": second["plan"], "tree": second["tree"],
        });
        answer[key] = value;
        let path = second["answer"].as_str().expect("a path");
        std::fs::write(path, answer.to_string()).expect("written");
        site.project.exec().run().expect(6).says(&["it is for"]);
        assert_eq!(site.deployed("out/page.txt"), None, "{key}");
    }
    site.answer(&["approve", "release"], 0);
    assert_eq!(site.deployed("out/page.txt").as_deref(), Some("new\n"));
}

impl Site {
    /// Returns the only open question of the last run.
    fn question(&self) -> serde_json::Value {
        let listed = self.project.eufm().args(["approve", "--json", "--state"]);
        let listed = listed.arg(self.project.state()).run().expect(0).stdout;
        let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
        let questions = listed["questions"].as_array().expect("a list");
        assert_eq!(questions.len(), 1, "{listed}");
        questions[0].clone()
    }
}

#[test]
fn what_a_deploy_printed_is_an_input_of_later_nodes() {
    let spec = format!(
        "{}command note {{ inputs = [ship.stdout], run = [\"sh\", \"-c\", \"cp /in/ship/stdout note.txt\"], writes = [\"note.txt\"] }}\n",
        ship("")
    );
    let site = Site::of(&[("scripts/ship.sh", "echo released as 7\n")], &spec);
    site.project.exec().run().expect(0);
    assert_eq!(site.project.merged("note.txt"), "released as 7");
}

/// A deploy behind an approval that a probe can tell of.
const STORY: &str = r#"
gate sound is command { run = ["grep", "-q", "good", "out/page.txt"] }
command build { run = ["sh", "-c", "mkdir -p out; echo good > out/page.txt"], writes = ["out/**"], gates = [sound] }
approval release { needs = [build], ask = "Ship?" }
deploy ship {
  needs    = [release]
  run      = ["sh", "-c", "cp out/page.txt {site}/page.txt; echo once >> {site}/done"]
  folders  = ["{site}"]
  recovery = probe(["test", "-e", "{site}/done"])
}
"#;

#[test]
fn killed_again_and_again_it_is_asked_once_and_deployed_once() {
    let site = Site::of(&[], STORY);
    let (mut records, mut kills, mut code) = (0_usize, 0_usize, None);
    while code != Some(0) {
        let mut run = site.project.exec().start();
        // Each runner tells of itself first, and gets a little further than the one before.
        records += 4 + kills / 3;
        until("records or the end", || {
            (site.project.journal().len() >= records || run.has_ended()).then_some(())
        });
        if run.has_ended() {
            let ended = run.wait();
            code = Some(ended.code());
            if code == Some(6) {
                let answer = site.project.eufm().args(["approve", "release", "--state"]);
                answer.arg(site.project.state()).run().expect(0);
            } else {
                ended.expect(0);
            }
        } else {
            // What outlives it is ended by the next one, before anything else.
            run.kill();
            kills += 1;
            records = site.project.journal().len();
        }
        assert!(kills < 100, "it does not come to its end");
    }
    assert!(kills >= 5, "it was killed {kills} times only");
    assert_eq!(site.times(), 1);
    assert_eq!(site.deployed("page.txt").as_deref(), Some("good\n"));
    assert_eq!(site.project.facts("release", "questioned").len(), 1);
    assert_eq!(site.project.facts("release", "answered").len(), 1);
    let verified = site.project.facts("ship/verify", "committed")[0]["commit"].clone();
    for start in site.project.facts("ship", "started") {
        assert_eq!(start["base"], verified);
    }
    site.project.nothing_is_left();
}
