//! Every kind of refusal that was measured or is documented, as it comes over
//! the wire, with what it is taken for.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::json;

use super::classify::{Fault, failed, rejected};
use super::trouble::{Class, Phase, Trouble};

/// 2026-11-22 00:00:00 UTC.
const NOW: u64 = 1_795_305_600;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(pair).collect()
}

fn classified(status: u16, pairs: &[(&'static str, &str)], body: &str) -> Trouble {
    let status = StatusCode::from_u16(status).unwrap();
    let trouble = rejected(status, &headers(pairs), body.as_bytes(), NOW);
    assert_eq!(trouble.phase, Phase::Rejected);
    trouble
}

#[test]
fn a_status_and_what_stands_in_its_body_give_the_class() {
    let error = |kind: &str, code: &str| {
        json!({"error": {"message": "Said.", "type": kind, "param": null, "code": code}})
            .to_string()
    };
    let cases: &[(u16, String, Class)] = &[
        (401, error("invalid_request_error", "invalid_api_key"), Class::Auth),
        (401, r#"{"error":{"type":"invalid_request_error","code":null}}"#.to_owned(), Class::Auth),
        (403, error("invalid_request_error", "unsupported_country_region_territory"), Class::Auth),
        (403, "<html>blocked</html>".to_owned(), Class::Auth),
        (407, String::new(), Class::Auth),
        (429, String::new(), Class::RateLimited),
        (429, error("requests", "rate_limit_exceeded"), Class::RateLimited),
        (429, error("tokens", "rate_limit_exceeded"), Class::RateLimited),
        (429, error("insufficient_quota", "insufficient_quota"), Class::Quota),
        (429, error("insufficient_quota", ""), Class::Quota),
        (429, error("usage_limit_reached", ""), Class::UsageLimit),
        (403, error("invalid_request_error", "billing_not_active"), Class::Quota),
        (402, r#"{"error":{"message":"Insufficient Balance"}}"#.to_owned(), Class::Quota),
        (500, error("server_error", ""), Class::Overloaded),
        (500, "oops".to_owned(), Class::Overloaded),
        (502, "<html>bad gateway</html>".to_owned(), Class::Overloaded),
        (503, error("server_error", "server_is_overloaded"), Class::Overloaded),
        (503, error("", "slow_down"), Class::Overloaded),
        (504, String::new(), Class::Overloaded),
        (520, String::new(), Class::Overloaded),
        (529, error("overloaded_error", ""), Class::Overloaded),
        (501, String::new(), Class::BadRequest),
        (511, String::new(), Class::Network),
        (408, String::new(), Class::Overloaded),
        (409, String::new(), Class::Overloaded),
        (425, String::new(), Class::Overloaded),
        (400, error("invalid_request_error", "unknown_parameter"), Class::BadRequest),
        (400, "not even JSON".to_owned(), Class::BadRequest),
        (400, error("invalid_request_error", "context_length_exceeded"), Class::Context),
        (400, error("invalid_request_error", "invalid_prompt"), Class::Policy),
        (400, error("invalid_request_error", "content_policy_violation"), Class::Policy),
        (404, error("invalid_request_error", "model_not_found"), Class::NotFound),
        (404, String::new(), Class::NotFound),
        (400, error("invalid_request_error", "model_not_found"), Class::NotFound),
        (413, String::new(), Class::BadRequest),
        (422, r#"{"detail":"input is missing"}"#.to_owned(), Class::BadRequest),
        (307, String::new(), Class::NotFound),
    ];
    for (status, body, class) in cases {
        assert_eq!(classified(*status, &[], body).class, *class, "{status} {body}");
    }
}

#[test]
fn the_wait_is_taken_from_the_header_in_each_of_its_forms() {
    type Pairs = &'static [(&'static str, &'static str)];
    let cases: &[(Pairs, Option<u64>)] = &[
        (&[], None),
        (&[("retry-after", "2")], Some(2_000)),
        (&[("retry-after", "20")], Some(20_000)),
        (&[("retry-after", "0")], Some(0)),
        (&[("retry-after", "1.5")], Some(1_500)),
        (&[("retry-after", "Sun, 22 Nov 2026 00:01:30 GMT")], Some(90_000)),
        (&[("retry-after", "Sat, 21 Nov 2026 00:00:00 GMT")], Some(0)),
        (&[("retry-after", "3"), ("retry-after-ms", "2750")], Some(2_750)),
        (&[("retry-after", "soon")], None),
        (&[("retry-after", "-1")], None),
        (&[("retry-after", "99999999999999999999")], None),
    ];
    for (pairs, wait) in cases {
        let trouble = classified(429, pairs, "");
        assert_eq!(trouble.retry_after, wait.map(Duration::from_millis), "{pairs:?}");
    }
    // A provider that is overloaded may say so, too.
    let trouble = classified(503, &[("retry-after", "7")], "");
    assert_eq!(trouble.retry_after, Some(Duration::from_secs(7)));
}

#[test]
fn the_wait_is_taken_from_the_text_where_no_header_has_it() {
    let cases = [
        ("Rate limit reached. Please try again in 1.5s.", Some(1_500)),
        ("Please try again in 20ms. Visit https://example.com.", Some(20)),
        ("try again in 6m0s", Some(360_000)),
        ("try again in 1h2m3.5s", Some(3_723_500)),
        ("try again in 2 minutes", Some(120_000)),
        ("try again in 0.0001s", Some(1)),
        ("try again in 3 fortnights", None),
        ("try again in ", None),
        ("try again in 99999999999s", None),
        ("try again later", None),
    ];
    for (text, wait) in cases {
        let body = json!({"error": {"code": "rate_limit_exceeded", "message": text}});
        let wait = wait.map(Duration::from_millis);
        assert_eq!(classified(429, &[], &body.to_string()).retry_after, wait, "{text}");
        let fault: Fault = serde_json::from_value(body["error"].clone()).unwrap();
        let trouble = failed(&fault, NOW);
        assert_eq!((trouble.phase, trouble.class), (Phase::Failed, Class::RateLimited));
        assert_eq!(trouble.retry_after, wait, "{text}");
    }
}

#[test]
fn a_usage_limit_says_when_it_ends() {
    let body = json!({"error": {"type": "usage_limit_reached", "plan_type": "plus",
        "message": "The usage limit has been reached", "resets_at": NOW + 7_200}});
    let trouble = classified(429, &[], &body.to_string());
    assert_eq!((trouble.class, trouble.resets_at), (Class::UsageLimit, Some(NOW + 7_200)));
    assert_eq!(trouble.least_wait(NOW), Duration::from_secs(7_200));
    let body = json!({"error": {"type": "usage_limit_reached", "resets_in_seconds": 60}});
    assert_eq!(classified(429, &[], &body.to_string()).resets_at, Some(NOW + 60));
}

#[test]
fn a_request_that_is_larger_than_the_limit_is_not_waited_for() {
    let text =
        "Request too large for gpt-5.5 on tokens per min (TPM): Limit 30000, Requested 50000.";
    let body = json!({"error": {"type": "tokens", "code": "rate_limit_exceeded", "message": text}});
    let trouble = classified(429, &[], &body.to_string());
    assert_eq!((trouble.class, trouble.is_transient()), (Class::BadRequest, false));
}

#[test]
fn an_event_of_failure_is_classified_by_its_code() {
    let cases = [
        (json!({"code": "server_error", "message": "x"}), Class::Overloaded),
        (json!({"code": "server_is_overloaded"}), Class::Overloaded),
        (json!({"code": "insufficient_quota"}), Class::Quota),
        (json!({"code": "context_length_exceeded"}), Class::Context),
        (json!({"code": "invalid_prompt"}), Class::Policy),
        (json!({"type": "usage_limit_reached", "resets_at": NOW + 5}), Class::UsageLimit),
        (json!({"type": "invalid_request_error", "code": "odd"}), Class::BadRequest),
        (json!({"code": "never_heard_of"}), Class::Overloaded),
        (json!({"code": 429, "message": "x"}), Class::RateLimited),
        (json!({"code": 400, "message": "x"}), Class::BadRequest),
        (json!({}), Class::Overloaded),
    ];
    for (error, class) in cases {
        let fault: Fault = serde_json::from_value(error.clone()).unwrap();
        assert_eq!(failed(&fault, NOW).class, class, "{error}");
    }
}

#[test]
fn what_a_provider_says_is_told_in_one_line() {
    let said = |status, body: &str| classified(status, &[], body).message;
    let body = r#"{"error":{"message":"Incorrect API key\nprovided."}}"#;
    assert_eq!(said(401, body), "HTTP 401 Unauthorized: Incorrect API key provided.");
    assert_eq!(said(500, r#"{"error":"down"}"#), "HTTP 500 Internal Server Error: down");
    assert_eq!(said(422, r#"{"detail":"no"}"#), "HTTP 422 Unprocessable Entity: no");
    assert_eq!(said(400, r#"{"message":"no"}"#), "HTTP 400 Bad Request: no");
    assert_eq!(said(503, ""), "HTTP 503 Service Unavailable");
    assert_eq!(said(502, "<b>\u{1b}[2Jno</b>"), "HTTP 502 Bad Gateway: <b>[2Jno</b>");
    // A type that nobody expects hides nothing else.
    let body = r#"{"error":{"message":"x","code":{"a":[1]},"type":7,"resets_at":"never"}}"#;
    assert_eq!(said(418, body), "HTTP 418 I'm a teapot: x");
    let to = [("location", "https://elsewhere.example/v1")];
    let message = classified(308, &to, "").message;
    assert!(message.contains("leads to https://elsewhere.example/v1, which is not"), "{message}");
}
