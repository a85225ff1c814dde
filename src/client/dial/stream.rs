//! What every layer of a connection hands to the next: bytes in both directions.

use tokio::io::{AsyncRead, AsyncWrite};

/// Plain TCP or TLS, possibly one within the other.
pub(in crate::client) type Stream = Box<dyn ByteStream>;

/// What HTTP needs of a connection.
pub(in crate::client) trait ByteStream:
    AsyncRead + AsyncWrite + Unpin + Send
{
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> ByteStream for T {}
