//! What may be reached: the hosts that a plan names, and nothing beside them.
//!
//! An entry is a name or an IPv4 address, with or without a port; without one
//! it stands for the ports of HTTP and HTTPS. A name that leads to an address
//! which is not public is not enough: somebody else decides where a name leads.
//! Unaware of connections.

use std::net::{IpAddr, SocketAddr};

use super::address::is_public;

/// The ports of an entry that names none: HTTPS and HTTP.
const PORTS_DEFAULT: [u16; 2] = [443, 80];

/// The name that means this host by definition (RFC 6761).
const LOCALHOST: &str = "localhost";

/// The hosts that may be reached.
#[derive(Debug, Clone)]
pub(super) struct Allowed(Vec<Entry>);

#[derive(Debug, Clone)]
struct Entry {
    host: String,
    port: Option<u16>,
}

impl Entry {
    /// Reads an entry as the compiler has checked it.
    fn new(text: &str) -> Self {
        let (host, port) = text.split_once(':').map_or((text, None), |(h, port)| (h, Some(port)));
        // A port that cannot be read, which no plan has, is one that nobody asks for.
        Self { host: host.to_owned(), port: port.map(|port| port.parse().unwrap_or(0)) }
    }

    fn has_port(&self, port: u16) -> bool {
        self.port.map_or_else(|| PORTS_DEFAULT.contains(&port), |own| own == port && port != 0)
    }

    fn is(&self, host: &str, port: u16) -> bool {
        self.host == host && self.has_port(port)
    }
}

impl Allowed {
    /// Reads the list of a plan.
    pub(super) fn new(hosts: &[String]) -> Self {
        Self(hosts.iter().map(|host| Entry::new(host)).collect())
    }

    /// Tells whether the list names a host, spelled as [`canonical`] gives it.
    pub(super) fn names(&self, host: &str, port: u16) -> bool {
        self.0.iter().any(|entry| entry.is(host, port))
    }

    /// Tells whether a host that is named may be reached at an address it
    /// leads to: a public one, one that the list names itself, or loopback
    /// where the list says `localhost`.
    pub(super) fn leads_to(&self, host: &str, address: SocketAddr) -> bool {
        let (ip, port) = (address.ip().to_canonical(), address.port());
        is_public(ip)
            || self.0.iter().any(|entry| entry.is(&ip.to_string(), port))
            || (host == LOCALHOST && ip.is_loopback() && self.names(LOCALHOST, port))
    }
}

/// Spells a host in one way: small letters, no dot at its end.
pub(super) fn canonical(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// Names the hosts of a sandbox that programs must not look for behind the
/// proxy: its own loopback, unless the list means the host's.
pub(crate) fn own_hosts(hosts: &[String]) -> String {
    let entries: Vec<Entry> = hosts.iter().map(|host| Entry::new(host)).collect();
    let is_listed = |own: &str| {
        entries.iter().any(|entry| match (entry.host.parse::<IpAddr>(), own.parse::<IpAddr>()) {
            (Ok(listed), Ok(own)) => listed == own,
            _ => entry.host == own,
        })
    };
    let own = [LOCALHOST, "127.0.0.1", "::1"];
    own.into_iter().filter(|own| !is_listed(own)).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(hosts: &[&str]) -> Allowed {
        Allowed::new(&hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>())
    }

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address with a port")
    }

    #[test]
    fn a_name_stands_for_itself_alone_and_for_the_ports_of_http() {
        let allowed = allowed(&["registry.example", "files.example:8443"]);
        for (host, port) in
            [("registry.example", 443), ("registry.example", 80), ("files.example", 8443)]
        {
            assert!(allowed.names(host, port), "{host}:{port}");
        }
        for (host, port) in [
            ("registry.example", 22),
            ("registry.example", 0),
            ("files.example", 443),
            ("files.example", 80),
            ("a.registry.example", 443),
            ("registry.example.evil", 443),
            ("example", 443),
            ("", 443),
        ] {
            assert!(!allowed.names(host, port), "{host}:{port}");
        }
    }

    #[test]
    fn a_host_has_one_spelling() {
        assert_eq!(canonical("Registry.EXAMPLE."), "registry.example");
        // Two dots are another name, which no list has.
        assert_eq!(canonical("a.."), "a.");
    }

    #[test]
    fn a_name_does_not_open_what_lies_around_the_host() {
        let names = allowed(&["registry.example"]);
        assert!(names.leads_to("registry.example", at("1.1.1.1:443")));
        for inside in ["127.0.0.1:443", "10.0.0.5:443", "169.254.169.254:80", "[::1]:443"] {
            assert!(!names.leads_to("registry.example", at(inside)), "{inside}");
        }
        let with_address = allowed(&["registry.example", "10.0.0.5"]);
        assert!(with_address.leads_to("registry.example", at("10.0.0.5:443")));
        assert!(with_address.leads_to("registry.example", at("[::ffff:10.0.0.5]:443")));
        assert!(!with_address.leads_to("registry.example", at("10.0.0.5:8080")));
        assert!(!with_address.leads_to("registry.example", at("10.0.0.6:443")));
    }

    #[test]
    fn loopback_is_opened_by_its_own_name_and_port_only() {
        let allowed = allowed(&["localhost:8000", "registry.example:8000"]);
        assert!(allowed.leads_to("localhost", at("127.0.0.1:8000")));
        assert!(allowed.leads_to("localhost", at("[::1]:8000")));
        assert!(!allowed.leads_to("localhost", at("127.0.0.1:8001")));
        assert!(!allowed.leads_to("localhost", at("10.0.0.1:8000")));
        assert!(!allowed.leads_to("registry.example", at("127.0.0.1:8000")));
    }

    #[test]
    fn the_sandboxs_own_loopback_needs_no_proxy_unless_the_plan_means_the_hosts() {
        let own =
            |hosts: &[&str]| own_hosts(&hosts.iter().map(|h| (*h).to_owned()).collect::<Vec<_>>());
        assert_eq!(own(&["registry.example"]), "localhost,127.0.0.1,::1");
        assert_eq!(own(&["127.0.0.1:80"]), "localhost,::1");
        assert_eq!(own(&["localhost:1", "127.0.0.1"]), "::1");
    }
}
