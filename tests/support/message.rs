//! Requests and responses as bytes: what is sent is what was asked for, what was received is kept as it came.

use std::fmt::Write as _;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

/// One request; nothing is added to it but what [`Request::to_bytes`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The method, sent as it is.
    pub(crate) method: String,
    /// The request target (path and query), sent as it is: encode it before.
    pub(crate) target: Vec<u8>,
    /// Header lines in order.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// Send the body in chunks of this many bytes instead of with a `Content-Length`.
    pub(crate) chunk_bytes: Option<usize>,
}

impl Request {
    /// A request without headers and body.
    pub(crate) fn new(method: &str, target: impl Into<Vec<u8>>) -> Request {
        Request {
            method: method.to_owned(),
            target: target.into(),
            headers: Vec::new(),
            body: Vec::new(),
            chunk_bytes: None,
        }
    }

    /// `GET target`.
    pub(crate) fn get(target: &str) -> Request {
        Request::new("GET", target)
    }

    /// `PUT target` with a form body, as `curl -X PUT -d form` sends it.
    pub(crate) fn put(target: &str, form: &str) -> Request {
        Request::new("PUT", target).form(form)
    }

    /// `POST target` with a form body.
    pub(crate) fn post(target: &str, form: &str) -> Request {
        Request::new("POST", target).form(form)
    }

    /// `DELETE target`.
    pub(crate) fn delete(target: &str) -> Request {
        Request::new("DELETE", target)
    }

    /// Adds one header line.
    pub(crate) fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Request {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the body as it is.
    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Request {
        self.body = body.into();
        self
    }

    /// Sets a form body with its content type.
    pub(crate) fn form(self, form: impl Into<Vec<u8>>) -> Request {
        self.header("Content-Type", "application/x-www-form-urlencoded")
            .body(form)
    }

    /// The bytes on the wire. Added: `Host`, and the framing headers of the body (a method that carries bodies, or a
    /// body that is not empty, gets one), unless the headers given have them already.
    pub(crate) fn to_bytes(&self, host: SocketAddr) -> Vec<u8> {
        let mut out = Vec::with_capacity(256 + self.body.len());
        out.extend_from_slice(self.method.as_bytes());
        out.push(b' ');
        out.extend_from_slice(&self.target);
        out.extend_from_slice(b" HTTP/1.1\r\n");
        if !self.has("Host") {
            out.extend_from_slice(format!("Host: {host}\r\n").as_bytes());
        }
        for (name, value) in &self.headers {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
        let carries = !self.body.is_empty() || matches!(self.method.as_str(), "PUT" | "POST");
        let framed = self.has("Content-Length") || self.has("Transfer-Encoding");
        match self.chunk_bytes {
            Some(size) if !framed => {
                out.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in self.body.chunks(size) {
                    out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    out.extend_from_slice(chunk);
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(b"0\r\n\r\n");
            }
            _ => {
                if carries && !framed {
                    let line = format!("Content-Length: {}\r\n", self.body.len());
                    out.extend_from_slice(line.as_bytes());
                }
                out.extend_from_slice(b"\r\n");
                out.extend_from_slice(&self.body);
            }
        }
        out
    }

    fn has(&self, name: &str) -> bool {
        self.headers
            .iter()
            .any(|(have, _)| have.eq_ignore_ascii_case(name))
    }
}

/// How the end of a response's body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// No body can follow (HEAD, 204, 304).
    None,
    /// `Content-Length`.
    Length(usize),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// The connection's end.
    Close,
}

/// Status line and headers, before any body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The bytes received, the empty line included.
    pub(crate) raw: Vec<u8>,
    /// `HTTP/1.1`
    pub(crate) version: String,
    /// `200`
    pub(crate) status: u16,
    /// `OK`
    pub(crate) reason: String,
    /// Header lines in the order and spelling received.
    pub(crate) headers: Vec<(String, String)>,
    /// Framing that follows from the headers.
    pub(crate) framing: Framing,
}

impl Head {
    pub(super) fn parse(raw: &[u8], method: &str) -> io::Result<Head> {
        // Latin-1: every byte has one character, so no header can fail to be shown.
        let text: String = raw.iter().map(|byte| char::from(*byte)).collect();
        let mut lines = text.split("\r\n");
        let mut first = lines.next().unwrap_or("").splitn(3, ' ');
        let version = first.next().unwrap_or("").to_owned();
        let status = first.next().unwrap_or("");
        let status = status
            .parse()
            .map_err(|_| bad(format!("status line of {text:?} has no number")))?;
        let reason = first.next().unwrap_or("").to_owned();
        let mut headers = Vec::new();
        for line in lines.filter(|line| !line.is_empty()) {
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| bad(format!("header line {line:?} has no colon")))?;
            headers.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
        }
        let mut head = Head {
            raw: raw.to_vec(),
            version,
            status,
            reason,
            headers,
            framing: Framing::Close,
        };
        head.framing = head.find_framing(method)?;
        Ok(head)
    }

    fn find_framing(&self, method: &str) -> io::Result<Framing> {
        if method == "HEAD" || matches!(self.status, 100..=199 | 204 | 304) {
            return Ok(Framing::None);
        }
        if self.get("Transfer-Encoding") == Some("chunked") {
            return Ok(Framing::Chunked);
        }
        match self.get("Content-Length") {
            Some(text) => match text.parse() {
                Ok(length) => Ok(Framing::Length(length)),
                Err(_) => Err(bad(format!("Content-Length {text:?} is not a number"))),
            },
            None => Ok(Framing::Close),
        }
    }

    /// The first header of that name, whatever its spelling.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(have, _)| have.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The number in header `name`.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// `X-Etcd-Index`.
    pub(crate) fn etcd_index(&self) -> Option<u64> {
        self.number("X-Etcd-Index")
    }

    /// Whether the server says that it closes the connection after this answer.
    pub(crate) fn closes(&self) -> bool {
        self.framing == Framing::Close
            || self.version == "HTTP/1.0"
            || self
                .get("Connection")
                .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// A whole response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    /// Status line and headers.
    pub(crate) head: Head,
    /// The body, framing removed.
    pub(crate) body: Vec<u8>,
    /// The sizes of the chunks in which it came; empty for other framings.
    pub(crate) chunks: Vec<usize>,
}

impl Response {
    /// A whole response out of its bytes: everything after the head is the body, as it is.
    pub(crate) fn parse(bytes: &[u8], method: &str) -> io::Result<Response> {
        let Some(end) = find(bytes, b"\r\n\r\n").map(|at| at + 4) else {
            return Err(ended(bytes, "the response's head"));
        };
        Ok(Response {
            head: Head::parse(&bytes[..end], method)?,
            body: bytes[end..].to_vec(),
            chunks: Vec::new(),
        })
    }

    /// The status code.
    pub(crate) fn status(&self) -> u16 {
        self.head.status
    }

    /// The body as text, invalid bytes replaced (for messages and for tests of plain bodies).
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// `X-Etcd-Index`.
    pub(crate) fn etcd_index(&self) -> Option<u64> {
        self.head.etcd_index()
    }

    /// Head and body as received, for a failure message; a long body is cut.
    pub(crate) fn dump(&self) -> String {
        format!("{}{}", show(&self.head.raw), show(&self.body))
    }
}

/// Bytes for a failure message: printable text with its line ends, everything else as `\xNN`, at most 8 KiB.
pub(crate) fn show(bytes: &[u8]) -> String {
    const SHOWN_BYTES: usize = 8 << 10;
    let mut out = String::new();
    for &byte in bytes.iter().take(SHOWN_BYTES) {
        match byte {
            b'\r' => out.push_str("\\r"),
            b'\n' => out.push_str("\\n\n"),
            b'\\' => out.push_str("\\\\"),
            0x20..=0x7e => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\x{byte:02x}"); // Writing to a String cannot fail.
            }
        }
    }
    if bytes.len() > SHOWN_BYTES {
        let _ = write!(out, "… ({} bytes in all)", bytes.len());
    }
    out
}

/// Every byte outside letters, digits and `-._~` as `%XX`.
pub(crate) fn percent_encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}"); // Writing to a String cannot fail.
            }
        }
    }
    out
}

pub(super) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

pub(super) fn bad(message: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, message)
}

pub(super) fn ended(received: &[u8], what: &str) -> io::Error {
    let message = format!(
        "the server closed inside {what}; received {:?}",
        show(received)
    );
    io::Error::new(ErrorKind::UnexpectedEof, message)
}
