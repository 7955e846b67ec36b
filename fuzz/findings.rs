//! The form that every finding has, whatever is wrong with a spec.
//!
//! Unaware of what the findings say.

use eufm_grammar::{Diagnostic, Diagnostics, Severity, SourceMap};

/// Asserts the form of all findings, and that they are counted.
///
/// # Panics
/// Panics when a finding has not the form.
pub fn assert_form(found: &Diagnostics, sources: &SourceMap) {
    let kept = found.sorted();
    let of = |severity| kept.iter().filter(|finding| finding.severity == severity).count();
    assert!(of(Severity::Error) <= found.errors() && of(Severity::Warning) <= found.warnings());
    assert_eq!(found.has_errors(), of(Severity::Error) > 0);
    for finding in kept {
        assert!(has_code(finding), "a strange code: {finding:?}");
        let message = finding.message.trim();
        assert!(
            !message.is_empty() && message == finding.message,
            "a strange message: {finding:?}"
        );
        assert!(!finding.help.is_empty(), "no way out: {finding:?}");
        assert_places(finding, sources);
    }
}

fn has_code(finding: &Diagnostic) -> bool {
    let letter = match finding.severity {
        Severity::Error => 'E',
        Severity::Warning => 'W',
    };
    let number = finding.code.strip_prefix(letter);
    number.is_some_and(|it| it.len() == 4 && it.bytes().all(|byte| byte.is_ascii_digit()))
}

fn assert_places(finding: &Diagnostic, sources: &SourceMap) {
    for (number, label) in finding.labels.iter().enumerate() {
        assert_eq!(label.primary, number == 0, "the first place is the primary one: {finding:?}");
        let file = sources.file_of(label.span);
        let text = file.unwrap_or_else(|| panic!("a place in no file: {finding:?}")).text();
        // Fails for a range beyond the text, the wrong way round or inside a character.
        assert!(text.get(label.span.range()).is_some(), "a place outside of the text: {finding:?}");
        let position = sources.position(label.span);
        assert!(position.line >= 1 && position.column >= 1, "{position:?}: {finding:?}");
    }
}
