//! Telling systemd how far we are (the `sd_notify` protocol): datagrams to the socket named in `NOTIFY_SOCKET`.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Says that the node serves (`Type=notify` units wait for it).
pub(super) fn ready(status: &str) -> io::Result<()> {
    notify(
        std::env::var_os("NOTIFY_SOCKET"),
        &format!("READY=1\nSTATUS={status}"),
    )
}

/// Says that the node goes down by intention.
pub(super) fn stopping() -> io::Result<()> {
    notify(std::env::var_os("NOTIFY_SOCKET"), "STOPPING=1")
}

/// Does nothing without a socket: we were not started by systemd.
fn notify(socket: Option<std::ffi::OsString>, message: &str) -> io::Result<()> {
    let Some(path) = socket.filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let bytes = path.as_encoded_bytes();
    let address = match bytes.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(&path)?,
    };
    UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_arrives_at_the_named_socket() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("bound");
        notify(Some(path.into_os_string()), "READY=1\nSTATUS=ok").expect("sent");
        let mut buffer = [0; 64];
        let length = socket.recv(&mut buffer).expect("received");
        assert_eq!(&buffer[..length], b"READY=1\nSTATUS=ok");
    }

    #[test]
    fn without_a_socket_nothing_happens() {
        notify(None, "READY=1").expect("nothing to do");
    }
}
