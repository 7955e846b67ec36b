//! Watches one sandboxed process to its end, within its limits.
//!
//! The process is ended when its time is up, when it has been silent and idle
//! for too long, when its guard says that it took more than it may, or when the
//! run is stopped; then nothing of it is left, since the sandbox is a PID
//! namespace. Time counts only while the runner is awake and
//! the process is not held. Unaware of what the process is for.

use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use crate::clock::{ASKED_INTERVAL, awake};
use crate::limits::{Exceeded, Guard};
use crate::monitor::ProgressMonitor;
use crate::output::Output;
use crate::process::{Body, Command, Exit, ProcessId};
use crate::pulse::Pulse;
use crate::running::Running;

/// How often a process is looked at for signs of life.
const LOOK_INTERVAL: Duration = Duration::from_secs(20);

/// How often a file that a process writes to itself is held to its size.
const OUTPUT_INTERVAL: Duration = Duration::from_millis(250);

/// The share of one processor, in percent, that an idle process tree may use:
/// a sleeping agent has timers.
const IDLE_PERCENT: u128 = 1;

/// The limits of one process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How long it may run.
    pub wall: Option<Duration>,
    /// How long it may neither say nor do anything.
    pub silence: Option<Duration>,
}

impl Limits {
    /// Returns how often to look: often enough to find a silence in time.
    fn look_interval(&self) -> Duration {
        self.silence.map_or(LOOK_INTERVAL, |silence| LOOK_INTERVAL.min(silence / 4))
    }

    /// Returns the processor time that an idle tree may use between two looks,
    /// in clock ticks of 10 ms.
    fn idle_ticks(&self) -> u64 {
        let ticks = self.look_interval().as_millis() * IDLE_PERCENT / 100 / 10;
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }
}

/// How a supervised process came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself.
    Exited(Exit),
    /// Ended after its time was up.
    TimedOut,
    /// Ended after it had been silent and idle for its limit.
    Stalled,
    /// Ended because it passed another limit.
    Exceeded(Exceeded),
    /// Ended because the run is stopped.
    Stopped,
}

/// What is started, and what watches it.
#[derive(Debug)]
pub(crate) struct Charge<'a> {
    /// The process.
    pub command: Command,
    /// Where its output goes: standard output, standard error.
    pub streams: (File, File),
    /// How long it may take.
    pub limits: Limits,
    /// What it may take beside time; `None` where nothing limits it.
    pub guard: Option<Guard>,
    /// Its signs of life.
    pub pulse: &'a Pulse,
    /// The file that it writes to itself, which is to be held to its size.
    pub output: Option<&'a Output>,
}

/// Starts a process and watches it to its end; `spawned` is told its number.
///
/// # Errors
/// Fails when it cannot be started or watched; it does not run then.
pub(crate) fn supervise(
    running: &Running,
    mut charge: Charge<'_>,
    spawned: impl FnOnce(ProcessId),
) -> io::Result<End> {
    let mut guard = charge.guard.take();
    if let Some(guard) = &guard {
        charge.command = guard.command(charge.command);
    }
    let body = charge.command.body();
    let end = watch(running, charge, guard.as_mut(), spawned);
    if body == Body::Sandbox {
        crate::process::reap_sandboxes()?;
    }
    guard.map_or(Ok(()), |guard| guard.close())?;
    end
}

fn watch(
    running: &Running,
    charge: Charge<'_>,
    mut guard: Option<&mut Guard>,
    spawned: impl FnOnce(ProcessId),
) -> io::Result<End> {
    let Charge { command, streams: (stdout, stderr), limits, pulse, output, .. } = charge;
    let active = || awake().saturating_sub(pulse.held());
    let started = active();
    let handle = command.start(stdout, stderr)?;
    let kill_file = guard.as_ref().and_then(|guard| guard.kill_file());
    let _registered = running.register(handle.process(), handle.body(), kill_file);
    pulse.beat();
    spawned(handle.process());
    let mut life = Life::new(handle.process(), limits);
    loop {
        let rest = || limits.wall.map(|wall| wall.saturating_sub(active().saturating_sub(started)));
        let guarded = guard.as_ref().map(|guard| guard.interval());
        let held = output.map(|_| OUTPUT_INTERVAL);
        let due = [Some(life.due()), guarded, held, rest()].into_iter().flatten();
        if let Some(exit) = handle.wait_for(due.fold(ASKED_INTERVAL, Duration::min))? {
            let after = guard.and_then(|guard| guard.after(exit)).map(End::Exceeded);
            let stopped = running.is_stopping() && was_killed(exit);
            return Ok(if stopped { End::Stopped } else { after.unwrap_or(End::Exited(exit)) });
        }
        let held = output.map_or(Ok(()), Output::hold);
        let look_at_all = |guard: &mut &mut Guard| guard.look(handle.process());
        let found = held.and_then(|()| guard.as_mut().map_or(Ok(None), look_at_all));
        if found.is_err() {
            handle.end()?;
        }
        let exceeded = found?.map(End::Exceeded);
        let end = match exceeded {
            None if rest() == Some(Duration::ZERO) => Some(End::TimedOut),
            None => life.is_over(pulse).then_some(End::Stalled),
            exceeded => exceeded,
        };
        if let Some(end) = end {
            handle.end()?;
            return Ok(if running.is_stopping() { End::Stopped } else { end });
        }
    }
}

/// Looks for signs of life, seldom.
struct Life {
    monitor: ProgressMonitor,
    limits: Limits,
    looked: Instant,
}

impl Life {
    fn new(process: ProcessId, limits: Limits) -> Self {
        Self { monitor: ProgressMonitor::new(process), limits, looked: Instant::now() }
    }

    /// Returns the time until the next look.
    fn due(&self) -> Duration {
        self.limits.look_interval().saturating_sub(self.looked.elapsed())
    }

    /// Looks if it is time to; tells whether the silence has lasted too long.
    fn is_over(&mut self, pulse: &Pulse) -> bool {
        if self.due() > Duration::ZERO {
            return false;
        }
        self.looked = Instant::now();
        if self.monitor.has_worked(self.limits.idle_ticks()).unwrap_or(true) {
            pulse.beat();
        }
        self.limits.silence.is_some_and(|limit| pulse.silence() >= limit)
    }
}

/// A launcher passes on that its child was killed as status 128 + 9.
fn was_killed(exit: Exit) -> bool {
    matches!(exit, Exit::Signal(9) | Exit::Status(137))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str, limits: Limits) -> End {
        let null = || File::options().write(true).open("/dev/null").expect("/dev/null");
        let command = Command::new("/bin/sh").args(["-c", script]).env("PATH", "/usr/bin:/bin");
        let running = Running::default();
        let streams = (null(), null());
        let pulse = &Pulse::new();
        let charge = Charge { command, streams, limits, guard: None, pulse, output: None };
        supervise(&running, charge, |_| {}).expect("runs")
    }

    #[test]
    fn a_process_that_ends_is_reported_with_its_status() {
        let limits = Limits { wall: None, silence: None };
        assert_eq!(run("exit 3", limits), End::Exited(Exit::Status(3)));
    }

    #[test]
    fn a_process_is_ended_when_its_time_is_up() {
        let limits = Limits { wall: Some(Duration::from_millis(50)), silence: None };
        assert_eq!(run("exec sleep 600", limits), End::TimedOut);
    }

    #[test]
    fn a_process_that_neither_says_nor_does_anything_is_ended() {
        let limits = Limits { wall: None, silence: Some(Duration::from_millis(400)) };
        assert_eq!(run("exec sleep 600", limits), End::Stalled);
    }

    #[test]
    fn a_silent_process_that_works_is_not_ended() {
        let silence = Some(Duration::from_millis(400));
        let limits = Limits { wall: Some(Duration::from_millis(1_500)), silence };
        assert_eq!(run("while :; do :; done", limits), End::TimedOut);
    }

    #[test]
    fn a_stopped_run_ends_the_process() {
        let null = || File::options().write(true).open("/dev/null").expect("/dev/null");
        let command = Command::new("/bin/sleep").arg("600");
        let running = Running::default();
        let limits = Limits { wall: None, silence: None };
        let (streams, pulse) = ((null(), null()), &Pulse::new());
        let charge = Charge { command, streams, limits, guard: None, pulse, output: None };
        let end = supervise(&running, charge, |_| running.stop());
        assert_eq!(end.expect("runs"), End::Stopped);
    }
}
