//! Where a part of a result is seen below `/in`.
//!
//! A node's name is a path of names and elements; an element is a folder of its
//! own, so that `plant["felix"]/build` is `plant/felix/build`. No two parts of a
//! plan have one path, whatever elements hold. Pure.

use eufm_plan::{Digest, InputPart};

/// The longest folder name for an element, in bytes.
const FOLDER_BYTES_MAX: usize = 200;

/// How much of a longer one is shown, before the digits that tell it apart.
const SHOWN_BYTES_MAX: usize = 150;

/// Returns the path of a part, relative to `/in`.
#[must_use]
pub(super) fn of(node: &str, part: &InputPart) -> String {
    let mut path = folder(node);
    path.push('/');
    match part {
        InputPart::Answer => path.push_str("answer"),
        InputPart::Diff => path.push_str("diff"),
        InputPart::Stdout => path.push_str("stdout"),
        InputPart::Note => path.push_str("note"),
        InputPart::File(file) => {
            path.push_str("file/");
            path.push_str(file);
        }
    }
    path
}

/// Returns how a specification names a part.
#[must_use]
pub(super) fn title(node: &str, part: &InputPart) -> String {
    match part {
        InputPart::Answer => format!("{node}.answer"),
        InputPart::Diff => format!("{node}.diff"),
        InputPart::Stdout => format!("{node}.stdout"),
        InputPart::Note => format!("{node}.note"),
        InputPart::File(file) => format!("{node}.file(\"{file}\")"),
    }
}

/// Spells a node's name as folders.
fn folder(node: &str) -> String {
    let mut folders = Vec::new();
    let mut rest = node;
    while !rest.is_empty() {
        match rest.strip_prefix("[\"") {
            Some(inside) => {
                let (element, behind) = element(inside);
                folders.push(spelled(&element));
                rest = behind;
            }
            None => {
                let rest_of = rest.strip_prefix('/').unwrap_or(rest);
                let end = rest_of.find(['/', '[']).unwrap_or(rest_of.len());
                // A bracket that begins no element is a sign like any other.
                let end = if end == 0 { rest_of.len().min(1) } else { end };
                folders.push(spelled(&rest_of[..end]));
                rest = &rest_of[end..];
            }
        }
    }
    folders.join("/")
}

/// Reads an element up to its end, `"]`, and returns what stands behind that.
fn element(text: &str) -> (String, &str) {
    let mut element = String::new();
    let mut signs = text.char_indices();
    while let Some((at, sign)) = signs.next() {
        match sign {
            '\\' => element.extend(signs.next().map(|(_, sign)| sign)),
            '"' => return (element, text[at + 1..].strip_prefix(']').unwrap_or(&text[at + 1..])),
            sign => element.push(sign),
        }
    }
    (element, "")
}

/// Spells a text as the name of one folder: letters, digits and a few signs are
/// themselves, a byte of any other is `%` and two digits.
fn spelled(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for (at, sign) in text.char_indices() {
        let is_plain = sign.is_alphanumeric() || "_-+=,@~".contains(sign);
        if is_plain || (sign == '.' && at > 0) {
            name.push(sign);
            continue;
        }
        let mut bytes = [0; 4];
        for byte in sign.encode_utf8(&mut bytes).bytes() {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    if name.len() > FOLDER_BYTES_MAX {
        let mut end = SHOWN_BYTES_MAX;
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        name.truncate(end);
        name.push_str(&format!("%{}", Digest::of(text.as_bytes()).short(12)));
    }
    name
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_have_the_paths_that_the_language_says() {
        for (node, part, path) in [
            ("schema", InputPart::Answer, "schema/answer"),
            ("telemetry/schema", InputPart::Diff, "telemetry/schema/diff"),
            ("fetch", InputPart::Stdout, "fetch/stdout"),
            ("release", InputPart::Note, "release/note"),
            ("schema", InputPart::File("docs/a b.md".to_owned()), "schema/file/docs/a b.md"),
            ("collector[\"felix\"]", InputPart::Diff, "collector/felix/diff"),
            (
                "plant[\"Băicoi\"]/test[\"unit\"]",
                InputPart::Stdout,
                "plant/Băicoi/test/unit/stdout",
            ),
            ("a[\"packages/x\"]", InputPart::Answer, "a/packages%2Fx/answer"),
            ("a[\"..\"]", InputPart::Answer, "a/%2E./answer"),
            (
                "a[\"say \\\"hi\\\" \\\\]\"]/b",
                InputPart::Answer,
                "a/say%20%22hi%22%20%5C%5D/b/answer",
            ),
        ] {
            assert_eq!(of(node, &part), path);
        }
        assert_eq!(title("a", &InputPart::File("x".to_owned())), "a.file(\"x\")");
    }

    #[test]
    fn a_long_element_stays_a_folder_name_and_itself() {
        let name = |end: char| spelled(&format!("{}{end}", "/".repeat(150)));
        assert!(name('a').len() <= FOLDER_BYTES_MAX);
        assert_ne!(name('a'), name('b'));
    }

    /// A node's name as the compiler makes it.
    fn named(name: &str, elements: &[String]) -> String {
        let quoted = |element: &String| {
            format!("[\"{}\"]", element.replace('\\', "\\\\").replace('"', "\\\""))
        };
        elements.iter().fold(String::new(), |path, element| {
            let separator = if path.is_empty() { "" } else { "/" };
            format!("{path}{separator}{name}{}", quoted(element))
        })
    }

    proptest! {
        #[test]
        fn whatever_elements_hold_paths_stay_below_and_differ(
            one in prop::collection::vec(".{1,12}", 2),
            other in prop::collection::vec(".{1,12}", 2),
        ) {
            let paths: BTreeSet<String> =
                [&one, &other].iter().map(|it| of(&named("n", it), &InputPart::Answer)).collect();
            prop_assert_eq!(paths.len(), if one == other { 1 } else { 2 });
            for path in paths {
                let parts: Vec<&str> = path.split('/').collect();
                prop_assert_eq!(parts.len(), 5, "{}", path);
                prop_assert!(parts.iter().all(|part| !part.is_empty() && !part.starts_with('.')));
            }
        }

        #[test]
        fn any_name_has_a_path(name in ".{0,40}") {
            let path = of(&name, &InputPart::Answer);
            prop_assert!(!path.split('/').any(|part| part == ".."), "{}", path);
        }
    }
}
