//! The corpus: good and bad specs, the files that they name, and the examples of
//! the docs.
//!
//! Every spec of it lies at the root of one and the same small project, which is
//! `tests/cases/project`. Unaware of what is expected of a spec.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use eufm_compiler::{Setting, Sources};

use super::{Project, sources};

/// One spec of the corpus.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// The name of its file.
    pub(crate) name: String,
    pub(crate) text: String,
}

impl Case {
    /// Returns its name without the ending.
    pub(crate) fn stem(&self) -> &str {
        self.name.trim_end_matches(".eufm")
    }

    /// Returns the values of parameters that its second line says: `# set: a=1; b=2`.
    pub(crate) fn settings(&self) -> Vec<Setting> {
        let line = self.text.lines().nth(1).and_then(|line| line.strip_prefix("# set: "));
        let pairs = line.into_iter().flat_map(|list| list.split("; "));
        pairs
            .map(|pair| {
                let (name, value) = pair.split_once('=').expect("a setting is NAME=VALUE");
                Setting { name: name.to_owned(), value: value.to_owned() }
            })
            .collect()
    }

    /// Returns these as arguments of a command line.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let pair = |setting: Setting| format!("--set={}={}", setting.name, setting.value);
        self.settings().into_iter().map(pair).collect()
    }

    /// Makes a folder with the project's files and this spec.
    pub(crate) fn project(&self) -> Project {
        let project = Project::without_repository();
        for (path, bytes) in &files().0 {
            project.write(path, bytes);
        }
        project.write(&self.name, &self.text);
        project
    }
}

/// Lists the specs of a folder of the corpus, `ok` or `err`, sorted.
pub(crate) fn cases(kind: &str) -> Vec<Case> {
    let folder = sources().join("tests/cases").join(kind);
    let entries = std::fs::read_dir(folder).expect("the corpus is there");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "eufm"));
    paths.sort();
    let case = |path: &Path| Case {
        name: path.file_name().expect("a file").to_str().expect("a plain name").to_owned(),
        text: std::fs::read_to_string(path).expect("a spec can be read"),
    };
    paths.iter().map(|path| case(path)).collect()
}

/// Returns the examples of a page below `docs`, each a whole spec.
pub(crate) fn examples(page: &str) -> Vec<Case> {
    let text = std::fs::read_to_string(sources().join("docs").join(page)).expect("the page");
    let fences = text.split("```eufm\n").skip(1);
    let example = |(number, fence): (usize, &str)| {
        let (spec, _) = fence.split_once("```").expect("the fence is closed");
        let name = format!("{}_{}.eufm", page.trim_end_matches(".md"), number + 1);
        Case { name, text: spec.to_owned() }
    };
    fences.enumerate().map(example).collect()
}

/// Files in memory, by their path from the root.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files(pub(crate) BTreeMap<String, Vec<u8>>);

/// Returns the files that specs of the corpus may name.
pub(crate) fn files() -> Files {
    below(&sources().join("tests/cases/project"))
}

/// Returns all files of a folder.
pub(crate) fn below(folder: &Path) -> Files {
    let mut files = Files::default();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).expect("a folder can be read") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).expect("it lies in it").to_str();
            let name = name.expect("a plain name").to_owned();
            files.0.insert(name, std::fs::read(&path).expect("a file can be read"));
        }
    }
    files
}

impl Sources for Files {
    fn load(&self, path: &str) -> Result<Vec<u8>, String> {
        self.0.get(path).cloned().ok_or_else(|| "no such file".to_owned())
    }

    fn folders(&self, path: &str) -> Result<Vec<String>, String> {
        let begin = if path.is_empty() { String::new() } else { format!("{path}/") };
        let below = self.0.keys().filter_map(|file| file.strip_prefix(&begin));
        let folders: BTreeSet<_> =
            below.filter_map(|rest| Some(rest.split_once('/')?.0.to_owned())).collect();
        if folders.is_empty() && !self.0.keys().any(|file| file.starts_with(&begin)) {
            return Err("no such folder".to_owned());
        }
        Ok(folders.into_iter().collect())
    }

    fn standard(&self, name: &str) -> Option<&str> {
        eufm_stdlib::part(name)
    }

    fn standard_names(&self) -> Vec<&str> {
        eufm_stdlib::PARTS.iter().map(|(name, _)| *name).collect()
    }
}
