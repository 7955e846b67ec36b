//! Decides when a provider that was in trouble may be asked again: one breaker
//! for a run, so that many agents in one outage ask no more than one would.
//!
//! Pure: time is given and chance is seeded. While the provider answers, all
//! requests go. After a trouble that waiting may mend, none goes until a time
//! that grows with each failure and is never before the one the provider asked
//! for; then one goes, in the order in which they wait, and its fate is all of
//! theirs. Unaware of clocks and tasks: see `circuit`.

use std::collections::VecDeque;
use std::time::Duration;

use fastrand::Rng;

use super::upstream::{Class, Trouble};

/// The mean of the first wait is half of this.
const WAIT_FIRST: Duration = Duration::from_secs(1);
/// No wait is longer, but where the provider asks for it.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// No wait is shorter: full jitter would give some at once.
const WAIT_MIN: Duration = Duration::from_millis(50);

/// A request that waits for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(u64);

/// What a request may do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Go; the ticket is used up.
    Go(Grant),
    /// Ask again at this time.
    At(Duration),
    /// Ask again when something has changed: others are before it.
    Behind,
}

/// Permits one request. What becomes of it is told to the breaker.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Grant {
    /// It finds out whether the provider is back; all others wait for it.
    is_probe: bool,
}

/// Why and since when the provider is away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outage {
    /// When the first trouble was told since an answer last came to its end.
    pub(super) since: Duration,
    /// When the next request may go.
    pub(super) next_try: Duration,
    /// The class of the last trouble.
    pub(super) class: Class,
    /// What the last trouble was.
    pub(super) message: String,
}

/// The breaker of a run.
#[derive(Debug)]
pub(super) struct Breaker {
    outage: Option<Outage>,
    is_probing: bool,
    /// Failures since a request was last answered to its end.
    failures: u32,
    /// When the first of them was told.
    since: Option<Duration>,
    waiting: VecDeque<Ticket>,
    tickets: u64,
    rng: Rng,
    /// All waits are this many times shorter; 1 but in tests that measure no time.
    haste: u32,
}

impl Breaker {
    /// Begins with a provider that is there.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            outage: None,
            is_probing: false,
            failures: 0,
            since: None,
            waiting: VecDeque::new(),
            tickets: 0,
            rng: Rng::with_seed(seed),
            haste: 1,
        }
    }

    /// Begins with a provider that is asked again soon.
    #[cfg(test)]
    pub(super) fn hasty(seed: u64) -> Self {
        Self { haste: 1_000, ..Self::new(seed) }
    }

    /// Returns the outage, while there is one.
    pub(super) fn outage(&self) -> Option<&Outage> {
        self.outage.as_ref()
    }

    /// Lets a request queue up.
    pub(super) fn enter(&mut self) -> Ticket {
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        self.waiting.push_back(ticket);
        ticket
    }

    /// Takes a request out of the queue that does not wait any more.
    pub(super) fn leave(&mut self, ticket: Ticket) {
        self.waiting.retain(|waiting| *waiting != ticket);
    }

    /// Tells what a request that waits may do now.
    pub(super) fn ask(&mut self, ticket: Ticket, now: Duration) -> Turn {
        let Some(outage) = &self.outage else {
            self.leave(ticket);
            return Turn::Go(Grant { is_probe: false });
        };
        if self.is_probing || self.waiting.front() != Some(&ticket) {
            return Turn::Behind;
        }
        if now < outage.next_try {
            return Turn::At(outage.next_try);
        }
        self.waiting.pop_front();
        self.is_probing = true;
        Turn::Go(Grant { is_probe: true })
    }

    /// The provider began to answer: it is there, and all may go. The next wait
    /// is as long as it would have been, and part of the same outage, until an
    /// answer comes to its end: else a provider whose streams all break would be
    /// asked, and paid, at full speed and for ever.
    pub(super) fn answered(&mut self, grant: &mut Grant) {
        // Another request was let go before the outage, and says nothing of it.
        if std::mem::take(&mut grant.is_probe) {
            self.is_probing = false;
            self.outage = None;
        }
    }

    /// An answer came to its end, or the provider refused the request for what
    /// it is: all is well.
    pub(super) fn succeeded(&mut self, grant: &mut Grant) {
        self.answered(grant);
        if self.outage.is_none() {
            self.failures = 0;
            self.since = None;
        }
    }

    /// A request met a trouble that waiting may mend; the provider asked to be
    /// left alone for `least`.
    pub(super) fn failed(
        &mut self,
        grant: &mut Grant,
        trouble: &Trouble,
        least: Duration,
        now: Duration,
    ) {
        let was_probe = std::mem::take(&mut grant.is_probe);
        self.is_probing &= !was_probe;
        let known = self.outage.as_ref().map(|outage| outage.next_try);
        // One that was let go before the outage is no failure more. But what the
        // provider asks for is heard, whoever was told so.
        let is_more = was_probe || known.is_none();
        let wait = if is_more { self.wait().max(least) } else { least };
        let next_try = now.saturating_add(wait);
        let next_try = known.map_or(next_try, |earlier| next_try.max(earlier));
        let since = *self.since.get_or_insert(now);
        let (class, message) = (trouble.class, trouble.message.clone());
        self.outage = Some(Outage { since, next_try, class, message });
    }

    /// Nothing will be known of a request. The next one may find out.
    pub(super) fn dropped(&mut self, grant: &Grant) {
        self.is_probing &= !grant.is_probe;
    }

    /// Counts a failure and draws the wait behind it: full jitter, so that those
    /// who share a provider's limit do not ask in step.
    fn wait(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let doublings = (self.failures - 1).min(16);
        let most = WAIT_FIRST.saturating_mul(1 << doublings).min(WAIT_MAX);
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.rng.u64(0..=most)).max(WAIT_MIN) / self.haste
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::upstream::Phase;
    use super::*;

    fn trouble() -> Trouble {
        Trouble {
            phase: Phase::Rejected,
            class: Class::Overloaded,
            message: "busy".to_owned(),
            retry_after: None,
            resets_at: None,
        }
    }

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// Lets a request go that has to wait for nobody.
    fn go(breaker: &mut Breaker, now: Duration) -> Grant {
        let ticket = breaker.enter();
        match breaker.ask(ticket, now) {
            Turn::Go(grant) => grant,
            turn => panic!("{turn:?}"),
        }
    }

    fn next_try(breaker: &Breaker) -> Duration {
        breaker.outage().expect("an outage").next_try
    }

    #[test]
    fn waits_grow_to_their_bound_and_an_outage_begins_once() {
        let mut longest = vec![Duration::ZERO; 12];
        for seed in 0..200 {
            let mut breaker = Breaker::new(seed);
            let mut now = ms(1_000);
            for longest in &mut longest {
                let mut grant = go(&mut breaker, now);
                breaker.failed(&mut grant, &trouble(), Duration::ZERO, now);
                let wait = next_try(&breaker) - now;
                *longest = wait.max(*longest);
                now += wait;
            }
            assert_eq!(breaker.outage().unwrap().since, ms(1_000));
        }
        for (count, longest) in longest.iter().enumerate() {
            let bound = ms(1_000 << count).min(WAIT_MAX);
            assert!(*longest <= bound && *longest > bound / 2, "{count}: {longest:?}");
        }
    }

    #[test]
    fn what_the_provider_asks_for_is_the_least() {
        let mut breaker = Breaker::new(1);
        let mut grants =
            [go(&mut breaker, ms(0)), go(&mut breaker, ms(0)), go(&mut breaker, ms(0))];
        let hours = Duration::from_secs(7_200);
        breaker.failed(&mut grants[0], &trouble(), hours, ms(5));
        assert_eq!(next_try(&breaker), hours + ms(5));
        // Those that were under way can make it later, not sooner.
        breaker.failed(&mut grants[1], &trouble(), ms(1), ms(6));
        assert_eq!(next_try(&breaker), hours + ms(5));
        breaker.failed(&mut grants[2], &trouble(), hours, ms(7));
        assert_eq!(next_try(&breaker), hours + ms(7));
        let ticket = breaker.enter();
        assert_eq!(breaker.ask(ticket, hours), Turn::At(hours + ms(7)));
    }

    #[test]
    fn an_answer_that_was_under_way_ends_no_outage() {
        let mut breaker = Breaker::new(1);
        let (mut first, mut second) = (go(&mut breaker, ms(0)), go(&mut breaker, ms(0)));
        breaker.failed(&mut first, &trouble(), ms(100), ms(0));
        breaker.succeeded(&mut second);
        assert!(breaker.outage().is_some());
    }

    #[test]
    fn waits_are_forgotten_when_an_answer_came_to_its_end_and_not_before() {
        let mut breaker = Breaker::new(1);
        let mut now = ms(0);
        for _ in 0..8 {
            let mut grant = go(&mut breaker, now);
            breaker.failed(&mut grant, &trouble(), Duration::ZERO, now);
            now = next_try(&breaker);
        }
        let mut probe = go(&mut breaker, now);
        breaker.answered(&mut probe);
        assert_eq!((breaker.outage(), breaker.failures), (None, 8));
        breaker.failed(&mut probe, &trouble(), Duration::ZERO, now);
        assert_eq!((breaker.failures, breaker.outage().unwrap().since), (9, ms(0)));
        now = next_try(&breaker);
        let mut probe = go(&mut breaker, now);
        breaker.succeeded(&mut probe);
        assert_eq!((breaker.outage(), breaker.failures), (None, 0));
        let mut other = go(&mut breaker, now);
        breaker.failed(&mut other, &trouble(), Duration::ZERO, now);
        assert_eq!(breaker.outage().unwrap().since, now);
    }

    #[test]
    fn one_that_fails_again_and_again_goes_behind_the_others() {
        let mut breaker = Breaker::new(1);
        let mut poison = go(&mut breaker, ms(0));
        breaker.failed(&mut poison, &trouble(), Duration::ZERO, ms(0));
        let (first, second) = (breaker.enter(), breaker.enter());
        let now = next_try(&breaker);
        assert_eq!(breaker.ask(second, now), Turn::Behind);
        let Turn::Go(mut probe) = breaker.ask(first, now) else { panic!() };
        breaker.failed(&mut probe, &trouble(), Duration::ZERO, now);
        let again = breaker.enter();
        let now = next_try(&breaker);
        assert_eq!(breaker.ask(again, now), Turn::Behind);
        let Turn::Go(mut probe) = breaker.ask(second, now) else { panic!() };
        breaker.succeeded(&mut probe);
        assert!(matches!(breaker.ask(again, now), Turn::Go(_)));
    }

    /// What may happen in a run.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        Enter,
        /// The request at this place of those that wait asks.
        Ask(usize),
        Leave(usize),
        Answered(usize),
        Succeeded(usize),
        Failed(usize, u64),
        Dropped(usize),
        Pass(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let place = 0_usize..6;
        prop_oneof![
            3 => Just(Step::Enter),
            6 => place.clone().prop_map(Step::Ask),
            1 => place.clone().prop_map(Step::Leave),
            1 => place.clone().prop_map(Step::Answered),
            1 => place.clone().prop_map(Step::Succeeded),
            3 => (place.clone(), 0_u64..90_000).prop_map(|(at, least)| Step::Failed(at, least)),
            1 => place.prop_map(Step::Dropped),
            4 => (1_u64..70_000).prop_map(Step::Pass),
        ]
    }

    /// A run with the rules that must hold in it.
    struct World {
        breaker: Breaker,
        now: Duration,
        waiting: Vec<Ticket>,
        going: Vec<Grant>,
        /// Before this no request may go.
        not_before: Duration,
    }

    impl World {
        fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
            match step {
                Step::Pass(time) => self.now += ms(time),
                Step::Enter => self.waiting.push(self.breaker.enter()),
                Step::Leave(at) if at < self.waiting.len() => {
                    self.breaker.leave(self.waiting.remove(at));
                }
                Step::Ask(at) if at < self.waiting.len() => self.ask(at)?,
                Step::Answered(at) if at < self.going.len() => self.well(at, false)?,
                Step::Succeeded(at) if at < self.going.len() => self.well(at, true)?,
                Step::Failed(at, least) if at < self.going.len() => self.failed(at, ms(least))?,
                Step::Dropped(at) if at < self.going.len() => {
                    let grant = self.going.remove(at);
                    self.breaker.dropped(&grant);
                }
                _ => {}
            }
            let probes = self.going.iter().filter(|grant| grant.is_probe).count();
            prop_assert!(probes <= 1, "two find out at once");
            prop_assert_eq!(probes == 1, self.breaker.is_probing, "nobody finds out");
            Ok(())
        }

        fn ask(&mut self, at: usize) -> Result<(), TestCaseError> {
            let is_away = self.breaker.outage().is_some();
            match self.breaker.ask(self.waiting[at], self.now) {
                Turn::Go(grant) => {
                    prop_assert!(self.now >= self.not_before, "too early");
                    prop_assert_eq!(grant.is_probe, is_away);
                    self.waiting.remove(at);
                    self.going.push(grant);
                }
                Turn::At(time) => prop_assert!(is_away && time > self.now && at == 0),
                Turn::Behind => prop_assert!(is_away && (at > 0 || self.breaker.is_probing)),
            }
            Ok(())
        }

        fn well(&mut self, at: usize, to_its_end: bool) -> Result<(), TestCaseError> {
            let was_probe = self.going[at].is_probe;
            let was_away = self.breaker.outage().is_some();
            if to_its_end {
                self.breaker.succeeded(&mut self.going[at]);
                self.going.remove(at);
            } else {
                self.breaker.answered(&mut self.going[at]);
            }
            prop_assert_eq!(self.breaker.outage().is_some(), was_away && !was_probe);
            if was_probe {
                self.not_before = Duration::ZERO;
            }
            Ok(())
        }

        fn failed(&mut self, at: usize, least: Duration) -> Result<(), TestCaseError> {
            let mut grant = self.going.remove(at);
            self.breaker.failed(&mut grant, &trouble(), least, self.now);
            let next_try = next_try(&self.breaker);
            self.not_before = self.not_before.max(self.now + least);
            prop_assert!(next_try >= self.not_before);
            prop_assert!(next_try <= self.not_before.max(self.now + WAIT_MAX), "too late");
            Ok(())
        }

        /// Whatever has been: if the provider answers from now on, all go.
        fn come_to_an_end(&mut self) -> Result<(), TestCaseError> {
            while !self.going.is_empty() {
                self.well(0, true)?;
            }
            for _ in 0..self.waiting.len() {
                let mut turn = self.breaker.ask(self.waiting[0], self.now);
                if let Turn::At(time) = turn {
                    self.now = time;
                    turn = self.breaker.ask(self.waiting[0], self.now);
                }
                let Turn::Go(mut grant) = turn else {
                    return Err(TestCaseError::fail("one waits for ever"));
                };
                self.waiting.remove(0);
                self.breaker.succeeded(&mut grant);
            }
            prop_assert!(self.breaker.waiting.is_empty());
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn the_rules_hold_in_any_run(
            seed: u64,
            steps in proptest::collection::vec(step(), 0..200),
        ) {
            let mut world = World {
                breaker: Breaker::new(seed),
                now: Duration::ZERO,
                waiting: Vec::new(),
                going: Vec::new(),
                not_before: Duration::ZERO,
            };
            for step in steps {
                world.take(step)?;
            }
            world.come_to_an_end()?;
        }
    }
}
