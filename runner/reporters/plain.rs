//! A line for each change and at least every 30 s, for logs and pipes.
//!
//! Unaware of terminals: no colour, no cursor.

use std::io::Write as _;

use eufm_plan::NodeIndex;

use super::{Reporter, Sink, View, seconds, sentence, status};
use crate::event::Event;

/// Makes the reporter.
pub(super) fn reporter(sink: Sink) -> Box<dyn Reporter> {
    Box::new(Plain { sink })
}

struct Plain {
    sink: Sink,
}

impl Plain {
    fn line(&mut self, at_ms: u64, text: &str) {
        // One write a line: the stream has no buffer. A reader that is gone does
        // not end the run.
        let line = format!("eufm [{:>8}] {text}\n", seconds(at_ms));
        let _ = self.sink.write_all(line.as_bytes());
        let _ = self.sink.flush();
    }
}

impl Reporter for Plain {
    fn event(&mut self, view: &View<'_>, event: &Event) {
        if let Some(text) = sentence(view, event) {
            self.line(view.at_ms, &text);
        }
    }

    /// What an agent does is shown with the next status line only.
    fn activity(&mut self, _: &View<'_>, _: NodeIndex) {}

    fn tick(&mut self, view: &View<'_>) {
        self.line(view.at_ms, &status(view));
    }

    fn note(&mut self, text: &str) {
        let _ = writeln!(self.sink, "eufm: {text}");
    }

    fn finish(&mut self) {
        let _ = self.sink.flush();
    }
}
