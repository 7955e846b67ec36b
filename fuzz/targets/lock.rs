//! Any text is read as plan.lock: it is refused, or it is the one spelling of a
//! plan.
//!
//! Each text is read a second time with a digest that fits it, as whoever alters
//! a plan.lock on purpose would make one.

#![no_main]

use eufm_fuzz::on_one_thread;
use eufm_plan::Digest;
use eufm_plan::lockfile::{read, write};
use libfuzzer_sys::fuzz_target;

fn assert_one_spelling(text: &str) {
    match read(text) {
        Ok(locked) => assert_eq!(write(&locked.plan), text, "two texts say the same plan"),
        Err(error) => assert!(!error.to_string().trim().is_empty()),
    }
}

/// Returns the text with the digest that fits it.
fn sealed(text: &str) -> String {
    let body = text.rfind("[digest]\n").map_or(text, |at| &text[..at]);
    format!("{body}[digest]\nplan = \"{}\"\n", Digest::of(body.as_bytes()))
}

fuzz_target!(init: on_one_thread(), |bytes: &[u8]| {
    let Ok(text) = str::from_utf8(bytes) else { return };
    assert_one_spelling(text);
    assert_one_spelling(&sealed(text));
});
