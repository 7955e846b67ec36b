//! An altered plan.lock is refused, or what is shown of it is altered too.
//!
//! Whoever alters a plan.lock may compute its digest again, and all that is derived
//! from the plan as well. What is refused then is not the text but what it means,
//! and what is not refused must be seen: in what `eufm show` prints, and in what
//! `eufm diff` says of the plan before and after.

use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};
use rayon::prelude::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::{PART_BYTES, first_difference, read};
use crate::ancestry::owed;
use crate::diff::diff;
use crate::lockfile::example::{everything, in_order};
use crate::lockfile::write::{DIGEST_HEAD, DIGEST_LINE};
use crate::lockfile::{after_nodes, node_table, tables_before_nodes, write};
use crate::units::{Bytes, Millis, Money, Tokens};
use crate::{
    Command, Derived, Digest, EnvironmentIndex, GateIndex, Input, InputPart, Node, NodeBudget,
    NodeIndex, OnFail, Plan, Recovery, RuleIndex, Work, Writes, verify_name,
};

/// How many texts are tried.
const ROUNDS: usize = 10_000;

fn strings(items: &[&str]) -> Vec<String> {
    items.iter().map(|&item| item.to_owned()).collect()
}

/// Forty nodes in which every form of a plan occurs, most of them several times.
fn forty() -> Plan {
    let mut plan = everything();
    for story in ["search", "basket", "order", "mail"] {
        add_story(&mut plan, story);
    }
    let mut plan = in_order(plan);
    add_release(&mut plan);
    while plan.nodes.len() < 40 {
        let mut node = plan.nodes[7].clone();
        node.name = format!("gather[\"{}\"]", plan.nodes.len());
        plan.nodes.push(node);
    }
    plan
}

/// Adds a plan, the code and a check of it, each held otherwise.
fn add_story(plan: &mut Plan, story: &str) {
    let (agent, command) = (plan.nodes[0].clone(), plan.nodes[5].clone());
    let first = plan.nodes.len();
    let told = |prompt: &str, session| Work::Agent {
        agent: crate::AgentIndex::new(0),
        prompt: prompt.to_owned(),
        session,
    };
    let name = |part: &str| format!("shop/story[\"{story}\"]/{part}");
    plan.nodes.push(Node {
        name: name("plan"),
        work: told("Plan the story.\nSay what is not clear.\n", None),
        implements: vec![format!("FR-{first:03}")],
        writes: Writes::Globs(vec![format!("docs/{story}/**")]),
        reads: Some(strings(&["docs/**", "src/lib.rs"])),
        ..agent.clone()
    });
    plan.nodes.push(Node {
        name: name("code"),
        work: told(&format!("Write the code of {story}."), Some(NodeIndex::new(first))),
        needs: vec![NodeIndex::new(first)],
        inputs: vec![
            Input { node: NodeIndex::new(first), part: InputPart::Answer },
            Input { node: NodeIndex::new(first), part: InputPart::File("docs/a b.md".to_owned()) },
        ],
        writes: Writes::Globs(vec![format!("shop/{story}/**"), format!("tests/{story}/*.rs")]),
        env: vec![EnvironmentIndex::new(0)],
        gates: vec![GateIndex::new(first % 2), GateIndex::new((first + 1) % 2)],
        budget: NodeBudget {
            cost: Some(Money::parse("0.50 EUR").expect("an amount")),
            wall: Some(Millis(60_000 * first as u64)),
            tokens: Some(Tokens(1_000 * first as u64)),
            memory: Some(Bytes((1 + first as u64) << 20)),
            attempts: 2,
        },
        on_fail: if first.is_multiple_of(2) { OnFail::Stop } else { OnFail::Escalate },
        ..agent
    });
    let Work::Command(check) = &command.work else { panic!("no command") };
    let check = Command { cwd: Some(format!("shop/{story}")), stdout: None, ..*check.clone() };
    plan.nodes.push(Node {
        name: name("check"),
        work: Work::Command(Box::new(check)),
        needs: vec![NodeIndex::new(first + 1)],
        reads: None,
        writes: Writes::Globs(Vec::new()),
        ..command
    });
    let ask = "Is the story what was meant?\nLook at its check too.\n".to_owned();
    plan.nodes.push(Node {
        name: name("look"),
        work: Work::Approval { ask },
        needs: vec![NodeIndex::new(first + 2)],
        ..plan.nodes[10].clone()
    });
}

/// Adds a command with a secret, and a deploy of all stories that tells by a probe.
fn add_release(plan: &mut Plan) {
    let blank = plan.nodes[10].clone();
    let fetch = Command {
        secrets: strings(&["FEED_KEY", "FEED_USER"]),
        network: strings(&["feed.example", "*.cdn.example"]),
        vars: vec![("LEVEL".to_owned(), "2".to_owned())],
        ..Command::new(strings(&["make", "feed", "FROM=eu-1"]))
    };
    plan.nodes.push(Node {
        name: "feed".to_owned(),
        work: Work::Command(Box::new(fetch)),
        needs: Vec::new(),
        ..blank.clone()
    });
    let looks = plan.nodes.iter().enumerate().filter(|(_, node)| node.name.ends_with("/look"));
    let needs: Vec<NodeIndex> = looks.map(|(at, _)| NodeIndex::new(at)).collect();
    let verify = NodeIndex::new(plan.nodes.len());
    let rules = plan.constitution.as_ref().map_or(0, |constitution| constitution.rules.len());
    plan.nodes.push(Node {
        name: verify_name("shop/publish"),
        work: Work::Verify { rules: (0..rules).map(RuleIndex::new).collect() },
        needs,
        ..blank.clone()
    });
    let owed = owed(&plan.nodes, &[verify], usize::MAX).expect("there is no bound").remove(0);
    let node = &mut plan.nodes[verify.get()];
    (node.gates, node.env) = (owed.gates, owed.env);
    let publish = Command {
        network: strings(&["shop.example"]),
        secrets: strings(&["SHOP_KEY"]),
        ..Command::new(strings(&["make", "publish"]))
    };
    plan.nodes.push(Node {
        name: "shop/publish".to_owned(),
        work: Work::Deploy {
            command: Box::new(publish),
            folders: strings(&["/srv/shop", "~/.cache/shop"]),
            recovery: Recovery::Probe(strings(&["make", "is-published"])),
        },
        needs: vec![verify],
        ..blank
    });
}

/// Puts the right digest under an altered text.
fn sealed(body: &str) -> String {
    let (before, after) = DIGEST_LINE;
    format!("{body}{DIGEST_HEAD}{before}{}{after}", Digest::of(body.as_bytes()))
}

/// Signs that are put in the place of others: those of the format, those of values,
/// and such that look like another one or like none.
const SIGNS: &[&str] = &[
    "\"",
    "'",
    "\\",
    "\n",
    "\r",
    "\t",
    " ",
    "#",
    "[",
    "]",
    "{",
    "}",
    "=",
    ".",
    ",",
    "*",
    "/",
    "-",
    "_",
    "%",
    "~",
    "0",
    "9",
    "a",
    "Z",
    "\0",
    "а",
    "е",
    "о",
    "Α",
    "ɡ",
    "І",
    "·",
    "…",
    "é",
    "e\u{301}",
    "\u{202E}",
    "\u{2066}",
    "\u{200B}",
    "\u{200D}",
    "\u{FEFF}",
    "\u{A0}",
    "\u{2028}",
    "\u{E0041}",
    "\\u0041",
    "\\u202E",
    "\\t",
    "\\n",
    "\\\\",
    "\\\"",
    "**",
    "../",
    "<=",
    "<",
    "\"\"\"",
];

/// What looks like a letter of ASCII and is none.
const ALIKE: &[(char, char)] = &[
    ('a', 'а'),
    ('e', 'е'),
    ('o', 'о'),
    ('c', 'с'),
    ('p', 'р'),
    ('i', 'і'),
    ('-', '‐'),
    ('/', '∕'),
];

struct Mutator {
    rng: TestRng,
}

impl Mutator {
    fn below(&mut self, bound: usize) -> usize {
        self.rng.next_u32() as usize % bound.max(1)
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A place between two signs.
    fn place(&mut self, text: &str) -> usize {
        let at = self.below(text.len());
        (at..=text.len()).find(|at| text.is_char_boundary(*at)).expect("the end is one")
    }

    /// Alters a text once.
    fn altered(&mut self, text: &str) -> String {
        match self.below(10) {
            0 | 1 => self.with_other_sign(text),
            2 => self.with_other_lines(text),
            3 | 4 => self.with_values_moved(text),
            5 => self.with_another_number(text),
            6 => self.with_other_elements(text),
            7 => self.with_other_case_or_letter(text),
            8 => self.with_other_tables(text),
            _ => self.with_a_word_from_elsewhere(text),
        }
    }

    fn with_other_sign(&mut self, text: &str) -> String {
        let (before, after) = text.split_at(self.place(text));
        let mut rest = after.chars();
        let sign = self.one(SIGNS);
        match self.below(4) {
            0 => format!("{before}{sign}{after}"),
            1 => {
                rest.next();
                format!("{before}{}", rest.as_str())
            }
            2 => {
                // Two signs change places.
                let (one, other) = (rest.next(), rest.next());
                let swapped: String = other.into_iter().chain(one).collect();
                format!("{before}{swapped}{}", rest.as_str())
            }
            _ => {
                rest.next();
                format!("{before}{sign}{}", rest.as_str())
            }
        }
    }

    fn with_other_lines(&mut self, text: &str) -> String {
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        let (at, other) = (self.below(lines.len()), self.below(lines.len()));
        match self.below(4) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[other]),
            2 => lines.swap(at, other),
            _ => {
                let next = (at + 1).min(lines.len() - 1);
                lines.swap(at, next);
            }
        }
        lines.concat()
    }

    /// The value of a key goes to another table that has the key, or both change places.
    fn with_values_moved(&mut self, text: &str) -> String {
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        let key = |line: &str| line.split_once(" = ").map(|(key, _)| key.to_owned());
        let at = self.below(lines.len());
        let Some(own) = key(lines[at]) else { return self.with_other_sign(text) };
        let same = (0..lines.len()).filter(|&it| it != at && key(lines[it]).as_ref() == Some(&own));
        let same: Vec<usize> = same.collect();
        if same.is_empty() {
            return self.with_other_sign(text);
        }
        let other = self.one(&same);
        if self.below(2) == 0 {
            lines.swap(at, other);
        } else {
            lines[at] = lines[other];
        }
        lines.concat()
    }

    fn with_another_number(&mut self, text: &str) -> String {
        let place = self.place(text);
        let Some(begin) = text[place..].find(|c: char| c.is_ascii_digit()) else {
            return self.with_other_sign(text);
        };
        let begin = place + begin;
        let length = text[begin..].bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = text[begin..].split_at(length);
        let new = match self.below(5) {
            0 => format!("{number}0"),
            1 => format!("0{number}"),
            2 => self.below(1_000).to_string(),
            3 => number.bytes().rev().map(char::from).collect(),
            _ => format!("-{number}"),
        };
        format!("{}{new}{rest}", &text[..begin])
    }

    /// An element of a list goes, comes twice, or changes places with the next.
    fn with_other_elements(&mut self, text: &str) -> String {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let is_list = |at: &usize| lines[*at].contains(" = [\"");
        let lists: Vec<usize> = (0..lines.len()).filter(is_list).collect();
        let at = self.one(&lists);
        let (key, list) = lines[at].split_once(" = [").expect("a list");
        let list = list.trim_end().trim_end_matches(']');
        let mut elements: Vec<&str> = list.split(", ").collect();
        let place = self.below(elements.len());
        match self.below(3) {
            0 => drop(elements.remove(place)),
            1 => elements.insert(place, elements[self.below(elements.len())]),
            _ => {
                let next = (place + 1) % elements.len();
                elements.swap(place, next);
            }
        }
        let line = format!("{key} = [{}]\n", elements.join(", "));
        [lines[..at].concat(), line, lines[at + 1..].concat()].concat()
    }

    fn with_other_case_or_letter(&mut self, text: &str) -> String {
        let (before, after) = text.split_at(self.place(text));
        let mut rest = after.chars();
        let Some(c) = rest.next() else { return self.with_other_lines(text) };
        let alike = ALIKE.iter().find(|(plain, _)| *plain == c).map(|(_, alike)| *alike);
        let new = match alike {
            Some(alike) if self.below(2) == 0 => alike.to_string(),
            _ if c.is_lowercase() => c.to_uppercase().to_string(),
            _ => c.to_lowercase().to_string(),
        };
        format!("{before}{new}{}", rest.as_str())
    }

    fn with_other_tables(&mut self, text: &str) -> String {
        let mut tables: Vec<&str> = text.split_inclusive("\n\n").collect();
        let (at, other) = (self.below(tables.len()), self.below(tables.len()));
        match self.below(3) {
            0 => drop(tables.remove(at)),
            1 => tables.swap(at, other),
            _ => {
                let next = (at + 1).min(tables.len() - 1);
                tables.swap(at, next);
            }
        }
        tables.concat()
    }

    /// A text between quotes takes the place of another one, here or everywhere.
    fn with_a_word_from_elsewhere(&mut self, text: &str) -> String {
        let quoted: Vec<&str> = text.split('"').skip(1).step_by(2).collect();
        let (old, new) = (self.one(&quoted), self.one(&quoted));
        let (old, new) = (format!("\"{old}\""), format!("\"{new}\""));
        let places: Vec<usize> = text.match_indices(&old).map(|(at, _)| at).collect();
        match self.below(3) {
            0 => text.replace(&old, &new),
            _ if places.is_empty() => self.with_other_sign(text),
            _ => {
                let at = self.one(&places);
                format!("{}{new}{}", &text[..at], &text[at + old.len()..])
            }
        }
    }
}

/// All that `eufm show` prints of a plan.
fn shown(plan: &Plan) -> String {
    let nodes = (0..plan.nodes.len()).map(|at| node_table(plan, NodeIndex::new(at)));
    let derived = Derived::of(plan);
    [tables_before_nodes(plan, &derived), nodes.collect(), after_nodes(plan, &derived)].concat()
}

/// What is known of the plan that is altered.
struct Original {
    plan: Plan,
    text: String,
    shown: String,
}

/// What became of an altered text.
#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Refused,
    /// The text is that of another plan.
    Seen,
    /// What was derived from the plan did not fit; computed anew, it is another plan.
    SeenAnew,
    Slipped(&'static str),
}

impl Original {
    fn outcome(&self, altered: &str) -> Outcome {
        let sealed = sealed(altered);
        // Less than `read` does, which reads again what is refused to word it.
        let Ok(plan) = super::plan(&sealed, PART_BYTES) else { return Outcome::Refused };
        if first_difference(&plan, &Derived::of(&plan), &sealed).is_none() {
            return self.judged(&plan, Outcome::Seen);
        }
        if plan == self.plan {
            return Outcome::Refused;
        }
        // Whoever computes all that is derived again has written another plan.
        match read(&write(&plan)) {
            Ok(locked) if *locked.plan != plan => Outcome::Slipped("it is read as another plan"),
            Ok(_) => self.judged(&plan, Outcome::SeenAnew),
            Err(_) => Outcome::Refused,
        }
    }

    fn judged(&self, plan: &Plan, seen: Outcome) -> Outcome {
        if *plan == self.plan {
            return Outcome::Slipped("it is another text of the same plan");
        }
        if diff(&self.plan, plan).is_empty() {
            return Outcome::Slipped("the difference says nothing");
        }
        if shown(plan) == self.shown {
            return Outcome::Slipped("the same is shown");
        }
        seen
    }
}

#[test]
fn what_is_altered_is_refused_or_shown() {
    let plan = forty();
    assert_eq!(plan.nodes.len(), 40);
    let (text, shown) = (write(&plan), shown(&plan));
    assert!(read(&text).is_ok(), "{:?}", read(&text).err());
    let text = text.split(DIGEST_HEAD).next().expect("what it is of").to_owned();
    let original = Original { plan, text, shown };
    let mut mutator = Mutator { rng: TestRng::deterministic_rng(RngAlgorithm::ChaCha) };
    let altered = std::iter::repeat_with(|| mutator.altered(&original.text));
    let altered: Vec<String> =
        altered.filter(|altered| *altered != original.text).take(ROUNDS).collect();
    let outcomes: Vec<Outcome> =
        altered.par_iter().map(|altered| original.outcome(altered)).collect();
    let mut slipped = Vec::new();
    for (outcome, altered) in outcomes.iter().zip(&altered) {
        if let Outcome::Slipped(why) = outcome {
            let mut lines = original.text.lines().zip(altered.lines());
            slipped.push((why, lines.find(|(old, new)| old != new)));
        }
    }
    assert!(slipped.is_empty(), "{slipped:#?}");
    let count = |which| outcomes.iter().filter(|outcome| **outcome == which).count();
    let (seen, anew) = (count(Outcome::Seen), count(Outcome::SeenAnew));
    assert!(seen > 1_000 && anew > 300, "too few are plans: {seen} and {anew}");
}
