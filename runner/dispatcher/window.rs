//! What a run does about the hours of its plan: nothing is started outside of them,
//! and it waits for them. What runs goes on to its end.
//!
//! Unaware of calendars, and of which nodes wait.

use super::{Action, Dispatcher};
use crate::clock::unix_seconds;
use crate::reporters::seconds;
use crate::window::{Moment, Window};

/// The hours of a run's plan, and where it stands in them.
#[derive(Debug)]
pub(super) struct Hours {
    window: Window,
    now: Moment,
}

impl Hours {
    /// Looks at the clock for the first time. A plan whose window cannot be read is
    /// refused before a run begins.
    pub(super) fn of(window: Option<&String>) -> Option<Self> {
        let window = Window::read(window?).ok()?;
        let now = window.at(unix_seconds());
        Some(Self { window, now })
    }

    /// Tells whether nothing may be started.
    pub(super) fn is_closed(&self) -> bool {
        !self.now.is_open
    }

    /// Says until when nothing is started.
    pub(super) fn words(&self) -> Option<String> {
        let rest = self.now.until.saturating_sub(unix_seconds());
        let rest = seconds(rest.saturating_mul(1_000));
        self.is_closed().then(|| format!("window opens {}, in {rest}", self.window.opening()))
    }
}

impl Dispatcher<'_> {
    /// Tells whether nothing may be started, for the hour.
    pub(super) fn is_closed(&self) -> bool {
        self.hours.as_ref().is_some_and(Hours::is_closed)
    }

    /// Looks at the clock, which people may have set as well.
    pub(super) fn look_at_window(&mut self) {
        let Some(hours) = &mut self.hours else { return };
        let now = hours.window.at(unix_seconds());
        let is_same = now.is_open == hours.now.is_open;
        hours.now = now;
        if !is_same && self.stop.is_none() {
            self.follow_window();
        }
    }

    /// Starts what waits, or lets nothing start any more, as the hour says.
    pub(super) fn follow_window(&mut self) {
        let is_closed = self.is_closed();
        let actions = self.scheduler.set_closed(is_closed);
        self.due.extend(actions);
        match self.hours.as_ref().and_then(Hours::words) {
            Some(words) => {
                self.reporter.note(&format!("nothing is started: {words}"));
                // What has no room yet has not begun.
                let (starts, others) =
                    self.line.drain(..).partition(|action| matches!(action, Action::Start(_)));
                let starts: Vec<Action> = starts;
                self.line = others.into();
                for action in starts {
                    if let Action::Start(node) = action {
                        self.scheduler.abandon(node);
                    }
                }
            }
            None => self.reporter.note("the window is open"),
        }
    }
}
