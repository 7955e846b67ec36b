//! What a run does about people: lays questions out, takes answers in, and ends
//! when nothing goes on without one.
//!
//! Unaware of how a person is told, and of what an answer means to a node.

use std::time::{Duration, Instant};

use eufm_plan::NodeIndex;

use super::{Dispatcher, Stop};
use crate::error::RunError;
use crate::event::{Event, NodeEvent};
use crate::people::{Heard, QuestionFile};

/// How often answers are looked for.
const INTERVAL: Duration = Duration::from_secs(1);

/// How many nodes a message names.
const NAMED_MAX: usize = 5;

impl Dispatcher<'_> {
    /// Makes the files say what the journal says: lays the open questions out,
    /// and takes away what a killed runner left of others.
    pub(super) fn tidy_desk(&mut self) -> Result<(), RunError> {
        let state = self.scheduler.state();
        let waiting: Vec<NodeIndex> = (0..state.nodes.len())
            .map(NodeIndex::new)
            .filter(|node| state.waiting > 0 && state.node(*node).question().is_some())
            .collect();
        for node in waiting {
            self.lay_out(node)?;
        }
        self.desk.tidy(self.questions.values()).map_err(|error| failed(&error))
    }

    /// Follows a fact with the files that belong to it.
    pub(super) fn keep_desk(&mut self, event: &Event) -> Result<(), RunError> {
        match event {
            Event::Node(node, NodeEvent::Questioned { .. }) => self.lay_out(*node),
            Event::Node(node, NodeEvent::Answered(_)) => {
                self.questions.remove(node);
                self.desk.clear(&self.shop.plan, *node).map_err(|error| failed(&error))
            }
            _ => Ok(()),
        }
    }

    fn lay_out(&mut self, node: NodeIndex) -> Result<(), RunError> {
        let (plan, state) = (&self.shop.plan, self.scheduler.state());
        let asked = (node, self.times[node.get()]);
        let Some(question) = QuestionFile::of(plan, state, &self.shop.dir, asked) else {
            return Ok(());
        };
        self.desk.ask(node, &question).map_err(|error| failed(&error))?;
        self.questions.insert(node, question);
        Ok(())
    }

    /// Tells whether nothing goes on before a person has answered.
    pub(super) fn is_up_to_people(&self) -> bool {
        let is_idle = self.steps == 0 && self.due.is_empty() && self.line.is_empty();
        is_idle && self.scheduler.waits_for_people()
    }

    /// Takes answers in; without one, a run that waits for nothing else ends,
    /// unless it is to stay.
    pub(super) fn look_at_people(&mut self) -> Result<(), RunError> {
        self.forget_questions()?;
        while self.stop.is_none() && !self.questions.is_empty() {
            let is_last = self.is_up_to_people();
            if !is_last && self.heard.elapsed() < INTERVAL {
                return Ok(());
            }
            self.heard = Instant::now();
            let heard = self.hear_all()?;
            self.act_all()?;
            if heard {
                continue;
            }
            if is_last && !self.patience.people {
                self.scheduler.drain();
                self.stop = Some(Stop::Person(self.waits_for()));
            }
            return Ok(());
        }
        Ok(())
    }

    /// Takes away the questions of nodes that were cancelled meanwhile.
    fn forget_questions(&mut self) -> Result<(), RunError> {
        let state = self.scheduler.state();
        if self.questions.len() == state.waiting as usize {
            return Ok(());
        }
        let is_over = |node: &NodeIndex| state.node(*node).question().is_none();
        let over: Vec<NodeIndex> = self.questions.keys().copied().filter(is_over).collect();
        for node in over {
            self.questions.remove(&node);
            self.desk.clear(&self.shop.plan, node).map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    /// Looks for an answer to each question; tells whether there was one.
    fn hear_all(&mut self) -> Result<bool, RunError> {
        let mut found = false;
        for node in self.questions.keys().copied().collect::<Vec<_>>() {
            let heard = self.questions.get(&node).map(|question| self.desk.hear(question));
            match heard.transpose().map_err(|error| failed(&error))? {
                Some(Heard::Answer(answer)) => {
                    found = true;
                    self.take(&Event::Node(node, NodeEvent::Answered(answer)))?;
                }
                Some(Heard::Refused(reason)) => {
                    let name = &self.shop.node(node).name;
                    let reason = crate::printable::line(&reason, 400);
                    self.reporter.note(&format!("{name}: an answer is not taken: {reason}"));
                }
                Some(Heard::Nothing) | None => {}
            }
        }
        Ok(found)
    }

    fn waits_for(&self) -> String {
        let names = self.questions.keys().map(|node| self.shop.node(*node).name.as_str());
        let named: Vec<&str> = names.take(NAMED_MAX).collect();
        let more = self.questions.len() - named.len();
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        format!("waiting for a person: {}{more}", named.join(", "))
    }
}

fn failed(error: &std::io::Error) -> RunError {
    RunError::State(format!("questions to people: {error}"))
}
