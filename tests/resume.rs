//! Killed or stopped at any moment, the same command finishes the run: nothing
//! that was committed runs twice, and nothing is left behind.

use crate::support::{Ended, Project, Running, demo, until};

/// By how many records the journal has grown when the runner is killed.
const GROWTHS: [usize; 10] = [1, 3, 2, 5, 8, 4, 1, 6, 9, 7];

/// Kills a run as soon as its journal holds this many records, or lets it come
/// to its end.
fn kill_at(project: &Project, mut run: Running, records: usize) -> Ended {
    until("the journal to grow", || {
        (run.has_ended() || project.journal().len() >= records).then_some(())
    });
    run.kill()
}

/// Asserts that each node was committed once and nothing of it ran afterwards.
fn committed_once(project: &Project, nodes: &[&str]) {
    for node in nodes {
        assert_eq!(project.facts(node, "committed").len(), 1, "{node} is committed once");
        let journal = project.journal();
        let mut facts = journal.iter().filter(|record| record["node"] == *node);
        let last = &facts.next_back().expect("the node has facts")["event"]["node"];
        let is_end = last.get("committed").is_some() || last.get("merged").is_some();
        assert!(is_end, "something follows the commit of {node}: {last}");
    }
}

#[test]
fn a_run_killed_ten_times_ends_as_one_that_was_not() {
    let whole = demo();
    whole.exec_agents().run().expect(0);

    let project = demo();
    let mut killed = 0;
    for growth in GROWTHS {
        let records = project.journal().len() + growth;
        let ended = kill_at(&project, project.exec_agents().start(), records);
        killed += u32::from(ended.code() == 128 + 9);
    }
    project.exec_agents().run().expect(0);
    assert!(killed >= 5, "the run came to its end after {killed} kills");
    assert_eq!(project.tree(), whole.tree());
    committed_once(&project, &["greet", "readme", "smoke"]);
    assert_eq!(project.git(&["status", "--porcelain"]), whole.git(&["status", "--porcelain"]));
    project.nothing_is_left();
}

/// Commands in a row and beside each other, each with a gate.
const CHAIN: &str = r#"edition 1
pipeline chain { base = "main", budget { parallel <= 2 } }
gate there is command { run = ["sh", "-c", "ls *.txt"] }
command a { run = ["sh", "-c", "echo a > a.txt"], writes = ["a.txt"], gates = [there] }
command b { run = ["sh", "-c", "echo b > b.txt"], writes = ["b.txt"], gates = [there] }
command c {
  needs = [a, b]
  run   = ["sh", "-c", "cat a.txt b.txt > c.txt"], writes = ["c.txt"], gates = [there]
}
command d { needs = [c], run = ["sh", "-c", "cp c.txt d.txt"], writes = ["d.txt"] }
"#;

#[test]
fn a_run_can_be_killed_after_each_of_its_records() {
    let whole = Project::of_spec(CHAIN);
    whole.exec().run().expect(0);
    let records = whole.journal().len();
    for moment in 1..records {
        let project = Project::of_spec(CHAIN);
        kill_at(&project, project.exec().start(), moment);
        project.exec().run().expect(0);
        assert_eq!(project.tree(), whole.tree(), "killed at record {moment}");
        committed_once(&project, &["a", "b", "c", "d"]);
        project.nothing_is_left();
    }
}

/// Leaves files, then waits until somebody writes to `pipe`.
const WAITING: &str = r#"edition 1
pipeline waiting { base = "main" }
command first { run = ["sh", "-c", "echo first > first.txt"], writes = ["first.txt"] }
command waits {
  needs  = [first]
  run    = ["sh", "-c", "echo half >> work.txt; mkfifo pipe; read line < pipe; rm pipe; echo $line >> work.txt"]
  writes = ["work.txt"]
}
"#;

#[test]
fn a_signal_stops_the_run_in_order_and_the_same_command_goes_on() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let project = Project::of_spec(WAITING);
        let run = project.exec().start();
        project.wait_for_file("pipe");
        run.signal(signal);
        let stopped = run.wait().expect(code);
        stopped.says(&["stopping", "its work is kept"]).shows(&["the same command goes on"]);
        project.nothing_is_left();
        let salvage = &project.facts("waits", "interrupted")[0]["salvage"];
        assert!(salvage.is_string(), "the work is kept: {salvage}");

        let run = project.exec().start();
        project.send("pipe", "whole");
        run.wait().expect(0).says(&["taken up again"]);
        assert_eq!(project.merged("work.txt"), "half\nwhole", "a command begins anew");
        assert_eq!(project.facts("waits", "started")[1]["attempt"], 1, "a stop is no attempt");
        committed_once(&project, &["first", "waits"]);
        project.nothing_is_left();
    }
}

#[test]
fn an_agent_that_is_stopped_goes_on_in_its_session() {
    let cassette = crate::support::CASSETTE.replace(
        "echo '# hello' > NOTES.md",
        "echo '# hello' > NOTES.md; [ -e again ] || { touch again; mkfifo pipe; cat pipe; }; rm again; [ ! -p pipe ] || rm pipe",
    );
    let project = demo();
    project.write("cassette.toml", cassette);
    let run = project.exec_agents().start();
    project.wait_for_file("pipe");
    run.signal("INT");
    run.wait().expect(130);
    project.nothing_is_left();
    project.exec_agents().run().expect(0);
    let sessions = project.facts("readme", "session");
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions[0], sessions[1]);
    assert_eq!(project.merged("NOTES.md"), "# hello");
    committed_once(&project, &["greet", "readme", "smoke"]);
    project.nothing_is_left();
}

/// Tells whether the agent's own events of a node hold a text.
fn has_event(project: &Project, node: &str, text: &str) -> bool {
    let Some(run) = project.run_dirs().pop() else { return false };
    let starts = std::fs::read_dir(run.join("nodes").join(node)).into_iter().flatten();
    let files = starts.filter_map(Result::ok).map(|start| start.path().join("events.jsonl"));
    let mut texts = files.filter_map(|file| std::fs::read_to_string(file).ok());
    texts.any(|events| events.contains(text))
}

#[test]
fn an_agent_killed_at_each_step_of_its_session_goes_on_in_it() {
    for text in ["command_execution", "Done.", "file_change", "Repaired."] {
        let project = demo();
        let mut run = project.exec_agents().start();
        until("the step", || {
            (run.has_ended() || has_event(&project, "0000-greet", text)).then_some(())
        });
        run.kill();
        let done = project.exec_agents().run();
        assert_eq!(done.code(), 0, "killed at {text}: {}{}", done.stdout, done.stderr);
        committed_once(&project, &["greet", "readme", "smoke"]);
        assert!(project.merged("hello/greet.py").contains("name or 'world'"));
        let sessions = project.facts("greet", "session");
        assert!(sessions.iter().all(|session| session == &sessions[0]), "{sessions:?}");
        project.nothing_is_left();
    }
}

/// Starts children that leave the session, ignore signals and outlive their parent.
const STUBBORN: &str = r#"edition 1
pipeline stubborn { base = "main" }
command holds {
  run = ["python3", "-c", """
    import os, signal, time
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for depth in range(3):
        if os.fork() == 0:
            os.setsid()
            for descriptor in range(3):
                os.close(descriptor)
            if os.fork() == 0:
                while True: time.sleep(600)
            os._exit(0)
    os.mkfifo("pipe")
    open("pipe").read()
    os.remove("pipe")
    """]
}
"#;

#[test]
fn nothing_survives_a_runner_that_is_killed() {
    let project = Project::of_spec(STUBBORN);
    let run = project.exec().start();
    project.wait_for_file("pipe");
    run.kill();
    project.nothing_runs();
    let run = project.exec().start();
    project.send("pipe", "go");
    run.wait().expect(0);
    project.nothing_is_left();
}

#[test]
fn what_a_killed_runner_had_just_started_is_ended_by_the_next() {
    let project = Project::of_spec(STUBBORN);
    let spawned = |number| project.facts("holds", "spawned").into_iter().nth(number);
    // The state's folder is spelled in many ways, but sandboxes mount one.
    let spellings = ["../state", "./../repo/../state", "../state/"];
    for (number, state) in spellings.iter().enumerate() {
        let run = project.eufm().args(["exec", "plan.lock", "--state", state]).start();
        until("the command", || spawned(number));
        run.kill();
    }
    let run = project.exec().start();
    until("the last command", || spawned(spellings.len()));
    project.send("pipe", "go");
    run.wait().expect(0);
    project.nothing_is_left();
}

#[test]
fn nothing_survives_a_runner_that_is_told_to_stop() {
    let project = Project::of_spec(STUBBORN);
    let run = project.exec().start();
    project.wait_for_file("pipe");
    run.signal("TERM");
    run.wait().expect(143);
    project.nothing_is_left();
}

#[test]
fn a_second_signal_ends_the_runner_at_once_and_it_can_go_on() {
    let project = Project::of_spec(STUBBORN);
    let run = project.exec().start();
    project.wait_for_file("pipe");
    run.signal("INT");
    run.signal("INT");
    assert_eq!(run.wait().code(), 130);
    project.nothing_runs();
    let run = project.exec().start();
    project.send("pipe", "go");
    run.wait().expect(0);
    project.nothing_is_left();
}

#[test]
fn a_gate_that_was_cut_off_judges_again() {
    let spec = r#"edition 1
pipeline gated { base = "main" }
gate waits is command { run = ["sh", "-c", "touch judging; mkfifo pipe; read line < pipe"] }
command one { run = ["sh", "-c", "echo one > one.txt"], writes = ["one.txt"], gates = [waits] }
"#;
    let project = Project::of_spec(spec);
    for signal in ["KILL", "INT"] {
        let run = project.exec().start();
        project.wait_for_file("pipe");
        run.signal(signal);
        run.wait();
        project.nothing_runs();
    }
    let run = project.exec().start();
    project.send("pipe", "pass");
    run.wait().expect(0);
    assert_eq!(project.facts("one", "started").len(), 1, "the work itself was done");
    committed_once(&project, &["one"]);
    project.nothing_is_left();
}
