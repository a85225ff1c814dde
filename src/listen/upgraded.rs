//! A connection whose bytes are somebody else's after an upgrade: its socket, so that another runtime can wait for it.

use std::io;
use std::net;

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::socket::Socket;

/// What an upgrade leaves.
pub(crate) struct UpgradedSocket {
    /// In no poller.
    pub(crate) stream: net::TcpStream,
    /// What was read of it beyond the request.
    pub(crate) read: Vec<u8>,
}

/// Takes the socket out of a connection of one of our ports.
///
/// # Errors
/// It cannot leave its poller, which is the inner error.
/// A connection over something else is given back.
pub(crate) fn socket(upgraded: Upgraded) -> Result<io::Result<UpgradedSocket>, Upgraded> {
    let parts = upgraded.downcast::<TokioIo<Socket<TcpStream>>>()?;
    let (stream, behind) = parts.io.into_inner().into_parts();
    let mut read = parts.read_buf.to_vec();
    read.extend_from_slice(&behind);
    let stream = stream.into_std();
    Ok(stream.map(|stream| UpgradedSocket { stream, read }))
}
