//! Holds requests while the provider is away: the breaker with a clock, for the
//! tasks that serve attempts.
//!
//! Unaware of what a request is and of how its trouble came about.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::breaker::{Breaker, Grant, Outage, Ticket, Turn};
use super::upstream::{Class, Trouble};
use crate::clock;

/// The provider is away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Away {
    /// Since when, in seconds since 1970-01-01 UTC: an outage during which answers
    /// begin, and all break off, is one.
    pub since: u64,
    /// For how long, by a clock that nobody sets.
    pub lasted: Duration,
    /// When it is asked again, in seconds since 1970-01-01 UTC; one that has
    /// passed means that it is being asked, or is as soon as a request comes.
    pub next_try: u64,
    /// The class of the last trouble.
    pub class: Class,
    /// What the last trouble was; one line that can be shown.
    pub message: String,
}

/// What is told of each change: away, away for longer, back (`None`).
pub type Told = dyn Fn(Option<&Away>) + Send + Sync;

/// The one breaker of a run. Clones are the same breaker.
#[derive(Clone)]
pub struct Circuit {
    shared: Arc<Shared>,
}

struct Shared {
    breaker: Mutex<Breaker>,
    /// Those that wait look again.
    changed: Notify,
    origin: Instant,
    told: Box<Told>,
}

impl std::fmt::Debug for Circuit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Circuit").field("away", &self.away()).finish_non_exhaustive()
    }
}

impl Circuit {
    /// Begins with a provider that is there. `seed` is for the jitter of waits.
    ///
    /// `told` is called at each change, in their order, and before a request
    /// can go or be held because of it. The circuit is locked meanwhile: it must
    /// not come back to it, and must not wait for long.
    pub fn new(seed: u64, told: impl Fn(Option<&Away>) + Send + Sync + 'static) -> Self {
        Self::of(Breaker::new(seed), told)
    }

    /// Makes a circuit that tries again soon, for tests that measure no time.
    #[cfg(test)]
    pub(super) fn hasty(seed: u64) -> Self {
        Self::of(Breaker::hasty(seed), |_| {})
    }

    fn of(breaker: Breaker, told: impl Fn(Option<&Away>) + Send + Sync + 'static) -> Self {
        let shared = Shared {
            breaker: Mutex::new(breaker),
            changed: Notify::new(),
            origin: Instant::now(),
            told: Box::new(told),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Waits until the provider may be asked, and returns the permission for one
    /// request. Dropped while it waits, it has never been.
    pub async fn pass(&self) -> Permit {
        let mut place = Place { shared: Arc::clone(&self.shared), ticket: None };
        let ticket = self.shared.lock().enter();
        place.ticket = Some(ticket);
        loop {
            // Made before the question, so that no change between is missed.
            let changed = self.shared.changed.notified();
            let turn = self.shared.lock().ask(ticket, self.shared.now());
            match turn {
                Turn::Go(grant) => {
                    place.ticket = None;
                    return Permit { shared: Arc::clone(&self.shared), grant };
                }
                Turn::Behind => changed.await,
                Turn::At(time) => {
                    // Both ends mean the same: look again.
                    let _ = timeout_at(self.shared.origin + time, changed).await;
                }
            }
        }
    }

    /// Returns why and since when the provider is away, if it is.
    #[must_use]
    pub fn away(&self) -> Option<Away> {
        self.shared.lock().outage().map(|outage| self.shared.away(outage))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// Puts an outage into the time of people.
    fn away(&self, outage: &Outage) -> Away {
        let (now, unix) = (self.now(), clock::unix_seconds());
        let lasted = now.saturating_sub(outage.since);
        let left = outage.next_try.saturating_sub(now);
        Away {
            since: unix.saturating_sub(lasted.as_secs()),
            lasted,
            next_try: unix.saturating_add(left.as_millis().div_ceil(1_000).try_into().unwrap_or(0)),
            class: outage.class,
            message: outage.message.clone(),
        }
    }

    /// Changes the breaker, and tells of the outage if that is another one now.
    fn change(&self, change: impl FnOnce(&mut Breaker)) {
        let mut breaker = self.lock();
        let before = breaker.outage().cloned();
        change(&mut breaker);
        let after = breaker.outage();
        if after != before.as_ref() {
            (self.told)(after.map(|outage| self.away(outage)).as_ref());
        }
        drop(breaker);
        self.changed.notify_waiters();
    }
}

/// A place in the queue, given up when its request does not wait any more.
struct Place {
    shared: Arc<Shared>,
    ticket: Option<Ticket>,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.change(|breaker| breaker.leave(ticket));
        }
    }
}

/// The permission to ask the provider once. What becomes of the request is told
/// to it; dropped without a word, the request counts for nothing.
#[must_use = "while it is there, all others may wait for it"]
pub struct Permit {
    shared: Arc<Shared>,
    grant: Grant,
}

impl std::fmt::Debug for Permit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Permit").field("grant", &self.grant).finish_non_exhaustive()
    }
}

impl Permit {
    /// The provider began to answer, so it is there: all others may go. To be
    /// told at the first event, since the rest of an answer may take long.
    pub fn answered(&mut self) {
        self.shared.change(|breaker| breaker.answered(&mut self.grant));
    }

    /// The answer came to its end.
    pub fn succeeded(mut self) {
        self.shared.change(|breaker| breaker.succeeded(&mut self.grant));
    }

    /// The request met a trouble. One that waiting does not mend says that the
    /// provider is there, if it came from the provider at all.
    pub fn failed(mut self, trouble: &Trouble) {
        if !trouble.is_transient() {
            return self.succeeded();
        }
        let (least, now) = (trouble.least_wait(clock::unix_seconds()), self.shared.now());
        self.shared.change(|breaker| breaker.failed(&mut self.grant, trouble, least, now));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.change(|breaker| breaker.dropped(&self.grant));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use tokio::runtime::Builder;
    use tokio::task::JoinSet;

    use super::super::upstream::Phase;
    use super::*;

    fn trouble(wait: u64) -> Trouble {
        Trouble {
            phase: Phase::Rejected,
            class: Class::RateLimited,
            message: "slow down".to_owned(),
            retry_after: Some(Duration::from_secs(wait)),
            resets_at: None,
        }
    }

    /// Runs a test on a clock that goes on by itself when all wait.
    fn run(test: impl Future<Output = ()>) {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(test);
    }

    fn circuit() -> (Circuit, Receiver<Option<Class>>) {
        let (sender, told) = channel();
        let tell = move |away: Option<&Away>| {
            sender.send(away.map(|away| away.class)).expect("the test listens");
        };
        (Circuit::new(7, tell), told)
    }

    #[test]
    fn all_go_while_the_provider_is_there() {
        run(async {
            let (circuit, told) = circuit();
            let start = Instant::now();
            let permits = [circuit.pass().await, circuit.pass().await];
            permits.into_iter().for_each(Permit::succeeded);
            assert_eq!((circuit.away(), start.elapsed()), (None, Duration::ZERO));
            assert!(told.try_recv().is_err());
        });
    }

    #[test]
    fn a_request_is_held_until_the_provider_asked_for_and_all_go_behind_it() {
        run(async {
            let (circuit, told) = circuit();
            let start = Instant::now();
            circuit.pass().await.failed(&trouble(300));
            let away = circuit.away().expect("it is away");
            assert_eq!((away.class, away.message.as_str()), (Class::RateLimited, "slow down"));
            assert!((299..=300).contains(&(away.next_try - away.since)), "{away:?}");
            let mut held = JoinSet::new();
            for _ in 0..8 {
                let circuit = circuit.clone();
                held.spawn(async move {
                    let permit = circuit.pass().await;
                    let at = start.elapsed();
                    // The answer takes a while; the others need not wait for it.
                    let mut permit = permit;
                    permit.answered();
                    tokio::time::sleep(Duration::from_secs(60)).await;
                    permit.succeeded();
                    at
                });
            }
            let times = held.join_all().await;
            let [first, last] = [times.iter().min(), times.iter().max()].map(Option::unwrap);
            assert!(*first >= Duration::from_secs(300), "{times:?}");
            assert!(*last <= Duration::from_secs(301), "{times:?}");
            assert_eq!(told.try_iter().collect::<Vec<_>>(), [Some(Class::RateLimited), None]);
        });
    }

    #[test]
    fn one_asks_while_the_others_wait_for_it() {
        run(async {
            let (circuit, told) = circuit();
            circuit.pass().await.failed(&trouble(10));
            let probe = circuit.pass().await;
            let others = circuit.clone();
            let mut other = tokio::spawn(async move { others.pass().await });
            let hour = Duration::from_secs(3_600);
            assert!(tokio::time::timeout(hour, &mut other).await.is_err(), "it waits");
            probe.failed(&trouble(20));
            assert!(told.try_iter().count() == 2, "each trouble is told");
            let start = Instant::now();
            let permit = other.await.expect("it goes");
            assert!(start.elapsed() >= Duration::from_secs(20));
            permit.succeeded();
        });
    }

    #[test]
    fn one_that_is_dropped_leaves_its_place_to_the_next() {
        run(async {
            let (circuit, _told) = circuit();
            circuit.pass().await.failed(&trouble(10));
            let mut tasks = Vec::new();
            for _ in 0..3 {
                let circuit = circuit.clone();
                tasks.push(tokio::spawn(async move { circuit.pass().await }));
            }
            tokio::task::yield_now().await;
            tasks.remove(0).abort();
            let probe = tasks.remove(0).await.expect("the second goes");
            drop(probe);
            let probe = tasks.remove(0).await.expect("the third goes");
            probe.succeeded();
            assert_eq!(circuit.away(), None);
        });
    }

    #[test]
    fn what_waiting_does_not_mend_holds_nobody_up() {
        run(async {
            let (circuit, told) = circuit();
            let fatal = Trouble { class: Class::Auth, ..trouble(100) };
            circuit.pass().await.failed(&fatal);
            assert_eq!(circuit.away(), None);
            // A provider that refuses a request is there.
            circuit.pass().await.failed(&trouble(10));
            circuit.pass().await.failed(&fatal);
            assert_eq!(circuit.away(), None);
            assert_eq!(told.try_iter().collect::<Vec<_>>(), [Some(Class::RateLimited), None]);
        });
    }

    #[test]
    fn an_outage_is_as_old_as_its_first_trouble() {
        run(async {
            let (circuit, _told) = circuit();
            circuit.pass().await.failed(&trouble(100));
            circuit.pass().await.failed(&trouble(200));
            circuit.pass().await.failed(&trouble(300));
            let away = circuit.away().expect("it is away");
            assert!(away.lasted >= Duration::from_secs(300), "{away:?}");
            assert!(away.lasted <= Duration::from_secs(302), "{away:?}");
        });
    }
}
