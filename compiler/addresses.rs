//! Addresses of services: where a key is sent and code goes.
//!
//! One service has one spelling, so that two plans differ where their services
//! do. Unaware of what is said to a service.

use eufm_grammar::{Diagnostic, Diagnostics};

use crate::value::Value;
use crate::wording::quoted;
use crate::{hosts, typed};

type Problem = (&'static str, &'static str);

/// Reads the address of a service, without the `/` at its end.
pub(crate) fn read(key: &str, value: Value<'_>, out: &mut Diagnostics) -> Option<String> {
    let span = value.span;
    let text = typed::text(key, value, out)?;
    let address = text.strip_suffix('/').unwrap_or(&text);
    if let Err((problem, help)) = check(address) {
        let message = format!("{} {problem}", quoted(&text));
        out.push(Diagnostic::error("E0317", message).at(span, "not usable").help(help));
        return None;
    }
    Some(address.to_owned())
}

fn check(address: &str) -> Result<(), Problem> {
    const FORM: &str = "write it as in `https://api.example/v1`";
    let Some((scheme, rest)) = address.split_once("://") else {
        return Err(("is no address", FORM));
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if host.contains('@') {
        return Err(("has a name or a password in it", "the key is given to a run, not to a plan"));
    }
    hosts::check(host)?;
    let name = host.split(':').next().unwrap_or(host);
    match scheme {
        "https" => {}
        "http" if is_this_host(name) => {}
        "http" => {
            return Err((
                "would be spoken to in the clear, with the key in it",
                "write `https://`; `http://` is for `localhost` and `127.0.0.1`",
            ));
        }
        _ => return Err(("is no address of the web", FORM)),
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let is_step = |part: &str| part.is_empty() || part.bytes().all(|byte| byte == b'.');
    if !path.bytes().all(is_plain) || (!path.is_empty() && path.split('/').any(is_step)) {
        return Err((
            "has more in its path than names",
            "a path has letters, digits, `-`, `.`, `_` and `~` between its `/`, and nothing behind it",
        ));
    }
    Ok(())
}

fn is_this_host(name: &str) -> bool {
    let parts: Vec<&str> = name.split('.').collect();
    let is_loopback = matches!(parts.as_slice(), ["127", rest @ ..] if rest.len() == 3)
        && parts.iter().all(|part| part.parse::<u8>().is_ok());
    name == "localhost" || is_loopback
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_spoken_to_by_tls_or_is_this_host() {
        for good in [
            "https://api.openai.com/v1",
            "https://proxy.example:8443/a/b-c_d.e~f",
            "https://api.example",
            "http://localhost:8080/v1",
            "http://127.0.0.1:1/v1",
            "https://api.example/v1.0",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "api.example/v1",
            "http://api.example/v1",
            "http://10.0.0.1/v1",
            "http://localhost.example/v1",
            "ftp://api.example",
            "HTTPS://api.example",
            "https://",
            "https:///v1",
            "https://me:word@api.example/v1",
            "https://api.example:0/v1",
            "https://API.example/v1",
            "https://api.example/v1?key=a",
            "https://api.example/v1#a",
            "https://api.example//v1",
            "https://api.example/../v1",
            "https://api.example/v1/",
            "https://api.example/v 1",
            "https://api.example/ü",
            "https://*.example/v1",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
