//! From rows to text: where lines break, how they are indented and aligned.
//!
//! Whether a row has one line depends on its content alone, never on the
//! padding of its neighbours, so that a second pass finds the same. Unaware of
//! what the rows say.

use super::MAX_COLUMNS;
use super::rows::{Content, Entry, Form, Group, Piece, Row, flat_width, is_apart, width};
use super::spelling::Spelled;

/// The columns by which the inside of a bracket stands to the right.
const INDENTATION: usize = 2;

/// Prints the rows of a file.
pub(super) fn print(rows: &[Row<'_>]) -> String {
    let mut printer = Printer { text: String::new(), column: 0, due: 0 };
    printer.rows(rows, Place { indent: 0, form: None });
    if !rows.is_empty() {
        printer.newline(0);
    }
    printer.text
}

/// Where rows stand.
#[derive(Clone, Copy)]
struct Place {
    indent: usize,
    /// The bracket around them; `None` outside of all.
    form: Option<Form>,
}

impl Place {
    /// Returns the width of what follows each row: the comma of an element.
    fn after(self) -> usize {
        usize::from(self.has_commas())
    }

    fn has_commas(self) -> bool {
        matches!(self.form, Some(Form::List | Form::Arguments))
    }

    /// Tells whether items or entries stand here, not elements.
    fn has_entries(self) -> bool {
        matches!(self.form, None | Some(Form::Block))
    }
}

struct Printer {
    text: String,
    /// How many columns of the current line are used.
    column: usize,
    /// The blanks that the current line begins with, once something stands on it.
    due: usize,
}

impl Printer {
    fn push(&mut self, text: &str) {
        let due = std::mem::take(&mut self.due);
        self.pad(due);
        self.text.push_str(text);
        self.column += text.chars().count();
    }

    fn pad(&mut self, blanks: usize) {
        self.text.extend(std::iter::repeat_n(' ', blanks));
        self.column += blanks;
    }

    fn newline(&mut self, indent: usize) {
        self.text.push('\n');
        self.column = 0;
        self.due = indent;
    }

    fn rows(&mut self, rows: &[Row<'_>], place: Place) {
        let plans = plan(rows, place);
        for (number, (row, plan)) in rows.iter().zip(&plans).enumerate() {
            if number > 0 {
                self.newline(place.indent);
            }
            if plan.blank {
                self.newline(place.indent);
            }
            match &row.content {
                Content::Comment(text) => self.push(text),
                Content::Entry(entry) => self.row(entry, plan, place),
            }
        }
    }

    fn row(&mut self, entry: &Entry<'_>, plan: &Plan, place: Place) {
        if plan.one_line {
            let (head, rest) = entry.pieces.split_at(plan.head);
            self.flat(head);
            if let (Some(before), Some(next)) = (head.last(), rest.first()) {
                self.pad(plan.padding + usize::from(is_apart(before, next)));
            }
            self.flat(rest);
        } else {
            self.broken(&entry.pieces, place);
        }
        if place.has_commas() {
            self.push(",");
        }
        if let Some(comment) = entry.comment {
            self.pad(plan.comment_padding + 2);
            self.push(comment);
        }
    }

    /// Prints pieces that fit their line.
    fn flat(&mut self, pieces: &[Piece<'_>]) {
        for (number, piece) in pieces.iter().enumerate() {
            if number > 0 && is_apart(&pieces[number - 1], piece) {
                self.push(" ");
            }
            match piece {
                Piece::Word(text) | Piece::Sign(text) => self.push(text),
                Piece::Text(Spelled::Line(text)) => self.push(text),
                Piece::Group(group) => self.flat_group(group),
                // Neither is part of anything that has a width on one line.
                Piece::Text(_) | Piece::Comment { .. } => {}
            }
        }
    }

    fn flat_group(&mut self, group: &Group<'_>) {
        let [open, close] = brackets(group.form);
        let blank = if group.form == Form::Block && !group.rows.is_empty() { " " } else { "" };
        self.push(open);
        self.push(blank);
        for (number, entry) in entries(&group.rows).enumerate() {
            if number > 0 {
                self.push(", ");
            }
            self.flat(&entry.pieces);
        }
        self.push(blank);
        self.push(close);
    }

    /// Prints pieces that do not fit one line: what can break, breaks in order.
    fn broken(&mut self, pieces: &[Piece<'_>], place: Place) {
        let mut indent = place.indent;
        let mut begun = true;
        for (number, piece) in pieces.iter().enumerate() {
            let apart = number > 0 && !begun && is_apart(&pieces[number - 1], piece);
            if apart && !matches!(piece, Piece::Comment { .. }) {
                self.push(" ");
            }
            match piece {
                Piece::Word(text) | Piece::Sign(text) => self.push(text),
                Piece::Text(text) => self.spelled(text, indent + INDENTATION),
                Piece::Group(group) => {
                    let rest = rest_width(&pieces[number + 1..], place.after());
                    self.group(group, indent, rest);
                }
                Piece::Comment { text, alone } => {
                    indent = place.indent + INDENTATION;
                    match (begun, alone) {
                        (true, _) => {}
                        (false, true) => self.newline(indent),
                        (false, false) => self.pad(2),
                    }
                    self.push(text);
                    self.newline(indent);
                }
            }
            begun = matches!(piece, Piece::Comment { .. });
        }
    }

    fn spelled(&mut self, text: &Spelled<'_>, indent: usize) {
        match text {
            Spelled::Line(text) => self.push(text),
            Spelled::Lines(lines) => {
                self.push("\"\"\"");
                for line in lines {
                    self.newline(indent);
                    if !line.is_empty() {
                        self.push(line);
                    }
                }
                self.newline(indent);
                self.push("\"\"\"");
            }
            Spelled::Ragged { below, body } => {
                self.push("\"\"\"");
                if *below {
                    self.newline(0);
                }
                for (number, line) in body.split('\n').enumerate() {
                    if number > 0 {
                        self.newline(0);
                    }
                    self.push(line);
                }
                self.push("\"\"\"");
            }
        }
    }

    /// Prints a bracket: on this line if it fits with the `rest` behind it.
    fn group(&mut self, group: &Group<'_>, indent: usize, rest: usize) {
        let room = MAX_COLUMNS.saturating_sub(self.column + self.due);
        let empty = group.rows.is_empty() && group.remark.is_none();
        if empty || group.flat.is_some_and(|width| width + rest <= room) {
            return self.flat_group(group);
        }
        let [open, close] = brackets(group.form);
        self.push(open);
        if hugging_width(group).is_some_and(|width| width <= room) {
            self.hugging(group, indent);
        } else {
            if let Some(remark) = group.remark {
                self.pad(2);
                self.push(remark);
            }
            let inside = indent + INDENTATION;
            if !group.rows.is_empty() {
                self.newline(inside);
                self.rows(&group.rows, Place { indent: inside, form: Some(group.form) });
            }
            self.newline(indent);
        }
        self.push(close);
    }

    /// Prints elements on the line of their bracket, the last of them a long text.
    fn hugging(&mut self, group: &Group<'_>, indent: usize) {
        let mut elements = entries(&group.rows).peekable();
        while let Some(element) = elements.next() {
            match element.pieces.as_slice() {
                [Piece::Text(text)] if elements.peek().is_none() => {
                    self.spelled(text, indent + INDENTATION);
                }
                pieces => {
                    self.flat(pieces);
                    self.push(", ");
                }
            }
        }
    }
}

/// Returns the width of a list or call up to the quotes of the long text that is
/// its last element; `None` if it does not end so, or has a comment.
fn hugging_width(group: &Group<'_>) -> Option<usize> {
    let (last, others) = group.rows.split_last()?;
    let Content::Entry(Entry { pieces, comment: None, .. }) = &last.content else { return None };
    let [Piece::Text(Spelled::Lines(_) | Spelled::Ragged { .. })] = pieces.as_slice() else {
        return None;
    };
    if group.form == Form::Block || group.remark.is_some() {
        return None;
    }
    let width = |row: &Row<'_>| match &row.content {
        Content::Entry(Entry { comment: None, flat, .. }) => flat.map(|flat| flat + 2),
        _ => None,
    };
    let others = others.iter().map(width).sum::<Option<usize>>()?;
    Some(others + "[\"\"\"".len())
}

/// Returns the width of what stands behind a bracket on its last line, up to
/// where the next break is possible.
fn rest_width(pieces: &[Piece<'_>], after: usize) -> usize {
    let mut rest = 0;
    for piece in pieces {
        // A blank more than needed breaks a line of 100 columns, at worst.
        match (piece, width(piece)) {
            (Piece::Group(group), _) if !group.rows.is_empty() => return rest + 2,
            (_, Some(width)) => rest += width + 1,
            (_, None) => return rest + 4,
        }
    }
    rest + after
}

/// How a row is printed.
struct Plan {
    /// Whether a blank line stands before it.
    blank: bool,
    /// Whether it has one line.
    one_line: bool,
    /// How many pieces stand before the padding.
    head: usize,
    /// The blanks that align it with its neighbours.
    padding: usize,
    /// The blanks that align its comment.
    comment_padding: usize,
}

fn plan(rows: &[Row<'_>], place: Place) -> Vec<Plan> {
    let mut plans: Vec<_> = rows
        .iter()
        .map(|row| Plan {
            blank: row.blank,
            one_line: has_one_line(row, place),
            head: 0,
            padding: 0,
            comment_padding: 0,
        })
        .collect();
    if place.has_entries() {
        set_items_apart(rows, place, &mut plans);
        align(rows, place, &mut plans);
    }
    align_comments(rows, place, &mut plans);
    plans
}

fn has_one_line(row: &Row<'_>, place: Place) -> bool {
    let Content::Entry(entry) = &row.content else { return true };
    let Some(flat) = entry.flat else { return false };
    let breaks = |piece: &Piece<'_>| matches!(piece, Piece::Group(group) if !group.rows.is_empty());
    // What has nothing to break at stays whole, however long it is.
    place.indent + flat + place.after() <= MAX_COLUMNS || !entry.pieces.iter().any(breaks)
}

/// Gives items of several lines a blank line before and behind them. Comments
/// right above an item belong to it.
fn set_items_apart(rows: &[Row<'_>], place: Place, plans: &mut [Plan]) {
    let mut before: Option<(usize, bool)> = None;
    for (number, row) in rows.iter().enumerate() {
        let Content::Entry(entry) = &row.content else { continue };
        let tall = !plans[number].one_line && (place.form.is_none() || is_item(entry));
        if let Some((last, last_tall)) = before
            && (tall || last_tall)
            && !plans[last + 1..=number].iter().any(|plan| plan.blank)
        {
            plans[last + 1].blank = true;
        }
        before = Some((number, tall));
    }
}

/// Tells whether a row within a block begins like an item: `task greet {`, `story(`.
fn is_item(entry: &Entry<'_>) -> bool {
    match entry.pieces.as_slice() {
        [Piece::Word(_), Piece::Word(_) | Piece::Text(_), _, ..] => true,
        [Piece::Word(_), Piece::Group(group), ..] => group.form == Form::Arguments,
        _ => false,
    }
}

/// What is aligned below each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Column<'a> {
    /// The sign behind a key.
    Sign,
    /// The `is` of items with the same keyword.
    Is(&'a str),
}

/// Returns what of an entry is aligned, and how many pieces stand before it.
fn column<'a>(entry: &Entry<'a>, place: Place) -> Option<(Column<'a>, usize)> {
    match entry.pieces.as_slice() {
        [Piece::Word(_), Piece::Sign(_), _, ..] if place.form.is_some() => Some((Column::Sign, 1)),
        [Piece::Word(keyword), Piece::Word(_), Piece::Word("is"), ..] => {
            Some((Column::Is(keyword), 2))
        }
        _ => None,
    }
}

/// A row in a run of rows that are aligned.
struct Cell {
    row: usize,
    /// The column at which its aligned part begins, as yet.
    begin: usize,
    /// The width of that part.
    width: usize,
}

/// Aligns the signs of entries of one line that stand below each other. Comments
/// and blocks between them do not end such a run; blank lines do.
fn align(rows: &[Row<'_>], place: Place, plans: &mut [Plan]) {
    let mut run: Vec<Cell> = Vec::new();
    let mut current = None;
    for (number, row) in rows.iter().enumerate() {
        if plans[number].blank || !plans[number].one_line {
            pad(&mut run, |cell, padding| plans[cell].padding = padding);
        }
        let Content::Entry(entry) = &row.content else { continue };
        let Some((column, head)) = column(entry, place).filter(|_| plans[number].one_line) else {
            continue;
        };
        if current != Some(column) {
            pad(&mut run, |cell, padding| plans[cell].padding = padding);
            current = Some(column);
        }
        let before = flat_width(&entry.pieces[..head]).unwrap_or(0);
        let width = entry.flat.unwrap_or(0) - before;
        plans[number].head = head;
        run.push(Cell { row: number, begin: place.indent + before, width });
    }
    pad(&mut run, |cell, padding| plans[cell].padding = padding);
}

/// Aligns the comments behind rows of one line that stand right below each other.
fn align_comments(rows: &[Row<'_>], place: Place, plans: &mut [Plan]) {
    let mut run: Vec<Cell> = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let plan = &plans[number];
        let cell = match &row.content {
            Content::Entry(Entry { comment: Some(comment), flat: Some(flat), .. })
                if plan.one_line =>
            {
                let begin = place.indent + flat + plan.padding + place.after();
                Some(Cell { row: number, begin, width: 2 + comment.chars().count() })
            }
            _ => None,
        };
        if plan.blank || cell.is_none() {
            pad(&mut run, |cell, padding| plans[cell].comment_padding = padding);
        }
        run.extend(cell);
    }
    pad(&mut run, |cell, padding| plans[cell].comment_padding = padding);
}

/// Ends a run: gives each row the blanks it lacks, unless they alone would make
/// its line too long.
fn pad(run: &mut Vec<Cell>, mut set: impl FnMut(usize, usize)) {
    let column = run.iter().map(|cell| cell.begin).max().unwrap_or(0);
    for cell in run.drain(..) {
        if column + cell.width <= MAX_COLUMNS || cell.begin + cell.width > MAX_COLUMNS {
            set(cell.row, column - cell.begin);
        }
    }
}

/// Iterates over the entries of rows without comments.
fn entries<'r, 'a>(rows: &'r [Row<'a>]) -> impl Iterator<Item = &'r Entry<'a>> {
    rows.iter().filter_map(|row| match &row.content {
        Content::Entry(entry) => Some(entry),
        Content::Comment(_) => None,
    })
}

fn brackets(form: Form) -> [&'static str; 2] {
    match form {
        Form::Block => ["{", "}"],
        Form::List | Form::Index => ["[", "]"],
        Form::Arguments => ["(", ")"],
    }
}
