//! Which names and symlink targets a harvest takes: what means the same on
//! every system, shows what it is on a terminal, and stays in the tree.
//!
//! Unaware of `writes`, which decides where.

pub(super) use eufm_plan::scripts::is_git_like;

pub(super) use crate::printable::path as display;

/// Says why a path's bytes are no good name, or returns it as text.
pub(super) fn check_name(path: &[u8]) -> Result<&str, BadName> {
    let text = std::str::from_utf8(path).map_err(|_| BadName::NotUnicode)?;
    if text.chars().any(|c| c.is_control() || is_direction_mark(c)) {
        return Err(BadName::ControlCharacter);
    }
    if text.split('/').any(is_git_like) {
        return Err(BadName::GitLike);
    }
    Ok(text)
}

/// Why a name is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadName {
    /// Not UTF-8.
    NotUnicode,
    /// A line break, an escape or a mark that turns the direction of text.
    ControlCharacter,
    /// Some system takes it for `.git`.
    GitLike,
}

/// The characters that make a name look like another one (CVE-2021-42574).
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Tells whether files of this name steer git itself: filters, submodules,
/// where large files come from.
pub(super) fn steers_git(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    [".gitattributes", ".gitmodules", ".lfsconfig"]
        .iter()
        .any(|steering| name.eq_ignore_ascii_case(steering))
}

/// Tells whether a symlink stays in the tree, wherever the tree lies.
///
/// `..` may only lead: behind a component that is itself a symlink it would
/// climb from where that one points, and two links that are each harmless
/// would meet outside.
pub(super) fn stays_inside(link: &str, target: &[u8]) -> bool {
    let Ok(target) = std::str::from_utf8(target) else {
        return false;
    };
    if target.is_empty() || target.starts_with('/') || target.chars().any(char::is_control) {
        return false;
    }
    let depth = link.matches('/').count();
    let parts = target.split('/').filter(|part| !matches!(*part, "" | "."));
    let climbs = parts.clone().take_while(|part| *part == "..").count();
    climbs <= depth && parts.skip(climbs).all(|part| part != ".." && !is_git_like(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_git_folder_is_known() {
        for name in [
            ".git",
            ".GIT",
            ".Git",
            ".git.",
            ".git ",
            ".git. .",
            "git~1",
            "GIT~1",
            ".g\u{200c}it",
            "\u{feff}.git",
            ".git::$INDEX_ALLOCATION",
            "a\\.git",
        ] {
            assert!(is_git_like(name), "{name:?}");
            assert!(check_name(format!("a/{name}/b").as_bytes()).is_err(), "{name:?}");
        }
        for name in [".gitignore", ".github", "git", "x.git", ".git-blame-ignore-revs", "git~10"] {
            assert!(!is_git_like(name), "{name:?}");
        }
    }

    #[test]
    fn names_must_be_text_that_shows_what_it_is() {
        assert_eq!(
            check_name("Straße/ñ 'x' \"y\" 日本.txt".as_bytes()),
            Ok("Straße/ñ 'x' \"y\" 日本.txt")
        );
        assert_eq!(check_name(b"a\nb"), Err(BadName::ControlCharacter));
        assert_eq!(check_name(b"a\x1b[2J"), Err(BadName::ControlCharacter));
        assert_eq!(check_name("a\u{202e}cod.exe".as_bytes()), Err(BadName::ControlCharacter));
        assert_eq!(check_name(b"a\xff"), Err(BadName::NotUnicode));
    }

    #[test]
    fn a_symlink_may_point_inside_only() {
        for (link, target) in
            [("a", "b"), ("a/b", "../c"), ("a/b/c", "../../d/e"), ("a", "./b//c"), ("a", "...")]
        {
            assert!(stays_inside(link, target.as_bytes()), "{link} -> {target}");
        }
        for (link, target) in [
            ("a", "/etc/passwd"),
            ("a", ".."),
            ("a/b", "../../c"),
            // Harmless alone; if `q/b` points to `../z`, it climbs from there.
            ("q/x", "b/../../y"),
            ("a", "b/.."),
            ("a", ".git/hooks"),
            ("a", ".GIT"),
            ("a", ""),
            ("a", "b\nc"),
        ] {
            assert!(!stays_inside(link, target.as_bytes()), "{link} -> {target}");
        }
        assert!(!stays_inside("a", b"\xff"));
    }

    #[test]
    fn a_message_shows_every_byte_of_a_strange_name() {
        assert_eq!(display(b"a\nb\xff"), "a\\u{a}b\\xff");
        assert_eq!(display("ñ 日".as_bytes()), "ñ 日");
        assert_eq!(display("a\u{202e}b".as_bytes()), "a\\u{202e}b");
    }
}
