//! Where a member of the cluster is reached: what users write for it, and what the wire needs of it.
//!
//! 0.4 documented `host:port`, later versions a URL; both are taken (etcdctl reference 4).

use std::fmt;

/// How to speak to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain TCP.
    Http,
    /// TLS over TCP.
    Https,
}

impl Scheme {
    /// The scheme as URLs write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

/// One address of the cluster: scheme, host, port and the path that stands before every request path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    scheme: Scheme,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
    /// What follows the scheme in the user's words: `host`, `host:port` or `[address]:port`.
    authority: String,
    /// Empty, or a path that begins with `/` and does not end with one.
    prefix: String,
}

/// Why a text is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("endpoint {text:?}: {reason}; write it like http://127.0.0.1:2379")]
pub struct EndpointError {
    /// The text as given.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Endpoint {
    /// Reads `http://host:port`, `https://host:port/prefix`, `host:port` or `host`; blanks around it are dropped, and so
    /// is a user's name before `@`, as the original does: users are named by options of their own.
    ///
    /// # Errors
    /// When the text has no host, an unknown scheme, a port that is no number, or a query.
    pub fn parse(text: &str) -> Result<Endpoint, EndpointError> {
        let refuse = |reason| EndpointError {
            text: without_user(text),
            reason,
        };
        let trimmed = text.trim();
        let (scheme, rest) = match trimmed.split_once("://") {
            None => (Scheme::Http, trimmed),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
            Some(_) => return Err(refuse("the scheme is neither http nor https")),
        };
        let (authority, prefix) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if rest.contains(['?', '#']) {
            return Err(refuse("an endpoint has no query and no fragment"));
        }
        if rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(refuse("there is a blank inside it"));
        }
        if !prefix
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte))
        {
            return Err(refuse("its path holds what must be percent-encoded"));
        }
        // The last @ ends the name and password: a password may hold one, a host may not.
        let authority = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        let (host, port) = split_authority(authority).map_err(refuse)?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:%~".contains(&byte);
        if !host.bytes().all(fits) {
            return Err(refuse("its host holds what no host name holds"));
        }
        Ok(Endpoint {
            scheme,
            // The zone of a link-local address stands behind an encoded percent sign (RFC 6874).
            host: host.replacen("%25", "%", 1),
            port: port.unwrap_or(scheme.default_port()),
            authority: authority.to_owned(),
            prefix: prefix.trim_end_matches('/').to_owned(),
        })
    }

    /// Reads a comma-separated list; empty elements are dropped.
    ///
    /// # Errors
    /// For the first element that is no endpoint.
    pub fn parse_list(text: &str) -> Result<Vec<Endpoint>, EndpointError> {
        text.split(',')
            .filter(|part| !part.trim().is_empty())
            .map(Endpoint::parse)
            .collect()
    }

    /// How to speak to it.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Host name or address, an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `host:port` with the port that is meant, the host of an IPv6 address in brackets.
    pub(super) fn host_and_port(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// `host[:port]` as the user wrote it: the value of the `Host` header.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What stands before every path: empty, or `/prefix` without a slash at its end.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}://{}{}",
            self.scheme.as_str(),
            self.authority,
            self.prefix
        )
    }
}

/// The text without what may be a password: an error is no place for one. It stands before `@`, or behind a colon where
/// a port should, when the rest was forgotten or cut off at a comma.
fn without_user(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = text.split_at(start);
    if let Some((_, host)) = rest.rsplit_once('@') {
        return format!("{scheme}…@{host}");
    }
    match rest.rsplit_once(':') {
        Some((host, port))
            if !port
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'/') =>
        {
            format!("{scheme}{host}:…")
        }
        _ => text.to_owned(),
    }
}

fn split_authority(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest
            .split_once(']')
            .ok_or("the bracket of the IPv6 address is not closed")?;
        match after {
            "" => (host, None),
            _ => (
                host,
                Some(after.strip_prefix(':').ok_or("the port is no number")?),
            ),
        }
    } else {
        match authority.split_once(':') {
            None => (authority, None),
            Some((_, port)) if port.contains(':') => {
                return Err("an IPv6 address needs brackets");
            }
            Some((host, port)) => (host, Some(port)),
        }
    };
    if host.is_empty() {
        return Err("it names no host");
    }
    match port {
        None | Some("") => Ok((host, None)),
        Some(text) => match text.parse() {
            Ok(port) if port > 0 => Ok((host, Some(port))),
            _ => Err("the port is no number from 1 to 65535"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_write_is_understood() {
        for (text, shown, host, port, prefix) in [
            (
                "http://127.0.0.1:2379",
                "http://127.0.0.1:2379",
                "127.0.0.1",
                2379,
                "",
            ),
            (
                "http://127.0.0.1:2379/",
                "http://127.0.0.1:2379",
                "127.0.0.1",
                2379,
                "",
            ),
            (
                "127.0.0.1:4001",
                "http://127.0.0.1:4001",
                "127.0.0.1",
                4001,
                "",
            ),
            (" etcd ", "http://etcd", "etcd", 80, ""),
            (
                "HTTPS://e.example/p/q/",
                "https://e.example/p/q",
                "e.example",
                443,
                "/p/q",
            ),
            ("https://[::1]:2379", "https://[::1]:2379", "::1", 2379, ""),
            ("[fe80::1]", "http://[fe80::1]", "fe80::1", 80, ""),
            (
                "[fe80::1%25lo]:1",
                "http://[fe80::1%25lo]:1",
                "fe80::1%lo",
                1,
                "",
            ),
        ] {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!(endpoint.to_string(), shown, "{text}");
            assert_eq!(endpoint.host(), host, "{text}");
            assert_eq!(endpoint.port(), port, "{text}");
            assert_eq!(endpoint.prefix(), prefix, "{text}");
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused_with_a_reason() {
        for text in [
            "",
            "ftp://h",
            "http://",
            "http://:2379",
            "h:0",
            "h:65536",
            "h:port",
            "::1",
            "[::1",
            "[::1]x",
            "http://h?x=1",
            "http://user@",
            "h/<x>",
            "http://<html>",
            "höst",
            "h h",
            "http://h/\u{7}",
        ] {
            assert!(Endpoint::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_list_may_have_blanks_and_a_comma_at_its_end() {
        let list = Endpoint::parse_list("http://a:1, b:2,").unwrap();
        let shown: Vec<_> = list.iter().map(Endpoint::to_string).collect();
        assert_eq!(shown, ["http://a:1", "http://b:2"]);
        assert_eq!(Endpoint::parse_list("a:1,b:x").unwrap_err().text, "b:…");
    }

    #[test]
    fn a_user_before_the_host_is_dropped_and_never_shown() {
        let endpoint = Endpoint::parse("http://root:p@ss@h:1").unwrap();
        assert_eq!(endpoint.to_string(), "http://h:1");
        let error = Endpoint::parse("http://root:secret@h:x").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(error.to_string().contains("http://…@h:x"), "{error}");
        for forgotten in ["http://root:secret", "root:secret/x"] {
            let error = Endpoint::parse(forgotten).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
