//! From an endpoint to a byte stream: address lookup, TCP, the proxy if there is one, TLS if the endpoint asks for it.
//!
//! A dial has no time limit of its own; whoever needs one drops the future.

mod error;
mod handshake;
mod stream;
mod tunnel;

use std::net::SocketAddr;
use std::time::Duration;

use hyper::header::HeaderValue;
use rustix::net::sockopt;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;

use super::endpoint::{Endpoint, Scheme};
use super::proxy::{Proxies, Proxy};
use crate::os_error::reason;
use crate::tls::{Tls, server_name};

pub use error::DialError;
use stream::Stream;

/// A silent connection is probed after this time, and again in this rhythm.
const PROBE_EVERY: Duration = Duration::from_secs(15);

/// So many probes without an answer end the connection: a watch, which may rightly be silent for days, learns within
/// a minute and a bit that its peer vanished without a word.
const PROBES: u32 = 4;

/// What was sent to a peer that vanished is given up after the same time.
const UNACKNOWLEDGED_MILLIS_MAX: u32 = 75_000;

/// How long an address of a host has to answer before the next one is tried beside it.
const HEAD_START: Duration = Duration::from_millis(250);

/// Opens connections.
#[derive(Clone, Debug)]
pub(super) struct Dialer {
    tls: Tls,
    proxies: Proxies,
}

/// A connection, ready for the first request.
pub(super) struct Dialed {
    /// The connection.
    pub(super) stream: Stream,
    /// For plain http through a proxy, how requests must look.
    pub(super) proxied: Option<ProxyHop>,
}

/// The proxy reads the requests: their request line must carry the whole URL.
#[derive(Clone, Debug)]
pub(super) struct ProxyHop {
    /// The value of `Proxy-Authorization`.
    pub(super) authorization: Option<HeaderValue>,
}

impl Dialer {
    /// A dialer with these certificates and proxies.
    pub(super) fn new(tls: Tls, proxies: Proxies) -> Dialer {
        Dialer { tls, proxies }
    }

    /// Connects to `endpoint`.
    pub(super) async fn dial(&self, endpoint: &Endpoint) -> Result<Dialed, DialError> {
        let direct = |stream| Dialed {
            stream,
            proxied: None,
        };
        let (proxy, authorization) = match self.proxies.towards(endpoint) {
            None => {
                let stream = connect(endpoint).await?;
                return Ok(direct(self.secure(endpoint, stream).await?));
            }
            Some(Proxy::Unusable(error)) => return Err(DialError::ProxyVariable(error.clone())),
            Some(Proxy::Usable { at, authorization }) => (at, authorization.as_ref()),
        };
        let stream = self
            .reach(proxy)
            .await
            .map_err(|error| DialError::Proxy(Box::new(error)))?;
        match endpoint.scheme() {
            Scheme::Http => Ok(Dialed {
                stream,
                proxied: Some(ProxyHop {
                    authorization: authorization.cloned(),
                }),
            }),
            Scheme::Https => {
                let stream = tunnel::open(stream, proxy, endpoint, authorization).await?;
                Ok(direct(self.secure(endpoint, stream).await?))
            }
        }
    }

    /// The endpoint's own TLS, if it asks for it.
    async fn secure(&self, endpoint: &Endpoint, stream: Stream) -> Result<Stream, DialError> {
        match endpoint.scheme() {
            Scheme::Http => Ok(stream),
            Scheme::Https => {
                let name = self.tls.expected_name(endpoint.host());
                handshake::shake(&self.tls, endpoint, name, stream).await
            }
        }
    }

    /// Connects to the proxy itself, which must prove its own name whatever name the cluster goes by.
    async fn reach(&self, proxy: &Endpoint) -> Result<Stream, DialError> {
        let stream = connect(proxy).await?;
        match proxy.scheme() {
            Scheme::Http => Ok(stream),
            Scheme::Https => {
                let name = server_name(proxy.host());
                handshake::shake(&self.tls, proxy, name, stream).await
            }
        }
    }
}

/// Tries the addresses of the host, the system's first choice first.
async fn connect(endpoint: &Endpoint) -> Result<Stream, DialError> {
    let host = endpoint.host();
    let lookup = |reason: &str| DialError::Lookup {
        host: host.to_owned(),
        reason: reason.to_owned(),
    };
    let addresses = lookup_host((host, endpoint.port()))
        .await
        .map_err(|error| lookup(lookup_reason(&error.to_string())))?;
    match connect_first(addresses).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(error.unwrap_or_else(|| lookup(NO_SUCH_HOST))),
    }
}

/// The first address that takes the connection, or what the first to fail said. An address that does not answer holds
/// up the next one only for a moment (RFC 8305, 5): its own time-out is longer than any caller waits.
async fn connect_first(
    mut addresses: impl Iterator<Item = SocketAddr>,
) -> Result<TcpStream, Option<DialError>> {
    let mut running = JoinSet::new();
    let mut first = None;
    loop {
        let next = addresses.next();
        let more = next.is_some();
        if let Some(address) = next {
            running.spawn(connect_to(address));
        } else if running.is_empty() {
            return Err(first);
        }
        let ended = running.join_next();
        let ended = if more {
            tokio::time::timeout(HEAD_START, ended)
                .await
                .unwrap_or(None)
        } else {
            ended.await
        };
        match ended {
            Some(Ok(Ok(stream))) => return Ok(stream),
            Some(Ok(Err(error))) => first = first.or(Some(error)),
            // It is time for the next address, or a task was ended with its runtime.
            Some(Err(_)) | None => {}
        }
    }
}

async fn connect_to(address: SocketAddr) -> Result<TcpStream, DialError> {
    let outcome = async {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        sockopt::set_socket_keepalive(&stream, true)?;
        sockopt::set_tcp_keepidle(&stream, PROBE_EVERY)?;
        sockopt::set_tcp_keepintvl(&stream, PROBE_EVERY)?;
        sockopt::set_tcp_keepcnt(&stream, PROBES)?;
        // Probes rest while something sent waits for its acknowledgement, which has a limit of its own.
        sockopt::set_tcp_user_timeout(&stream, UNACKNOWLEDGED_MILLIS_MAX)?;
        Ok(stream)
    };
    outcome
        .await
        .map_err(|error: std::io::Error| DialError::Connect {
            address,
            kind: error.kind(),
            reason: reason(&error),
        })
}

const NO_SUCH_HOST: &str = "no such host";

/// What the C library's resolver said. The number of its answer does not reach us, only its text: the two that mean
/// "there is no such name" get the words users know, the others (a DNS server that is down, say) stay as they are.
fn lookup_reason(text: &str) -> &str {
    let said = text.rsplit_once(": ").map_or(text, |(_, said)| said);
    match said {
        "Name or service not known"
        | "No address associated with hostname"
        | "Name does not resolve" => NO_SUCH_HOST,
        _ => said,
    }
}

#[cfg(test)]
mod tests;
