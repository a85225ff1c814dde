//! One connection, as its requests see it.

use std::net::SocketAddr;
use std::sync::Arc;

use super::activity::Activity;

/// The other end of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// Where it comes from.
    pub(crate) address: SocketAddr,
    /// The common name of its verified certificate.
    pub(crate) certificate_name: Option<String>,
    /// Whether the connection is encrypted.
    pub(crate) secure: bool,
}

/// A connection and the handler of its port.
#[derive(Debug)]
pub(crate) struct Link<H> {
    pub(crate) handler: Arc<H>,
    pub(crate) peer: Peer,
    pub(super) activity: Arc<Activity>,
}

impl<H> Link<H> {
    /// Whether the head of the request just begun is over its limit (431).
    pub(crate) fn head_is_too_large(&self) -> bool {
        self.activity.head_is_too_large()
    }
}
