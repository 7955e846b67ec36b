//! `eufm compile`: what becomes of the plan on the disk. What compiles and what
//! does not is the corpus's.

use crate::support::{Invocation, Project};

const SPEC: &str = r#"edition 1
pipeline small { goal = "Small" }
command one { run = ["true"] }
"#;

#[test]
fn locked_fails_when_the_plan_would_change_and_never_writes() {
    let project = Project::without_repository();
    project.write("spec.eufm", SPEC);
    let locked = || project.eufm().args(["compile", "--locked", "spec.eufm"]).run();
    locked().expect(4).says(&["plan.lock is not there", "without --locked"]);
    assert!(!project.repo().join("plan.lock").exists());
    project.compile().expect(0);
    locked().expect(0);
    let plan = project.read("plan.lock");
    project.write("spec.eufm", SPEC.replace("Small", "Large"));
    locked().expect(4).says(&["plan.lock is not what the spec gives now", "Small", "Large"]);
    assert_eq!(project.read("plan.lock"), plan);
}

#[test]
fn the_plan_can_be_written_elsewhere() {
    let project = Project::without_repository();
    project.write("spec.eufm", SPEC);
    let compile = |to: &str| project.eufm().args(["compile", "-o", to, "spec.eufm"]).run();
    compile("night.lock").expect(0);
    assert!(!project.repo().join("plan.lock").exists());
    project.compile().expect(0);
    assert_eq!(project.read("night.lock"), project.read("plan.lock"));
    compile("no/such/folder.lock").expect(2).says(&["no/such/folder.lock"]);
    let mut files: Vec<_> = std::fs::read_dir(project.repo())
        .expect("readable")
        .map(|entry| entry.expect("readable").file_name())
        .collect();
    files.sort();
    assert_eq!(files, ["night.lock", "plan.lock", "spec.eufm"], "nothing half is left");
}

#[test]
fn a_plan_that_does_not_change_is_not_written_again() {
    use std::os::unix::fs::MetadataExt as _;
    let project = Project::without_repository();
    project.write("spec.eufm", SPEC);
    project.compile().expect(0).says(&["plan.lock written"]);
    let path = project.repo().join("plan.lock");
    let stamp = || {
        let metadata = std::fs::metadata(&path).expect("a plan");
        (metadata.ino(), metadata.mtime(), metadata.mtime_nsec(), metadata.ctime_nsec())
    };
    let before = stamp();
    project.compile().expect(0).says(&["plan.lock is unchanged"]);
    assert_eq!(stamp(), before);
}

#[test]
fn an_error_leaves_the_earlier_plan_as_it_is() {
    let project = Project::without_repository();
    project.write("spec.eufm", SPEC);
    project.compile().expect(0);
    let plan = project.read("plan.lock");
    project.write("spec.eufm", format!("{SPEC}command two {{ runs = [\"true\"] }}\n"));
    project.compile().expect(3).says(&["runs", "no plan was written"]);
    assert_eq!(project.read("plan.lock"), plan);
}

#[test]
fn a_spec_that_is_not_there_or_no_text_is_said_plainly() {
    let project = Project::without_repository();
    project.compile().expect(3).says(&["spec.eufm", "no such file"]);
    project.write("spec.eufm", b"edition 1\n\xff\xfe");
    project.compile().expect(3).says(&["spec.eufm", "UTF-8"]);
    std::fs::create_dir(project.repo().join("folder.eufm")).expect("made");
    project.eufm().args(["compile", "folder.eufm"]).run().expect(3).says(&["not a file"]);
}

#[test]
fn the_starter_compiles_and_is_never_written_over_a_file() {
    let project = Project::without_repository();
    project.eufm().args(["init"]).run().expect(0).says(&["wrote spec.eufm"]);
    project.compile().expect(0);
    project.write("spec.eufm", "mine");
    project.eufm().args(["init"]).run().expect(2).says(&["spec.eufm", "name another file"]);
    assert_eq!(project.read("spec.eufm"), "mine");
}

/// A spec that names a module, files, a folder and a constitution.
const SITES: &str = r#"edition 1
use std.rules
use "lib/build.eufm"
param env: string = "staging"
let sites = lines(file("sites.txt"))
pipeline sites {
  goal = """
    All sites, and
    their shops.
    """
  budget { wall <= 1 h }
}
constitution "docs/rules.md" {
  rule small is rules.max_diff { cite = "below 800 lines", level = must, lines = 800 }
}
build.site(name = s) for s in sites
task shop for p in dirs("shops/*") by build.builder {
  prompt = """
    Write the shop ${p} for ${env}, as it says:
    ${file("docs/shop.md")}
    """
  writes = ["shops/${p}/**"]
}
deploy ship {
  needs    = [site, shop]
  run      = ["make", "ship"]
  recovery = rerun
}
"#;

const BUILD: &str = r#"edition 1
agent builder is codex { cli = "0.169.0", model = "gpt-5.5" }
gate unit is command { run = ["make", "test"] }
template site(name: string) {
  task write by builder {
    prompt = """
      Write the site.
      Test it.
      """
    writes = ["sites/${name}/**"]
    gates  = [unit]
  }
}
"#;

#[test]
fn a_hundred_ways_to_compile_give_one_plan() {
    let files = [
        ("spec.eufm", SITES.to_owned()),
        ("lib/build.eufm", BUILD.to_owned()),
        ("sites.txt", "zürich\nArad\nıstanbul\nIasi\nånge\nfelix\n".to_owned()),
        ("docs/rules.md", "# Rules\n\nChanges stay below 800 lines.\n".to_owned()),
        ("docs/shop.md", "Sell.\n\nShip.\n".to_owned()),
    ];
    let folders = ["a", "a/b/c/d", "with space", "Größe-模型", ".hidden"];
    let locales = ["C", "de_DE.UTF-8", "tr_TR.UTF-8", "zh_CN.GB18030", "sv_SE.UTF-8"];
    let zones = ["UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati"];
    let project = Project::without_repository();
    let mut plans = std::collections::BTreeSet::new();
    for round in 0..100 {
        let (folder, locale) = (round % 5, round / 5 % 5);
        let (is_crlf, is_beside) = (round / 25 % 2 == 1, round / 50 == 1);
        let folder = format!("{round}/{}", folders[folder]);
        let at = |path: &str| format!("{folder}/{path}");
        let mut shops = ["Zoo", "apple", "äpfel", "b-1", "b_1", "I", "i"];
        if is_crlf {
            shops.reverse();
        }
        shops.iter().for_each(|shop| project.write(&at(&format!("shops/{shop}/x")), ""));
        for (path, text) in &files {
            let text = if is_crlf { text.replace('\n', "\r\n") } else { text.clone() };
            project.write(&at(path), text);
        }
        let own = project.repo().join(&folder);
        let (from, spec) = match is_beside {
            true => (project.repo(), own.join("spec.eufm")),
            false => (own, "spec.eufm".into()),
        };
        let compile = Invocation::new(project.root(), &from)
            .env("LC_ALL", locales[locale])
            .env("LANG", locales[locale])
            .env("TZ", zones[round % zones.len()])
            .env("RAYON_NUM_THREADS", (1 + round % 7).to_string());
        compile.arg("compile").arg(spec).run().expect(0);
        plans.insert(project.read(&at("plan.lock")));
    }
    let plan = plans.pop_first().expect("a plan");
    assert!(plans.is_empty(), "{plan}\nis also\n{}", plans.pop_first().unwrap_or_default());
    assert!(
        plan.contains("\"shops/\" = \"sha256:")
            && plan.contains("[node.\"site[\\\"ånge\\\"]/write\"]"),
        "{plan}"
    );
}
