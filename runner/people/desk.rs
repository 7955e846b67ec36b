//! The desk of a running run: lays questions out, takes answers in.
//!
//! Used by the dispatcher alone. A question file is written after its fact, and
//! an answer's file goes after its fact is in the journal; so a kill at any
//! moment loses neither, and the next runner tidies up. Unaware of the state.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use eufm_plan::{NodeIndex, Plan};

use super::answer::{Answer, AnswerFile};
use super::question::QuestionFile;
use crate::durable::write_whole_by;
use crate::store::RunDir;

/// The largest answer that is read, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Where questions and answers of a run lie.
#[derive(Debug)]
pub(crate) struct Desk {
    dir: RunDir,
}

/// What was found where an answer is looked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Nothing.
    Nothing,
    /// An answer that fits.
    Answer(Answer),
    /// A file that is no answer to the question, and why; it was put aside.
    Refused(String),
}

impl Desk {
    /// Makes the desk of a run.
    #[must_use]
    pub(crate) fn new(dir: RunDir) -> Self {
        Self { dir }
    }

    /// Lays a question out.
    ///
    /// # Errors
    /// Fails when its file cannot be written.
    pub(crate) fn ask(&self, node: NodeIndex, question: &QuestionFile) -> io::Result<()> {
        let path = self.dir.question(&question.node, node.get());
        for file in [&path, &question.answer] {
            file.parent().map_or(Ok(()), fs::create_dir_all)?;
        }
        write_whole_by(&path, |out| {
            serde_json::to_writer_pretty(&mut *out, question)?;
            io::Write::write_all(out, b"\n")
        })
    }

    /// Looks for an answer to a question.
    ///
    /// # Errors
    /// Fails when the system does not let the file be read.
    pub(crate) fn hear(&self, question: &QuestionFile) -> io::Result<Heard> {
        let file = match fs::File::open(&question.answer) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Heard::Nothing),
            file => file?,
        };
        let mut text = String::new();
        let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
        let answer = match read {
            Ok(size) if size as u64 > FILE_BYTES_MAX => Err("it is too long".to_owned()),
            Ok(_) => serde_json::from_str::<AnswerFile>(&text)
                .map_err(|error| error.to_string())
                .and_then(|file| file.answer(question)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err("it is no text".to_owned())
            }
            Err(error) => return Err(error),
        };
        match answer {
            Ok(answer) => Ok(Heard::Answer(answer)),
            Err(reason) => {
                let aside = question.answer.with_extension("refused");
                fs::rename(&question.answer, &aside)?;
                Ok(Heard::Refused(format!("{reason}; it lies at {}", aside.display())))
            }
        }
    }

    /// Takes away what belongs to none of the open questions: a killed runner
    /// may have left it, and an old answer must not be taken for a new one.
    ///
    /// # Errors
    /// Fails when a folder cannot be read or a file not removed.
    pub(crate) fn tidy<'a>(&self, open: impl Iterator<Item = &'a QuestionFile>) -> io::Result<()> {
        let kept: BTreeSet<&OsStr> = open.filter_map(|it| it.answer.file_name()).collect();
        for folder in [self.dir.questions(), self.dir.answers()] {
            let entries = match fs::read_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name();
                let is_ours = Path::new(&name).extension().is_some_and(|it| it == "json");
                if is_ours && !kept.contains(name.as_os_str()) {
                    fs::remove_file(entry.path())?;
                }
            }
        }
        Ok(())
    }

    /// Takes away a question that is answered, with its answer.
    ///
    /// # Errors
    /// Fails when a file cannot be removed.
    pub(crate) fn clear(&self, plan: &Plan, node: NodeIndex) -> io::Result<()> {
        let name = &plan.nodes[node.get()].name;
        for path in [self.dir.question(name, node.get()), self.dir.answer(name, node.get())] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::Decision;
    use crate::people::question::tests::question;
    use crate::state_test::{Sketch, plan_of};

    fn desk() -> (tempfile::TempDir, Desk, QuestionFile) {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = RunDir::of(folder.path(), "p-1");
        let answer = dir.answer("n0", 0);
        let asked = QuestionFile { node: "n0".to_owned(), answer, ..question() };
        let desk = Desk::new(dir);
        desk.ask(NodeIndex::new(0), &asked).expect("asked");
        (folder, desk, asked)
    }

    fn text(asked: &QuestionFile, tree: &str) -> String {
        format!(
            r#"{{"decision":"approve","by":"anna","at":"now","plan":"{}","tree":"{tree}"}}"#,
            asked.plan
        )
    }

    #[test]
    fn an_answer_is_heard_until_its_question_is_cleared() {
        let (_folder, desk, asked) = desk();
        assert_eq!(desk.hear(&asked).expect("looked"), Heard::Nothing);
        fs::write(&asked.answer, text(&asked, asked.tree.as_str())).expect("written");
        for _ in 0..2 {
            let heard = desk.hear(&asked).expect("looked");
            let Heard::Answer(answer) = heard else { panic!("{heard:?}") };
            assert_eq!((answer.decision, answer.by.as_str()), (Decision::Approve, "anna"));
        }
        let plan = plan_of(&[Sketch { needs: vec![], gates: 0, attempts: 1 }], 1);
        desk.clear(&plan, NodeIndex::new(0)).expect("cleared");
        assert_eq!(desk.hear(&asked).expect("looked"), Heard::Nothing);
        desk.clear(&plan, NodeIndex::new(0)).expect("cleared twice");
    }

    #[test]
    fn an_answer_may_be_as_long_as_it_may_be_and_what_cannot_be_read_is_an_error() {
        let (_folder, desk, asked) = desk();
        let most = usize::try_from(FILE_BYTES_MAX).expect("it fits");
        let mut content = text(&asked, asked.tree.as_str());
        content.push_str(&" ".repeat(most - content.len()));
        fs::write(&asked.answer, &content).expect("written");
        assert!(matches!(desk.hear(&asked).expect("looked"), Heard::Answer(_)));
        fs::write(&asked.answer, content + " ").expect("written");
        assert!(matches!(desk.hear(&asked).expect("looked"), Heard::Refused(_)));
        fs::remove_file(asked.answer.with_extension("refused")).expect("it lies there");
        fs::create_dir(&asked.answer).expect("made");
        assert!(desk.hear(&asked).is_err(), "a folder is no file");
        let below = QuestionFile { answer: asked.answer.join("x/../../y/z"), ..asked.clone() };
        assert_eq!(desk.hear(&below).expect("looked"), Heard::Nothing);
        fs::write(asked.answer.join("file"), "").expect("written");
        let through = QuestionFile { answer: asked.answer.join("file/z"), ..asked };
        assert!(desk.hear(&through).is_err(), "a file is no folder");
    }

    #[test]
    fn tidying_leaves_open_questions_with_their_answers_and_nothing_else() {
        let (_folder, desk, asked) = desk();
        let old = QuestionFile {
            node: "n1".to_owned(),
            answer: asked.answer.with_file_name("0001-n1.json"),
            ..asked.clone()
        };
        desk.ask(NodeIndex::new(1), &old).expect("asked");
        for question in [&asked, &old] {
            fs::write(&question.answer, text(question, asked.tree.as_str())).expect("written");
        }
        desk.tidy([&asked].into_iter()).expect("tidied");
        assert!(matches!(desk.hear(&asked).expect("looked"), Heard::Answer(_)));
        assert_eq!(desk.hear(&old).expect("looked"), Heard::Nothing);
        assert!(!desk.dir.question("n1", 1).exists() && desk.dir.question("n0", 0).exists());
    }

    #[test]
    fn what_is_no_answer_is_put_aside_with_its_reason() {
        let (_folder, desk, asked) = desk();
        let other = text(&asked, &"c".repeat(40));
        let more = text(&asked, asked.tree.as_str()).replace("\"by\"", "\"extra\":1,\"by\"");
        let long = " ".repeat(70_000);
        for (content, reason) in [
            (other.as_bytes(), "it is for the tree"),
            (more.as_bytes(), "unknown field `extra`"),
            (b"{", "EOF while parsing"),
            (b"\xff\xfe", "it is no text"),
            (long.as_bytes(), "it is too long"),
        ] {
            fs::write(&asked.answer, content).expect("written");
            let heard = desk.hear(&asked).expect("looked");
            let Heard::Refused(said) = heard else { panic!("{heard:?}") };
            assert!(said.contains(reason) && said.ends_with(".refused"), "{said}");
            assert_eq!(desk.hear(&asked).expect("looked"), Heard::Nothing);
        }
    }
}
