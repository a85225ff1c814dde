//! The seam to the network: how a member is reached, whatever carries the bytes.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::message::StreamKind;

/// Bytes both ways.
pub(super) trait PeerStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> PeerStream for S {}

/// What reaching a member ends in.
pub(super) type Reaching<'a> =
    Pin<Box<dyn Future<Output = Result<Box<dyn PeerStream>, ReachError>> + Send + 'a>>;

/// Opens streams to members.
pub(super) trait Reach: Send + Sync + 'static {
    /// Tries the peer URLs of a member in turn, for such a stream.
    fn reach<'a>(&'a self, urls: &'a [String], kind: StreamKind) -> Reaching<'a>;
}

/// Why a member cannot be reached.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReachError {
    #[error("it has no peer URL; give it one")]
    NoUrl,
    #[error("{url}: this is no URL of a peer; it should look like http://host:2380")]
    Url { url: String },
    #[error("{url}: TLS between members is not supported by this version; use http")]
    Https { url: String },
    #[error(
        "{host}: the name cannot be looked up: {source}; correct the peer URL or the name service"
    )]
    Lookup { host: String, source: io::Error },
    #[error("{host}: the name has no address; correct the peer URL or the name service")]
    NoAddress { host: String },
    #[error("{address}: {source}; is the member running?")]
    Connect {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("{at}: no answer within {within:?}; look at the member and the network between")]
    TimedOut { at: String, within: Duration },
    #[error("{url}: {source}; is this the peer URL of a member?")]
    Http { url: String, source: hyper::Error },
    #[error(
        "{url} has no place for another connection ({line}); look who holds those of that port"
    )]
    Full {
        url: String,
        /// The first line of the body.
        line: String,
    },
    #[error("{url} answers {status} {line:?} and not as a member does; correct the peer URL")]
    Status {
        url: String,
        status: u16,
        /// The first line of the body.
        line: String,
    },
}

impl ReachError {
    /// Whether nobody listens. Of several failures one that is no refusal is told, so it is so at every address.
    pub(super) fn is_refused(&self) -> bool {
        match self {
            Self::Connect { source, .. } => source.kind() == io::ErrorKind::ConnectionRefused,
            _ => false,
        }
    }

    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::NoUrl | Self::Url { .. } => "url",
            Self::Https { .. } => "https",
            Self::Lookup { .. } | Self::NoAddress { .. } => "lookup",
            Self::Connect { .. } if self.is_refused() => "refused",
            Self::Connect { .. } => "connect",
            Self::TimedOut { .. } => "timed_out",
            Self::Http { .. } => "http",
            Self::Full { .. } => "full",
            Self::Status { .. } => "status",
        }
    }
}
