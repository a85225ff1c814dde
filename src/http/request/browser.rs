//! Requests that a browser sends for the page of another site, told by the marks that only browsers set.
//!
//! Any page may make its visitor's browser send a form to a node that the visitor reaches, and a page whose name
//! suddenly leads to the node's address (DNS rebinding) may even read the answers. Such requests are told and refused:
//!
//! ```text
//! Sec-Fetch-Site   same-origin, none (typed, a bookmark): own     anything else, or said twice: another site's
//! Origin           looked at only without the above: it must be the origin that the request names as its target
//! neither          no browser, or one that navigates or reads without saying so: served as ever
//! ```
//!
//! A marked request must also call the node by a name that nobody else can make lead to it: an IP address, or one of
//! the node's own names. That stops rebinding, where both marks look right. Navigations get no exception: a `GET` that
//! follows a link changes nothing, but it may open a watch or list everything, and its owner can type the address.

use std::net::{IpAddr, Ipv6Addr};

use hyper::header::{HOST, HeaderName, HeaderValue, ORIGIN};
use hyper::{HeaderMap, Uri};

pub(crate) const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

const ANOTHER_SITE: &str = "a browser sent this request for a page of another site, and such requests are not \
                            served: the option cors names the origins that may use this node";
const FOREIGN_NAME: &str = "a browser sent this request to a name that is not known to be this node's: use its IP \
                            address, or list the name in the option host-whitelist";

/// Tells the requests of other sites.
#[derive(Debug, Clone)]
pub(crate) struct BrowserGuard {
    /// Names of this node, without ports and final dots; compared without case.
    names: Vec<String>,
}

impl BrowserGuard {
    /// `names` may have ports, brackets and final dots.
    pub(crate) fn new(names: &[String]) -> Self {
        let bare = |name: &String| Some(HostPort::of(name)?.host.trim_end_matches('.').to_owned());
        Self {
            names: names.iter().filter_map(bare).collect(),
        }
    }

    /// Why a request is another site's; `None` if it is not, or is no browser's.
    pub(crate) fn refusal(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        secure: bool,
    ) -> Option<&'static str> {
        let site = headers.get(SEC_FETCH_SITE);
        let origin = headers.get(ORIGIN);
        if site.is_none() && origin.is_none() {
            return None;
        }
        let target = target(uri, headers).and_then(HostPort::of);
        let own = match (site, target) {
            (Some(site), _) => {
                let once = headers.get_all(SEC_FETCH_SITE).iter().nth(1).is_none();
                once && [&b"same-origin"[..], b"none"].contains(&site.as_bytes())
            }
            (None, Some(target)) => {
                let once = headers.get_all(ORIGIN).iter().nth(1).is_none();
                once && origin.is_some_and(|origin| same_origin(origin, target, secure))
            }
            (None, None) => false,
        };
        if !own {
            return Some(ANOTHER_SITE);
        }
        let known = target.is_some_and(|target| self.knows(target.host));
        (!known).then_some(FOREIGN_NAME)
    }

    /// Whether only this node, or its owner, can be meant by `host`.
    fn knows(&self, host: &str) -> bool {
        let name = host.strip_suffix('.').unwrap_or(host);
        address(name).is_some() || self.names.iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}

/// What the request names as its target: the authority of an absolute target, which beats `Host`; `None` where that is
/// missing, said twice or no text.
pub(crate) fn target<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    if let Some(authority) = uri.authority() {
        return Some(authority.as_str());
    }
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    hosts.next().is_none().then_some(host)
}

/// Whether a page of `origin` asks the server that it came from. The scheme says which port is meant where none is
/// given. Without TLS of our own, `https` is that of a proxy before us.
fn same_origin(origin: &HeaderValue, target: HostPort<'_>, secure: bool) -> bool {
    let Some((scheme, rest)) = origin.to_str().ok().and_then(|text| text.split_once("://")) else {
        return false; // `null` among them: a sandbox, a file, a redirect between sites
    };
    let port = match scheme {
        "https" => 443,
        "http" if !secure => 80,
        _ => return false,
    };
    HostPort::of(rest).is_some_and(|page| {
        let host = match (address(page.host), address(target.host)) {
            (Some(one), Some(other)) => one == other,
            _ => page.host.eq_ignore_ascii_case(target.host),
        };
        host && page.port.unwrap_or(port) == target.port.unwrap_or(port)
    })
}

/// Host and port of an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct HostPort<'a> {
    /// Without brackets.
    host: &'a str,
    port: Option<u16>,
}

impl<'a> HostPort<'a> {
    /// `None` for anything but `name`, `name:port`, `v4:port` and `[v6]:port`: user information above all, which makes
    /// one name look like another.
    fn of(authority: &'a str) -> Option<Self> {
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']')?;
                host.parse::<Ipv6Addr>().ok()?;
                (host, port)
            }
            None => {
                let (host, port) =
                    authority.split_at(authority.find(':').unwrap_or(authority.len()));
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
                if host.is_empty() || !host.bytes().all(plain) {
                    return None;
                }
                (host, port)
            }
        };
        let digits = match port.strip_prefix(':') {
            Some(digits) => digits,
            None if port.is_empty() => "",
            None => return None,
        };
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let port = match digits {
            "" => None,
            digits => Some(digits.parse().ok()?),
        };
        Some(Self { host, port })
    }
}

fn address(host: &str) -> Option<IpAddr> {
    host.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(target: &str, lines: &[(&'static str, &str)], secure: bool) -> Option<&'static str> {
        let guard = BrowserGuard::new(&[
            "localhost".to_owned(),
            "Box1".to_owned(),
            "etcd.example.:2379".to_owned(),
        ]);
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        guard.refusal(&target.parse().unwrap(), &headers, secure)
    }

    fn of(lines: &[(&'static str, &str)]) -> Option<&'static str> {
        refusal("/v2/keys/a", lines, false)
    }

    #[test]
    fn without_marks_nothing_is_asked() {
        for host in ["evil.example", "a@b", ""] {
            assert_eq!(of(&[("host", host)]), None);
        }
        assert_eq!(of(&[]), None);
        assert_eq!(
            of(&[
                ("sec-fetch-mode", "cors"),
                ("referer", "http://evil.example/")
            ]),
            None
        );
    }

    #[test]
    fn sec_fetch_site_decides_where_it_is_present() {
        let with = |site, origin| {
            of(&[
                ("host", "localhost:2379"),
                ("sec-fetch-site", site),
                ("origin", origin),
            ])
        };
        for site in ["same-origin", "none"] {
            assert_eq!(with(site, "http://evil.example"), None, "{site}");
        }
        for site in [
            "cross-site",
            "same-site",
            "",
            "None",
            "none, none",
            "none;a",
            "\"none\"",
            "x",
        ] {
            assert_eq!(
                with(site, "http://localhost:2379"),
                Some(ANOTHER_SITE),
                "{site}"
            );
        }
        let twice = [
            ("host", "localhost"),
            ("sec-fetch-site", "none"),
            ("sec-fetch-site", "none"),
        ];
        assert_eq!(of(&twice), Some(ANOTHER_SITE));
    }

    #[test]
    fn an_origin_is_compared_with_the_target() {
        let with = |origin, host| of(&[("host", host), ("origin", origin)]);
        for (origin, host) in [
            ("http://localhost:2379", "localhost:2379"),
            ("http://LOCALHOST:2379", "localhost:2379"),
            ("http://localhost", "localhost:80"),
            ("http://localhost:80", "localhost"),
            ("http://localhost:80", "localhost:"),
            ("https://etcd.example", "etcd.example"),
            ("https://etcd.example", "etcd.example:443"),
            ("http://[::1]:2379", "[0:0:0:0:0:0:0:1]:2379"),
            ("http://10.0.0.2:2379", "10.0.0.2:2379"),
            ("http://localhost.:2379", "localhost.:2379"),
        ] {
            assert_eq!(with(origin, host), None, "{origin} {host}");
        }
        for (origin, host) in [
            ("null", "localhost"),
            ("", "localhost"),
            ("http://localhost:2380", "localhost:2379"),
            ("http://localhost", "localhost:2379"),
            ("https://localhost", "localhost:80"),
            ("http://localhost.", "localhost"),
            ("http://localhost/", "localhost"),
            ("http://localhost@evil.example", "localhost"),
            ("http://evil.example@localhost", "localhost"),
            ("http://localhost http://evil.example", "localhost"),
            ("http://evil.example", "localhost"),
            ("localhost", "localhost"),
            ("file://", "localhost"),
            ("chrome-extension://localhost", "localhost"),
            ("HTTP://localhost", "localhost"),
            ("http://::1:80", "[::1]"),
            ("http://localhost", "evil@localhost"),
        ] {
            assert_eq!(with(origin, host), Some(ANOTHER_SITE), "{origin} {host}");
        }
        let origin = ("origin", "http://localhost");
        assert_eq!(
            of(&[("host", "localhost"), origin, origin]),
            Some(ANOTHER_SITE)
        );
        let host = ("host", "localhost");
        assert_eq!(of(&[host, host, origin]), Some(ANOTHER_SITE));
        assert_eq!(of(&[origin]), Some(ANOTHER_SITE));
    }

    #[test]
    fn only_names_of_this_node_are_believed() {
        let with = |host| of(&[("host", host), ("sec-fetch-site", "same-origin")]);
        for host in [
            "127.0.0.1:2379",
            "10.0.0.2",
            "[::1]:2379",
            "[2001:DB8::1]",
            "LocalHost:2379",
            "localhost.",
            "box1:2379",
            "etcd.example:2379",
            "ETCD.example.:1",
        ] {
            assert_eq!(with(host), None, "{host}");
        }
        for host in [
            "evil.example:2379",
            "localhost.evil.example",
            "localhost@evil.example",
            "evil.example@localhost",
            "localhost..",
            "127.0.0.1.evil.example",
            "2130706433",
            "0x7f.1",
            "::1",
            "[::1",
            "[localhost]",
            "[::1]evil",
            "localhost:x",
            "localhost:99999",
            "localhost:80:90",
            "",
        ] {
            assert_eq!(with(host), Some(FOREIGN_NAME), "{host}");
        }
        // The same rebinding, told by an origin that looks right.
        let rebound = [
            ("host", "evil.example:2379"),
            ("origin", "http://evil.example:2379"),
        ];
        assert_eq!(of(&rebound), Some(FOREIGN_NAME));
    }

    #[test]
    fn the_authority_of_an_absolute_target_beats_the_host() {
        let site = ("sec-fetch-site", "same-origin");
        let with = |target, host| refusal(target, &[("host", host), site], false);
        assert_eq!(with("http://localhost:2379/v2/keys", "evil.example"), None);
        for target in [
            "http://evil.example/v2/keys",
            "http://localhost@evil.example/v2/keys",
            "http://evil.example@localhost/v2/keys",
        ] {
            assert_eq!(with(target, "localhost"), Some(FOREIGN_NAME), "{target}");
        }
    }

    #[test]
    fn behind_tls_an_origin_is_https() {
        let with = |origin, host| refusal("/", &[("host", host), ("origin", origin)], true);
        assert_eq!(with("https://localhost", "localhost"), None);
        assert_eq!(with("https://localhost:2379", "localhost:2379"), None);
        assert_eq!(with("http://localhost", "localhost"), Some(ANOTHER_SITE));
        assert_eq!(
            with("http://localhost:2379", "localhost:2379"),
            Some(ANOTHER_SITE)
        );
    }
}
