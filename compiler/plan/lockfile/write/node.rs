//! One node of plan.lock: what a reviewer weighs first, the long text last.
//!
//! Unaware of the other tables.

use super::Writer;
use crate::lockfile::items::{UNPROTECTED, spell_budget, spell_input};
use crate::lockfile::spelling::{push_list, push_numbers};
use crate::lockfile::texts::Texts;
use crate::{Accept, Command, Node, OnFail, Overlap, Plan, Recovery, Work, Writes};

impl Writer {
    pub(super) fn node(&mut self, plan: &Plan, node: &Node, texts: &Texts<'_>) {
        self.table("node", &node.name);
        self.plain("kind", node.work.kind());
        self.reach(plan, &node.work);
        let needs = node.needs.iter().map(|need| plan.nodes[need.get()].name.as_str());
        push_list(&mut self.out, "needs", needs);
        if !node.after_writer.is_empty() {
            let before = node.after_writer.iter();
            let before = before.map(|node| plan.nodes[node.get()].name.as_str());
            push_list(&mut self.out, "after_writer", before);
        }
        if node.accept != Accept::default() {
            self.plain("accept", node.accept.word());
        }
        if !node.inputs.is_empty() {
            let spell =
                |input: &crate::Input| spell_input(&input.part, &plan.nodes[input.node.get()].name);
            self.list("inputs", &node.inputs.iter().map(spell).collect::<Vec<_>>());
        }
        self.list_if("implements", &node.implements);
        if let Some(reads) = &node.reads {
            self.list("reads", reads);
        }
        match &node.writes {
            Writes::Globs(globs) => self.list("writes", globs),
            Writes::Unprotected => self.plain("writes", UNPROTECTED),
        }
        if node.overlap != Overlap::default() {
            self.plain("overlap", node.overlap.word());
        }
        self.environments(plan, &node.env);
        let gates = node.gates.iter().map(|gate| plan.gates[gate.get()].name.as_str());
        push_list(&mut self.out, "gates", gates);
        self.list("budget", &spell_budget(&node.budget));
        if node.on_fail != OnFail::default() {
            self.plain("on_fail", node.on_fail.word());
        }
        match &node.work {
            Work::Agent { prompt, .. } => self.told(("prompt", "prompt_of"), prompt, texts),
            Work::Approval { ask } => self.told(("ask", "ask_of"), ask, texts),
            Work::Verify { rules } => {
                let all = plan.constitution.iter().flat_map(|constitution| &constitution.rules);
                let all: Vec<&str> = all.map(|rule| rule.name.as_str()).collect();
                push_list(&mut self.out, "rules", rules.iter().map(|rule| all[rule.get()]));
            }
            Work::Command(command) | Work::Deploy { command, .. } => self.surroundings(command),
        }
    }

    /// Writes a text, or the name that it has with several nodes.
    fn told(&mut self, (own, shared): (&str, &str), text: &str, texts: &Texts<'_>) {
        match texts.name(text) {
            Some(name) => self.string(shared, name),
            None => self.text(own, text),
        }
    }

    /// Writes who works, and what it reaches beyond its worktree.
    fn reach(&mut self, plan: &Plan, work: &Work) {
        match work {
            Work::Agent { agent, session, .. } => {
                self.string("agent", &plan.agents[agent.get()].name);
                if let Some(session) = session {
                    self.string("session", &plan.nodes[session.get()].name);
                }
            }
            Work::Approval { .. } | Work::Verify { .. } => {}
            Work::Command(command) => self.capabilities(command),
            Work::Deploy { command, folders, recovery } => {
                self.capabilities(command);
                self.list_if("folders", folders);
                self.plain("recovery", recovery.word());
                if let Recovery::Probe(probe) = recovery {
                    self.list("probe", probe);
                }
            }
        }
    }

    fn capabilities(&mut self, command: &Command) {
        self.list_if("network", &command.network);
        self.list_if("secrets", &command.secrets);
        for (key, value) in [("in_place", command.in_place), ("shell", command.shell)] {
            if value {
                self.line(format_args!("{key} = true"));
            }
        }
    }

    fn surroundings(&mut self, command: &Command) {
        self.string_if("cwd", command.cwd.as_ref());
        if !command.vars.is_empty() {
            let vars = command.vars.iter().map(|(name, value)| format!("{name}={value}"));
            self.list("vars", &vars.collect::<Vec<_>>());
        }
        if !command.ok.is_empty() {
            push_numbers(&mut self.out, "ok", &command.ok);
        }
        self.string_if("stdout", command.stdout.as_ref());
        self.list("run", &command.run);
    }
}
