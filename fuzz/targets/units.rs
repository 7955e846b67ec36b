//! Every line is read as each quantity: what is one can be spelled, and its
//! spelling is the same quantity.

#![no_main]

use std::fmt::{Debug, Display};

use eufm_plan::units::{
    BYTE_UNITS, Bytes, Currency, Millis, Money, Percent, Price, Rate, TIME_UNITS, TOKEN_UNITS,
    Tokens, parse_count,
};
use libfuzzer_sys::fuzz_target;

/// Asserts that a quantity, if it is one, is spelled in a way that is read as it.
fn assert_kept<T: Copy + Debug + Display + PartialEq>(
    value: Option<T>,
    parse: impl Fn(&str) -> Option<T>,
) {
    if let Some(value) = value {
        let spelled = value.to_string();
        assert_eq!(parse(&spelled), Some(value), "spelled {spelled:?}");
    }
}

/// Reads a line as each quantity.
fn whole(line: &str) {
    assert_kept(Millis::parse(line), Millis::parse);
    assert_kept(Percent::parse(line), Percent::parse);
    assert_kept(Money::parse(line), Money::parse);
    assert_kept(Rate::parse(line), Rate::parse);
    assert_kept(Price::parse(line), Price::parse);
    assert_kept(Bytes::parse(line), Bytes::parse);
    assert_kept(Tokens::parse(line), Tokens::parse);
    assert_kept(Currency::parse(line), Currency::parse);
    assert_kept(parse_count(line), parse_count);
}

/// Reads a line as a number and a unit, as a spec has them.
fn parts(line: &str) {
    let (number, unit) = line.split_once(' ').unwrap_or((line, ""));
    assert_kept(Money::of(number, unit), Money::parse);
    let Some(count) = parse_count(number) else { return };
    assert_kept(Millis::from_unit(count, unit), Millis::parse);
    assert_kept(Bytes::from_unit(count, unit), Bytes::parse);
    assert_kept(Tokens::from_unit(count, unit), Tokens::parse);
    for (unit, _) in TIME_UNITS {
        assert_kept(Millis::from_unit(count, unit), Millis::parse);
    }
    for (unit, _) in BYTE_UNITS {
        assert_kept(Bytes::from_unit(count, unit), Bytes::parse);
    }
    for (unit, _) in TOKEN_UNITS {
        assert_kept(Tokens::from_unit(count, unit), Tokens::parse);
    }
    let share = u32::try_from(count).ok().and_then(Percent::from_basis_points);
    assert_kept(share, Percent::parse);
    if let Some(share) = share {
        assert!(share.is_reached_by(u64::MAX, u64::MAX) && share.is_reached_by(count, count));
    }
}

fuzz_target!(|bytes: &[u8]| {
    for line in String::from_utf8_lossy(bytes).split('\n') {
        whole(line);
        parts(line);
    }
});
