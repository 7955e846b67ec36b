//! Tasks that start from another task's session: with its history, beside each
//! other, again after a kill, and without paying for it twice.

use std::path::PathBuf;

use serde_json::Value;

use crate::cache::{cached, change, states};
use crate::support::{Act, Asked, Invocation, Project, Provider, codex, until};

/// A schema, collectors that go on from its session, and a review that goes on
/// from one of theirs.
fn spec(url: &str) -> String {
    format!(
        r#"edition 1
let sites = ["felix", "oradea"]
pipeline sessions {{ base = "main", budget {{ parallel <= 2 }} }}
agent builder is codex {{ cli = "0.169.0", model = "gpt-5.5", url = "{url}" }}
gate there is command {{ run = ["sh", "-c", "test -s felix.txt || test -s oradea.txt"] }}
task schema by builder {{ prompt = "Define the schema.", reads = [], writes = ["schema.txt"] }}
task collector for site in sites by builder {{
  session = schema
  prompt  = "Write the collector for ${{site}}."
  reads   = ["schema.txt"]
  writes  = ["${{site}}.txt"]
  gates   = [there]
  budget {{ attempts <= 2 }}
}}
task review by builder {{
  session = collector["felix"]
  prompt  = "Review it."
  reads   = ["felix.txt"]
  writes  = ["review.txt"]
}}
"#
    )
}

/// Plays the model: each task runs a command and says what it did. The first
/// collector forgets its file until its gate has told it so.
fn script(asked: &Asked) -> Act {
    let shell = |line: &str| Act::Shell(line.to_owned());
    let say = |text: &str| Act::Say(text.to_owned());
    let own = own_step(asked);
    match task(asked) {
        "schema" => match own {
            0 => shell("echo schema > schema.txt; echo the schema was put out"),
            _ => say("The schema is there."),
        },
        "felix" if !asked.says("did not pass") => match own {
            0 => shell("true"),
            _ => say("I forgot it."),
        },
        "felix" => match own {
            1 => shell("cat schema.txt > felix.txt"),
            _ => say("Felix is there."),
        },
        "oradea" => match own {
            0 => shell("cat schema.txt > oradea.txt"),
            _ => say("Oradea is there."),
        },
        _ => match own {
            0 => shell("cat felix.txt > review.txt"),
            _ => say("Reviewed."),
        },
    }
}

/// Says for which task a request was made: by the latest of their prompts.
fn task(asked: &Asked) -> &'static str {
    let prompts = [
        ("Review it.", "review"),
        ("Write the collector for oradea.", "oradea"),
        ("Write the collector for felix.", "felix"),
    ];
    prompts.iter().find(|(prompt, _)| asked.says(prompt)).map_or("schema", |(_, task)| task)
}

fn history(asked: &Asked) -> Vec<Value> {
    let body: Value = serde_json::from_str(&asked.body).expect("a request is JSON");
    body["input"].as_array().expect("it has a history").clone()
}

/// Returns how many commands its own task has run to their end.
fn own_step(asked: &Asked) -> usize {
    let history = history(asked);
    let prompts = ["Define the", "Write the collector", "Review it."];
    let is_prompt = |item: &Value| {
        let text = item["content"][0]["text"].as_str().unwrap_or_default();
        item["role"] == "user" && prompts.iter().any(|prompt| text.starts_with(prompt))
    };
    let begin = history.iter().rposition(is_prompt).expect("a prompt");
    let outputs = history[begin..].iter().filter(|item| item["type"] == "function_call_output");
    outputs.filter(|item| item["output"] != "aborted").count()
}

/// Returns the texts of the first request of a task.
fn first_request(provider: &Provider, of: &str) -> Vec<String> {
    let asked = provider.asked();
    let first = asked.iter().find(|asked| task(asked) == of).expect("it has asked");
    let text = |item: &Value| {
        let text = item["content"][0]["text"].as_str().or(item["output"].as_str());
        text.or(item["arguments"].as_str()).unwrap_or_default().to_owned()
    };
    history(first).iter().map(text).collect()
}

/// Asserts that texts stand in a history, in this order.
#[track_caller]
fn in_order(history: &[String], texts: &[&str]) {
    let mut rest = history.iter();
    for text in texts {
        assert!(rest.any(|item| item.contains(text)), "{text:?} is not in its place: {history:#?}");
    }
}

fn exec(project: &Project) -> Invocation {
    project.exec().env("OPENAI_API_KEY", "sk-test").arg("--codex").arg(codex())
}

/// Returns the ids of a node's sessions, one for each start.
fn sessions(project: &Project, node: &str) -> Vec<String> {
    let facts = project.facts(node, "session");
    facts.iter().map(|fact| fact["id"].as_str().expect("an id").to_owned()).collect()
}

const FELIX: &str = r#"collector["felix"]"#;
const ORADEA: &str = r#"collector["oradea"]"#;

#[test]
fn a_forked_session_begins_with_all_that_its_parent_knows() {
    let provider = Provider::start(script);
    let project = Project::of_spec(&spec(&provider.url()));
    exec(&project).run().expect(0);
    let parent = ["Define the schema.", "the schema was put out", "The schema is there."];
    for (site, prompt) in
        [("felix", "Write the collector for felix."), ("oradea", "Write the collector for oradea.")]
    {
        let history = first_request(&provider, site);
        in_order(&history, &[&parent[..], &[prompt]].concat());
    }
    // Two forks of one session know nothing of each other.
    assert!(provider.asked().iter().all(|it| !(it.says("for felix.") && it.says("for oradea."))));
    // A fork of a fork knows both, what the gate said too.
    let history = first_request(&provider, "review");
    let felix = ["for felix.", "did not pass", "Felix is there.", "Review it."];
    in_order(&history, &[&parent[..], &felix].concat());
    assert_eq!(project.merged("review.txt"), "schema");
    assert_eq!(project.merged("oradea.txt"), "schema");

    // Each has a session of its own; another attempt resumes that.
    let [schema, felix, oradea, review] =
        ["schema", FELIX, ORADEA, "review"].map(|node| sessions(&project, node));
    assert_eq!((schema.len(), felix.len(), oradea.len(), review.len()), (1, 2, 1, 1));
    assert_eq!(felix[0], felix[1]);
    let all = [&schema[0], &felix[0], &oradea[0], &review[0]];
    assert!(all.iter().enumerate().all(|(at, one)| !all[at + 1..].contains(one)), "{all:?}");
    project.nothing_is_left();
}

#[test]
fn what_the_parent_used_is_not_paid_for_again() {
    let provider = Provider::start(script);
    let project = Project::of_spec(&spec(&provider.url()));
    exec(&project).run().expect(0);
    let report = std::fs::read_to_string(project.run_dir().join("run.json")).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    for node in report["nodes"].as_array().expect("nodes") {
        let name = node["node"].as_str().expect("a name");
        let replies = project.facts(name, "replied").len() as u64;
        assert!(replies >= 2, "{name}");
        // The provider counts 10000 tokens for each request, whatever is in it.
        assert_eq!(node["usage"]["input"], 10_000 * replies, "{name}: {node}");
    }
}

#[test]
fn the_history_of_a_forked_session_is_reserved_as_it_was_counted() {
    let provider = Provider::start(script);
    let project = Project::of_spec(&spec(&provider.url()));
    exec(&project).run().expect(0);
    // Everything of it in bytes, and no answer, would be more than this.
    let bytes = |of: &str| {
        let asked = provider.asked();
        asked.iter().find(|asked| task(asked) == of).expect("it asked").body.len() as u64
    };
    let tokens = |node: &str| {
        let asked = project.facts(node, "asked").remove(0);
        asked["tokens"].as_u64().expect("tokens") - asked["output"].as_u64().expect("output")
    };
    let parent = tokens("schema");
    assert!(parent > 20_000, "nobody has counted the beginning of a parent: {parent}");
    for (node, task) in [(ORADEA, "oradea"), ("review", "review")] {
        let reserved = tokens(node);
        // The provider counted 10000 tokens for what the parent had asked last.
        assert!((10_000..12_000).contains(&reserved), "{node}: {reserved}");
        assert!(bytes(task) > 30_000, "{node}");
    }
}

#[test]
fn a_fork_that_is_killed_goes_on_in_its_own_session() {
    let provider = Provider::start(|asked| match (task(asked), own_step(asked)) {
        ("oradea", 0) if asked.says("interrupted from outside") => {
            Act::Shell("rm pipe; cat schema.txt > oradea.txt".to_owned())
        }
        ("oradea", 0) => {
            Act::Shell("mkfifo pipe; cat pipe; cat schema.txt > oradea.txt".to_owned())
        }
        _ => script(asked),
    });
    let project = Project::of_spec(&spec(&provider.url()));
    let run = exec(&project).start();
    project.wait_for_file("pipe");
    run.kill();
    exec(&project).run().expect(0);
    let own = sessions(&project, ORADEA);
    assert_eq!(own.len(), 2);
    assert_eq!(own[0], own[1], "it went on in its own");
    assert_ne!(own[0], sessions(&project, "schema")[0]);
    assert_eq!(project.facts("schema", "started").len(), 1);
    assert_eq!(project.merged("oradea.txt"), "schema");
    project.nothing_is_left();
}

/// Leaves a home of Codex as a kill does while it looks for old sessions, in the
/// first moments of its first start: another start waits for that in vain.
fn killed_in_its_first_moments(home: &std::path::Path) {
    let script = "import sqlite3, sys, time
state = sqlite3.connect(sys.argv[1])
state.execute(\"update backfill_state set status = 'running', updated_at = ?\", (int(time.time()),))
assert state.total_changes == 1
state.commit()
";
    let done = std::process::Command::new("python3")
        .args(["-c", script])
        .arg(home.join("state_5.sqlite"))
        .status();
    assert!(done.expect("python runs").success());
}

#[test]
fn a_fork_that_was_killed_before_its_first_answer_is_forked_again() {
    let is_killed = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let known = std::sync::Arc::clone(&is_killed);
    let provider = Provider::start(move |asked| {
        let waits = task(asked) == "oradea" && !known.load(std::sync::atomic::Ordering::SeqCst);
        if waits { Act::Silence } else { script(asked) }
    });
    let project = Project::of_spec(&spec(&provider.url()));
    let run = exec(&project).start();
    until("the fork to ask", || {
        provider.asked().iter().any(|asked| task(asked) == "oradea").then_some(())
    });
    run.kill();
    project.nothing_runs();
    is_killed.store(true, std::sync::atomic::Ordering::SeqCst);
    let home = project.run_dir().join("nodes");
    let home = std::fs::read_dir(home).expect("nodes").flatten().map(|node| node.path());
    let mut homes = home.filter(|node| node.to_string_lossy().contains("oradea"));
    killed_in_its_first_moments(&homes.next().expect("its folder").join("sessions"));
    exec(&project).run().expect(0);
    let asked = provider.asked();
    let last = asked.iter().rfind(|asked| task(asked) == "oradea").expect("it asked");
    assert!(last.says("The schema is there."), "it knows what its parent knows");
    assert_eq!(last.body.matches("Write the collector for oradea.").count(), 1);
    assert_eq!(project.merged("oradea.txt"), "schema");
    project.nothing_is_left();
}

#[test]
fn a_session_that_is_lost_fails_the_node_that_goes_on_from_it() {
    let provider = Provider::start(|asked| match (task(asked), own_step(asked)) {
        ("felix" | "oradea", 0) => Act::Silence,
        _ => script(asked),
    });
    let project = Project::of_spec(&spec(&provider.url()));
    let run = exec(&project).start();
    until("both forks to ask", || {
        let asked = provider.asked();
        ["felix", "oradea"]
            .iter()
            .all(|it| asked.iter().any(|asked| task(asked) == *it))
            .then_some(())
    });
    run.kill();
    // Damage: what was kept beside the result is gone.
    let vault = project.state().join("vault.git");
    let vault = vault.to_str().expect("a path");
    let names =
        project.git(&["--git-dir", vault, "for-each-ref", "--format=%(refname)", "refs/eufm"]);
    let beside = names.lines().find(|name| name.contains("/beside/schema/")).expect("it is kept");
    project.git(&["--git-dir", vault, "update-ref", "-d", beside]);
    let before = provider.asked().len();
    let failed = exec(&project).run().expect(1);
    failed.shows(&["the session of schema, from which it is to go on, is lost"]);
    assert_eq!(provider.asked().len(), before, "nothing was asked");
    project.nothing_is_left();
}

/// Runs the plan and returns the run's folder.
#[track_caller]
fn run(project: &Project) -> PathBuf {
    let done = exec(project).run().expect(0);
    let state = done.stdout.lines().find_map(|line| line.trim().strip_prefix("state "));
    PathBuf::from(state.expect("the summary names the state").trim())
}

/// Does so; what `why` has said comes true.
#[track_caller]
fn night(project: &Project) -> PathBuf {
    let told = crate::why::told(project);
    let run = run(project);
    let states = states(&run);
    for ((node, will), (_, state)) in told.iter().zip(&states) {
        let is_so = match will.as_str() {
            "cached" => state == "cached",
            "runs" => state == "committed",
            "depends" => true,
            _ => false,
        };
        assert!(is_so, "{node} was to be {will} and is {state}: {told:?}");
    }
    run
}

/// Makes a project whose plan is part of the base.
#[track_caller]
fn nightly(spec: &str) -> Project {
    let project = Project::of_spec(spec);
    project.commit("the plan");
    project
}

#[track_caller]
fn recompile(project: &Project, spec: &str) {
    project.write("spec.eufm", spec);
    project.compile().expect(0);
    project.commit("another plan");
}

#[test]
fn the_next_night_runs_only_what_changed_and_what_depends_on_it() {
    let provider = Provider::start(script);
    let spec = spec(&provider.url());
    let project = nightly(&spec);
    night(&project);
    let asked = provider.asked().len();

    // Nothing that a task sees has changed.
    change(&project, "README.md", "# another\n");
    assert_eq!(cached(&night(&project)), ["schema", FELIX, ORADEA, "review"]);
    assert_eq!(provider.asked().len(), asked);

    // One collector's prompt: it goes on from the session of a night before, and
    // what goes on from its own runs too.
    let changed = spec.replace(
        "task review",
        r#"task more by builder {
  session = schema
  prompt  = "Write the collector for oradea."
  reads   = ["schema.txt"]
  writes  = ["oradea.txt"]
}
task review"#,
    );
    let changed = changed.replace(r#"["felix", "oradea"]"#, r#"["felix"]"#);
    recompile(&project, &changed);
    let third = night(&project);
    assert_eq!(cached(&third), ["schema", FELIX, "review"]);
    let last = provider.asked().pop().expect("it asked");
    assert!(last.says("Define the schema.") && last.says("The schema is there."));
    project.nothing_is_left();

    // The session that all go on from: all run.
    recompile(&project, &changed.replace("Define the schema.", "Define the schema well."));
    assert_eq!(cached(&night(&project)), [""; 0]);
}

#[test]
fn a_session_outlives_the_run_that_it_comes_from() {
    let provider = Provider::start(script);
    let spec = spec(&provider.url());
    let project = nightly(&spec);
    let first = night(&project);
    change(&project, "README.md", "# another\n");
    let second = night(&project);
    let gc = ["gc", "--keep-runs", "1", "--older-than", "0s", "--state"];
    project.eufm().args(gc).arg(project.state()).run().expect(0);
    assert!(!first.exists() && second.exists());
    // The index is made again of what the journals say.
    std::fs::remove_dir_all(project.state().join("cache")).expect("removed");

    recompile(&project, &spec.replace("Review it.", "Review it. Be brief."));
    let asked = provider.asked().len();
    assert_eq!(cached(&run(&project)), ["schema", FELIX, ORADEA]);
    let asked = provider.asked().split_off(asked);
    assert!(asked.iter().all(|it| it.says("Review it. Be brief.") && it.says("Felix is there.")));
    assert_eq!(asked.len(), 2);
}

#[test]
fn a_result_without_the_session_that_is_asked_for_is_not_taken_over() {
    let provider = Provider::start(script);
    let spec = spec(&provider.url());
    let project = nightly(&spec);
    night(&project);
    let vault = project.state().join("vault.git");
    let vault = vault.to_str().expect("a path");
    let list = ["--git-dir", vault, "for-each-ref", "--format=%(refname)", "refs/eufm/cache"];
    let names = project.git(&list);
    assert_eq!(names.lines().filter(|name| name.contains("/cache/b")).count(), 4, "{names}");
    // Damage: an object of the session is gone.
    for name in names.lines().filter(|name| name.contains("/cache/b")) {
        let id = project.git(&["--git-dir", vault, "rev-parse", &format!("{name}:session.id")]);
        let (folder, file) = id.split_at(2);
        // Two results of one session have one object.
        let _ =
            std::fs::remove_file(project.state().join("vault.git/objects").join(folder).join(file));
    }
    change(&project, "README.md", "# another\n");
    let told = project.eufm().args(["why", "schema", "plan.lock", "--state"]).arg(project.state());
    told.run().expect(0).shows(&["the session that", "asks for was not kept in run"]);
    // The last task's session is asked for by nobody.
    let second = night(&project);
    assert_eq!(cached(&second), [ORADEA, "review"]);
}

/// Counts the answers of the only run there is.
fn replied(project: &Project) -> usize {
    let facts = project.journal().into_iter();
    facts.filter(|record| record["event"]["node"].get("replied").is_some()).count()
}

/// Kills a run each time that so many answers were given, then lets it end.
fn with_kills(project: &Project, exec: impl Fn() -> Invocation, replies: &[usize]) {
    for count in replies {
        let mut running = exec().start();
        until("a reply", || (running.has_ended() || replied(project) >= *count).then_some(()));
        running.kill();
    }
    exec().run().expect(0);
}

#[test]
fn killed_again_and_again_forks_end_as_if_they_had_not_been() {
    let provider = Provider::start(script);
    let spec = spec(&provider.url());
    let whole = Project::of_spec(&spec);
    exec(&whole).run().expect(0);
    let killed = Project::of_spec(&spec);
    for growth in [6, 9, 3, 14, 8, 5, 12, 7] {
        let records = killed.journal().len() + growth;
        let mut run = exec(&killed).start();
        until("the journal to grow", || {
            (run.has_ended() || killed.journal().len() >= records).then_some(())
        });
        run.kill();
    }
    exec(&killed).run().expect(0);
    assert_eq!(killed.tree(), whole.tree());
    for node in ["schema", FELIX, ORADEA, "review"] {
        assert_eq!(killed.facts(node, "committed").len(), 1, "{node}");
    }
    // Whatever was cut short, each fork knows what its parent knows, once.
    for asked in provider.asked().iter().filter(|asked| task(asked) != "schema") {
        let history = history(asked);
        let says = |text: &str| {
            let texts = history.iter().filter_map(|item| item["content"][0]["text"].as_str());
            texts.filter(|said| said.starts_with(text)).count()
        };
        assert_eq!((says("Define the schema."), says("Write the collector for")), (1, 1));
        assert!(says("The schema is there.") >= 1, "{}", asked.body);
    }
    killed.nothing_is_left();
}

#[test]
fn forks_are_recorded_and_replayed_killed_or_not() {
    for kills in [&[][..], &[1, 5]] {
        let provider = Provider::start(script);
        let first = Project::of_spec(&spec(&provider.url()));
        let tape = first.root().join("tape");
        with_kills(&first, || exec(&first).arg("--record").arg(&tape), kills);
        let spec = spec(&provider.url());
        drop(provider);
        for kills in [&[][..], &[3]] {
            let second = Project::of_spec(&spec);
            let replay = || second.exec().arg("--codex").arg(codex()).arg("--replay").arg(&tape);
            with_kills(&second, replay, kills);
            assert_eq!(second.tree(), first.tree());
        }
        if kills.is_empty() {
            let loose = Project::of_spec(&spec.replace("Define the schema.", "Define the schema!"));
            let replay = loose.exec().arg("--codex").arg(codex()).arg("--replay").arg(&tape);
            replay.arg("--loose").run().expect(0);
            assert_eq!(loose.tree(), first.tree());
        }
    }
}

#[test]
fn a_script_answers_a_fork_from_its_own_first_reply() {
    let spec = r#"edition 1
pipeline scripted { base = "main" }
agent builder is codex { cli = "0.169.0", model = "gpt-5.5" }
task plan by builder { prompt = "Plan it.", writes = [] }
task make by builder {
  session = plan
  inputs  = [plan.answer]
  prompt  = "Make it."
  writes  = ["made.txt"]
}
"#;
    let project = Project::of_spec(spec);
    let cassette = r#"format = 1

[[node.plan]]
expect = "Plan it."
say = "Write one word."

[[node.make]]
expect = "/in/plan/answer is plan.answer"
shell = "cp /in/plan/answer made.txt"

[[node.make]]
say = "Made."
"#;
    project.write("cassette.toml", cassette);
    project.exec_agents().run().expect(0);
    assert_eq!(project.merged("made.txt"), "Write one word.");
    assert_eq!(project.facts("make", "replied").len(), 2);
}
