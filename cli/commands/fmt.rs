//! `eufm fmt`: gives specs their canonical form.

use std::path::Path;

use eufm_grammar::{Diagnostics, SourceMap};

use crate::args::FmtArgs;
use crate::exit::{ExitStatus, Failure};
use crate::{commands, render, sources, specs};

/// The path that means standard input and output.
const INPUT: &str = "-";

/// Formats the named files, or says which of them would change. A file with
/// errors, or that cannot be read or written, stays as it is; the others are
/// formatted all the same.
///
/// # Errors
/// Fails when a path is not there, or `-` is not the only one.
pub(crate) fn run(args: &FmtArgs) -> Result<ExitStatus, Failure> {
    let files = match args.paths.as_slice() {
        [path] if path == Path::new(INPUT) => args.paths.clone(),
        paths if paths.iter().any(|path| path == Path::new(INPUT)) => {
            let message = "`-` is standard input and cannot stand beside files";
            return Err(Failure::new(ExitStatus::USAGE, message));
        }
        paths => specs::find(paths)?.into_iter().map(|found| found.path).collect(),
    };
    let mut worst = Form::Canonical;
    for file in &files {
        let form = form(file, args.check).unwrap_or_else(|failure| {
            render::failure(&failure.message);
            Form::Unreachable
        });
        worst = worst.max(form);
    }
    Ok(match worst {
        Form::Unreachable => ExitStatus::USAGE,
        Form::Refused => ExitStatus::SPEC,
        Form::Changed if args.check => ExitStatus::FAILED,
        Form::Changed | Form::Canonical => ExitStatus::DONE,
    })
}

/// What was found of a file; the later, the more it decides on the status.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    /// It had its canonical form.
    Canonical,
    /// It had not.
    Changed,
    /// It has errors, which were shown.
    Refused,
    /// It cannot be read or written, which was said.
    Unreachable,
}

/// Formats one file.
fn form(path: &Path, check: bool) -> Result<Form, Failure> {
    let input = path == Path::new(INPUT);
    let bytes = if input { sources::read_input() } else { sources::read(path) };
    let bytes = bytes.map_err(|reason| {
        Failure::new(ExitStatus::USAGE, format!("cannot read {}: {reason}", path.display()))
    })?;
    let (map, mut out) = (SourceMap::new(), Diagnostics::new());
    let name = path.display().to_string();
    let file = map.add(&name, bytes.clone(), &mut out);
    let Some(text) = file.and_then(|file| eufm_grammar::format(&map, file, &mut out)) else {
        let shown: &dyn Fn(&str) -> String = &str::to_owned;
        let found = render::Findings { shown, spec: &name, sources: &map, found: &out };
        render::findings(&found);
        render::unformatted(path, out.errors());
        return Ok(Form::Refused);
    };
    let canonical = text.as_bytes() == bytes;
    match (input, canonical, check) {
        (true, _, false) => render::spec(&text).map_err(|error| {
            Failure::new(ExitStatus::USAGE, format!("cannot write standard output: {error}"))
        })?,
        (_, false, true) => render::would_change(path),
        (false, false, false) => {
            replace(path, &text)?;
            render::formatted(path);
        }
        (_, true, _) => {}
    }
    Ok(if canonical { Form::Canonical } else { Form::Changed })
}

/// Writes a file whole or not at all; of a symbolic link, the file it leads to.
fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let fail = |reason: &str| {
        Failure::new(ExitStatus::USAGE, format!("cannot write {}: {reason}", path.display()))
    };
    let file = path.canonicalize().map_err(|error| fail(&error.to_string()))?;
    let metadata = file.metadata().map_err(|error| fail(&error.to_string()))?;
    if metadata.permissions().readonly() {
        return Err(fail("it is read-only"));
    }
    commands::compile::write(&file, text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt};

    use super::*;

    const GOOD: &str = "edition 1\npipeline p {}\n";
    const OTHER: &str = "\u{feff}edition 1,pipeline p { }";
    const BAD: &str = "edition 1\npipeline p { goal = }\n";

    fn fmt(folder: &Path, check: bool) -> ExitStatus {
        run(&FmtArgs { paths: vec![folder.to_owned()], check }).unwrap()
    }

    #[test]
    fn only_what_changes_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let [good, other] = ["good.eufm", "other.eufm"].map(|name| folder.path().join(name));
        std::fs::write(&good, GOOD).unwrap();
        std::fs::write(&other, OTHER).unwrap();
        std::fs::set_permissions(&other, PermissionsExt::from_mode(0o640)).unwrap();
        let file = good.metadata().unwrap().ino();
        assert_eq!(fmt(folder.path(), true), ExitStatus::FAILED);
        assert_eq!(std::fs::read_to_string(&other).unwrap(), OTHER);
        assert_eq!(fmt(folder.path(), false), ExitStatus::DONE);
        assert_eq!(std::fs::read_to_string(&other).unwrap(), GOOD);
        assert_eq!(other.metadata().unwrap().mode() & 0o777, 0o640);
        assert_eq!(good.metadata().unwrap().ino(), file);
        assert_eq!(fmt(folder.path(), true), ExitStatus::DONE);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_file_with_errors_stays_and_the_others_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let [bad, other] = ["bad.eufm", "other.eufm"].map(|name| folder.path().join(name));
        std::fs::write(&bad, BAD).unwrap();
        std::fs::write(&other, OTHER).unwrap();
        assert_eq!(fmt(folder.path(), true), ExitStatus::SPEC);
        assert_eq!(fmt(folder.path(), false), ExitStatus::SPEC);
        assert_eq!(std::fs::read_to_string(&bad).unwrap(), BAD);
        assert_eq!(std::fs::read_to_string(&other).unwrap(), GOOD);
    }

    #[test]
    fn a_file_that_cannot_be_read_does_not_stop_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let [broken, other] = ["broken.eufm", "other.eufm"].map(|name| folder.path().join(name));
        std::os::unix::fs::symlink("nowhere", &broken).unwrap();
        std::fs::write(&other, OTHER).unwrap();
        assert_eq!(fmt(folder.path(), false), ExitStatus::USAGE);
        assert_eq!(std::fs::read_to_string(&other).unwrap(), GOOD);
    }

    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let [link, other] = ["link", "other.eufm"].map(|name| folder.path().join(name));
        std::fs::write(&other, OTHER).unwrap();
        std::os::unix::fs::symlink("other.eufm", &link).unwrap();
        assert_eq!(fmt(&link, false), ExitStatus::DONE);
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&other).unwrap(), GOOD);
    }

    #[test]
    fn standard_input_stands_alone() {
        let args = FmtArgs { paths: vec!["-".into(), "x.eufm".into()], check: false };
        assert_eq!(run(&args).unwrap_err().status, ExitStatus::USAGE);
    }
}
