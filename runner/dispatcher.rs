//! The loop of a run: it alone owns the state and talks to the outside.
//!
//! Facts come in from the steps' threads; each is written to the journal, then
//! applied, then shown, and what the scheduler makes of it is started. So the
//! order of the journal is the order of the run. Unaware of what a step does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use eufm_plan::NodeIndex;

mod jobs;
mod outage;
mod payments;
mod people;
mod window;

use crate::admission::{Admission, Answer as Room, Short, Ticket};
use crate::clock::{ASKED_INTERVAL, Clock, awake, unix_seconds};
use crate::counter::Ask;
use crate::error::RunError;
use crate::event::{Action, Event, NodeEvent, RunEvent};
use crate::gateway::circuit::Away;
use crate::git::{Author, Stamp};
use crate::journal::{self, Journal};
use crate::people::{Desk, QuestionFile};
use crate::reporters::{Reporter, View};
use crate::reserve::Reserve;
use crate::scheduler::Scheduler;
use crate::settled;
use crate::state::{Merge, Phase};
use crate::steps::{self, Step};
use crate::workers::Workers;
use crate::workshop::{Answer, Message, StepError, Workshop};
use window::Hours;

/// How long the run may be silent before the reporter is told that time passed.
const TICK: Duration = Duration::from_secs(15);

/// How often starts that wait for room are tried again.
const ROOM_INTERVAL: Duration = Duration::from_secs(1);

/// How often the free disk is looked at.
const DISK_INTERVAL: Duration = Duration::from_secs(2);

/// With less free disk than this, 32 MiB, the run is stopped while its last
/// records can still be written.
const DISK_LEAST: u64 = 32 << 20;

/// Runs a plan's nodes until nothing more is to be done.
pub(crate) struct Dispatcher<'a> {
    shop: Arc<Workshop>,
    scheduler: Scheduler,
    journal: Journal,
    clock: Clock,
    reporter: &'a mut dyn Reporter,
    /// The host's time of each node's last fact; it dates the node's commits.
    times: Vec<u64>,
    activity: BTreeMap<NodeIndex, String>,
    /// What follows from the facts so far. A queue, not a recursion: a chain of
    /// facts that need no act may be as long as the plan.
    due: VecDeque<Action>,
    /// Starts and judgements that wait for room on the host, in their order.
    line: VecDeque<Action>,
    admission: Admission,
    /// Requests of agents that want to go out, in their order.
    asks: VecDeque<Ask>,
    /// Where questions to people are laid out and answers come in.
    desk: Desk,
    /// The open questions, as they were laid out.
    questions: BTreeMap<NodeIndex, QuestionFile>,
    /// When answers were last looked for.
    heard: Instant,
    patience: Patience,
    /// The outage of the provider, and when it began.
    away: Option<(Away, Instant)>,
    /// When nodes may be started, where the plan says so.
    hours: Option<Hours>,
    /// What was last said of the head of the line.
    held: Option<(NodeIndex, Short)>,
    reserve: Reserve,
    disk_looked: Instant,
    workers: Workers,
    steps: usize,
    stop: Option<Stop>,
    last_shown: Instant,
}

/// Why a run is stopped before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// By a signal, which decides the exit status.
    Signal(i32),
    /// The host does not let a step come to its end.
    Host(String),
    /// The host has no room for what is to be started.
    Short(String),
    /// The provider of the model was away for too long.
    Outage(String),
    /// Nothing goes on before a person has answered.
    Person(String),
}

/// What a dispatcher starts from.
pub(crate) struct Start<'a> {
    /// What the steps share.
    pub shop: Workshop,
    /// The scheduler, with the facts of earlier runners replayed.
    pub scheduler: Scheduler,
    /// The journal, at its end.
    pub journal: Journal,
    /// The host's time of each node's last fact.
    pub times: Vec<u64>,
    /// Asked before anything is started.
    pub admission: Admission,
    /// Makes way for the last records on a full disk.
    pub reserve: Reserve,
    /// What is waited for.
    pub patience: Patience,
    /// Shows the run.
    pub reporter: &'a mut dyn Reporter,
}

/// What a run that cannot go on waits for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// How long the provider may be away until the run is stopped.
    pub outage: Option<Duration>,
    /// Whether the runner stays until people have answered.
    pub people: bool,
}

/// How a dispatcher ended.
pub(crate) struct Ended {
    /// What the steps shared.
    pub shop: Arc<Workshop>,
    /// The state at the end.
    pub scheduler: Scheduler,
    /// Why the run was stopped, if it was.
    pub stop: Option<Stop>,
}

impl<'a> Dispatcher<'a> {
    /// Makes the dispatcher of an opened run.
    #[must_use]
    pub(crate) fn new(start: Start<'a>) -> Self {
        let clock = Clock::starting_at(start.scheduler.state().at_ms);
        let desk = Desk::new(start.shop.dir.clone());
        let hours = Hours::of(start.shop.plan.window.as_ref());
        Self {
            shop: Arc::new(start.shop),
            scheduler: start.scheduler,
            journal: start.journal,
            clock,
            reporter: start.reporter,
            times: start.times,
            activity: BTreeMap::new(),
            due: VecDeque::new(),
            line: VecDeque::new(),
            admission: start.admission,
            asks: VecDeque::new(),
            desk,
            questions: BTreeMap::new(),
            heard: Instant::now(),
            patience: start.patience,
            away: None,
            hours,
            held: None,
            reserve: start.reserve,
            disk_looked: Instant::now(),
            workers: Workers::default(),
            steps: 0,
            stop: None,
            last_shown: Instant::now(),
        }
    }

    /// Writes `first` down and runs until the end or a stop.
    ///
    /// # Errors
    /// Fails when the journal cannot be written; the run goes on another day.
    pub(crate) fn run(
        mut self,
        first: &[RunEvent],
        inbox: &Receiver<Message>,
    ) -> Result<Ended, RunError> {
        let result = self.run_inner(first, inbox);
        self.shop.running.stop();
        // Nobody answers the steps any more: each leaves as soon as it asks.
        while self.steps > 0 && result.is_err() {
            match inbox.recv() {
                Ok(Message::StepEnded { .. }) => self.steps -= 1,
                Ok(_) => {}
                Err(_) => break,
            }
        }
        self.workers.finish();
        self.reporter.finish();
        result.map(|()| Ended { shop: self.shop, scheduler: self.scheduler, stop: self.stop })
    }

    fn run_inner(&mut self, first: &[RunEvent], inbox: &Receiver<Message>) -> Result<(), RunError> {
        if self.is_closed() {
            self.follow_window();
        }
        for event in first {
            self.take(&Event::Run(event.clone()))?;
        }
        let actions = self.scheduler.resume();
        self.due.extend(actions);
        self.tidy_desk()?;
        self.act_all()?;
        self.look_at_people()?;
        while !self.is_over() {
            match inbox.recv_timeout(self.patience()) {
                Ok(message) => self.receive(message)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            // Also between messages: an agent that never stops talking must not
            // keep the clock from being looked at.
            self.time_passes()?;
            self.act_all()?;
            self.look_at_people()?;
        }
        if let Some(stop) = &self.stop {
            let reason = stop.to_string();
            self.take(&Event::Run(RunEvent::Stopped { reason }))?;
        }
        self.journal.sync()?;
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.steps == 0 && (self.stop.is_some() || self.scheduler.state().finished.is_some())
    }

    /// Returns how long to wait for a message: until the next tick, or until
    /// the run's time is up.
    fn patience(&self) -> Duration {
        let tick = TICK.saturating_sub(self.last_shown.elapsed());
        let rest = self.rest_of_run().map(Duration::from_millis);
        let room = if self.line.is_empty() { DISK_INTERVAL } else { ROOM_INTERVAL };
        let room = room.min(ASKED_INTERVAL);
        rest.map_or(tick, |rest| tick.min(rest)).min(room).max(Duration::from_millis(1))
    }

    fn rest_of_run(&self) -> Option<u64> {
        if self.scheduler.state().wall_exhausted {
            return None;
        }
        let wall = self.shop.plan.budget.wall?;
        Some(wall.0.saturating_sub(self.clock.at_ms()))
    }

    fn time_passes(&mut self) -> Result<(), RunError> {
        if self.rest_of_run() == Some(0) {
            self.take(&Event::Run(RunEvent::WallExhausted))?;
            self.shop.running.stop();
            return Ok(());
        }
        self.look_at_disk();
        self.look_at_outage();
        self.look_at_window();
        if self.last_shown.elapsed() >= TICK {
            self.take(&Event::Run(RunEvent::Heartbeat))?;
            self.last_shown = Instant::now();
            let (view, reporter) = self.view();
            reporter.tick(&view);
        }
        Ok(())
    }

    /// Stops the run before its own records find no space any more.
    fn look_at_disk(&mut self) {
        if self.disk_looked.elapsed() < DISK_INTERVAL || self.stop.is_some() {
            return;
        }
        self.disk_looked = Instant::now();
        let disk = self.admission.room(awake()).disk;
        if let Some(free) = disk.filter(|free| *free < DISK_LEAST) {
            self.reserve.release();
            let free = crate::size::Size(free);
            self.halt(Stop::Short(format!("the disk with the state is full: {free} free")));
        }
    }

    fn receive(&mut self, message: Message) -> Result<(), RunError> {
        match message {
            Message::Fact { node, event, answer } => self.fact(node, *event, answer.as_ref()),
            Message::Ask(ask) => self.asked(ask),
            Message::Provider(away) => self.provider(away),
            Message::Activity { node, text } => {
                self.activity.insert(node, text);
                let (view, reporter) = self.view();
                reporter.activity(&view, node);
                Ok(())
            }
            Message::StepEnded { node, ticket, result } => {
                self.steps -= 1;
                ticket.into_iter().for_each(|ticket| self.admission.release(ticket));
                if let Err(StepError::Host(reason)) = result {
                    let name = &self.shop.node(node).name;
                    self.halt(Stop::Host(format!("{name}: {reason}")));
                }
                Ok(())
            }
            // What is said before the run begins comes too late here.
            Message::Note(_) | Message::Prepared => Ok(()),
            Message::Signal(signal) => {
                self.halt(Stop::Signal(signal));
                Ok(())
            }
        }
    }

    /// Ends what runs; the steps keep its work and tell so.
    fn halt(&mut self, stop: Stop) {
        if self.stop.is_none() {
            self.reporter.note(&format!("stopping: {stop}; what runs is ended and its work kept"));
            self.stop = Some(stop);
        }
        self.line.clear();
        self.asks.clear();
        self.held = None;
        self.scheduler.drain();
        self.shop.running.stop();
    }

    fn fact(
        &mut self,
        node: NodeIndex,
        event: NodeEvent,
        answer: Option<&SyncSender<Answer>>,
    ) -> Result<(), RunError> {
        let phase = self.scheduler.state().node(node).phase;
        let too_late = match event {
            NodeEvent::Started { .. } | NodeEvent::Cached { .. } => {
                self.stop.is_some() || phase != Phase::Ready
            }
            NodeEvent::Replied { .. } | NodeEvent::Unanswered { .. } => false,
            NodeEvent::Held => phase != Phase::Running,
            NodeEvent::Merged { .. } | NodeEvent::Conflicted { .. } => {
                let merge = self.scheduler.state().node(node).merge;
                !matches!(merge, Merge::Due | Merge::Torn)
            }
            NodeEvent::Released => self.scheduler.state().node(node).held_since_ms.is_none(),
            _ => matches!(phase, Phase::Cancelled),
        };
        if too_late {
            self.scheduler.abandon(node);
            if let Some(answer) = answer {
                let _ = answer.send(Answer::Leave);
            }
            return Ok(());
        }
        let is_end = matches!(event, NodeEvent::Replied { .. } | NodeEvent::Unanswered { .. });
        self.look_at_count(node, &event);
        self.take_and_answer(&Event::Node(node, event), answer)?;
        if is_end { self.let_out() } else { Ok(()) }
    }

    fn take(&mut self, event: &Event) -> Result<(), RunError> {
        self.take_and_answer(event, None)
    }

    /// Writes a fact down, lets its teller go on, applies and shows it, and
    /// notes what follows from it.
    fn take_and_answer(
        &mut self,
        event: &Event,
        answer: Option<&SyncSender<Answer>>,
    ) -> Result<(), RunError> {
        let illegal = |error: crate::state::Illegal| RunError::State(error.to_string());
        // Before it is on disk: a journal with it could never be replayed.
        self.scheduler.state().check(event).map_err(illegal)?;
        let (at_ms, time) = (self.clock.at_ms(), unix_seconds());
        let record = journal::record(&self.shop.plan, event, at_ms, time);
        let work = match event {
            Event::Node(node, _) => Some(&self.shop.node(*node).work),
            Event::Run(_) => None,
        };
        self.journal.append(&record, record.durability(work))?;
        if let Some(answer) = answer {
            let _ = answer.send(Answer::GoOn);
        }
        match event {
            Event::Node(node, _) => self.times[node.get()] = time,
            // What is made before a node's first fact has the run's date.
            Event::Run(RunEvent::Opened { .. }) => self.times.fill(time),
            Event::Run(_) => {}
        }
        let actions = self.scheduler.on(at_ms, event).map_err(illegal)?;
        self.show(event);
        self.due.extend(actions);
        self.keep_desk(event)
    }

    fn act_all(&mut self) -> Result<(), RunError> {
        loop {
            while let Some(action) = self.due.pop_front() {
                self.act(action)?;
            }
            self.admit()?;
            // What was begun may have told a fact by itself.
            if self.due.is_empty() {
                let held = self.scheduler.state().held as usize;
                let has_no_room = !self.line.is_empty() || self.is_closed();
                let waits = held > 0 || has_no_room || self.is_up_to_people();
                self.clock.set_waiting(waits && self.steps == held);
                return Ok(());
            }
        }
    }

    /// Begins what has room, in the order of the line.
    fn admit(&mut self) -> Result<(), RunError> {
        while let Some(action) = self.line.front().copied() {
            let (Action::Start(node) | Action::Judge(node, _) | Action::Rule(node, _)) = action
            else {
                break;
            };
            // The run's time may have been used up meanwhile.
            if self.is_due(action) {
                match self.admission.ask(node, awake(), self.steps > 0) {
                    Room::Admitted(ticket) => self.begin(action, Some(ticket))?,
                    Room::Held(short) => {
                        self.say_held(node, short);
                        return Ok(());
                    }
                    Room::GivenUp(short) => {
                        let name = &self.shop.node(node).name;
                        self.halt(Stop::Short(format!("{name}: {short}")));
                        return Ok(());
                    }
                }
                if self.held.take_if(|(held, _)| *held == node).is_some() {
                    let name = &self.shop.node(node).name;
                    self.reporter.note(&format!("{name}: there is room for it now"));
                }
            }
            self.line.pop_front();
        }
        Ok(())
    }

    fn is_due(&self, action: Action) -> bool {
        let phase = |node| self.scheduler.state().node(node).phase;
        match action {
            Action::Start(node) => phase(node) == Phase::Ready,
            Action::Judge(node, _) | Action::Rule(node, _) => {
                matches!(phase(node), Phase::Harvested(_))
            }
            _ => true,
        }
    }

    /// Says that a start waits, once for each reason.
    fn say_held(&mut self, node: NodeIndex, short: Short) {
        let is_said = self.held.is_some_and(|(held, said)| held == node && said.is_like(&short));
        if !is_said {
            let name = &self.shop.node(node).name;
            self.reporter.note(&format!("{name}: held: {short}"));
        }
        self.held = Some((node, short));
    }

    fn show(&mut self, event: &Event) {
        if let Event::Node(node, NodeEvent::Exited { .. } | NodeEvent::Interrupted { .. }) = event {
            self.activity.remove(node);
        }
        if !matches!(event, Event::Run(RunEvent::Heartbeat)) {
            let (view, reporter) = self.view();
            reporter.event(&view, event);
        }
    }

    fn view(&mut self) -> (View<'_>, &mut dyn Reporter) {
        let at_ms = self.clock.at_ms();
        let view = View {
            plan: &self.shop.plan,
            state: self.scheduler.state(),
            at_ms,
            paced: self.scheduler.held_back(at_ms),
            activity: &self.activity,
            held: self.held,
            away: self.away.as_ref().map(|(away, _)| away),
            closed: self.hours.as_ref().and_then(Hours::words),
        };
        (view, &mut *self.reporter)
    }

    fn act(&mut self, action: Action) -> Result<(), RunError> {
        if let Action::Finish(outcome) = action {
            return self.take(&Event::Run(RunEvent::Finished { outcome }));
        }
        if let Some((node, event)) = settled::fact(&self.shop.plan, self.scheduler.state(), action)
        {
            return self.take(&Event::Node(node, event));
        }
        match action {
            _ if self.stop.is_some() => self.begin(action, None),
            Action::Start(_) => {
                self.line.push_back(action);
                Ok(())
            }
            // Before new starts: it brings a node to its end.
            Action::Judge(..) | Action::Rule(..) => {
                self.line.push_front(action);
                Ok(())
            }
            _ => self.begin(action, None),
        }
    }

    /// Begins the step of an action; what it was admitted for is taken back at
    /// its end, or here if there is none.
    fn begin(&mut self, action: Action, ticket: Option<Ticket>) -> Result<(), RunError> {
        let Some((node, mut step)) = self.step(action) else {
            ticket.into_iter().for_each(|ticket| self.admission.release(ticket));
            return Ok(());
        };
        if let Step::Start(job) = &mut step
            && let Some(event) = settled::started(&self.shop.plan, self.scheduler.state(), node)
        {
            if self.stop.is_some() {
                self.scheduler.abandon(node);
                return Ok(());
            }
            job.is_told = true;
            self.take(&Event::Node(node, event))?;
        }
        let stamp = Stamp { author: Author::default(), seconds: self.times[node.get()] };
        let shop = Arc::clone(&self.shop);
        let run = move || {
            let result = steps::perform(&shop, node, step, &stamp);
            shop.courier.send(Message::StepEnded { node, ticket, result });
        };
        match self.workers.run(run) {
            Ok(()) => self.steps += 1,
            Err(error) => self.halt(Stop::Host(format!("no thread can be started: {error}"))),
        }
        Ok(())
    }
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::Host(reason)
            | Self::Short(reason)
            | Self::Outage(reason)
            | Self::Person(reason) => f.write_str(reason),
        }
    }
}
