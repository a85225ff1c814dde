//! `NO_PROXY`: which hosts are reached directly.

use std::net::IpAddr;

/// Hosts that no proxy stands before. Loopback is always among them.
#[derive(Clone, Debug, Default)]
pub(super) struct Bypass {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    /// `*`
    Everyone,
    /// `10.0.0.0/8`: addresses that agree with this one in the first bits.
    Network { address: IpAddr, bits: u32 },
    /// `10.1.2.3`, `10.1.2.3:2379`, `[::1]:2379`
    Address { address: IpAddr, port: Option<u16> },
    /// `example.com` (the name and all below it) or `.example.com` (only what is below), each with or without a port.
    Domain {
        /// Lower case, beginning with a dot.
        suffix: String,
        itself: bool,
        port: Option<u16>,
    },
}

impl Bypass {
    /// Reads a comma-separated list. Elements that are nothing at all are skipped, as every tool does.
    pub(super) fn parse(list: &str) -> Bypass {
        let rules = list.split(',').filter_map(Rule::parse).collect();
        Bypass { rules }
    }

    /// Whether `host` is reached directly.
    pub(super) fn covers(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let address: Option<IpAddr> = host.parse().ok();
        let loopback = match address {
            Some(address) => address.to_canonical().is_loopback(),
            None => host == "localhost",
        };
        loopback
            || self
                .rules
                .iter()
                .any(|rule| rule.covers(&host, address, port))
    }
}

impl Rule {
    fn parse(element: &str) -> Option<Rule> {
        let element = element.trim().to_ascii_lowercase();
        if element == "*" {
            return Some(Rule::Everyone);
        }
        if let Some((address, bits)) = element.split_once('/') {
            let address: IpAddr = address.parse().ok()?;
            let bits: u32 = bits.parse().ok()?;
            let width = if address.is_ipv4() { 32 } else { 128 };
            return (bits <= width).then_some(Rule::Network { address, bits });
        }
        let (host, port) = split_port(&element);
        if let Ok(address) = host.parse() {
            return Some(Rule::Address { address, port });
        }
        let name = host.strip_prefix('*').unwrap_or(host);
        let bare = name.trim_matches('.');
        (!bare.is_empty()).then(|| Rule::Domain {
            suffix: format!(".{bare}"),
            itself: !name.starts_with('.'),
            port,
        })
    }

    fn covers(&self, host: &str, address: Option<IpAddr>, at_port: u16) -> bool {
        let same_port = |port: &Option<u16>| port.is_none_or(|port| port == at_port);
        match self {
            Rule::Everyone => true,
            Rule::Network {
                address: network,
                bits,
            } => address.is_some_and(|address| same_network(*network, address, *bits)),
            Rule::Address {
                address: only,
                port,
            } => address == Some(*only) && same_port(port),
            Rule::Domain {
                suffix,
                itself,
                port,
            } => {
                same_port(port)
                    && (host.ends_with(suffix) || *itself && Some(host) == suffix.get(1..))
            }
        }
    }
}

/// The host and the port of `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 address.
fn split_port(element: &str) -> (&str, Option<u16>) {
    if let Some((inner, after)) = element.strip_prefix('[').and_then(|r| r.split_once(']')) {
        return (inner, after.strip_prefix(':').and_then(|p| p.parse().ok()));
    }
    match element.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (element, None),
        },
        _ => (element, None),
    }
}

fn same_network(network: IpAddr, address: IpAddr, bits: u32) -> bool {
    // Shifting by the whole width is not defined, and zero bits agree with everyone.
    match (network, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            bits == 0 || (a.to_bits() ^ b.to_bits()) >> (32 - bits) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            bits == 0 || (a.to_bits() ^ b.to_bits()) >> (128 - bits) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(list: &str, host: &str, port: u16) -> bool {
        Bypass::parse(list).covers(host, port)
    }

    #[test]
    fn loopback_is_always_direct() {
        for host in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "localhost",
            "LOCALHOST",
            "::ffff:127.0.0.1",
        ] {
            assert!(covered("", host, 2379), "{host}");
        }
        for host in ["10.0.0.1", "localhost.example", "mylocalhost"] {
            assert!(!covered("", host, 2379), "{host}");
        }
    }

    #[test]
    fn names_cover_what_is_below_them() {
        for (list, host, expected) in [
            ("example.com", "example.com", true),
            ("example.com", "EXAMPLE.com.", true),
            ("example.com", "a.b.example.com", true),
            ("example.com", "notexample.com", false),
            ("Example.Com", "a.example.com", true),
            (".example.com", "example.com", false),
            (".example.com", "a.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.example.com", true),
            (" other , example.com ", "example.com", true),
            ("*", "anything", true),
            (",,", "anything", false),
            (".", "anything", false),
        ] {
            assert_eq!(covered(list, host, 80), expected, "{list} {host}");
        }
    }

    #[test]
    fn addresses_and_networks_cover_addresses_only() {
        for (list, host, expected) in [
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.30", false),
            ("10.0.0.0/8", "10.200.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3/32", "10.1.2.3", true),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "2001:db9::1", true),
            ("2001:db8::1", "2001:db8::1", true),
            ("[2001:db8::1]", "2001:db8::1", true),
            ("10.0.0.0/33", "10.0.0.1", false),
            ("10.0.0.0/8", "ten.example", false),
        ] {
            assert_eq!(covered(list, host, 80), expected, "{list} {host}");
        }
    }

    #[test]
    fn a_port_narrows_a_rule() {
        assert!(covered("example.com:2379", "a.example.com", 2379));
        assert!(!covered("example.com:2379", "a.example.com", 4001));
        assert!(covered("10.1.2.3:2379", "10.1.2.3", 2379));
        assert!(!covered("10.1.2.3:2379", "10.1.2.3", 4001));
        assert!(covered("[2001:db8::1]:2379", "2001:db8::1", 2379));
        assert!(!covered("[2001:db8::1]:2379", "2001:db8::1", 1));
    }
}
