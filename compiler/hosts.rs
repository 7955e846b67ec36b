//! Names of hosts that may be reached.
//!
//! Unaware of who reaches them.

use eufm_grammar::{Diagnostic, Diagnostics};

use crate::typed;
use crate::value::{Kind, Value, Word};
use crate::wording::quoted;

/// Reads a list of hosts, each with an optional port; `none` is the empty list.
pub(crate) fn read(key: &str, value: Value<'_>, out: &mut Diagnostics) -> Option<Vec<String>> {
    if let Kind::Word(Word { text, .. }) = &value.kind
        && text == "none"
    {
        return Some(Vec::new());
    }
    let before = out.errors();
    let list = typed::texts(key, value, out)?;
    let mut hosts: Vec<String> = Vec::with_capacity(list.len());
    for host in list {
        if let Err((problem, help)) = check(&host.value) {
            let finding = Diagnostic::error("E0313", format!("{} {problem}", quoted(&host.value)))
                .at(host.span, "not usable")
                .help(help);
            out.push(finding);
        } else if !hosts.iter().any(|known| *known == host.value) {
            hosts.push(host.value.into_owned());
        }
    }
    (out.errors() == before).then_some(hosts)
}

/// Says what is wrong with a host and its optional port, and what would be right.
pub(crate) fn check(host: &str) -> Result<(), (&'static str, &'static str)> {
    if host.contains("://") {
        return Err((
            "is an address, not a host",
            "write the name of the host alone, as in `registry.example`",
        ));
    }
    if host.contains('*') {
        return Err((
            "stands for any host",
            "name each host; a wildcard would let data out anywhere",
        ));
    }
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    if port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|port| port > 0)) {
        return Err(("has no port behind its `:`", "a port is a number from 1 to 65535"));
    }
    let plain = |part: &str| {
        !part.is_empty()
            && part.len() <= 63
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if name.len() > 253 || !name.split('.').all(plain) {
        return Err((
            "is no name of a host",
            "a host is written in small letters, digits, `-` and `.`, as in `registry.example` or `registry.example:8443`",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_with_an_optional_port() {
        for good in ["registry.example", "a", "x-1.example:8443", "127.0.0.1", "localhost:1"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "*",
            "*.example",
            "https://x.example",
            "X.example",
            "a b",
            "a/b",
            "a:",
            "a:0",
            "a:70000",
            "-a",
            "a..b",
            "é",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
