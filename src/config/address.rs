//! Addresses a node listens on and gives out: 0.4's `host:port` and later URLs, both ending as checked URLs.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Why a text is not a usable address. The text itself follows in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum AddressProblem {
    #[error("no URL given")]
    Missing,
    #[error("a URL must begin with http:// or https://")]
    Scheme,
    #[error("unix sockets are not available: listen on an IP address, http://127.0.0.1:PORT")]
    Unix,
    #[error(
        "TLS is not available in this release: listen on http:// and let a TLS proxy in front of the node hold the \
         certificate"
    )]
    Tls,
    #[error("a URL must have the form http://host:port, with nothing behind the port")]
    Path,
    #[error("host and port are needed, as in http://10.0.0.2:2379")]
    HostPort,
    #[error("the port must be a number from 0 to 65535")]
    Port,
    #[error("expected IP in URL for binding (an IP address or localhost, not a name)")]
    NameForBinding,
    #[error("IP required can't use a port only")]
    PortOnly,
    #[error("write host:port without a scheme, as in 10.0.0.2:4001")]
    SchemeInClassic,
}

/// Network side of a listening address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ListenHost {
    /// Every interface, IPv6 and IPv4.
    All,
    /// The loopback interface.
    Localhost,
    /// This address.
    Ip(IpAddr),
}

/// An address to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListenAddress {
    /// Interface or interfaces.
    pub host: ListenHost,
    /// TCP port; 0 lets the system choose.
    pub port: u16,
}

impl ListenAddress {
    /// Socket addresses to try in this order; the first that can be bound serves.
    ///
    /// `All` begins with the IPv6 wildcard, which takes IPv4 as well, and falls back for machines without IPv6.
    pub fn candidates(&self) -> Vec<SocketAddr> {
        let hosts: [Option<IpAddr>; 2] = match self.host {
            ListenHost::All => [
                Some(Ipv6Addr::UNSPECIFIED.into()),
                Some(Ipv4Addr::UNSPECIFIED.into()),
            ],
            ListenHost::Localhost => [
                Some(Ipv4Addr::LOCALHOST.into()),
                Some(Ipv6Addr::LOCALHOST.into()),
            ],
            ListenHost::Ip(ip) => [Some(ip), None],
        };
        hosts
            .into_iter()
            .flatten()
            .map(|host| SocketAddr::new(host, self.port))
            .collect()
    }

    /// Whether both addresses would need the same socket.
    pub(super) fn clashes(&self, other: &ListenAddress) -> bool {
        let all = |address: &ListenAddress| address.host == ListenHost::All;
        let (mine, others) = (self.candidates(), other.candidates());
        self.port == other.port
            && self.port != 0
            && (all(self) || all(other) || mine.first() == others.first())
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            ListenHost::All => write!(out, "http://[::]:{}", self.port),
            ListenHost::Localhost => write!(out, "http://localhost:{}", self.port),
            ListenHost::Ip(ip) => write!(out, "http://{}", SocketAddr::new(ip, self.port)),
        }
    }
}

/// Scheme, host (without brackets) and port of a URL that holds nothing else.
#[derive(Debug, PartialEq, Eq)]
struct UrlParts<'a> {
    https: bool,
    host: &'a str,
    port: u16,
}

fn url_parts(text: &str) -> Result<UrlParts<'_>, AddressProblem> {
    let (scheme, rest) = text.split_once("://").ok_or(AddressProblem::Scheme)?;
    let https = match scheme {
        "http" => false,
        "https" => true,
        "unix" | "unixs" => return Err(AddressProblem::Unix),
        _ => return Err(AddressProblem::Scheme),
    };
    if rest.contains(['/', '?', '#', '@']) {
        return Err(AddressProblem::Path);
    }
    let (host, port) = host_port(rest)?;
    Ok(UrlParts { https, host, port })
}

/// Splits `host:port`, `[v6]:port`. The host may be empty, the port may not.
fn host_port(text: &str) -> Result<(&str, u16), AddressProblem> {
    let (host, port) = text.rsplit_once(':').ok_or(AddressProblem::HostPort)?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').ok_or(AddressProblem::HostPort)?,
        None if host.contains([':', ']']) => return Err(AddressProblem::HostPort),
        None => host,
    };
    if host.contains(|c: char| c.is_whitespace() || c.is_control()) || port.is_empty() {
        return Err(AddressProblem::HostPort);
    }
    // `parse` alone would take "+80".
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port
        .parse()
        .ok()
        .filter(|_| digits)
        .ok_or(AddressProblem::Port)?;
    Ok((host, port))
}

fn listen_host(host: &str) -> Result<ListenHost, AddressProblem> {
    match host {
        "localhost" => Ok(ListenHost::Localhost),
        _ => host
            .parse()
            .map(ListenHost::Ip)
            .map_err(|_| AddressProblem::NameForBinding),
    }
}

/// A URL to listen on.
pub(super) fn listen_url(text: &str) -> Result<ListenAddress, AddressProblem> {
    let parts = url_parts(text)?;
    if parts.https {
        return Err(AddressProblem::Tls);
    }
    Ok(ListenAddress {
        host: listen_host(parts.host)?,
        port: parts.port,
    })
}

/// A URL to give out: any host, checked and returned as written.
pub(super) fn advertised_url(text: &str) -> Result<String, AddressProblem> {
    match url_parts(text)?.host {
        "" => Err(AddressProblem::HostPort),
        _ => Ok(text.to_owned()),
    }
}

/// Checks a URL at which the others are to reach a new member; the words are those of the members API (cluster-and-config 4), where
/// it has some.
pub(crate) fn peer_url(text: &str) -> Result<(), String> {
    match url_parts(text) {
        Ok(UrlParts { host: "", .. }) | Err(AddressProblem::HostPort | AddressProblem::Port) => {
            Err(format!(
                "URL address does not have the form \"host:port\": {text}"
            ))
        }
        Ok(UrlParts { https: true, .. }) => Err(format!(
            "TLS between members is not available in this release, use http: {text}"
        )),
        Ok(_) => Ok(()),
        Err(AddressProblem::Path) => Err(format!("URL must not contain a path: {text}")),
        Err(AddressProblem::Unix) => Err(format!(
            "members reach each other at IP addresses and names, not at sockets of one machine: {text}"
        )),
        Err(_) => Err(format!(
            "URL scheme must be http, https, unix, or unixs: {text}"
        )),
    }
}

/// 0.4's `host:port` to give out, with its port.
pub(super) fn classic_address(text: &str) -> Result<(String, u16), AddressProblem> {
    if text.contains("://") {
        return Err(AddressProblem::SchemeInClassic);
    }
    if text.contains(['/', '?', '#', '@']) {
        return Err(AddressProblem::Path);
    }
    match host_port(text)? {
        ("", _) => Err(AddressProblem::HostPort),
        (_, port) => Ok((format!("http://{text}"), port)),
    }
}

/// 0.4's `host` or `host:port` to listen on; a missing port is `default_port`.
pub(super) fn classic_bind(text: &str, default_port: u16) -> Result<ListenAddress, AddressProblem> {
    if text.contains("://") {
        return Err(AddressProblem::SchemeInClassic);
    }
    if text.starts_with(':') && text.parse::<IpAddr>().is_err() {
        return Err(AddressProblem::PortOnly);
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    let (host, port) = match listen_host(bare) {
        Ok(host) => (host, default_port),
        Err(_) if !text.contains(':') => return Err(AddressProblem::NameForBinding),
        Err(_) => {
            let (host, port) = host_port(text)?;
            (listen_host(host)?, port)
        }
    };
    Ok(ListenAddress { host, port })
}

/// A URL in the form two of them are compared in: `localhost` and its address are the same place.
pub(crate) fn comparable(url: &str) -> String {
    url.replacen("//localhost:", "//127.0.0.1:", 1)
}

#[cfg(test)]
mod tests {
    use super::AddressProblem::*;
    use super::*;

    #[test]
    fn listening_needs_an_ip_address_or_localhost() {
        let good = [
            ("http://127.0.0.1:2379", "127.0.0.1:2379"),
            ("http://0.0.0.0:4001", "0.0.0.0:4001"),
            ("http://[::1]:2379", "[::1]:2379"),
            ("http://localhost:0", "127.0.0.1:0"),
        ];
        for (text, socket) in good {
            assert_eq!(
                listen_url(text).unwrap().candidates()[0].to_string(),
                socket,
                "{text}"
            );
        }
        let bad = [
            ("http://example.com:2379", NameForBinding),
            ("http://:2379", NameForBinding),
            ("https://127.0.0.1:2379", Tls),
            ("unix://sock:0", Unix),
            ("unixs:///run/etcd", Unix),
            ("127.0.0.1:2379", Scheme),
            ("ftp://127.0.0.1:21", Scheme),
            ("http://127.0.0.1", HostPort),
            ("http://127.0.0.1:", HostPort),
            ("http://::1:2379", HostPort),
            ("http://[::1:2379", HostPort),
            ("http://127.0.0.1:99999", Port),
            ("http://127.0.0.1:+80", Port),
            ("http://127.0.0.1:http", Port),
            ("http://127.0.0.1:2379/", Path),
            ("http://127.0.0.1:2379/v2", Path),
            ("http://u:p@127.0.0.1:2379", Path),
            ("", Scheme),
        ];
        for (text, problem) in bad {
            assert_eq!(listen_url(text), Err(problem), "{text}");
        }
    }

    #[test]
    fn an_advertised_url_may_hold_a_name_and_https() {
        for text in [
            "http://etcd.example:2379",
            "https://lb:443",
            "http://[fe80::1]:2379",
        ] {
            assert_eq!(advertised_url(text), Ok(text.to_owned()));
        }
        assert_eq!(advertised_url("http://:2379"), Err(HostPort));
        assert_eq!(advertised_url("http://a b:1"), Err(HostPort));
    }

    #[test]
    fn classic_addresses_have_no_scheme_and_need_a_port() {
        assert_eq!(
            classic_address("10.0.0.2:4001"),
            Ok(("http://10.0.0.2:4001".into(), 4001))
        );
        assert_eq!(
            classic_address("node.example:4001"),
            Ok(("http://node.example:4001".into(), 4001))
        );
        assert_eq!(
            classic_address("[::1]:4001"),
            Ok(("http://[::1]:4001".into(), 4001))
        );
        let bad = [
            ("http://10.0.0.2:4001", SchemeInClassic),
            ("10.0.0.2", HostPort),
            (":4001", HostPort),
            ("10.0.0.2:x", Port),
            ("10.0.0.2:4001/a", Path),
        ];
        for (text, problem) in bad {
            assert_eq!(classic_address(text), Err(problem), "{text}");
        }
    }

    #[test]
    fn classic_bind_takes_its_port_from_the_address() {
        let good = [
            ("0.0.0.0", "0.0.0.0:4001"),
            ("10.0.0.2:5001", "10.0.0.2:5001"),
            ("::", "[::]:4001"),
            ("::1", "[::1]:4001"),
            ("[::1]", "[::1]:4001"),
            ("[::1]:5001", "[::1]:5001"),
            ("localhost", "127.0.0.1:4001"),
        ];
        for (text, socket) in good {
            assert_eq!(
                classic_bind(text, 4001).unwrap().candidates()[0].to_string(),
                socket,
                "{text}"
            );
        }
        for (text, problem) in [
            (":4001", PortOnly),
            ("http://0.0.0.0", SchemeInClassic),
            ("name.example", NameForBinding),
            ("name.example:1", NameForBinding),
            ("10.0.0.2:", HostPort),
        ] {
            assert_eq!(classic_bind(text, 4001), Err(problem), "{text}");
        }
    }

    #[test]
    fn all_interfaces_are_tried_as_ipv6_then_ipv4() {
        let all = ListenAddress {
            host: ListenHost::All,
            port: 4001,
        };
        let texts: Vec<String> = all.candidates().iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["[::]:4001", "0.0.0.0:4001"]);
        assert_eq!(all.to_string(), "http://[::]:4001");
    }

    #[test]
    fn clashes_are_seen_before_binding() {
        let at = |text| listen_url(text).unwrap();
        let all = ListenAddress {
            host: ListenHost::All,
            port: 2379,
        };
        assert!(at("http://127.0.0.1:2379").clashes(&at("http://localhost:2379")));
        assert!(all.clashes(&at("http://127.0.0.1:2379")));
        assert!(!at("http://127.0.0.1:2379").clashes(&at("http://127.0.0.1:2380")));
        assert!(!at("http://127.0.0.1:2379").clashes(&at("http://127.0.0.2:2379")));
        assert!(!at("http://127.0.0.1:0").clashes(&at("http://127.0.0.1:0")));
    }
}
