//! What `eufm cost` says before, during and after a run, of damaged ones too,
//! and that it changes nothing.

use serde_json::Value;

use crate::money::with_budgets;
use crate::support::corpus::below;
use crate::support::{Invocation, Project};

fn cost(project: &Project) -> Invocation {
    project.eufm().args(["cost", "--state"]).arg(project.state())
}

#[track_caller]
fn document(project: &Project, status: i32) -> Value {
    let ended = cost(project).arg("--json").run().expect(status);
    serde_json::from_str(&ended.stdout).expect("one JSON document")
}

#[test]
fn the_figures_are_those_of_the_journal_and_survive_its_torn_end() {
    let project = with_budgets("cost <= 1 EUR,", "cost <= 0.50 EUR,");
    cost(&project).run().expect(0).shows(&[
        "no run of story with this plan yet; what it may cost:",
        "spent     at most 1.000000 EUR",
    ]);
    assert!(!project.state().exists(), "looking has made something");
    let planned = document(&project, 0);
    assert_eq!(planned["total"]["bound"]["micros"], 1_000_000);
    assert_eq!(planned.get("run"), None);

    project.exec_agents().run().expect(0);
    let before = below(&project.state()).0;
    // As tests/money.rs has it: greet's four answers and readme's two.
    let told = document(&project, 0);
    let micros = |value: &Value| value["micros"].as_u64().expect("an amount");
    assert_eq!(micros(&told["total"]), 226_110);
    assert_eq!(told["run"]["standing"], "done");
    let nodes = told["nodes"].as_array().expect("nodes");
    let names: Vec<_> = nodes.iter().map(|node| node["name"].clone()).collect();
    assert_eq!(names, ["greet", "readme"], "a command spends nothing");
    assert_eq!(nodes[0]["micros"], 114_110);
    assert_eq!(nodes[0]["bound"]["micros"], 500_000);
    assert_eq!(nodes.iter().map(micros).sum::<u64>(), 226_110);
    let hours = told["hours"].as_array().expect("hours");
    assert_eq!(hours.iter().map(micros).sum::<u64>(), 226_110);
    // 2 × 100 and 4 × 10,000 tokens of input, 2 × 10 of them cached.
    assert_eq!(told["total"]["input"], 40_200);
    assert_eq!(told["total"]["cached"], 20);
    assert_eq!(told["total"]["open"]["requests"], 0);
    let worked = told["run"]["worked_ms"].as_u64().expect("a time");
    assert!(worked > 0 && worked <= told["run"]["active_ms"].as_u64().expect("a time"));
    let text = cost(&project).run().expect(0);
    text.shows(&[
        "is done, after",
        "spent     0.226110 EUR of at most 1.000000 EUR",
        " per hour, in",
    ]);
    assert!(below(&project.state()).0 == before, "looking has changed something");

    let run = project.run_dir();
    let name = run.file_name().and_then(|name| name.to_str()).expect("a plain name").to_owned();
    cost(&project).args(["--run", &name]).run().expect(0).shows(&["0.226110 EUR of at most"]);
    cost(&project).args(["--run", "other"]).run().expect(2).says(&["no run `other`"]);

    let journal = run.join("journal");
    let good = std::fs::read(&journal).expect("the journal");
    std::fs::write(&journal, &good[..good.len() - 7]).expect("written");
    let torn = document(&project, 0);
    assert_eq!((micros(&torn["total"]), &torn["run"]["standing"]), (226_110, &"unfinished".into()));

    // Behind the damage nothing counts, and that is said.
    let mut bad = good.clone();
    let middle = good.len() / 2;
    bad[middle] ^= 1;
    std::fs::write(&journal, &bad).expect("written");
    let damaged = document(&project, 9);
    assert!(micros(&damaged["total"]) < 226_110);
    assert!(damaged["run"]["damage"]["offset"].as_u64().expect("a place") < middle as u64);
    cost(&project).run().expect(9).shows(&["is damaged", "damage    ", "help      put back"]);
}

#[test]
fn it_answers_beside_a_run_that_works() {
    let project = Project::of_spec(
        "edition 1\npipeline waiting { base = \"main\" }\n\
         command waits { run = [\"sh\", \"-c\", \"mkfifo pipe; read line < pipe; rm pipe\"] }\n",
    );
    let running = project.exec().start();
    project.wait_for_file("pipe");
    let told = document(&project, 0);
    assert_eq!(told["run"]["standing"], "unfinished");
    assert!(told["runner"].is_string());
    cost(&project).run().expect(0).shows(&["goes on, after", "tokens    0 of at most 0"]);
    project.send("pipe", "go");
    running.wait().expect(0);
    cost(&project).run().expect(0).shows(&["is done, after"]);
}
