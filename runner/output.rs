//! What a trusted command writes to both of its streams, in one file.
//!
//! No pipe and no thread stand between: commands may take less time than a
//! thread takes to start. A file in which nothing was written serves the next
//! attempt under its name, since making one costs more than that. What is more
//! than is kept is taken off the disk while the command runs, but for the end,
//! which says why it failed. Unaware of who writes, and of when it looks.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use crate::capture::{FILE_BYTES_MAX, TAIL_BYTES_MAX};
use crate::executors::last_line;

/// The files of attempts that run, and those that wait for the next one.
#[derive(Debug, Default)]
pub(crate) struct Outputs(Mutex<Vec<Output>>);

/// The file of one attempt. A crash leaves it under the attempt's name.
#[derive(Debug)]
pub(crate) struct Output {
    path: PathBuf,
    file: File,
    /// Up to where what is not kept was taken off the disk.
    emptied: Cell<u64>,
}

/// Less than this, 1 MiB, is not worth taking off the disk.
const EMPTIED_LEAST: u64 = 1 << 20;

impl Outputs {
    /// Returns an empty file at a path where none is.
    ///
    /// # Errors
    /// Fails when it cannot be made.
    pub(crate) fn take(&self, path: &Path) -> io::Result<Output> {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let path = path.to_owned();
        match spare {
            Some(spare) => {
                std::fs::rename(&spare.path, &path)?;
                Ok(Output::new(path, spare.file))
            }
            None => {
                let file = File::options().read(true).append(true).create_new(true).open(&path)?;
                Ok(Output::new(path, file))
            }
        }
    }

    /// Makes a file the log at `log`, unless nothing was written; returns the
    /// last line that says something. Nobody writes any more.
    ///
    /// # Errors
    /// Fails when it cannot be read or moved.
    pub(crate) fn keep(&self, mut output: Output, log: &Path) -> io::Result<String> {
        let bytes = output.file.metadata()?.len();
        if bytes == 0 {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(output);
            return Ok(String::new());
        }
        let tail = output.tail(bytes)?;
        if bytes > FILE_BYTES_MAX {
            output.file.set_len(FILE_BYTES_MAX)?;
            output.file.write_all(b"\n[eufm: the rest is left out]\n")?;
        }
        log.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::rename(&output.path, log)?;
        Ok(last_line(&tail))
    }
}

impl Output {
    fn new(path: PathBuf, file: File) -> Self {
        Self { path, file, emptied: Cell::new(FILE_BYTES_MAX) }
    }

    /// Takes off the disk what is not kept of what was written so far. Nothing
    /// moves by that: whoever writes goes on at the end.
    ///
    /// # Errors
    /// Fails when the file cannot be changed.
    pub(crate) fn hold(&self) -> io::Result<()> {
        let end = self.file.metadata()?.len().saturating_sub(TAIL_BYTES_MAX as u64);
        let begin = self.emptied.get();
        if end < begin + EMPTIED_LEAST {
            return Ok(());
        }
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        match rustix::fs::fallocate(&self.file, hole, begin, end - begin) {
            Ok(()) => self.emptied.set(end),
            // A file system without holes: the end is lost too.
            Err(Errno::OPNOTSUPP) => self.file.set_len(FILE_BYTES_MAX + 1)?,
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Takes over what a killed runner left of an attempt, if anything.
    ///
    /// # Errors
    /// Fails when it cannot be opened.
    pub(crate) fn left(path: &Path) -> io::Result<Option<Self>> {
        match File::options().read(true).append(true).open(path) {
            Ok(file) => Ok(Some(Self::new(path.to_owned(), file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns both output streams of a process; what they are given is
    /// appended in its order.
    ///
    /// # Errors
    /// Fails when there are too many open files.
    pub(crate) fn streams(&self) -> io::Result<(File, File)> {
        Ok((self.file.try_clone()?, self.file.try_clone()?))
    }

    fn tail(&mut self, bytes: u64) -> io::Result<Vec<u8>> {
        let mut tail = Vec::new();
        self.file.seek(SeekFrom::Start(bytes.saturating_sub(TAIL_BYTES_MAX as u64)))?;
        (&mut self.file).take(TAIL_BYTES_MAX as u64).read_to_end(&mut tail)?;
        Ok(tail)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn kept(bytes: &[u8]) -> (String, Option<Vec<u8>>) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let outputs = Outputs::default();
        let output = outputs.take(&dir.path().join("out")).expect("made");
        output.streams().expect("streams").1.write_all(bytes).expect("written");
        let log = dir.path().join("logs/1/output.log");
        let last = outputs.keep(output, &log).expect("kept");
        (last, std::fs::read(log).ok())
    }

    #[test]
    fn an_output_becomes_a_log_unless_it_is_empty() {
        assert_eq!(kept(b""), (String::new(), None));
        assert_eq!(kept(b"a\nb\n"), ("b".to_owned(), Some(b"a\nb\n".to_vec())));
    }

    #[test]
    fn a_long_output_is_cut_and_says_so() {
        let mut bytes = vec![b'x'; usize::try_from(FILE_BYTES_MAX).expect("fits")];
        bytes.extend(b"\nthe end\n");
        let (last, log) = kept(&bytes);
        assert_eq!(last, "the end");
        let log = log.expect("a log");
        assert!(log.ends_with(b"x\n[eufm: the rest is left out]\n"));
        assert!(log.len() < bytes.len() + 40);
    }

    #[test]
    fn what_is_not_kept_takes_no_room_while_it_is_written() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let outputs = Outputs::default();
        let output = outputs.take(&dir.path().join("out")).expect("made");
        let mut stream = output.streams().expect("streams").0;
        let chunk = vec![b'x'; 4 << 20];
        for _ in 0..32 {
            stream.write_all(&chunk).expect("written");
            output.hold().expect("held");
            let on_disk = output.file.metadata().expect("there").blocks() * 512;
            assert!(on_disk < FILE_BYTES_MAX + (6 << 20), "{on_disk} bytes");
        }
        stream.write_all(b"\nthe end\n").expect("written");
        output.hold().expect("held");
        let log = dir.path().join("log");
        assert_eq!(outputs.keep(output, &log).expect("kept"), "the end");
        let kept = std::fs::read(log).expect("a log");
        let (whole, note) = kept.split_at(usize::try_from(FILE_BYTES_MAX).expect("fits"));
        assert!(whole.iter().all(|byte| *byte == b'x'), "what is kept is whole");
        assert_eq!(note, b"\n[eufm: the rest is left out]\n");
    }

    #[test]
    fn an_empty_file_serves_the_next_attempt_under_its_name() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let outputs = Outputs::default();
        let (first, second) = (dir.path().join("1"), dir.path().join("2"));
        let output = outputs.take(&first).expect("made");
        outputs.keep(output, &dir.path().join("log")).expect("kept");
        let output = outputs.take(&second).expect("taken");
        output.streams().expect("streams").0.write_all(b"half").expect("written");
        drop(output);
        assert!(Output::left(&first).expect("no error").is_none());
        let left = Output::left(&second).expect("opened").expect("left");
        let log = dir.path().join("log");
        assert_eq!(outputs.keep(left, &log).expect("kept"), "half");
        assert_eq!(std::fs::read(log).expect("a log"), b"half");
    }
}
