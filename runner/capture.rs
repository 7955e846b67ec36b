//! Takes the output of a process through a pipe into a file, up to a cap.
//!
//! The pipe is read to its end whatever happens, so that a child never blocks
//! on it; what passes the cap is counted and dropped, and the file says so. A
//! bounded tail stays in memory for feedback. Secrets are hidden before that.
//! Unaware of who writes.

use std::fs::File;
use std::io::{self, PipeReader, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread::JoinHandle;

use crate::secrets::Hider;

/// What is kept of one stream on disk.
pub(crate) const FILE_BYTES_MAX: u64 = 64 << 20;

/// What is kept of the end of one stream in memory.
pub(crate) const TAIL_BYTES_MAX: usize = 64 << 10;

/// The longest line that is handed on; codex has been seen to write 1.1 MiB.
const LINE_BYTES_MAX: usize = 16 << 20;

/// A stream that is being taken.
#[derive(Debug)]
pub(crate) struct Capture {
    thread: JoinHandle<io::Result<Captured>>,
}

/// A stream that has ended.
#[derive(Debug, Default)]
pub(crate) struct Captured {
    /// All bytes that were written, kept or not.
    pub bytes: u64,
    /// The last of them.
    pub tail: Vec<u8>,
}

impl Capture {
    /// Starts taking a stream into a new file; each whole line (without its
    /// end) is also handed to `line`. Returns the writing end for the child.
    ///
    /// # Errors
    /// Fails when the file, the pipe or the thread cannot be made.
    pub(crate) fn start(
        path: &Path,
        line: impl FnMut(&[u8]) + Send + 'static,
    ) -> io::Result<(Self, File)> {
        Self::start_hiding(path, Hider::default(), line)
    }

    /// Does the same, and hides secrets before anything else sees them.
    ///
    /// # Errors
    /// Fails as [`Self::start`] does.
    pub(crate) fn start_hiding(
        path: &Path,
        hider: Hider,
        line: impl FnMut(&[u8]) + Send + 'static,
    ) -> io::Result<(Self, File)> {
        let (reader, writer) = io::pipe()?;
        let file = File::options().write(true).create_new(true).open(path)?;
        let mut taker = Taker::new(file, line);
        taker.hider = hider;
        let thread = std::thread::Builder::new()
            .name("capture".to_owned())
            .spawn(move || taker.run(reader))?;
        Ok((Self { thread }, File::from(OwnedFd::from(writer))))
    }

    /// Waits for the end of the stream: all writers have closed it.
    ///
    /// # Errors
    /// Fails when the stream could not be read or the file not be written.
    pub(crate) fn finish(self) -> io::Result<Captured> {
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the capture thread panicked")))
    }
}

struct Taker<F> {
    hider: Hider,
    file: File,
    line: F,
    partial: Vec<u8>,
    skipping: bool,
    /// Set when the file says that it does not hold everything.
    marked: bool,
    captured: Captured,
    failure: Option<io::Error>,
}

impl<F: FnMut(&[u8])> Taker<F> {
    fn new(file: File, line: F) -> Self {
        let captured = Captured::default();
        Self {
            hider: Hider::default(),
            file,
            line,
            partial: Vec::new(),
            skipping: false,
            marked: false,
            captured,
            failure: None,
        }
    }

    fn run(&mut self, mut reader: PipeReader) -> io::Result<Captured> {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.take(|hider, take| hider.push(&buffer[..count], take));
        }
        self.take(Hider::finish);
        if !self.partial.is_empty() && !self.skipping {
            (self.line)(&self.partial);
        }
        match self.failure.take() {
            Some(error) => Err(error),
            None => Ok(std::mem::take(&mut self.captured)),
        }
    }

    fn take(&mut self, hide: impl FnOnce(&mut Hider, &mut dyn FnMut(&[u8]))) {
        let mut hider = std::mem::take(&mut self.hider);
        hide(&mut hider, &mut |bytes| {
            self.store(bytes);
            self.lines(bytes);
        });
        self.hider = hider;
    }

    /// A full disk does not stop the reading; it is reported at the end.
    fn store(&mut self, bytes: &[u8]) {
        let room = FILE_BYTES_MAX.saturating_sub(self.captured.bytes);
        let kept = &bytes[..bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX))];
        self.captured.bytes += bytes.len() as u64;
        let passes_cap = kept.len() < bytes.len() && !self.marked;
        self.marked |= passes_cap;
        let mark: &[u8] = if passes_cap { b"\n[eufm: the rest is left out]\n" } else { b"" };
        if self.failure.is_none()
            && let Err(error) = self.file.write_all(kept).and_then(|()| self.file.write_all(mark))
        {
            self.failure = Some(error);
        }
        let tail = &mut self.captured.tail;
        tail.extend_from_slice(bytes);
        if tail.len() > 2 * TAIL_BYTES_MAX {
            tail.drain(..tail.len() - TAIL_BYTES_MAX);
        }
    }

    fn lines(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let (text, ends) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            if self.partial.len() + text.len() > LINE_BYTES_MAX {
                self.skipping = true;
                self.partial.clear();
            }
            if !self.skipping {
                self.partial.extend_from_slice(text);
            }
            if ends {
                if !self.skipping {
                    (self.line)(&self.partial);
                }
                self.partial.clear();
                self.skipping = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn take(writes: &[&[u8]]) -> (Captured, Vec<Vec<u8>>, Vec<u8>) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("out");
        let (sender, lines) = channel();
        let (capture, mut writer) =
            Capture::start(&path, move |line| sender.send(line.to_vec()).expect("received"))
                .expect("starts");
        for bytes in writes {
            writer.write_all(bytes).expect("written");
        }
        drop(writer);
        let captured = capture.finish().expect("ends");
        (captured, lines.iter().collect(), std::fs::read(&path).expect("the file"))
    }

    #[test]
    fn lines_are_whole_however_they_are_written() {
        let (captured, lines, file) = take(&[b"a", b"b\nc\n\nd"]);
        assert_eq!(lines, [b"ab".to_vec(), b"c".to_vec(), b"".to_vec(), b"d".to_vec()]);
        assert_eq!((captured.bytes, file.as_slice()), (7, &b"ab\nc\n\nd"[..]));
    }

    #[test]
    fn a_line_beyond_the_cap_is_skipped_and_the_next_is_not() {
        let long = vec![b'x'; LINE_BYTES_MAX + 1];
        let (captured, lines, _) = take(&[&long, b"\nnext\n"]);
        assert_eq!(lines, [b"next".to_vec()]);
        assert!(captured.tail.ends_with(b"x\nnext\n"));
        assert!(captured.tail.len() <= 2 * TAIL_BYTES_MAX);
    }

    #[test]
    fn a_file_beyond_the_cap_says_so() {
        let chunk = vec![b'x'; 1 << 20];
        let writes: Vec<&[u8]> = (0..66).map(|_| chunk.as_slice()).collect();
        let (captured, _, file) = take(&writes);
        assert_eq!(captured.bytes, 66 << 20);
        assert!(file.ends_with(b"\n[eufm: the rest is left out]\n"));
        assert!(file.len() < (65 << 20));
    }
}
