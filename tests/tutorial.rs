//! The tutorial and the page about nights: what they quote is there. Fragments are
//! those of the examples, commands are known, and output is what comes out.
//!
//! What stands behind the first word of a fence says which example it is of: the
//! lines of ```` ```text hello ```` are lines of a run of specs/hello, in their
//! order, with `…` for what is another one each time.

use crate::support::{Project, codex, sources};

/// The pages.
const PAGES: [&str; 2] = ["tutorial.md", "nightly.md"];

/// A block between fences, with what stands behind the opening one.
struct Fence {
    info: String,
    text: String,
}

/// Returns the fences of a page below `docs`.
fn fences(page: &str) -> Vec<Fence> {
    let text = std::fs::read_to_string(sources().join("docs").join(page)).expect("the page");
    let parts: Vec<&str> = text.split("\n```").collect();
    let inner = parts.iter().skip(1).step_by(2);
    let fence = |part: &&str| {
        let (info, text) = part.split_once('\n').expect("a fence has lines");
        Fence { info: info.to_owned(), text: text.to_owned() }
    };
    assert_eq!(parts.len() % 2, 1, "{page}: a fence is not closed");
    inner.map(fence).collect()
}

/// Tells whether a line is as it is quoted, with `…` for anything.
pub(crate) fn is_quoted_as(line: &str, quoted: &str) -> bool {
    let mut parts = quoted.split('…');
    let first = parts.next().expect("a split has a part");
    let Some(at) = line.find(first) else { return false };
    let mut rest = &line[at + first.len()..];
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    quoted.ends_with('…') || rest.is_empty()
}

/// Asserts that what the tutorial quotes of an example's output stands in it, each
/// fence's lines in their order.
#[track_caller]
pub(crate) fn says_what_is_quoted(info: &str, output: &str) {
    let mut count = 0;
    for fence in fences("tutorial.md").into_iter().filter(|fence| fence.info == info) {
        let mut lines = output.lines();
        for quoted in fence.text.lines().filter(|line| !line.is_empty()) {
            let found = lines.any(|line| is_quoted_as(line, quoted));
            assert!(found, "docs/tutorial.md: ```{info}: {quoted:?} is not in\n{output}");
        }
        count += 1;
    }
    assert!(count > 0, "docs/tutorial.md has no ```{info}");
}

#[test]
fn every_fragment_is_one_of_its_example() {
    let spec = |name: &str| {
        let path = sources().join(format!("specs/{name}/{name}.eufm"));
        std::fs::read_to_string(path).expect("the spec")
    };
    let specs = [spec("hello"), spec("webhook")];
    let fragments = fences("tutorial.md").into_iter().filter(|fence| fence.info == "eufm");
    let mut counts = [0, 0];
    for Fence { text, .. } in fragments {
        let of = specs.iter().position(|spec| spec.contains(&format!("\n{text}\n")));
        let of = of.unwrap_or_else(|| panic!("docs/tutorial.md: no spec has\n{text}"));
        counts[of] += 1;
    }
    assert!(counts[0] >= 5 && counts[1] >= 10, "{counts:?}");
}

#[test]
fn every_command_is_known() {
    let project = Project::without_repository();
    let makefiles = ["Makefile", "specs/webhook/Makefile"]
        .map(|path| std::fs::read_to_string(sources().join(path)).expect("a Makefile"));
    let mut count = 0;
    for page in PAGES {
        for Fence { info, text } in fences(page) {
            if !matches!(info.split(' ').next(), Some("sh" | "console")) {
                continue;
            }
            for line in text.lines() {
                let line = line.trim().trim_start_matches("$ ");
                let code = line.split(" #").next().expect("a split has a part");
                let is_variable = |word: &&str| word.contains('=') && !word.starts_with('-');
                let words: Vec<&str> = code.split(' ').skip_while(is_variable).collect();
                match words.as_slice() {
                    ["eufm", command, rest @ ..] => {
                        let help = project.eufm().args([command, "--help"]).run();
                        assert_eq!(help.code(), 0, "docs/{page}: {line}");
                        for flag in rest.iter().filter(|word| word.starts_with("--")) {
                            assert!(help.stdout.contains(*flag), "docs/{page}: {line}");
                        }
                    }
                    ["make", target, ..] => {
                        let rule = format!("\n{target}:");
                        let found = makefiles.iter().any(|text| text.contains(&rule));
                        assert!(found, "docs/{page}: {line}");
                    }
                    [program, ..] if program.contains('/') => {
                        let below =
                            ["", "specs/webhook"].map(|dir| sources().join(dir).join(program));
                        assert!(below.iter().any(|path| path.is_file()), "docs/{page}: {line}");
                    }
                    _ => continue,
                }
                count += 1;
            }
        }
    }
    assert!(count >= 15, "only {count} commands");
}

#[test]
fn what_compile_shows_is_quoted() {
    for example in ["hello", "webhook"] {
        let folder = sources().join("specs").join(example);
        let project = Project::without_repository();
        let compile = project.eufm().args(["compile", "--locked", "--root"]).arg(&folder);
        let ended = compile.arg(folder.join(format!("{example}.eufm"))).run().expect(0);
        let output = format!("$ eufm compile {example}.eufm\n{}", ended.stdout);
        says_what_is_quoted(&format!("console {example}"), &output);
    }
}

#[test]
fn the_graph_is_the_one_of_the_plan() {
    let project = Project::without_repository();
    let plan = sources().join("specs/webhook/plan.lock");
    let drawn = project.eufm().arg("graph").arg(plan).run().expect(0);
    let mut graphs = fences("tutorial.md").into_iter().filter(|fence| fence.info == "mermaid");
    let graph = graphs.next().expect("the tutorial has a graph");
    assert_eq!(graph.text, drawn.stdout.trim_end());
}

#[test]
fn what_the_first_run_says_is_quoted() {
    let project = Project::without_repository();
    let folder = sources().join("specs/hello");
    let repo = project.root().join("weblog");
    let made = std::process::Command::new(folder.join("make-repo.sh")).arg(&repo).status();
    assert!(made.expect("a shell").success());
    let exec = project.eufm().arg("exec").arg(folder.join("plan.lock")).arg("--repo").arg(&repo);
    let exec = exec.arg("--state").arg(project.state()).arg("--cassette");
    let ended = exec.arg(folder.join("cassette.toml")).arg("--codex").arg(codex()).run().expect(0);
    says_what_is_quoted("text hello", &format!("{}{}", ended.stderr, ended.stdout));
}
