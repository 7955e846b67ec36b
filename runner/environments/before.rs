//! Prepares all environments of a plan on its base commit, before anything of
//! the run is started or written down.
//!
//! Shows what takes long, and can be stopped: then there is no run yet. Unaware
//! of how one is prepared.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use eufm_plan::EnvironmentIndex;

use super::{LIMIT_DEFAULT, Unready, clear_unfinished, prepare_base};
use crate::error::RunError;
use crate::reporters::{Reporter, seconds};
use crate::workshop::{Message, StepError, Workshop};

/// How often it is said what takes long.
const TICK: Duration = Duration::from_secs(30);

/// Prepares what is not prepared yet.
///
/// # Errors
/// Fails when one cannot be prepared, or a signal comes meanwhile.
pub(crate) fn prepare_all(
    shop: &Workshop,
    reporter: &mut dyn Reporter,
    inbox: &Receiver<Message>,
) -> Result<(), RunError> {
    clear_unfinished(shop).map_err(|error| host(&error))?;
    if let Some(reason) = shop.environments.copies() {
        reporter.note(&format!(
            "kept folders are copied for each node and gate, since layers do not work here: {reason}"
        ));
    }
    let limit = shop.plan.budget.wall.map_or(LIMIT_DEFAULT, |wall| Duration::from_millis(wall.0));
    for position in 0..shop.plan.environments.len() {
        let index = EnvironmentIndex::new(position);
        match watched(shop, index, limit, reporter, inbox) {
            (Ok(()), None) => {}
            (_, Some(signal)) => return Err(RunError::Stopped(signal)),
            (Err(Unready::Stopped), None) => {
                return Err(RunError::Host("preparing was stopped".to_owned()));
            }
            (Err(Unready::Step(error)), None) => return Err(host(&error)),
            (Err(Unready::Failed(failure)), None) => return Err(RunError::Host(message(&failure))),
        }
    }
    Ok(())
}

/// Prepares one in a thread of its own, and listens meanwhile; returns how
/// that ended, and the signal that came.
fn watched(
    shop: &Workshop,
    index: EnvironmentIndex,
    limit: Duration,
    reporter: &mut dyn Reporter,
    inbox: &Receiver<Message>,
) -> (Result<(), Unready>, Option<i32>) {
    let name = &shop.plan.environments[index.get()].name;
    let (began, mut signal) = (Instant::now(), None);
    let result = std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            // Also when it panics: somebody waits for the word.
            let _over = Over(shop);
            let tell = |text: &str| shop.courier.send(Message::Note(text.to_owned()));
            prepare_base(shop, index, limit, &tell)
        });
        loop {
            match inbox.recv_timeout(TICK) {
                Ok(Message::Signal(number)) => {
                    signal = Some(number);
                    shop.running.stop();
                }
                Ok(Message::Note(text)) => reporter.note(&text),
                Ok(Message::Prepared) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                    reporter.note(&format!("still preparing {name}, for {} now", seconds(ms)));
                }
            }
        }
        worker.join()
    });
    let panicked = || Err(Unready::Step(StepError::Host("preparing panicked".to_owned())));
    (result.unwrap_or_else(|_| panicked()), signal)
}

/// Says that preparing is over, when it is dropped.
struct Over<'a>(&'a Workshop);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.courier.send(Message::Prepared);
    }
}

fn host(error: &StepError) -> RunError {
    RunError::Host(format!("environments cannot be prepared: {error}"))
}

fn message(failure: &super::Failure) -> String {
    let mut text = failure.to_string();
    for line in failure.output.lines() {
        text.push_str("\n  | ");
        text.push_str(line);
    }
    if let Some(log) = &failure.log {
        text.push_str(&format!("\n  log: {}", log.display()));
    }
    text.push_str("\n  help: nothing was started; put that right and run the same again");
    text
}
