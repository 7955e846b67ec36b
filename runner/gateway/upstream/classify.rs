//! What a provider answered instead of a response, as a [`Trouble`]: pure.
//!
//! What the provider says by a code counts before the HTTP status: one status
//! stands for many things, 429 above all. Unaware of connections.

use std::time::{Duration, UNIX_EPOCH};

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use serde::Deserialize;
use serde_json::Value;

use super::trouble::{Class, Phase, Trouble};

/// An error as providers word it, in the body of an answer and in an event.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fault {
    // Of any type: some send numbers, and a type that is not known must not hide
    // the rest.
    code: Value,
    #[serde(rename = "type")]
    kind: Value,
    message: Value,
    resets_at: Value,
    resets_in_seconds: Value,
}

/// Classes by the code or the type of an error.
const CODES: &[(&str, Class)] = &[
    ("insufficient_quota", Class::Quota),
    ("quota_exceeded", Class::Quota),
    ("billing_hard_limit_reached", Class::Quota),
    ("billing_not_active", Class::Quota),
    ("insufficient_balance", Class::Quota),
    ("usage_limit_reached", Class::UsageLimit),
    ("usage_limit_exceeded", Class::UsageLimit),
    ("rate_limit_exceeded", Class::RateLimited),
    ("rate_limit_error", Class::RateLimited),
    ("too_many_requests", Class::RateLimited),
    ("server_is_overloaded", Class::Overloaded),
    ("server_overloaded", Class::Overloaded),
    ("slow_down", Class::Overloaded),
    ("overloaded_error", Class::Overloaded),
    ("engine_overloaded", Class::Overloaded),
    ("server_error", Class::Overloaded),
    ("internal_server_error", Class::Overloaded),
    ("service_unavailable", Class::Overloaded),
    ("timeout", Class::Overloaded),
    ("context_length_exceeded", Class::Context),
    ("string_above_max_length", Class::Context),
    ("invalid_prompt", Class::Policy),
    ("content_policy_violation", Class::Policy),
    ("content_filter", Class::Policy),
    ("cyber_policy", Class::Policy),
    ("cyber_policy_violation", Class::Policy),
    ("bio_policy", Class::Policy),
    ("invalid_api_key", Class::Auth),
    ("authentication_error", Class::Auth),
    ("permission_error", Class::Auth),
    ("account_deactivated", Class::Auth),
    ("unsupported_country_region_territory", Class::Auth),
    ("usage_not_included", Class::Auth),
    ("model_not_found", Class::NotFound),
    ("not_found_error", Class::NotFound),
];

/// Classifies an answer whose status is no success. `now` is in seconds since
/// 1970-01-01 UTC.
pub(super) fn rejected(status: StatusCode, headers: &HeaderMap, body: &[u8], now: u64) -> Trouble {
    let fault = Fault::of_body(body);
    let class = fault.class().unwrap_or_else(|| by_status(status));
    let said = match fault.text() {
        Some(text) => text.to_owned(),
        None if status.is_redirection() => leads_elsewhere(headers),
        None => String::from_utf8_lossy(body.get(..1_000).unwrap_or(body)).into_owned(),
    };
    let name = status.canonical_reason().unwrap_or("");
    let message = match said.trim() {
        "" => format!("HTTP {} {name}", status.as_u16()),
        said => format!("HTTP {} {name}: {said}", status.as_u16()),
    };
    let mut trouble = Trouble::new(Phase::Rejected, class, &message);
    trouble.retry_after = asked_by(headers, now).or_else(|| fault.wait());
    trouble.resets_at = fault.resets_at(now);
    trouble
}

/// Classifies an answer that ended with an event of failure.
pub(super) fn failed(fault: &Fault, now: u64) -> Trouble {
    let class = fault.class().or_else(|| fault.class_by_number()).unwrap_or_else(|| {
        // This type goes with every code and status there is; alone it counts.
        let is_invalid = fault.kind.as_str() == Some("invalid_request_error");
        if is_invalid { Class::BadRequest } else { Class::Overloaded }
    });
    let code = fault.code().unwrap_or("no code");
    let message = match fault.text() {
        Some(text) => format!("the response failed ({code}): {text}"),
        None => format!("the response failed ({code})"),
    };
    let mut trouble = Trouble::new(Phase::Failed, class, &message);
    trouble.retry_after = fault.wait();
    trouble.resets_at = fault.resets_at(now);
    trouble
}

/// Classifies an answer with success that is no stream of events.
pub(super) fn not_a_stream(status: StatusCode, headers: &HeaderMap) -> Trouble {
    let kind = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let kind = kind.unwrap_or_else(|| "nothing named".into());
    let message = format!(
        "HTTP {} with {kind} where a stream of events is due; does `url` name a provider that \
         speaks the Responses API?",
        status.as_u16()
    );
    Trouble::new(Phase::Broken, Class::Malformed, &message)
}

fn by_status(status: StatusCode) -> Class {
    match status.as_u16() {
        401 | 403 | 407 => Class::Auth,
        402 => Class::Quota,
        // A redirect is not followed: the key would go where nobody sent it.
        404 | 410 | 300..=399 => Class::NotFound,
        408 | 409 | 425 => Class::Overloaded,
        421 | 511 => Class::Network,
        429 => Class::RateLimited,
        // Not now and not later either.
        501 | 505 | 506 | 510 => Class::BadRequest,
        500..=599 => Class::Overloaded,
        400..=499 => Class::BadRequest,
        _ => Class::Malformed,
    }
}

fn leads_elsewhere(headers: &HeaderMap) -> String {
    let place = headers.get(LOCATION).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let place = place.unwrap_or_else(|| "another address".into());
    format!("it leads to {place}, which is not followed; if that is the provider, name it in `url`")
}

/// The wait that the headers ask for: milliseconds, seconds or a date.
fn asked_by(headers: &HeaderMap, now: u64) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(wait) = text("retry-after-ms").and_then(number).map(|(wait, _)| wait) {
        return Some(wait / 1_000);
    }
    let text = text(RETRY_AFTER.as_str())?;
    if let Some((wait, "")) = number(text) {
        return Some(wait);
    }
    let date = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(date.saturating_sub(Duration::from_secs(now)))
}

impl Fault {
    /// Reads the error in a body: `{"error": {…}}`, `{"error": "…"}`, or one of
    /// the forms of programs that stand before a provider.
    fn of_body(body: &[u8]) -> Self {
        let Ok(Value::Object(mut body)) = serde_json::from_slice(body) else {
            return Self::default();
        };
        let error = match body.remove("error") {
            Some(Value::String(message)) => return Self::saying(message),
            Some(error @ Value::Object(_)) => error,
            _ => match body.remove("detail") {
                Some(Value::String(message)) => return Self::saying(message),
                Some(detail @ Value::Object(_)) => detail,
                _ => Value::Object(body),
            },
        };
        serde_json::from_value(error).unwrap_or_default()
    }

    fn saying(message: String) -> Self {
        Self { message: Value::String(message), ..Self::default() }
    }

    /// Returns the code; where there is none, the type.
    fn code(&self) -> Option<&str> {
        self.code.as_str().or(self.kind.as_str())
    }

    fn text(&self) -> Option<&str> {
        self.message.as_str()
    }

    fn class(&self) -> Option<Class> {
        let known = |name: &str| CODES.iter().find(|(code, _)| *code == name).map(|(_, c)| *c);
        let class = self.code.as_str().and_then(known).or(self.kind.as_str().and_then(known))?;
        // One that is larger than the limit itself never fits, however long it waits.
        let too_large = self.text().is_some_and(|text| text.starts_with("Request too large"));
        Some(if class == Class::RateLimited && too_large { Class::BadRequest } else { class })
    }

    /// Some providers write the status that the answer would have had as its code.
    fn class_by_number(&self) -> Option<Class> {
        let status = u16::try_from(self.code.as_u64()?).ok()?;
        StatusCode::from_u16(status).ok().map(by_status)
    }

    /// The wait that the text asks for, as in "Please try again in 1.5s."
    fn wait(&self) -> Option<Duration> {
        const ASKS: &str = "try again in ";
        let text = self.text()?;
        let at = text.find(ASKS)? + ASKS.len();
        span(text.get(at..)?)
    }

    fn resets_at(&self, now: u64) -> Option<u64> {
        let later = || self.resets_in_seconds.as_u64().map(|seconds| now.saturating_add(seconds));
        self.resets_at.as_u64().or_else(later)
    }
}

/// Reads a span of time at the beginning of a text: `1.5s`, `20ms`, `6m0s`,
/// `1h2m3s`, `2 minutes`.
fn span(mut text: &str) -> Option<Duration> {
    const UNITS: &[(&str, u32, u32)] = &[
        ("ms", 1, 1_000),
        ("s", 1, 1),
        ("sec", 1, 1),
        ("second", 1, 1),
        ("seconds", 1, 1),
        ("m", 60, 1),
        ("min", 60, 1),
        ("minute", 60, 1),
        ("minutes", 60, 1),
        ("h", 3_600, 1),
        ("hour", 3_600, 1),
        ("hours", 3_600, 1),
        ("d", 86_400, 1),
        ("day", 86_400, 1),
        ("days", 86_400, 1),
    ];
    let mut sum: Option<Duration> = None;
    while let Some((count, rest)) = number(text) {
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (unit, rest) = rest.split_at(end);
        let Some((_, times, parts)) = UNITS.iter().find(|(name, _, _)| *name == unit) else {
            break;
        };
        let part = count.checked_mul(*times)? / *parts;
        sum = Some(sum.unwrap_or_default().checked_add(part)?);
        text = rest;
    }
    sum
}

/// Reads a decimal number at the beginning of a text as that many seconds,
/// to the millisecond and rounded up, and returns what follows it.
fn number(text: &str) -> Option<(Duration, &str)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = text.split_at(digits(text));
    let seconds = Duration::from_secs(u64::from(whole.parse::<u32>().ok()?));
    let Some(fraction) = rest.strip_prefix('.').filter(|text| digits(text) > 0) else {
        return Some((seconds, rest));
    };
    let (fraction, rest) = fraction.split_at(digits(fraction));
    let padded = format!("{fraction:0<4}");
    let thousandths: u64 = padded.get(..3)?.parse().ok()?;
    let more = u64::from(padded.bytes().skip(3).any(|digit| digit != b'0'));
    Some((seconds + Duration::from_millis(thousandths + more), rest))
}
