//! What a node does, before and after: prompts, commands, questions, deploys.
//!
//! Unaware of the other keys of nodes.

use super::change::{At, Looser, command_line};
use super::nodes::{Lists, name_before};
use super::pairs::{Pairs, rules_of};
use super::text::Texts;
use crate::{Command, Recovery, Work};

/// Compares what two nodes do.
pub(super) fn compare(
    pairs: &Pairs<'_>,
    (before, after): (&Work, &Work),
    (is_deployed, texts): (bool, &mut Texts),
    at: &mut At<'_>,
) {
    match (before, after) {
        (
            Work::Agent { agent, prompt, session },
            Work::Agent { agent: other, prompt: told, session: forked },
        ) => {
            if !pairs.is_same_agent(*agent, *other) {
                let old = pairs.before.agents[agent.get()].name.clone();
                let new = pairs.after.agents[other.get()].name.clone();
                at.note("agent", (Some(old), Some(new)), Some(Looser::Agent));
            }
            let old = session.map(|node| pairs.before.nodes[node.get()].name.clone());
            let new = forked.map(|node| name_before(pairs, node));
            at.value("session", (&old, &new), Clone::clone, |_, _| None);
            compare_text("prompt", (prompt, told), texts, at);
        }
        (Work::Command(command), Work::Command(other)) => {
            // Before a deploy a command may be there to check something.
            let program = match reaches_out(after) {
                true => Some(Looser::Program),
                false => is_deployed.then_some(Looser::Check),
            };
            compare_commands((command, other), program, at);
        }
        (Work::Approval { ask }, Work::Approval { ask: asked }) => {
            compare_text("ask", (ask, asked), texts, at);
        }
        (
            Work::Deploy { command, folders, recovery },
            Work::Deploy { command: other, folders: opened, recovery: recovered },
        ) => {
            compare_commands((command, other), Some(Looser::Program), at);
            at.list("folders", (folders, opened), |_| None, |_| Some(Looser::Folder));
            at.value(
                "recovery",
                (recovery, recovered),
                |it| Some(shown(it)),
                |old, new| (trust(new) >= trust(old)).then_some(Looser::Recovery),
            );
        }
        (Work::Verify { rules }, Work::Verify { rules: judged }) => {
            let old: Vec<Option<usize>> =
                rules.iter().map(|rule| Some(pairs.rules.before(rule.get()))).collect();
            let new: Vec<Option<usize>> =
                judged.iter().map(|rule| pairs.rules.after(rule.get())).collect();
            let old_name = |place: usize| &rules_of(pairs.before)[rules[place].get()].name;
            let new_name = |place: usize| &rules_of(pairs.after)[judged[place].get()].name;
            let lists = Lists { old: &old, new: &new, old_name: &old_name, new_name: &new_name };
            lists.compare("rules", (Some(Looser::Rule), None), at);
        }
        _ => {
            let kinds = (Some(before.kind().to_owned()), Some(after.kind().to_owned()));
            at.note("kind", kinds, Some(Looser::Kind));
            added(after, at);
        }
    }
}

/// Tells whether what runs has a reach beyond the sandbox.
pub(super) fn reaches_out(work: &Work) -> bool {
    let is_deploy = matches!(work, Work::Deploy { .. });
    is_deploy
        || work.command().is_some_and(|command| {
            command.in_place || !command.secrets.is_empty() || !command.network.is_empty()
        })
}

/// Notes what a node that was not there, or did something else, reaches.
pub(super) fn added(work: &Work, at: &mut At<'_>) {
    if let Work::Deploy { folders, .. } = work {
        at.note("kind", (None, Some(work.kind().to_owned())), Some(Looser::Deploy));
        at.list("folders", (&[], folders), |_| None, |_| Some(Looser::Folder));
    }
    let Some(command) = work.command() else { return };
    let nothing = Command::default();
    reach((&nothing, command), at);
    if reaches_out(work) {
        at.note("run", (None, Some(command_line(&command.run))), Some(Looser::Program));
    }
}

fn compare_text(
    key: &'static str,
    (before, after): (&str, &str),
    texts: &mut Texts,
    at: &mut At<'_>,
) {
    if before != after {
        at.note(key, (Some(before.to_owned()), Some(after.to_owned())), None);
        if let Some(noted) = at.out.last_mut() {
            noted.lines = texts.compare(before, after);
        }
    }
}

/// Compares what runs. What another program does with a reach beyond the sandbox, or
/// what it leaves unchecked, no machine can judge: `program` says which of that counts.
fn compare_commands(
    (before, after): (&Command, &Command),
    program: Option<Looser>,
    at: &mut At<'_>,
) {
    // A new key of commands is compared here or in `reach`: without `..` this does not compile.
    let Command { run, cwd, vars, ok, stdout: _, network: _, secrets: _, in_place: _, shell: _ } =
        before;
    reach((before, after), at);
    at.value("run", (run, &after.run), |run| Some(command_line(run)), |_, _| program);
    at.value("cwd", (cwd, &after.cwd), Clone::clone, |_, _| program);
    let spelled = |vars: &[(String, String)]| -> Vec<String> {
        vars.iter().map(|(name, value)| format!("{name}={value}")).collect()
    };
    at.list("vars", (&spelled(vars), &spelled(&after.vars)), |_| program, |_| program);
    let accepted = |ok: &[u8]| if ok.is_empty() { vec![0] } else { ok.to_vec() };
    let numbers = |ok: &[u8]| -> Vec<String> { ok.iter().map(u8::to_string).collect() };
    if accepted(ok) == accepted(&after.ok) {
        // `[0]` says what an empty list says, but is another plan.
        at.value("ok", (ok, &after.ok), |ok| Some(numbers(ok).join(", ")), |_, _| None);
    } else {
        let (old, new) = (numbers(&accepted(ok)), numbers(&accepted(&after.ok)));
        at.list("ok", (&old, &new), |_| None, |_| Some(Looser::Status));
    }
}

/// Compares what a command reaches beyond its worktree.
fn reach((before, after): (&Command, &Command), at: &mut At<'_>) {
    let secret = |_: &str| Some(Looser::Secret);
    at.list("secrets", (&before.secrets, &after.secrets), |_| None, secret);
    let flag = |it: &bool| Some(if *it { "true" } else { "false" }.to_owned());
    at.value("in_place", (&before.in_place, &after.in_place), flag, |_, after| {
        after.then_some(Looser::InPlace)
    });
    at.value("shell", (&before.shell, &after.shell), flag, |_, after| {
        after.then_some(Looser::Shell)
    });
    let network = |_: &str| Some(Looser::Network);
    at.list("network", (&before.network, &after.network), |_| None, network);
    at.value("stdout", (&before.stdout, &after.stdout), Clone::clone, |_, after| {
        after.is_some().then_some(Looser::Output)
    });
}

fn shown(recovery: &Recovery) -> String {
    match recovery {
        Recovery::Probe(run) => format!("probe {}", command_line(run)),
        Recovery::Ask | Recovery::Rerun | Recovery::Skip => recovery.word().to_owned(),
    }
}

/// How much is done without a person: another one of the same trust cannot be judged.
fn trust(recovery: &Recovery) -> u8 {
    match recovery {
        Recovery::Ask => 0,
        Recovery::Probe(_) => 1,
        Recovery::Rerun | Recovery::Skip => 2,
    }
}
