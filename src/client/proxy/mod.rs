//! Which proxy, if any, stands between us and an endpoint: the variables every command-line tool obeys.
//!
//! `HTTP_PROXY` serves http endpoints, `HTTPS_PROXY` https ones, `NO_PROXY` lists who is reached directly; loopback
//! always is (etcdctl reference 3). The rules are those of Go's standard library, which the original client used.

mod bypass;

use std::fmt;

use hyper::header::HeaderValue;
use percent_encoding::percent_decode_str;

use super::basic;
use super::endpoint::{Endpoint, EndpointError, Scheme};
use bypass::Bypass;

/// The proxies in force. The default is none.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    bypass: Bypass,
}

/// One proxy as its variable names it.
#[derive(Clone)]
pub(super) enum Proxy {
    /// A proxy we can speak to.
    Usable {
        /// Where it listens. Its path, if any, means nothing.
        at: Endpoint,
        /// What it is told about us.
        authorization: Option<HeaderValue>,
    },
    /// One we cannot use. It is an error only for an endpoint behind it: a cluster on loopback is reached whatever the
    /// variable says.
    Unusable(ProxyError),
}

/// Why a proxy variable cannot be understood. The text never shows a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// A proxy of another protocol.
    #[error("{variable} names a {scheme} proxy; only http:// and https:// proxies can be used")]
    Foreign {
        /// The variable at fault.
        variable: &'static str,
        /// Its scheme, such as `socks5`.
        scheme: String,
    },
    /// The value is no URL and no `host:port`.
    #[error("{variable}: {reason}; write it like http://proxy.example:3128")]
    Malformed {
        /// The variable at fault.
        variable: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Proxies {
    /// Reads the environment of this process. A variable that names no proxy is told about when an endpoint is behind it.
    pub fn from_environment() -> Proxies {
        Proxies::read(|name| {
            std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
        })
    }

    /// Reads the variables through `variable`. An empty one counts as unset, upper case wins over lower case.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Proxies {
        let first = |names: &[&'static str]| {
            names.iter().copied().find_map(|name| {
                let value = variable(name)?;
                (!value.is_empty()).then_some((name, value))
            })
        };
        // A CGI program finds the request's header `Proxy:` in HTTP_PROXY; whoever sent it must not choose our proxy.
        let cgi = variable("REQUEST_METHOD").is_some_and(|value| !value.is_empty());
        let http: &[&str] = if cgi {
            &["http_proxy"]
        } else {
            &["HTTP_PROXY", "http_proxy"]
        };
        let parse = |(name, value): (&'static str, String)| {
            Proxy::parse(name, &value).unwrap_or_else(Proxy::Unusable)
        };
        Proxies {
            http: first(http).map(parse),
            https: first(&["HTTPS_PROXY", "https_proxy"]).map(parse),
            bypass: first(&["NO_PROXY", "no_proxy"])
                .map(|(_, list)| Bypass::parse(&list))
                .unwrap_or_default(),
        }
    }

    /// The proxy that leads to `endpoint`, or none for a direct connection.
    pub(super) fn towards(&self, endpoint: &Endpoint) -> Option<&Proxy> {
        let proxy = match endpoint.scheme() {
            Scheme::Http => self.http.as_ref(),
            Scheme::Https => self.https.as_ref(),
        }?;
        (!self.bypass.covers(endpoint.host(), endpoint.port())).then_some(proxy)
    }
}

impl Proxy {
    fn parse(variable: &'static str, value: &str) -> Result<Proxy, ProxyError> {
        let malformed = |reason| ProxyError::Malformed { variable, reason };
        let value = value.trim();
        let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
        if !["http", "https"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
        {
            let mut letters = scheme.bytes();
            let is_scheme = letters
                .next()
                .is_some_and(|first| first.is_ascii_alphabetic())
                && letters.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
            if !is_scheme {
                return Err(malformed("it is no URL"));
            }
            return Err(ProxyError::Foreign {
                variable,
                scheme: scheme.to_owned(),
            });
        }
        let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let authority = &rest[..authority_end];
        // The last @ ends the credentials: a password may hold one, a host may not.
        let (credentials, host) = match authority.rsplit_once('@') {
            Some((credentials, host)) => (Some(credentials), host),
            None => (None, authority),
        };
        let at = Endpoint::parse(&format!("{scheme}://{host}"))
            .map_err(|EndpointError { reason, .. }| malformed(reason))?;
        Ok(Proxy::Usable {
            at,
            authorization: credentials.map(authorization),
        })
    }
}

/// `name:password` of a URL, percent-decoded, as a header value. The password may be missing.
fn authorization(credentials: &str) -> HeaderValue {
    let (name, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let decode = |text| percent_decode_str(text).collect::<Vec<u8>>();
    basic::authorization(&decode(name), &decode(password))
}

/// Shows no credentials.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Proxy::Usable { at, .. } => write!(f, "{at}"),
            Proxy::Unusable(error) => write!(f, "{error}"),
        }
    }
}

#[cfg(test)]
mod tests;
