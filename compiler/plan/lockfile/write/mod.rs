//! Plan to text: the one spelling of a plan, rendered by hand.
//!
//! By hand, because reviewers read its differences: order, line breaks and
//! escapes are ours, not a serializer's. Linear in the plan. Unaware of files
//! and of where the text goes.

mod node;
mod parts;
mod tables;

use std::fmt::{Display, Write as _};

use rayon::prelude::{ParallelIterator as _, ParallelSlice as _};

pub use tables::{after_nodes, node_table, tables_before_nodes, used_tables};

use super::FORMAT;
use super::spelling::{push_key, push_list, push_string, push_text};
use super::texts::Texts;
use crate::id::Hasher;
use crate::proof::Proof;
use crate::review::Review;
use crate::{Derived, Digest, EnvironmentIndex, Node, Origin, Plan};

/// The line that opens the digest; everything before it is hashed.
pub(super) const DIGEST_HEAD: &str = "[digest]\n";

/// How the digest's line begins and ends.
pub(super) const DIGEST_LINE: (&str, &str) = ("plan = \"", "\"\n");

/// How many nodes are rendered at a time.
const GROUP: usize = 500;

/// How many nodes are rendered before their text is handed on.
const NODES_AT_ONCE: usize = 4 * GROUP;

/// About how many bytes a node has.
const NODE_BYTES: usize = 512;

/// Writes the plan.lock of a plan; the text does not depend on how many threads
/// the current rayon pool has.
///
/// The parameters of a kind must not have a name that the table itself has,
/// such as `kind`, and names must be unique among their own, as the compiler
/// sees to; [`super::read()`] refuses the text otherwise.
///
/// # Panics
/// Panics when an index of the plan points outside it.
#[must_use]
pub fn write(plan: &Plan) -> String {
    write_derived(plan, &Derived::of(plan))
}

/// Writes the plan.lock of a plan with what was derived from it.
///
/// # Panics
/// Panics as [`write()`] does.
#[must_use]
pub fn write_derived(plan: &Plan, derived: &Derived) -> String {
    let mut text = String::with_capacity(NODE_BYTES * (plan.nodes.len() + 8));
    pieces(plan, derived, &mut |piece| text.push_str(piece));
    text
}

/// Returns the digest that the plan.lock of a plan ends with; the text is not
/// held for that.
///
/// # Panics
/// Panics as [`write()`] does.
#[must_use]
pub fn digest(plan: &Plan) -> Digest {
    pieces(plan, &Derived::of(plan), &mut |_| {})
}

/// Finds the first line, from 1, in which a text that ends with a line end is not
/// the plan.lock of a plan with what was derived from it. No second text is held for
/// that.
pub(super) fn first_difference(plan: &Plan, derived: &Derived, text: &str) -> Option<usize> {
    let (mut at, mut difference) = (0, None);
    pieces(plan, derived, &mut |piece| {
        let rest = &text.as_bytes()[at..];
        if difference.is_none() && !rest.starts_with(piece.as_bytes()) {
            let same = rest.iter().zip(piece.as_bytes()).take_while(|(a, b)| a == b).count();
            difference = Some(at + same);
        }
        at = text.len().min(at + piece.len());
    });
    let place = difference.or((at < text.len()).then_some(at))?;
    Some(1 + text.as_bytes()[..place].iter().filter(|&&byte| byte == b'\n').count())
}

/// Writes the plan.lock of a plan, piece by piece, and returns its digest. While some
/// pieces are handed on, the next are made.
fn pieces(plan: &Plan, derived: &Derived, take: &mut (dyn FnMut(&str) + Send)) -> Digest {
    let mut hasher = Hasher::default();
    let mut hand_over = |piece: &str| {
        hasher.update(piece.as_bytes());
        take(piece);
    };
    let texts = Texts::of(plan);
    let mut made = vec![before_nodes(plan, derived, &texts)];
    for nodes in plan.nodes.chunks(NODES_AT_ONCE) {
        let hand_on = || made.iter().for_each(|piece| hand_over(piece));
        ((), made) = rayon::join(hand_on, || nodes_of(plan, nodes, &texts));
    }
    made.push(behind_nodes(plan, derived));
    made.iter().for_each(|piece| hand_over(piece));
    let (before, after) = DIGEST_LINE;
    let digest = hasher.digest();
    take(&format!("{DIGEST_HEAD}{before}{digest}{after}"));
    digest
}

fn before_nodes(plan: &Plan, derived: &Derived, texts: &Texts<'_>) -> String {
    let mut lock = Writer::default();
    lock.opening(plan);
    lock.review(&derived.review);
    lock.run_budget(&plan.budget);
    plan.environments.iter().for_each(|environment| lock.environment(environment));
    plan.agents.iter().for_each(|agent| lock.agent(agent));
    plan.gates.iter().for_each(|gate| lock.gate(gate));
    plan.constitution.iter().for_each(|constitution| lock.constitution(constitution));
    plan.protected.iter().for_each(|protected| lock.protected(protected));
    plan.generated.iter().for_each(|file| lock.generated(plan, file));
    lock.scripts(&plan.scripts);
    texts.in_order().into_iter().for_each(|(name, text)| lock.shared_text(name, text));
    lock.out
}

/// Renders nodes, a group at a time on several threads.
fn nodes_of(plan: &Plan, nodes: &[Node], texts: &Texts<'_>) -> Vec<String> {
    let render = |nodes: &[Node]| {
        let mut lock = Writer { out: String::with_capacity(nodes.len() * NODE_BYTES) };
        nodes.iter().for_each(|node| lock.node(plan, node, texts));
        lock.out
    };
    if nodes.len() <= GROUP {
        return vec![render(nodes)];
    }
    nodes.par_chunks(GROUP).map(render).collect()
}

fn behind_nodes(plan: &Plan, derived: &Derived) -> String {
    let mut lock = Writer::default();
    if !plan.omitted.is_empty() {
        lock.line(format_args!("\n[omitted]"));
        lock.list("nodes", &plan.omitted);
    }
    plan.prices.iter().for_each(|price| lock.price(price));
    plan.exchange.iter().for_each(|exchange| lock.exchange(exchange));
    lock.proofs(&derived.proofs);
    lock.origin(&plan.origin);
    lock.out.push('\n');
    lock.out
}

#[derive(Default)]
struct Writer {
    out: String,
}

impl Writer {
    fn opening(&mut self, plan: &Plan) {
        // A file name may hold a line end, which would end the comment.
        let spec: String = plan.origin.spec.chars().filter(|c| !c.is_control()).collect();
        self.line(format_args!(
            "# @generated by eufm compile from {spec}. Review it; do not edit it."
        ));
        self.line(format_args!("format = {FORMAT}"));
        self.string("pipeline", &plan.pipeline);
        if let Some(goal) = &plan.goal {
            self.text("goal", goal);
        }
        self.string_if("source", plan.source.as_ref());
        self.string("base", &plan.base);
        self.string_if("window", plan.window.as_ref());
    }

    fn review(&mut self, review: &Review) {
        self.line(format_args!("\n[review]  # derived from the rest, and checked again at exec"));
        self.string("nodes", &review.nodes);
        self.string("cost", &review.cost);
        self.string("wall", &review.wall);
        self.string("people", &review.people);
        self.list("capabilities", &review.capabilities);
        self.list("weak", &review.weak);
        self.list("waived", &review.waived);
    }

    fn proofs(&mut self, proofs: &[Proof]) {
        self.line(format_args!("\n[proof]  # derived from the rest, and checked again at exec"));
        for proof in proofs {
            self.string(proof.name, &proof.to_string());
        }
    }

    fn origin(&mut self, origin: &Origin) {
        self.line(format_args!("\n[compiler]"));
        self.string("spec", &origin.spec);
        self.string_if("root", Some(&origin.root).filter(|root| *root != "."));
        self.line(format_args!("edition = {}", origin.edition));
        self.string("version", &origin.compiler);
        if !origin.params.is_empty() {
            self.line(format_args!("\n[params]"));
            origin.params.iter().for_each(|(name, value)| self.text(name, value));
        }
        self.line(format_args!("\n[sources]"));
        for source in &origin.sources {
            self.string(&source.path, &source.digest.to_string());
        }
    }

    fn table(&mut self, family: &str, name: &str) {
        write!(self.out, "\n[{family}.").expect(INTO_STRING);
        push_key(&mut self.out, name);
        self.out.push_str("]\n");
    }

    fn string(&mut self, key: &str, value: &str) {
        self.assign(key);
        push_string(&mut self.out, value);
        self.out.push('\n');
    }

    /// Writes a value whose spelling needs no escapes, such as an amount.
    fn plain(&mut self, key: &str, value: impl Display) {
        self.line(format_args!("{key} = \"{value}\""));
    }

    fn string_if(&mut self, key: &str, value: Option<&String>) {
        if let Some(value) = value {
            self.string(key, value);
        }
    }

    fn plain_if(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.plain(key, value);
        }
    }

    fn text(&mut self, key: &str, value: &str) {
        self.assign(key);
        push_text(&mut self.out, value);
        self.out.push('\n');
    }

    fn list(&mut self, key: &str, items: &[String]) {
        push_list(&mut self.out, key, items.iter().map(String::as_str));
    }

    /// Writes a list that is left out where it is empty.
    fn list_if(&mut self, key: &str, items: &[String]) {
        if !items.is_empty() {
            self.list(key, items);
        }
    }

    fn environments(&mut self, plan: &Plan, indices: &[EnvironmentIndex]) {
        let names = indices.iter().map(|index| plan.environments[index.get()].name.as_str());
        push_list(&mut self.out, "env", names);
    }

    fn assign(&mut self, key: &str) {
        push_key(&mut self.out, key);
        self.out.push_str(" = ");
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.out, "{line}").expect(INTO_STRING);
    }
}

const INTO_STRING: &str = "invariant: writing to a string cannot fail";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lockfile::example::{everything, hello};

    #[test]
    fn the_text_is_made_for_review() {
        for (plan, text) in [(hello(), HELLO), (everything(), EVERYTHING)] {
            let written = write(&plan);
            assert_eq!(written, text, "what is written now:\n{written}");
        }
    }

    #[test]
    fn the_documentation_shows_it_to_the_letter() {
        let page = include_str!("../../../../docs/plan-lock.md");
        assert!(page.contains(&format!("```toml\n{HELLO}```\n")));
    }

    #[test]
    fn a_line_end_in_the_name_of_the_spec_does_not_end_the_comment() {
        let mut plan = hello();
        plan.origin.spec = "a\nformat = 9\n.eufm".to_owned();
        let text = write(&plan);
        assert_eq!(text.lines().nth(1), Some("format = 1"));
        assert_eq!(crate::lockfile::read(&text).map(|locked| locked.plan), Ok(plan.into()));
    }

    #[test]
    fn every_key_of_the_text_is_documented() {
        let page = include_str!("../../../../docs/plan-lock.md");
        // Parameters belong to their kinds: docs/kinds.md has them.
        let mut table = "";
        for line in EVERYTHING.lines().filter(|line| !line.starts_with(' ')) {
            if let Some(head) = line.strip_prefix('[') {
                table = head.split(['.', ']']).next().unwrap_or_default();
                assert!(page.contains(&format!("`[{table}")), "the table [{table}]");
            } else if let Some((key, _)) = line.split_once(" = ")
                && !matches!(table, "agent" | "gate" | "rule" | "scripts" | "params" | "sources")
            {
                assert!(page.contains(&format!("`{key}`")), "{key} of [{table}]");
            }
        }
    }

    const HELLO: &str = include_str!("../hello.toml");
    const EVERYTHING: &str = include_str!("../everything.toml");
}
