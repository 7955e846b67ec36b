//! What a run does while the provider of the model is away: it is written down
//! and shown, and after a time the run is stopped, to go on another day.
//!
//! Unaware of requests: the gateway holds them, and tries again.

use std::time::Instant;

use super::{Dispatcher, Stop};
use crate::error::RunError;
use crate::event::{Event, RunEvent};
use crate::gateway::circuit::Away;

impl Dispatcher<'_> {
    /// Takes what the gateway knows of the provider.
    pub(super) fn provider(&mut self, away: Option<Away>) -> Result<(), RunError> {
        match (away, self.away.take()) {
            (Some(away), Some((_, since))) => self.away = Some((away, since)),
            (Some(away), None) => {
                let (class, reason) = (away.class, away.message.clone());
                let now = Instant::now();
                let since = now.checked_sub(away.lasted).unwrap_or(now);
                self.away = Some((away, since));
                self.take(&Event::Run(RunEvent::ProviderAway { class, reason }))?;
            }
            (None, Some(_)) => self.take(&Event::Run(RunEvent::ProviderBack))?,
            (None, None) => {}
        }
        Ok(())
    }

    /// Stops the run when the provider was away for too long.
    pub(super) fn look_at_outage(&mut self) {
        let (Some((away, since)), Some(most)) = (&self.away, self.patience.outage) else { return };
        if since.elapsed() >= most && self.stop.is_none() {
            let ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
            let lasted = crate::reporters::seconds(ms);
            let reason = format!("the provider was away for {lasted}: {}", away.message);
            self.halt(Stop::Outage(reason));
        }
    }
}
