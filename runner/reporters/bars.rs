//! Bars on a terminal: one for the run, a spinner for each node at work, and
//! the changes as lines above them.
//!
//! Unaware of whether the stream is a terminal; whoever makes it has asked.

use std::collections::BTreeMap;
use std::time::Duration;

use eufm_plan::NodeIndex;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Reporter, Sink, View, seconds, sentence};
use crate::event::Event;
use crate::printable;

/// Makes the reporter. Indicatif draws on the standard error stream itself, so
/// that it knows the terminal's size; `_sink` is that stream.
pub(super) fn reporter(_sink: Sink) -> Box<dyn Reporter> {
    let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
    let total = bars.add(ProgressBar::new(0).with_style(style("{bar:30} {pos}/{len} nodes {msg}")));
    total.enable_steady_tick(Duration::from_millis(250));
    Box::new(Bars { bars, total, nodes: BTreeMap::new() })
}

struct Bars {
    bars: MultiProgress,
    total: ProgressBar,
    nodes: BTreeMap<NodeIndex, ProgressBar>,
}

impl Bars {
    fn print(&self, text: &str) {
        // A terminal that is gone does not end the run.
        let _ = self.bars.println(text);
    }

    /// Brings the spinners into line with the state.
    fn update(&mut self, view: &View<'_>, node: NodeIndex) {
        let run = view.state.node(node);
        if run.phase.is_busy() {
            let bars = &self.bars;
            let total = &self.total;
            let bar = self.nodes.entry(node).or_insert_with(|| {
                let spinner = ProgressBar::new_spinner().with_style(style("{spinner} {msg}"));
                let bar = bars.insert_before(total, spinner);
                bar.enable_steady_tick(Duration::from_millis(250));
                bar
            });
            let doing = view.activity.get(&node).map_or(run.phase.word(), String::as_str);
            let name = &view.plan.nodes[node.get()].name;
            let message = format!("{name} (attempt {}): {doing}", run.attempt);
            bar.set_message(printable::lines(&message));
        } else if let Some(bar) = self.nodes.remove(&node) {
            bar.finish_and_clear();
        }
        let all = view.plan.nodes.len() as u64;
        self.total.set_length(all);
        self.total.set_position(all - u64::from(view.state.open));
        self.total.set_message(seconds(view.at_ms));
    }
}

impl Reporter for Bars {
    fn event(&mut self, view: &View<'_>, event: &Event) {
        if let Some(text) = sentence(view, event) {
            self.print(&text);
        }
        if let Event::Node(node, _) = event {
            self.update(view, *node);
        }
    }

    fn activity(&mut self, view: &View<'_>, node: NodeIndex) {
        self.update(view, node);
    }

    fn tick(&mut self, view: &View<'_>) {
        self.total.set_message(seconds(view.at_ms));
    }

    fn note(&mut self, text: &str) {
        self.print(text);
    }

    fn finish(&mut self) {
        for bar in self.nodes.values() {
            bar.finish_and_clear();
        }
        self.total.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
