//! Why no connection came about, in the words users of the original know (etcdctl reference 7.2).
//!
//! Nothing has been sent to the cluster when a [`DialError`] is returned, so any request may be tried again.

use std::io;
use std::net::SocketAddr;

use crate::client::proxy::ProxyError;
use crate::tls::CertificateFault;

/// Why an endpoint could not be dialled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The host has no address.
    #[error("dial tcp: lookup {host}: {reason}")]
    Lookup {
        /// The host.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// No address of the host took the connection; this is what the first one said.
    #[error("dial tcp {address}: connect: {reason}")]
    Connect {
        /// The address.
        address: SocketAddr,
        /// The kind of the operating system's answer.
        kind: io::ErrorKind,
        /// Its text.
        reason: String,
    },
    /// The proxy could not be dialled.
    #[error("proxyconnect tcp: {0}")]
    Proxy(Box<DialError>),
    /// The variable of the proxy names none that can be used.
    #[error("proxyconnect tcp: {0}")]
    ProxyVariable(ProxyError),
    /// The proxy did not open the way to the endpoint.
    #[error("proxy {proxy} did not connect us to {target}: {reason}")]
    Tunnel {
        /// The proxy.
        proxy: String,
        /// `host:port` of the endpoint.
        target: String,
        /// Its answer, or what broke.
        reason: String,
    },
    /// The host of an https endpoint is nothing a certificate can carry.
    #[error("tls: {host:?} is neither a host name nor an address")]
    ServerName {
        /// The host.
        host: String,
    },
    /// No authority to trust: no CA file was given and the system has no certificate store.
    #[error("tls: no certificate authority to trust, name a CA file: {reason}")]
    Authorities {
        /// What happened to the system's store.
        reason: String,
    },
    /// We do not accept the server's certificate.
    #[error("x509: {reason}")]
    Certificate {
        /// What is wrong with it.
        fault: CertificateFault,
        /// Why.
        reason: String,
    },
    /// The server broke off the handshake and said why; our certificate is the usual reason.
    #[error("remote error: tls: {alert}")]
    Alert {
        /// The alert of the TLS protocol, in words.
        alert: String,
        /// Whether the alert is about our certificate.
        certificate: bool,
    },
    /// The server answered the TLS greeting in plain text.
    #[error("{target} does not speak TLS: use http:// to reach it")]
    NotTls {
        /// `host:port` of the endpoint.
        target: String,
    },
    /// The server closed the connection in the middle of the handshake, which is also what an http endpoint may do.
    #[error("EOF in the TLS handshake with {target} (an http endpoint, perhaps?)")]
    Closed {
        /// `host:port` of the endpoint.
        target: String,
    },
    /// The connection broke in the handshake.
    #[error("tls handshake with {target}: {reason}")]
    Broken {
        /// `host:port` of the endpoint.
        target: String,
        /// The operating system's answer.
        reason: String,
    },
    /// The two sides have no common ground in TLS.
    #[error("tls: handshake with {target}: {reason}")]
    Handshake {
        /// `host:port` of the endpoint.
        target: String,
        /// What they disagree on.
        reason: String,
    },
}

impl DialError {
    /// Whether nobody listens there.
    pub fn is_refused(&self) -> bool {
        match self {
            DialError::Connect { kind, .. } => *kind == io::ErrorKind::ConnectionRefused,
            DialError::Proxy(error) => error.is_refused(),
            _ => false,
        }
    }

    /// Whether the network is at fault: refused, unreachable, timed out, reset, or a host without address.
    pub fn is_connection(&self) -> bool {
        match self {
            DialError::Lookup { .. } | DialError::Connect { .. } | DialError::Broken { .. } => true,
            DialError::Proxy(error) => error.is_connection(),
            _ => false,
        }
    }

    /// Whether one side does not accept the certificate of the other.
    pub fn is_certificate(&self) -> bool {
        match self {
            DialError::Certificate { .. } => true,
            DialError::Alert { certificate, .. } => *certificate,
            DialError::Proxy(error) => error.is_certificate(),
            _ => false,
        }
    }

    /// Whether an https endpoint turned out to speak plain text.
    pub fn is_not_tls(&self) -> bool {
        matches!(self, DialError::NotTls { .. })
    }
}
