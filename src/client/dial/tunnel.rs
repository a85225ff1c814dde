//! `CONNECT`: a way through an HTTP proxy to an https endpoint.

use std::io;

use hyper::header::HeaderValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::error::DialError;
use super::stream::Stream;
use crate::client::endpoint::Endpoint;
use crate::os_error::reason;

/// No honest proxy says more than this before the tunnel is open.
const HEAD_LIMIT: usize = 16 * 1024;

/// Asks the proxy at the other end of `stream` for a connection to `endpoint`.
pub(super) async fn open(
    mut stream: Stream,
    proxy: &Endpoint,
    endpoint: &Endpoint,
    authorization: Option<&HeaderValue>,
) -> Result<Stream, DialError> {
    let target = endpoint.host_and_port();
    let refused = |reason: String| DialError::Tunnel {
        proxy: proxy.to_string(),
        target: target.clone(),
        reason,
    };
    let request = request(&target, authorization);
    let head = converse(&mut stream, &request)
        .await
        .map_err(|error| refused(reason(&error)))?;
    match status(&head) {
        Some((200..=299, _)) => Ok(stream),
        Some((_, line)) => Err(refused(line)),
        None => Err(refused("its answer is not HTTP".to_owned())),
    }
}

fn request(target: &str, authorization: Option<&HeaderValue>) -> Vec<u8> {
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
    if let Some(value) = authorization {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(value.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    request
}

/// Sends the request and reads the head of the answer, up to and with its empty line and not a byte more: what
/// follows belongs to the tunnel. One byte at a time is cheap enough for a few hundred bytes once per connection.
async fn converse(stream: &mut Stream, request: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(request).await?;
    stream.flush().await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && !head.ends_with(b"\n\n") {
        if head.len() == HEAD_LIMIT {
            return Err(io::Error::other("the head of its answer has no end"));
        }
        let mut byte = [0];
        if stream.read(&mut byte).await? == 0 {
            return Err(io::Error::other("it closed the connection"));
        }
        head.push(byte[0]);
    }
    Ok(head)
}

/// The status and, for people, the rest of the line from the status on.
fn status(head: &[u8]) -> Option<(u16, String)> {
    let line = head.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    let (version, rest) = line.split_once(' ')?;
    if !version.starts_with("HTTP/1.") {
        return None;
    }
    let code = rest.get(..3)?.parse().ok()?;
    let shown = rest.chars().filter(|c| !c.is_control()).take(100).collect();
    Some((code, shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_names_the_target_twice() {
        let value = HeaderValue::from_static("Basic YTpi");
        assert_eq!(
            request("h:1", Some(&value)),
            b"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\nProxy-Authorization: Basic YTpi\r\n\r\n"
        );
        assert_eq!(
            request("[::1]:2", None),
            b"CONNECT [::1]:2 HTTP/1.1\r\nHost: [::1]:2\r\n\r\n"
        );
    }

    #[test]
    fn the_status_line_is_read_with_care() {
        for (head, expected) in [
            ("HTTP/1.1 200 OK\r\n\r\n", Some((200, "200 OK"))),
            ("HTTP/1.0 407 Who\u{1b}[1m?\r\n", Some((407, "407 Who[1m?"))),
            ("HTTP/1.1 200", Some((200, "200"))),
            ("SSH-2.0-x\r\n", None),
            ("HTTP/1.1 abc\r\n", None),
            ("HTTP/1.1 \u{e9}\u{e9}\u{e9}\r\n", None),
            ("", None),
        ] {
            let expected = expected.map(|(code, line)| (code, line.to_owned()));
            assert_eq!(status(head.as_bytes()), expected, "{head:?}");
        }
    }
}
