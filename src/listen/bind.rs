//! Ports are claimed before the node is ready, so that one in use is reported before a long recovery, and opened after it.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// Connections the kernel queues while the accept loop is busy.
const BACKLOG: u32 = 1_024;

/// Binds the first of these addresses that can be bound. The socket does not listen yet: a client is refused.
pub(crate) fn bind(candidates: &[SocketAddr], reuse_port: bool) -> io::Result<TcpSocket> {
    let mut last = io::Error::other("no address");
    for candidate in candidates {
        match bind_one(*candidate, reuse_port) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bind_one(address: SocketAddr, reuse_port: bool) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A restart must not wait for old connections to time out.
    socket.set_reuseaddr(true)?;
    if reuse_port {
        socket.set_reuseport(true)?;
    }
    socket.bind(address)?;
    Ok(socket)
}

/// Lets clients connect.
pub(crate) fn listen(socket: TcpSocket) -> io::Result<TcpListener> {
    socket.listen(BACKLOG)
}
