//! Shows questions to people: what is asked, what to look at, how to answer.
//!
//! The form of the JSON document is published as docs/schemas/questions.schema.json.
//! Unaware of which question is answered.

use std::path::{Path, PathBuf};

use eufm_runner::people::{About, Asked, Decision, OpenQuestion, QuestionFile};
use eufm_runner::printable;
use serde::Serialize;

/// The version of the document's form.
const SCHEMA: u32 = 1;

/// How much of a question is shown.
const ASK_MAX: usize = 2_000;

/// Prints the open questions for people.
///
/// Those of other plans than `asked` names are told with theirs: an answer needs it.
pub(crate) fn list(open: &[OpenQuestion], asked: &Asked) {
    if open.is_empty() {
        super::print("nobody is waited for\n");
        return;
    }
    let pages = open.iter().map(|open| page(open, asked));
    super::print(&pages.collect::<Vec<_>>().join("\n"));
}

/// Prints the open questions for programs.
pub(crate) fn json(open: &[OpenQuestion]) {
    super::print(&document(open));
}

/// Says that an answer lies where the run takes it.
pub(crate) fn given(open: &OpenQuestion, decision: Decision) {
    let QuestionFile { node, run, answer, .. } = &open.question;
    super::wrote(answer, &format!("{node} is {}: `eufm exec` takes {run} on", decision.word()));
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    command: &'static str,
    questions: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    question: &'a QuestionFile,
    /// Whether an answer lies there that the run has not taken yet.
    answered: bool,
}

fn document(open: &[OpenQuestion]) -> String {
    let row = |open: &'_ OpenQuestion| open.is_answered;
    let questions =
        open.iter().map(|it| Row { question: &it.question, answered: row(it) }).collect();
    let document = Document { schema: SCHEMA, command: "approve", questions };
    // Strings, numbers and lists of them always have a JSON form.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn page(open: &OpenQuestion, asked: &Asked) -> String {
    let vault = OpenQuestion::objects(&asked.state);
    let QuestionFile { node, about, ask, tree, base, run, inputs, .. } = &open.question;
    let ask = printable::line(ask, ASK_MAX);
    let answered = if open.is_answered { " (answered; `eufm exec` takes it)" } else { "" };
    let mut lines = vec![
        format!("{node} ({}): {ask}{answered}", about.word()),
        format!("  run      {run}"),
        format!("  tree     {tree}"),
        format!(
            "  changes  git --git-dir {} diff {} {}",
            vault.display(),
            base.short(),
            tree.short()
        ),
    ];
    let to_read = inputs.iter().flat_map(|folder| files(folder));
    lines.extend(to_read.map(|file| format!("  read     {}", file.display())));
    if !open.is_answered {
        let plan = match asked.plan {
            Some(plan) if plan != open.question.plan => {
                format!(" {}", quoted(&open.plan(&asked.state).display().to_string()))
            }
            _ => String::new(),
        };
        let node = addressed(node, about) + &plan;
        lines.push(format!("  answer   eufm approve {node}, or eufm reject {node} --note WHY"));
    }
    lines.iter().map(|line| format!("{}\n", printable::lines(line))).collect()
}

/// Lists the files below a folder, sorted; those that cannot be seen are left out.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    entries.sort();
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    entries.into_iter().flat_map(below).collect()
}

/// Writes the words of a command that say which question is answered.
fn addressed(node: &str, about: &About) -> String {
    match about {
        About::Rule { rule } => format!("{} --rule {}", quoted(node), quoted(rule)),
        _ => quoted(node),
    }
}

/// Quotes a name for the shell where that is needed.
pub(crate) fn quoted(name: &str) -> String {
    shlex::try_quote(name).map_or_else(|_| name.to_owned(), std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use eufm_runner::people::AnswerFile;

    use super::*;

    fn open() -> OpenQuestion {
        let digest = |letter: &str| letter.repeat(40);
        let question = serde_json::json!({
            "format": 1,
            "run": "p-1",
            "node": "sites/release[\"a b\"]",
            "about": About::Approval,
            "ask": "Release\u{1b}[2J it?",
            "plan": format!("sha256:{}", "a".repeat(64)),
            "tree": digest("b"),
            "base": digest("c"),
            "currency": "EUR",
            "inputs": null,
            "since": 7,
            "answer": "/state/runs/p-1/answers/0001-release.json",
        });
        let question = serde_json::from_value(question).expect("a question");
        OpenQuestion { question, is_answered: false }
    }

    fn asked() -> Asked {
        Asked { state: PathBuf::from("/state"), plan: Some(open().question.plan), node: None }
    }

    #[test]
    fn a_question_of_another_plan_is_told_with_it() {
        let other = Asked { plan: Some(eufm_plan::Digest::of(b"other")), ..asked() };
        let page = page(&open(), &other);
        assert!(page.contains("]' /state/runs/p-1/plan.lock, or eufm reject"), "{page}");
    }

    #[test]
    fn a_question_says_what_to_look_at_and_how_to_answer() {
        insta::assert_snapshot!(page(&open(), &asked()), @r#"
        sites/release["a b"] (approval): Release[2J it?
          run      p-1
          tree     bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
          changes  git --git-dir /state/vault.git diff cccccccccccc bbbbbbbbbbbb
          answer   eufm approve 'sites/release["a b"]', or eufm reject 'sites/release["a b"]' --note WHY
        "#);
    }

    #[test]
    fn what_is_to_be_read_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let inputs = folder.path().join("in");
        for (dir, file) in [("after", "stdout"), ("review", "answer")] {
            std::fs::create_dir_all(inputs.join(dir)).expect("made");
            std::fs::write(inputs.join(dir).join(file), "text").expect("written");
        }
        let mut open = open();
        open.question.inputs = Some(inputs.clone());
        let page = page(&open, &asked());
        let read = |file: &str| format!("  read     {}\n", inputs.join(file).display());
        assert!(page.contains(&(read("after/stdout") + &read("review/answer"))), "{page}");
    }

    #[test]
    fn an_answer_about_a_rule_names_it() {
        let about = About::Rule { rule: "std.agreed".to_owned() };
        assert_eq!(addressed("ship/verify", &about), "ship/verify --rule std.agreed");
        let about = About::Rule { rule: "a b".to_owned() };
        assert_eq!(addressed("s", &about), "s --rule 'a b'");
    }

    #[test]
    fn the_document_fits_its_schema_and_an_answer_can_be_made_of_it() {
        let schema = include_str!("../../docs/schemas/questions.schema.json");
        let schema = serde_json::from_str(schema).expect("a schema");
        let text = document(&[open()]);
        let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        super::super::schema_test::fits(&document, &schema, &schema).expect("it fits");
        let question = &document["questions"][0];
        let answer = serde_json::json!({
            "decision": "reject",
            "by": "ci",
            "at": "2026-11-27T03:00:00Z",
            "plan": question["plan"],
            "tree": question["tree"],
        });
        let answer: AnswerFile = serde_json::from_value(answer).expect("an answer");
        assert!(answer.answer(&open().question).is_ok());
    }
}
