//! Tells addresses of the open internet from those of this host and of the
//! networks around it.
//!
//! A name that is public by its letters may lead to either; what it leads to is
//! what counts. The table is IANA's special-purpose address registries (RFC 6890
//! and its updates). Unaware of names and of who may reach what.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Blocks that are not of the open internet: base, and length of the prefix.
const SPECIAL_V4: &[([u8; 4], u32)] = &[
    ([0, 0, 0, 0], 8),       // this network
    ([10, 0, 0, 0], 8),      // private
    ([100, 64, 0, 0], 10),   // shared, behind a provider's translator
    ([127, 0, 0, 0], 8),     // loopback
    ([169, 254, 0, 0], 16),  // link-local, with the metadata of clouds
    ([172, 16, 0, 0], 12),   // private
    ([192, 0, 0, 0], 24),    // protocol assignments
    ([192, 0, 2, 0], 24),    // documentation
    ([192, 168, 0, 0], 16),  // private
    ([198, 18, 0, 0], 15),   // benchmarks
    ([198, 51, 100, 0], 24), // documentation
    ([203, 0, 113, 0], 24),  // documentation
    ([224, 0, 0, 0], 4),     // multicast
    ([240, 0, 0, 0], 4),     // reserved, and broadcast
];

/// The only block of IPv6 from which public addresses are given: 2000::/3.
const GLOBAL_V6: (u128, u32) = (0x2000 << 112, 3);

/// Blocks within it that are not of the open internet.
const SPECIAL_V6: &[(u128, u32)] = &[
    (0x2001 << 112, 23),     // protocol assignments, Teredo
    (0x2001_0db8 << 96, 32), // documentation
    (0x3fff << 112, 20),     // documentation
];

/// Prefixes behind which an IPv4 address stands, with how far it is shifted.
const EMBEDDED_V4: &[(u128, u32, u32)] = &[
    (0xffff << 32, 96, 0),      // ::ffff:a.b.c.d
    (0x0064_ff9b << 96, 96, 0), // 64:ff9b::a.b.c.d, RFC 6052
    (0x2002 << 112, 16, 80),    // 2002:a.b:c.d::, RFC 3056
];

/// Tells whether an address is of the open internet.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    !SPECIAL_V4.iter().any(|(base, prefix)| {
        let shift = 32 - prefix;
        bits >> shift == u32::from_be_bytes(*base) >> shift
    })
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let bits = address.to_bits();
    let within = |base: u128, prefix: u32| bits >> (128 - prefix) == base >> (128 - prefix);
    let embedded = EMBEDDED_V4.iter().find(|(base, prefix, _)| within(*base, *prefix));
    if let Some((_, _, shift)) = embedded {
        let low = u32::try_from(bits >> shift & u128::from(u32::MAX)).unwrap_or_default();
        return is_public_v4(Ipv4Addr::from_bits(low));
    }
    within(GLOBAL_V6.0, GLOBAL_V6.1)
        && !SPECIAL_V6.iter().any(|(base, prefix)| within(*base, *prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(text: &str) -> bool {
        is_public(text.parse().expect("an address"))
    }

    #[test]
    fn what_lies_around_this_host_is_not_public() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:a00:1::1",
            "::7f00:1",
        ] {
            assert!(!public(address), "{address}");
        }
    }

    #[test]
    fn the_neighbours_of_each_block_are_public() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1",
            "2a00::1",
            "2001:4860::8888",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2002:101:101::1",
        ] {
            assert!(public(address), "{address}");
        }
    }
}
