//! Cuts a stream of server-sent events into its events, as the bytes that came.
//!
//! An event that lies in one chunk is a view of it; only one that lies across
//! chunks is copied, once. Whatever the chunks, the events are the same.
//! Unaware of what the events say. No crate at hand keeps the bytes: they all
//! decode events to strings, which would have to be written anew for the agent.

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

/// The largest event.
pub(super) const EVENT_BYTES_MAX: usize = 16 << 20;

/// An event that is larger than any may be; nothing more can be read then.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

/// Takes chunks and gives events.
#[derive(Debug)]
pub(super) struct Splitter {
    /// The beginning of an event whose end has not come; all of it looked at.
    begun: BytesMut,
    /// What has come behind it, not looked at.
    chunk: Bytes,
    /// Nothing of the line that is being read has come yet.
    line_is_empty: bool,
    /// The last byte looked at is a CR. Its line ends there or with the LF that
    /// may follow, so whether an event is whole is known with the next byte.
    after_cr: bool,
    /// The line that this CR ends is empty, so it ends an event.
    ends_event: bool,
    bytes_max: usize,
}

impl Splitter {
    /// Begins at the start of a stream.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            begun: BytesMut::new(),
            chunk: Bytes::new(),
            line_is_empty: true,
            after_cr: false,
            ends_event: false,
            bytes_max,
        }
    }

    /// Takes the next piece of the stream. [`Splitter::next`] must have said
    /// `None` before: there is room for one.
    pub(super) fn push(&mut self, chunk: Bytes) {
        debug_assert!(self.chunk.is_empty(), "invariant: a chunk is used up before the next");
        self.chunk = chunk;
    }

    /// Returns the next event with the blank line that ends it, or `None` when
    /// more of the stream is needed.
    ///
    /// # Errors
    /// Fails when an event is too large.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, TooLarge> {
        let mut at = 0;
        loop {
            if self.after_cr {
                let Some(byte) = self.chunk.get(at) else { break };
                at += usize::from(*byte == b'\n');
                self.after_cr = false;
                self.line_is_empty = true;
                if self.ends_event {
                    return self.take(at).map(Some);
                }
            }
            let rest = self.chunk.get(at..).unwrap_or_default();
            let Some(length) = memchr2(b'\r', b'\n', rest) else {
                self.line_is_empty &= rest.is_empty();
                break;
            };
            let is_blank = self.line_is_empty && length == 0;
            self.after_cr = rest.get(length) == Some(&b'\r');
            self.ends_event = is_blank;
            self.line_is_empty = true;
            at += length + 1;
            if is_blank && !self.after_cr {
                return self.take(at).map(Some);
            }
        }
        self.keep()?;
        Ok(None)
    }

    /// Returns the last event of a stream that has ended: one behind whose
    /// final CR no LF came. What has no blank line behind it is no event.
    pub(super) fn finish(&mut self) -> Option<Bytes> {
        let is_whole = self.after_cr && self.ends_event;
        is_whole.then(|| self.begun.split().freeze())
    }

    /// Takes an event off whose last byte is byte `end` of the chunk.
    fn take(&mut self, end: usize) -> Result<Bytes, TooLarge> {
        let tail = self.chunk.split_to(end);
        if self.begun.len() + tail.len() > self.bytes_max {
            return Err(TooLarge);
        }
        if self.begun.is_empty() {
            return Ok(tail);
        }
        self.begun.extend_from_slice(&tail);
        Ok(self.begun.split().freeze())
    }

    /// Keeps what has come of an event until its end comes.
    fn keep(&mut self) -> Result<(), TooLarge> {
        let chunk = std::mem::take(&mut self.chunk);
        if self.begun.len() + chunk.len() > self.bytes_max {
            return Err(TooLarge);
        }
        self.begun.extend_from_slice(&chunk);
        Ok(())
    }
}

/// Returns the fields of an event in their order, each with its value. A line
/// without a colon is a field without a value; a comment is none.
pub(super) fn fields(event: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    const BOM: &[u8] = "\u{feff}".as_bytes();
    let event = event.strip_prefix(BOM).unwrap_or(event);
    // A CR and an LF with nothing between them make one line end more than there
    // is, which is as good as none: empty lines are no fields.
    let lines = event.split(|&byte| byte == b'\r' || byte == b'\n');
    lines.filter(|line| !line.is_empty() && !line.starts_with(b":")).map(|line| {
        let (name, value) = match memchr::memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &line[line.len()..]),
        };
        (name, value.strip_prefix(b" ").unwrap_or(value))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Cuts a text into events, given in chunks of these lengths.
    fn split(text: &[u8], lengths: &[usize], bytes_max: usize) -> Result<Vec<Vec<u8>>, TooLarge> {
        let mut splitter = Splitter::new(bytes_max);
        let mut events = Vec::new();
        let mut rest = Bytes::copy_from_slice(text);
        let mut lengths = lengths.iter().copied().chain(std::iter::repeat(usize::MAX));
        while !rest.is_empty() {
            let length = lengths.next().unwrap_or(usize::MAX).clamp(1, rest.len());
            splitter.push(rest.split_to(length));
            while let Some(event) = splitter.next()? {
                events.push(event.to_vec());
            }
        }
        events.extend(splitter.finish().map(|event| event.to_vec()));
        Ok(events)
    }

    fn whole(text: &str) -> Vec<String> {
        let events = split(text.as_bytes(), &[], EVENT_BYTES_MAX).expect("small");
        events.into_iter().map(|event| String::from_utf8(event).expect("text")).collect()
    }

    #[test]
    fn events_end_with_an_empty_line_of_any_kind() {
        assert_eq!(whole("data: a\n\ndata: b\n\n"), ["data: a\n\n", "data: b\n\n"]);
        assert_eq!(whole("data: a\r\n\r\ndata: b\r\n\r\n"), ["data: a\r\n\r\n", "data: b\r\n\r\n"]);
        assert_eq!(whole("data: a\r\rdata: b\r\r"), ["data: a\r\r", "data: b\r\r"]);
        assert_eq!(whole("data: a\n\r\ndata: b\r\n\n"), ["data: a\n\r\n", "data: b\r\n\n"]);
        assert_eq!(whole("a\nb\rc\r\n\n: d\n\n"), ["a\nb\rc\r\n\n", ": d\n\n"]);
    }

    #[test]
    fn what_has_no_empty_line_behind_it_is_no_event() {
        assert_eq!(whole("data: a\n\ndata: b\n"), ["data: a\n\n"]);
        assert_eq!(whole("data: a"), Vec::<String>::new());
        assert_eq!(whole(""), Vec::<String>::new());
        assert_eq!(whole("\n\n"), ["\n", "\n"]);
    }

    #[test]
    fn an_event_in_one_chunk_is_a_view_of_it() {
        let chunk = Bytes::from_static(b"data: a\n\ndata: b\n\nda");
        let mut splitter = Splitter::new(EVENT_BYTES_MAX);
        splitter.push(chunk.clone());
        let first = splitter.next().unwrap().unwrap();
        let second = splitter.next().unwrap().unwrap();
        assert_eq!(first.as_ptr(), chunk.as_ptr());
        assert_eq!(second.as_ptr(), chunk[first.len()..].as_ptr());
        assert_eq!(splitter.next(), Ok(None));
    }

    #[test]
    fn an_event_may_be_as_large_as_the_limit_and_no_larger() {
        let text = b"data: 0123\n\n";
        for lengths in [&[][..], &[1; 12], &[5, 5], &[11]] {
            assert_eq!(split(text, lengths, 12).unwrap().len(), 1, "{lengths:?}");
            assert_eq!(split(text, lengths, 11), Err(TooLarge), "{lengths:?}");
        }
        // One that never ends is not waited for.
        assert_eq!(split(&[b'a'; 100], &[9; 12], 50), Err(TooLarge));
    }

    #[test]
    fn fields_are_read_as_the_standard_says() {
        fn read(text: &str) -> Vec<(&str, &str)> {
            let text_of = |bytes| str::from_utf8(bytes).unwrap();
            let fields = fields(text.as_bytes());
            fields.map(|(name, value)| (text_of(name), text_of(value))).collect()
        }
        let expected = [("event", "a"), ("data", "{}"), ("data", " b"), ("id", "")];
        assert_eq!(read("event: a\r\ndata:{}\n:comment\rdata:  b\nid\n\n"), expected);
        assert_eq!(read("\u{feff}event: a\n\n"), [("event", "a")]);
        assert_eq!(read(": ping\n\n"), []);
        assert_eq!(read("data: a:b\n\n"), [("data", "a:b")]);
    }

    /// Lines, all kinds of line ends, and what is only near to one.
    fn stream() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            Just("\n"),
            Just("\r"),
            Just("\r\n"),
            Just("\n\n"),
            Just("\r\n\r\n"),
            Just("data: {}"),
            Just("event: x"),
            Just(": ping"),
            Just(""),
            Just("\u{feff}"),
            Just("data: ünicode"),
        ];
        proptest::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
    }

    /// The events as the standard words it, from the whole text at once.
    fn naive(text: &str) -> Vec<Vec<u8>> {
        let bytes = text.as_bytes();
        let (mut events, mut start, mut line, mut at) = (Vec::new(), 0, 0, 0);
        while at < bytes.len() {
            let end = match &bytes[at..] {
                [b'\r', b'\n', ..] => 2,
                [b'\r' | b'\n', ..] => 1,
                _ => 0,
            };
            if end == 0 {
                at += 1;
                continue;
            }
            let is_blank = at == line;
            at += end;
            line = at;
            if is_blank {
                events.push(bytes[start..at].to_vec());
                start = at;
            }
        }
        events
    }

    proptest! {
        #[test]
        fn any_chunks_give_the_events_of_the_standard(
            text in stream(),
            lengths in proptest::collection::vec(1_usize..12, 0..80),
        ) {
            let events = split(text.as_bytes(), &lengths, EVENT_BYTES_MAX).expect("small");
            prop_assert_eq!(&events, &naive(&text));
            // Nothing is changed, and nothing but an unfinished end is lost.
            prop_assert!(text.as_bytes().starts_with(&events.concat()));
        }

        #[test]
        fn the_limit_is_the_same_for_any_chunks(
            text in stream(),
            lengths in proptest::collection::vec(1_usize..12, 0..80),
            bytes_max in 1_usize..40,
        ) {
            let is_small = |event: &Vec<u8>| event.len() <= bytes_max;
            let events = naive(&text);
            let fits = events.iter().all(is_small)
                && text.len() - events.concat().len() <= bytes_max;
            prop_assert_eq!(split(text.as_bytes(), &lengths, bytes_max).is_ok(), fits);
        }
    }
}
