//! `eufm approve` and `eufm reject`: answers to questions of runs.

use std::path::Path;

use eufm_runner::people::{About, AnswerFile, Asked, Decision, OpenQuestion, give, open_questions};

use super::exec::read_plan;
use crate::args::{ApproveArgs, QuestionArgs, RejectArgs};
use crate::exit::{ExitStatus, Failure};
use crate::{host, render};

/// Says yes to a question, or lists the open ones.
///
/// # Errors
/// Fails when there is no such question, or the answer does not fit it.
pub(crate) fn approve(args: &ApproveArgs) -> Result<ExitStatus, Failure> {
    let (asked, open) = look(args.node.as_deref(), &args.question)?;
    if args.node.is_none() {
        if args.json {
            render::people::json(&open);
        } else {
            let all = open_questions(&Asked { plan: None, ..asked.clone() })?;
            render::people::list(&all, &asked);
        }
        return Ok(ExitStatus::DONE);
    }
    let decision = if args.done { Decision::Done } else { Decision::Approve };
    let beyond = Beyond { raise: args.raise.clone(), take: args.take.clone() };
    answer(&only(open, &asked)?, &args.question, decision, beyond)
}

/// Says no to a question.
///
/// # Errors
/// Fails when there is no such question.
pub(crate) fn reject(args: &RejectArgs) -> Result<ExitStatus, Failure> {
    let (asked, open) = look(Some(&args.node), &args.question)?;
    answer(&only(open, &asked)?, &args.question, Decision::Reject, Beyond::default())
}

/// Finds the open questions of the runs of a plan.
fn look(node: Option<&str>, args: &QuestionArgs) -> Result<(Asked, Vec<OpenQuestion>), Failure> {
    let plan = args.plan.as_deref().unwrap_or(Path::new("plan.lock"));
    let (locked, _) = read_plan(plan)?;
    let state = match (&args.state, &args.repo) {
        // What is given needs no repository.
        (Some(state), None) => host::absolute(state)?,
        (state, repo) => host::state(state.as_deref(), &host::repository(repo.as_deref(), plan)?)?,
    };
    let asked = Asked { state, plan: Some(locked.digest), node: node.map(ToOwned::to_owned) };
    let open = open_questions(&asked)?;
    Ok((asked, open))
}

/// Takes the one question that a node has.
fn only(mut open: Vec<OpenQuestion>, asked: &Asked) -> Result<OpenQuestion, Failure> {
    let node = asked.node.as_deref().unwrap_or_default();
    match (open.pop(), open.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => {
            let message = format!(
                "{node} asks in several runs of this plan\n  help: write the answer file that \
                 `eufm approve --json` names"
            );
            Err(Failure::new(ExitStatus::USAGE, message))
        }
        (None, _) => {
            // The plan may have been compiled again since.
            let others = open_questions(&Asked { plan: None, ..asked.clone() })?;
            let help = match others.first() {
                Some(other) => format!(
                    "it asks in {}, a run of another plan: name {} behind the node",
                    other.question.run,
                    other.plan(&asked.state).display()
                ),
                None => {
                    "`eufm approve` without a node lists those that wait for a person".to_owned()
                }
            };
            let message = format!("{node} asks nothing in a run of this plan\n  help: {help}");
            Err(Failure::new(ExitStatus::USAGE, message))
        }
    }
}

/// What an answer gives beside the decision.
#[derive(Default)]
struct Beyond {
    raise: Option<String>,
    take: Option<String>,
}

fn answer(
    open: &OpenQuestion,
    args: &QuestionArgs,
    decision: Decision,
    Beyond { raise, take }: Beyond,
) -> Result<ExitStatus, Failure> {
    let tree = open.tree().clone();
    if let Some(expected) = &args.tree
        && (expected.len() < 7 || !tree.as_str().starts_with(expected))
    {
        let message = format!(
            "{} asks about the tree {tree}, not {expected}\n  help: look at it, then answer with \
             --tree {}",
            open.question.node,
            tree.short()
        );
        return Err(Failure::new(ExitStatus::USAGE, message));
    }
    let rule = rule(open, args.rule.as_deref())?;
    let file = AnswerFile {
        rule,
        decision,
        by: args.by.clone().unwrap_or_else(host::person),
        at: jiff::Timestamp::now().strftime("%FT%TZ").to_string(),
        plan: open.question.plan,
        tree,
        note: args.note.clone(),
        raise,
        take,
    };
    give(open, &file)?;
    render::people::given(open, decision);
    Ok(ExitStatus::DONE)
}

/// Takes the rule that is answered about. It must be named: a node asks about one
/// rule after the other, all on one tree.
fn rule(open: &OpenQuestion, named: Option<&str>) -> Result<Option<String>, Failure> {
    let node = &open.question.node;
    let (message, help) = match (&open.question.about, named) {
        (About::Rule { rule }, Some(named)) if rule == named => return Ok(Some(rule.clone())),
        (About::Rule { rule }, _) => {
            let rule = render::people::quoted(rule);
            (format!("{node} asks about the rule {rule}"), format!("answer with --rule {rule}"))
        }
        (_, Some(_)) => (format!("{node} asks about no rule"), "answer without --rule".to_owned()),
        (_, None) => return Ok(None),
    };
    Err(Failure::new(ExitStatus::USAGE, format!("{message}\n  help: look at it, then {help}")))
}
