//! The questions that runs of a plan have open, for whoever is to answer them.
//!
//! Needs no lock: a run may work meanwhile. Unaware of the journal; a question
//! that was answered a moment ago may still be seen, and its answer is refused.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use eufm_plan::Digest;

use super::answer::AnswerFile;
use super::question::QuestionFile;
use crate::error::RunError;
use crate::git::TreeId;
use crate::store::{RunDir, runs_below};

/// Which questions are asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The folder of the state.
    pub state: PathBuf,
    /// The plan whose runs are meant; `None` means those of all plans.
    pub plan: Option<Digest>,
    /// The node, if only one is meant.
    pub node: Option<String>,
}

/// An open question.
#[derive(Debug, Clone)]
pub struct OpenQuestion {
    /// The question.
    pub question: QuestionFile,
    /// Whether an answer lies there that the run has not taken yet.
    pub is_answered: bool,
}

impl OpenQuestion {
    /// Returns the git directory that has the commits and trees of the run.
    #[must_use]
    pub fn objects(state: &Path) -> PathBuf {
        state.join("vault.git")
    }

    /// Returns the plan of the run that asks, for whoever has another one by now.
    #[must_use]
    pub fn plan(&self, state: &Path) -> PathBuf {
        RunDir::of(state, &self.question.run).plan()
    }

    /// Returns the tree that is asked about.
    #[must_use]
    pub fn tree(&self) -> &TreeId {
        &self.question.tree
    }
}

/// Lists the open questions, by run and in plan order.
///
/// # Errors
/// Fails when the state cannot be read, or a question in it not be understood.
pub fn open_questions(asked: &Asked) -> Result<Vec<OpenQuestion>, RunError> {
    let mut all = Vec::new();
    for run in runs_below(&asked.state)? {
        let folder = RunDir::of(&asked.state, &run).questions();
        for path in files(&folder).map_err(|error| state(&folder, &error))? {
            let text = match fs::read_to_string(&path) {
                // Answered and taken meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                text => text.map_err(|error| state(&path, &error))?,
            };
            let question: QuestionFile = serde_json::from_str(&text)
                .map_err(|error| state(&path, &io::Error::other(error)))?;
            let is_meant = asked.plan.is_none_or(|plan| plan == question.plan)
                && asked.node.as_ref().is_none_or(|node| *node == question.node);
            if is_meant {
                let is_answered = question.answer.exists();
                all.push(OpenQuestion { question, is_answered });
            }
        }
    }
    Ok(all)
}

/// Lists the files of questions, by name, which begins with the node's number.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<io::Result<Vec<PathBuf>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    Ok(paths)
}

/// Gives an answer: checks it as the run will, then lays it where that looks.
///
/// # Errors
/// Fails when it does not fit, when there is one already, or when it cannot be
/// written.
pub fn give(open: &OpenQuestion, answer: &AnswerFile) -> Result<(), RunError> {
    let question = &open.question;
    answer
        .clone()
        .answer(question)
        .map_err(|reason| RunError::Usage(format!("{}: {reason}", question.node)))?;
    let written = write_new(&question.answer, answer);
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => RunError::Usage(format!(
            "{} is answered already; the run takes the answer when it goes on\n  help: remove {} to \
             answer anew",
            question.node,
            question.answer.display()
        )),
        _ => state(&question.answer, &error),
    })
}

/// Writes a file that was not there, whole or not at all.
fn write_new(path: &Path, answer: &AnswerFile) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut file, answer)?;
    io::Write::write_all(&mut file, b"\n")?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    crate::durable::sync_folder_of(path)
}

fn state(path: &Path, error: &io::Error) -> RunError {
    RunError::State(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::question::tests::question;
    use crate::people::{Decision, Desk, Heard};

    fn laid_out() -> (tempfile::TempDir, Asked) {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = RunDir::of(folder.path(), "p-1");
        fs::create_dir_all(dir.root()).expect("made");
        fs::write(dir.journal(), "").expect("written");
        let desk = Desk::new(dir.clone());
        for (position, node) in ["a", "release"].into_iter().enumerate() {
            let answer = dir.answer(node, position);
            let asked = QuestionFile { node: node.to_owned(), answer, ..question() };
            desk.ask(eufm_plan::NodeIndex::new(position), &asked).expect("asked");
        }
        let asked =
            Asked { state: folder.path().to_owned(), plan: Some(question().plan), node: None };
        (folder, asked)
    }

    #[test]
    fn questions_are_listed_in_plan_order_and_found_by_plan_and_node() {
        let (_folder, asked) = laid_out();
        let nodes = |asked: &Asked| -> Vec<String> {
            let open = open_questions(asked).expect("listed");
            open.into_iter().map(|it| it.question.node).collect()
        };
        assert_eq!(nodes(&asked), ["a", "release"]);
        let one = Asked { node: Some("release".to_owned()), ..asked.clone() };
        assert_eq!(nodes(&one), ["release"]);
        let other = Asked { plan: Some(Digest::of(b"other")), ..asked.clone() };
        assert_eq!(nodes(&other), [""; 0]);
        assert_eq!(nodes(&Asked { plan: None, ..asked }), ["a", "release"]);
    }

    #[test]
    fn an_answer_is_given_once_and_heard_by_the_run() {
        let (folder, asked) = laid_out();
        let open = open_questions(&asked).expect("listed").remove(1);
        let answer = AnswerFile {
            rule: None,
            decision: Decision::Reject,
            by: "anna".to_owned(),
            at: "now".to_owned(),
            plan: open.question.plan,
            tree: open.question.tree.clone(),
            note: None,
            raise: None,
            take: None,
        };
        let other = AnswerFile { plan: Digest::of(b"other"), ..answer.clone() };
        assert!(give(&open, &other).expect_err("refused").to_string().contains("another plan"));
        give(&open, &answer).expect("given");
        let twice = give(&open, &answer).expect_err("given already").to_string();
        assert!(twice.contains("answered already"), "{twice}");
        let desk = Desk::new(RunDir::of(folder.path(), "p-1"));
        assert!(matches!(desk.hear(&open.question).expect("looked"), Heard::Answer(_)));
        assert!(open_questions(&asked).expect("listed")[1].is_answered);
    }
}
