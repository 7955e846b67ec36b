//! The kinds of mistakes: each makes changed specs of a good one, and says where
//! a finding must point to.
//!
//! A kind changes only what cannot stay right: a name by letters that no other
//! name has, a key that is needed, a sign that has another meaning. Unaware of
//! how findings are compared.

use std::ops::Range;

use super::tokens::{Kind, Token, Tokens};

/// A changed spec.
#[derive(Debug, Clone)]
pub(super) struct Mutation {
    pub(super) text: String,
    /// What stands where the change was made.
    pub(super) places: Vec<Range<usize>>,
    /// The word as it is misspelt, which a message may name instead.
    pub(super) word: Option<String>,
}

/// Makes the mutations of a good spec.
type Maker = fn(&Tokens<'_>) -> Vec<Mutation>;

/// The kinds, each with its name.
pub(super) const KINDS: &[(&str, Maker)] = &[
    ("a brace is lost", |tokens| lost(tokens, "{}")),
    ("a bracket is lost", |tokens| lost(tokens, "[]()")),
    ("a bracket is another one", other_bracket),
    ("a quote is lost", lost_quote),
    ("long quotes are lost", lost_long_quotes),
    ("single quotes", single_quotes),
    ("a comma is lost", lost_comma),
    ("an item's word is misspelt", item_words),
    ("a key is misspelt", keys),
    ("a kind or agent is misspelt", heads),
    ("a unit is misspelt", units),
    ("a unit is lost", lost_unit),
    ("a reference is misspelt", references),
    ("a value's name is misspelt", holes),
    ("a hole is not closed", open_holes),
    ("a choice is misspelt", choices),
    ("an instance is misspelt", instances),
    ("an argument is misspelt", arguments),
    ("a type is misspelt", types),
    ("a word of a head is lost", head_words),
    ("an item's name is lost", item_names),
    ("a path is misspelt", paths),
    ("a needed key is deleted", needed),
    ("the edition is deleted", no_edition),
    ("another sign", other_sign),
    ("a colon sets", colon),
    ("an entry stands twice", entry_twice),
    ("an item stands twice", item_twice),
    ("a list is none", no_list),
    ("a text is a name", no_text),
];

/// Replaces a stretch, and points at what stands there then.
fn replaced(tokens: &Tokens<'_>, range: Range<usize>, by: &str) -> Mutation {
    let mut text = tokens.text.to_owned();
    text.replace_range(range.clone(), by);
    let place = range.start..range.start + by.len();
    Mutation { text, places: vec![place], word: None }
}

/// Makes another place the one that a finding must point to.
fn shown_at(place: &Range<usize>, mut mutation: Mutation) -> Mutation {
    mutation.places = [place.clone()].to_vec();
    mutation
}

/// Removes a token; what stands beside it shows the loss.
fn removed(tokens: &Tokens<'_>, position: usize) -> Mutation {
    let token = &tokens.list[position];
    let mut mutation = replaced(tokens, token.range.clone(), "");
    let length = token.range.len();
    for near in [position.wrapping_sub(1), position + 1, position + 2] {
        if let Some(other) = tokens.at(near).filter(|other| other.kind != Kind::Newline) {
            mutation.places.push(moved(&other.range, token.range.start, length));
        }
    }
    mutation
}

/// Returns where a stretch lies once `length` bytes before it are gone.
fn moved(range: &Range<usize>, at: usize, length: usize) -> Range<usize> {
    let back = |place: usize| if place > at { place - length } else { place };
    back(range.start)..back(range.end)
}

/// Misspells a word: two letters change places, or one is added.
fn misspelt(word: &str) -> String {
    let letters: Vec<char> = word.chars().collect();
    let middle = letters.len() / 2;
    let mut changed = letters.clone();
    match letters.len() {
        0..=2 => changed.push('q'),
        _ if letters[middle - 1] != letters[middle] => changed.swap(middle - 1, middle),
        _ => changed.insert(middle, 'q'),
    }
    changed.into_iter().collect()
}

/// Misspells a token.
fn misspell(tokens: &Tokens<'_>, token: &Token) -> Option<Mutation> {
    let word = misspelt(tokens.word(token));
    let known = tokens.list.iter().any(|other| tokens.word(other) == word);
    (!known).then(|| Mutation {
        word: Some(word.clone()),
        ..replaced(tokens, token.range.clone(), &word)
    })
}

fn misspell_each<'a>(tokens: &Tokens<'_>, which: impl Iterator<Item = &'a Token>) -> Vec<Mutation> {
    which.filter_map(|token| misspell(tokens, token)).collect()
}

fn lost(tokens: &Tokens<'_>, which: &str) -> Vec<Mutation> {
    let brackets = tokens.list.iter().enumerate();
    let brackets = brackets.filter(|(_, token)| {
        matches!(token.kind, Kind::Open | Kind::Close) && which.contains(tokens.word(token))
    });
    let lose = |(position, token): (usize, &Token)| {
        let mut mutation = removed(tokens, position);
        let at = token.range.start;
        let mut show = |range: &Range<usize>| mutation.places.push(moved(range, at, 1));
        show(&tokens.list[token.partner].range);
        // What is around may be closed in its place.
        let mut around = token.inside;
        while let Some(open) = around.and_then(|open| tokens.at(open)) {
            show(&open.range);
            // What is around is closed too early, so its own bracket is one too many.
            let close = &tokens.list[open.partner];
            if token.kind == Kind::Open && !tokens.text[at..close.range.end].contains('\n') {
                show(&close.range);
            }
            around = open.inside;
        }
        if token.kind == Kind::Open {
            // Without its bracket a head or a key has no sense.
            show(&(tokens.list[token.first].range.start..at));
        } else if let Some(next) =
            tokens.list[position + 1..].iter().find(|next| next.kind != Kind::Newline)
        {
            // The line of the next thing shows that the bracket is still open.
            let start = next.range.start;
            let line = tokens.text[start..].find('\n').unwrap_or(1);
            show(&(start..start + line));
        }
        mutation
    };
    brackets.map(lose).collect()
}

fn other_bracket(tokens: &Tokens<'_>) -> Vec<Mutation> {
    let closing = tokens.list.iter().filter(|token| token.kind == Kind::Close);
    let change = |token: &Token| {
        let by = if tokens.is(token, ")") { "]" } else { ")" };
        let mut mutation = replaced(tokens, token.range.clone(), by);
        mutation.places.push(tokens.list[token.partner].range.clone());
        mutation
    };
    closing.map(change).collect()
}

fn of_kind<'t>(tokens: &'t Tokens<'_>, kind: Kind) -> impl Iterator<Item = &'t Token> {
    tokens.list.iter().filter(move |token| token.kind == kind)
}

fn lost_quote(tokens: &Tokens<'_>) -> Vec<Mutation> {
    let lose = |token: &Token| {
        let Range { start, end } = token.range.clone();
        // A text is at fault as a whole, and so is what follows on its line. The
        // quotes of a long text that begins there may show it at their end.
        let line = tokens.text[end..].find('\n').map_or(tokens.text.len(), |at| end + at);
        let long =
            of_kind(tokens, Kind::LongText).find(|long| (end..line).contains(&long.range.start));
        let place = start..long.map_or(line, |long| long.range.end) - 1;
        [start..start + 1, end - 1..end].map(|quote| shown_at(&place, replaced(tokens, quote, "")))
    };
    of_kind(tokens, Kind::Text).flat_map(lose).collect()
}

fn lost_long_quotes(tokens: &Tokens<'_>) -> Vec<Mutation> {
    let lose = |token: &Token| {
        let Range { start, end } = token.range.clone();
        // Without its end it may end where the next one begins.
        let next = of_kind(tokens, Kind::LongText).find(|next| next.range.start > end);
        let place = start..next.map_or(end, |next| next.range.end) - 3;
        [start..start + 3, end - 3..end]
            .map(|quotes| shown_at(&place, replaced(tokens, quotes, "")))
    };
    of_kind(tokens, Kind::LongText).flat_map(lose).collect()
}

fn single_quotes(tokens: &Tokens<'_>) -> Vec<Mutation> {
    let change = |token: &Token| {
        let inner = &tokens.text[token.range.start + 1..token.range.end - 1];
        replaced(tokens, token.range.clone(), &format!("'{inner}'"))
    };
    let plain =
        |token: &&Token| !tokens.word(token).contains(['\'', '\\', '[', ']', '(', ')', '{', '}']);
    of_kind(tokens, Kind::Text).filter(plain).map(change).collect()
}

fn lost_comma(tokens: &Tokens<'_>) -> Vec<Mutation> {
    let commas = tokens.list.iter().enumerate().filter(|(at, token)| {
        // Before a line's end or a closing bracket it may be left out.
        let next = tokens.at(at + 1).map(|next| next.kind);
        tokens.is(token, ",") && !matches!(next, None | Some(Kind::Newline | Kind::Close))
    });
    commas.map(|(position, _)| removed(tokens, position)).collect()
}

fn item_words(tokens: &Tokens<'_>) -> Vec<Mutation> {
    let begins = |(position, token): &(usize, &Token)| {
        token.first == *position && tokens.is_item(*position) && !tokens.is(token, "edition")
    };
    let words = tokens.list.iter().enumerate().filter(begins).map(|(_, token)| token);
    misspell_each(tokens, words)
}

/// Tells whether a key may be any word: in maps of variables and values.
fn is_free(tokens: &Tokens<'_>, position: usize) -> bool {
    let Some(open) = tokens.list[position].inside.and_then(|open| tokens.at(open)) else {
        return true;
    };
    let around = tokens.word_at(open.first);
    ["vars", "let", "param"].contains(&around)
}

fn keys(tokens: &Tokens<'_>) -> Vec<Mutation> {
    let keys = (0..tokens.list.len()).filter(|at| tokens.is_key(*at) && !is_free(tokens, *at));
    misspell_each(tokens, keys.map(|at| &tokens.list[at]))
}

/// Returns the words behind some words of heads.
fn behind<'t>(tokens: &'t Tokens<'_>, words: &'t [&'t str]) -> impl Iterator<Item = &'t Token> {
    let follows = |(at, token): &(usize, &Token)| {
        let before = at.checked_sub(1).map_or("", |before| tokens.word_at(before));
        token.kind == Kind::Word && words.contains(&before) && tokens.is_item(token.first)
    };
    tokens.list.iter().enumerate().filter(follows).map(|(_, token)| token)
}

fn heads(tokens: &Tokens<'_>) -> Vec<Mutation> {
    // `by by`: the name of a parameter.
    misspell_each(tokens, behind(tokens, &["is", "by"]).filter(|token| !tokens.is(token, "by")))
}

const UNITS: &[&str] =
    &["h", "min", "s", "ms", "GiB", "MiB", "KiB", "TiB", "B", "K", "M", "EUR", "USD", "RON"];

/// Returns the units, each behind its number.
fn with_units<'t>(tokens: &'t Tokens<'_>) -> impl Iterator<Item = (&'t Token, &'t Token)> {
    let pairs = tokens.list.windows(2);
    pairs.filter_map(|pair| {
        let [number, unit] = pair else { return None };
        let fits = UNITS.contains(&tokens.word(unit)) || tokens.is(unit, "%");
        // In a list it would be an element that is as good as another.
        let in_list = number.inside.is_some_and(|open| tokens.word_at(open) == "[");
        (number.kind == Kind::Number && fits && !in_list).then_some((number, unit))
    })
}

fn units(tokens: &Tokens<'_>) -> Vec<Mutation> {
    let change = |(_, unit): (&Token, &Token)| {
        let word = tokens.word(unit);
        let by =
            if word == "%" { "percent".to_owned() } else { format!("{}q", word.to_lowercase()) };
        Mutation { word: Some(by.clone()), ..replaced(tokens, unit.range.clone(), &by) }
    };
    with_units(tokens).map(change).collect()
}

fn lost_unit(tokens: &Tokens<'_>) -> Vec<Mutation> {
    // A number of tokens needs none.
    let needed = |(_, unit): &(&Token, &Token)| !["K", "M"].contains(&tokens.word(unit));
    let lose = |(number, unit): (&Token, &Token)| {
        let Range { start, end } = number.range.clone();
        // Of `5.00 per 1M tokens` the rest is what cannot be read.
        let rest = tokens.end_of(number.first) - (unit.range.end - end);
        shown_at(&(start..rest), replaced(tokens, end..unit.range.end, ""))
    };
    with_units(tokens).filter(needed).map(lose).collect()
}

fn references(tokens: &Tokens<'_>) -> Vec<Mutation> {
    const KEYS: &[&str] = &["needs", "env", "gates", "inputs", "session", "by"];
    let refers = |(at, token): &(usize, &Token)| {
        let key = tokens.key_of(token);
        let is_value = key.is_some_and(|key| key != *at && KEYS.contains(&tokens.word_at(key)));
        // The key of an entry within, as in `unit { cwd = "x" }`, is another kind.
        token.kind == Kind::Word && is_value && tokens.word_at(at + 1) != "="
    };
    let words = tokens.list.iter().enumerate().filter(refers).map(|(_, token)| token);
    misspell_each(tokens, words)
}

fn holes(tokens: &Tokens<'_>) -> Vec<Mutation> {
    let mut found = Vec::new();
    for token in tokens.list.iter().filter(|it| matches!(it.kind, Kind::Text | Kind::LongText)) {
        let text = tokens.word(token);
        for (at, _) in text.match_indices("${").filter(|(at, _)| !text[..*at].ends_with('$')) {
            let start = token.range.start + at + 2;
            let rest = &tokens.text[start..];
            let length = rest.find(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_');
            let range = start..start + length.unwrap_or(0);
            let word = misspelt(&tokens.text[range.clone()]);
            let mutation = replaced(tokens, range, &word);
            found.push(Mutation { word: Some(word), ..mutation });
        }
    }
    found
}

fn open_holes(tokens: &Tokens<'_>) -> Vec<Mutation> {
    let mut found = Vec::new();
    for token in tokens.list.iter().filter(|it| matches!(it.kind, Kind::Text | Kind::LongText)) {
        let text = tokens.word(token);
        for (at, _) in text.match_indices("${").filter(|(at, _)| !text[..*at].ends_with('$')) {
            let start = token.range.start + at;
            let rest = &tokens.text[start..token.range.end];
            let close = rest.find('}').filter(|end| !rest[..*end].contains('\n'));
            let Some(close) = close.map(|at| start + at) else { continue };
            let mut mutation = replaced(tokens, close..close + 1, "");
            // The hole as a whole is at fault.
            mutation.places.push(start..close);
            found.push(mutation);
        }
    }
    found
}

fn instances(tokens: &Tokens<'_>) -> Vec<Mutation> {
    let indices = tokens.list.windows(3).filter_map(|three| {
        let [name, open, index] = three else { return None };
        let touching = name.range.end == open.range.start && name.kind == Kind::Word;
        (touching && tokens.is(open, "[") && index.kind == Kind::Text).then_some(index)
    });
    indices.map(|index| replaced(tokens, index.range.clone(), "\"no such one\"")).collect()
}

fn arguments(tokens: &Tokens<'_>) -> Vec<Mutation> {
    let names = tokens.list.windows(2).filter_map(|pair| {
        let [name, sign] = pair else { return None };
        let in_call = name.inside.is_some_and(|open| tokens.word_at(open) == "(");
        (in_call && name.kind == Kind::Word && tokens.is(sign, "=")).then_some(name)
    });
    misspell_each(tokens, names)
}

fn types(tokens: &Tokens<'_>) -> Vec<Mutation> {
    let types = tokens.list.windows(2).filter_map(|pair| {
        let [colon, name] = pair else { return None };
        (tokens.is(colon, ":") && name.kind == Kind::Word).then_some(name)
    });
    misspell_each(tokens, types)
}

fn head_words(tokens: &Tokens<'_>) -> Vec<Mutation> {
    let words = (0..tokens.list.len()).filter(|&at| {
        let token = &tokens.list[at];
        let fits = ["is", "by", "in", "for"].contains(&tokens.word(token));
        fits && tokens.is_item(token.first) && token.kind == Kind::Word && at > token.first + 1
    });
    words.map(|at| removed(tokens, at)).collect()
}

fn item_names(tokens: &Tokens<'_>) -> Vec<Mutation> {
    let names = (0..tokens.list.len()).filter(|&at| {
        let first = tokens.list[at].first;
        at == first + 1 && tokens.is_item(first) && tokens.word_at(first) != "use"
    });
    // What stands behind it may be taken for the name.
    let lose = |at: usize| {
        let mut mutation = removed(tokens, at);
        let start = tokens.list[at].range.start;
        let line = mutation.text[start..].find('\n').unwrap_or(0);
        mutation.places.push(start..start + line);
        mutation
    };
    names.map(lose).collect()
}

fn choices(tokens: &Tokens<'_>) -> Vec<Mutation> {
    const KEYS: &[&str] = &[
        "accept",
        "baseline",
        "in_place",
        "level",
        "network",
        "on_fail",
        "overcommit",
        "overlap",
        "recovery",
        "shell",
    ];
    let words = (0..tokens.list.len()).filter(|&at| {
        let token = &tokens.list[at];
        let key = tokens.key_of(token).filter(|&key| key != at);
        let fits = key.is_some_and(|key| KEYS.contains(&tokens.word_at(key)));
        token.kind == Kind::Word && fits
    });
    misspell_each(tokens, words.map(|at| &tokens.list[at]))
}

fn paths(tokens: &Tokens<'_>) -> Vec<Mutation> {
    let named = |at: usize| {
        let before = at.checked_sub(1).map_or("", |before| tokens.word_at(before));
        let call = at.checked_sub(2).map_or("", |before| tokens.word_at(before));
        let key = tokens.key_of(&tokens.list[at]).map_or("", |key| tokens.word_at(key));
        ["use", "constitution"].contains(&before)
            || key == "source" && !is_price(tokens, at)
            || before == "("
                && ["file", "dirs"].contains(&call)
                && at.checked_sub(3).is_none_or(|before| tokens.word_at(before) != ".")
    };
    let texts =
        (0..tokens.list.len()).filter(|&at| tokens.list[at].kind == Kind::Text && named(at));
    texts
        .map(|at| {
            let inner = tokens.list[at].range.start + 1;
            replaced(tokens, inner..inner, "no_such_folder/")
        })
        .map(|mutation| Mutation { word: Some("no_such_folder".to_owned()), ..mutation })
        .collect()
}

fn is_price(tokens: &Tokens<'_>, at: usize) -> bool {
    let item = tokens.item_of(&tokens.list[at]).map_or("", |item| tokens.word_at(item));
    ["prices", "exchange"].contains(&item)
}

/// The keys that an item cannot be without, by its keyword and kind.
const NEEDED: &[(&str, &[&str])] = &[
    ("approval", &["ask"]),
    ("command", &["run"]),
    ("deploy", &["run"]),
    ("exchange", &["date", "source"]),
    ("generated", &["run"]),
    ("prices", &["input", "output", "date", "source"]),
    ("task", &["prompt"]),
    ("is codex", &["cli", "model"]),
    ("is command", &["run"]),
    ("is tests", &["run", "report", "require"]),
    ("is max_diff", &["lines"]),
    ("is protect", &["paths"]),
];

fn needed(tokens: &Tokens<'_>) -> Vec<Mutation> {
    let mut found = Vec::new();
    for at in (0..tokens.list.len()).filter(|&at| tokens.is_key(at)) {
        let Some(item) = tokens.item_of(&tokens.list[at]) else { continue };
        let open = tokens.list[at].inside.and_then(|open| tokens.at(open));
        let is_own = open.is_some_and(|open| open.first == item);
        let head = &tokens.text[tokens.list[item].range.start..tokens.list[at].range.start];
        let head = head.split('{').next().unwrap_or("").trim_end();
        let named = NEEDED.iter().find(|(of, _)| match of.strip_prefix("is ") {
            Some(_) => head.ends_with(of),
            None => head.starts_with(of) && !head.contains(" is "),
        });
        let key = tokens.word_at(at);
        if is_own && named.is_some_and(|(_, keys)| keys.contains(&key)) {
            let start = tokens.list[at].range.start;
            let mut end = tokens.end_of(at);
            end += usize::from(tokens.text[end..].starts_with(','));
            let mutation = replaced(tokens, start..end, "");
            let head = tokens.list[item].range.start;
            let place = head..head + tokens.text[head..].find('{').unwrap_or(0);
            found.push(Mutation { places: vec![place], word: Some(key.to_owned()), ..mutation });
        }
    }
    found
}

fn no_edition(tokens: &Tokens<'_>) -> Vec<Mutation> {
    let Some(first) = tokens.list.iter().find(|token| tokens.is(token, "edition")) else {
        return Vec::new();
    };
    let end = tokens.end_of(first.first);
    let end = end + usize::from(tokens.text[end..].starts_with(','));
    let mut mutation = replaced(tokens, first.range.start..end, "");
    let left = Tokens::of(&mutation.text);
    let begin = left.list.iter().find(|token| token.kind != Kind::Newline);
    mutation.places.extend(begin.map(|token| token.range.clone()));
    vec![mutation]
}

fn other_sign(tokens: &Tokens<'_>) -> Vec<Mutation> {
    let keys = (0..tokens.list.len()).filter(|&at| tokens.is_key(at));
    let change = |at: usize| {
        let by = match tokens.word_at(at + 1) {
            "=" => "<=",
            "<=" => "=",
            ">=" => "<=",
            _ => return None,
        };
        let mut mutation = replaced(tokens, tokens.list[at + 1].range.clone(), by);
        // The entry as a whole is at fault.
        mutation.places.push(tokens.list[at].range.start..tokens.end_of(at));
        Some(mutation)
    };
    keys.filter_map(change).collect()
}

fn colon(tokens: &Tokens<'_>) -> Vec<Mutation> {
    let set = tokens.list.iter().filter(|token| tokens.is(token, "="));
    let change = |token: &Token| {
        let mut mutation = replaced(tokens, token.range.clone(), ":");
        // In a group the key may be taken for the word of an item.
        mutation.places.push(tokens.list[token.first].range.start..token.range.end);
        mutation
    };
    set.map(change).collect()
}

fn entry_twice(tokens: &Tokens<'_>) -> Vec<Mutation> {
    let keys = (0..tokens.list.len()).filter(|&at| tokens.is_key(at));
    let double = |at: usize| {
        let (start, end) = (tokens.list[at].range.start, tokens.end_of(at));
        let entry = tokens.text[start..end].to_owned();
        let mut mutation = replaced(tokens, end..end, &format!(", {entry}"));
        mutation.places.push(start..end);
        mutation
    };
    keys.map(double).collect()
}

fn item_twice(tokens: &Tokens<'_>) -> Vec<Mutation> {
    let items = (0..tokens.list.len()).filter(|&at| {
        let token = &tokens.list[at];
        token.inside.is_none() && token.first == at && tokens.is_item(at)
    });
    let double = |at: usize| {
        let (start, end) = (tokens.list[at].range.start, tokens.end_of(at));
        let item = tokens.text[start..end].to_owned();
        let text = tokens.text;
        let mut mutation = replaced(tokens, text.len()..text.len(), &format!("\n{item}\n"));
        mutation.places.push(start..end);
        mutation
    };
    items.map(double).collect()
}

fn no_list(tokens: &Tokens<'_>) -> Vec<Mutation> {
    const KEYS: &[&str] = &["needs", "writes", "gates", "env", "inputs", "run", "tools", "keep"];
    let lists = (0..tokens.list.len()).filter(|&at| {
        let token = &tokens.list[at];
        let key = tokens.key_of(token);
        let own = key.is_some_and(|key| key + 2 == at && KEYS.contains(&tokens.word_at(key)));
        // One element, so that what stands there then is a value.
        own && tokens.is(token, "[") && token.partner == at + 2
    });
    let change = |at: usize| {
        let range = tokens.list[at].range.start..tokens.list[at + 2].range.end;
        replaced(tokens, range, tokens.word_at(at + 1))
    };
    lists.map(change).collect()
}

fn no_text(tokens: &Tokens<'_>) -> Vec<Mutation> {
    const KEYS: &[&str] = &["goal", "base", "prompt", "ask", "cli", "model", "date", "cite", "cwd"];
    let texts = of_kind(tokens, Kind::Text).filter(|token| {
        let key = tokens.key_of(token).map_or("", |key| tokens.word_at(key));
        KEYS.contains(&key)
    });
    texts.map(|token| replaced(tokens, token.range.clone(), "nothing_like_it")).collect()
}
