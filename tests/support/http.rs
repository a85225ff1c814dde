//! An HTTP/1.1 client over a plain socket that hides nothing: status line, header names and bytes, framing and chunk
//! borders are kept exactly as the server sent them.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long a plain exchange may take before it counts as failed.
pub(crate) const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(30);

const MAX_HEAD_BYTES: usize = 256 << 10;

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
    fn parse(raw: &[u8], method: &str) -> io::Result<Head> {
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

/// One connection, kept alive across exchanges and opened anew when the server closed it.
#[derive(Debug)]
pub(crate) struct Connection {
    addr: SocketAddr,
    stream: Option<TcpStream>,
    received: Vec<u8>,
    method: String,
    opened: u64,
}

impl Connection {
    /// Connects to `addr`.
    pub(crate) fn open(addr: SocketAddr) -> io::Result<Connection> {
        let mut connection = Connection {
            addr,
            stream: None,
            received: Vec::new(),
            method: String::new(),
            opened: 0,
        };
        connection.reopen()?;
        Ok(connection)
    }

    fn reopen(&mut self) -> io::Result<()> {
        let stream = TcpStream::connect_timeout(&self.addr, EXCHANGE_TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(EXCHANGE_TIMEOUT))?;
        self.stream = Some(stream);
        self.received.clear();
        self.opened += 1;
        Ok(())
    }

    /// The server's address.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many sockets this connection has used so far: a test of keep-alive watches it stay at 1.
    pub(crate) fn opened(&self) -> u64 {
        self.opened
    }

    /// One exchange: sends `request`, reads the whole response.
    pub(crate) fn exchange(&mut self, request: &Request) -> io::Result<Response> {
        self.send(request)?;
        self.read_response(EXCHANGE_TIMEOUT)
    }

    /// Sends `request` without waiting for the answer. A write error is left to the read that follows: a server may
    /// answer and close before it took the whole body.
    pub(crate) fn send(&mut self, request: &Request) -> io::Result<()> {
        let bytes = request.to_bytes(self.addr);
        self.send_raw(&bytes, &request.method)
    }

    /// Sends bytes as they are; `method` tells how to read the answer.
    pub(crate) fn send_raw(&mut self, bytes: &[u8], method: &str) -> io::Result<()> {
        if self.stream.is_none() || self.closed_while_idle()? {
            self.reopen()?;
        }
        self.method = method.to_owned();
        match self.stream()?.write_all(bytes) {
            Err(error)
                if !matches!(
                    error.kind(),
                    ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
                ) =>
            {
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// Reads status line and headers.
    pub(crate) fn read_head(&mut self, timeout: Duration) -> io::Result<Head> {
        let deadline = Instant::now() + timeout;
        let end = loop {
            if let Some(at) = find(&self.received, b"\r\n\r\n") {
                break at + 4;
            }
            if self.received.len() > MAX_HEAD_BYTES {
                return Err(bad("the response's head does not end".to_owned()));
            }
            if self.fill(deadline)? == 0 {
                return Err(ended(&self.received, "the response's head"));
            }
        };
        let raw: Vec<u8> = self.received.drain(..end).collect();
        Head::parse(&raw, &self.method)
    }

    /// Reads the body that `head` announces.
    pub(crate) fn read_body(&mut self, head: &Head, timeout: Duration) -> io::Result<Response> {
        let deadline = Instant::now() + timeout;
        let mut chunks = Vec::new();
        let body = match head.framing {
            Framing::None => Vec::new(),
            Framing::Length(length) => self.take(length, deadline)?,
            Framing::Close => {
                while self.fill(deadline)? > 0 {}
                std::mem::take(&mut self.received)
            }
            Framing::Chunked => {
                let mut body = Vec::new();
                while let Some(chunk) = self.read_chunk_until(deadline)? {
                    chunks.push(chunk.len());
                    body.extend_from_slice(&chunk);
                }
                body
            }
        };
        if head.closes() {
            self.stream = None;
        }
        Ok(Response {
            head: head.clone(),
            body,
            chunks,
        })
    }

    /// Says to which method the next response belongs, when several requests were sent at once.
    pub(crate) fn expect_answer_to(&mut self, method: &str) {
        self.method = method.to_owned();
    }

    /// Reads one whole response; `100 Continue` before it is passed over.
    pub(crate) fn read_response(&mut self, timeout: Duration) -> io::Result<Response> {
        loop {
            let head = self.read_head(timeout)?;
            if head.status != 100 {
                return self.read_body(&head, timeout);
            }
        }
    }

    /// Reads the next chunk of a chunked body, `None` at its end.
    ///
    /// # Errors
    /// `WouldBlock` when no whole chunk arrived within `timeout`; what did arrive is kept for the next call.
    pub(crate) fn read_chunk(&mut self, timeout: Duration) -> io::Result<Option<Vec<u8>>> {
        self.read_chunk_until(Instant::now() + timeout)
    }

    fn read_chunk_until(&mut self, deadline: Instant) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some((header, length)) = self.chunk_header()? {
                if let Some(end) = header
                    .checked_add(length)
                    .and_then(|end| end.checked_add(2))
                {
                    if self.received.len() >= end {
                        let mut chunk: Vec<u8> = self.received.drain(..end).collect();
                        if !chunk.ends_with(b"\r\n") {
                            return Err(bad("a chunk does not end in CR LF".to_owned()));
                        }
                        chunk.truncate(end - 2);
                        chunk.drain(..header);
                        return Ok((length > 0).then_some(chunk));
                    }
                }
            }
            if self.fill(deadline)? == 0 {
                return Err(ended(&self.received, "a chunk"));
            }
        }
    }

    /// The first chunk's header, when it is whole: (bytes of the header line, bytes of data).
    fn chunk_header(&self) -> io::Result<Option<(usize, usize)>> {
        let Some(at) = find(&self.received, b"\r\n") else {
            return Ok(None);
        };
        let line = String::from_utf8_lossy(&self.received[..at]);
        let length =
            usize::from_str_radix(&line, 16).map_err(|_| bad(format!("chunk size {line:?}")))?;
        Ok(Some((at + 2, length)))
    }

    fn take(&mut self, length: usize, deadline: Instant) -> io::Result<Vec<u8>> {
        while self.received.len() < length {
            if self.fill(deadline)? == 0 {
                return Err(ended(&self.received, "the body"));
            }
        }
        Ok(self.received.drain(..length).collect())
    }

    /// Reads what there is into the buffer; 0 means that the server closed.
    fn fill(&mut self, deadline: Instant) -> io::Result<usize> {
        let left = deadline.saturating_duration_since(Instant::now());
        // A zero time-out would mean "for ever": a passed deadline still looks once.
        let left = left.max(Duration::from_millis(1));
        let stream = self.stream()?;
        stream.set_read_timeout(Some(left))?;
        let mut block = [0; 16 << 10];
        loop {
            match stream.read(&mut block) {
                Ok(read) => {
                    self.received.extend_from_slice(&block[..read]);
                    return Ok(read);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the server closed a kept-alive connection since the last exchange.
    fn closed_while_idle(&mut self) -> io::Result<bool> {
        let stream = self.stream()?;
        stream.set_nonblocking(true)?;
        let mut byte = [0];
        let seen = stream.peek(&mut byte);
        stream.set_nonblocking(false)?;
        Ok(match seen {
            Ok(0) => true,
            Ok(_) => return Err(bad("bytes arrived between two exchanges".to_owned())),
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        })
    }

    fn stream(&mut self) -> io::Result<&mut TcpStream> {
        self.stream.as_mut().ok_or_else(|| {
            io::Error::new(ErrorKind::NotConnected, "the server closed this connection")
        })
    }
}

/// One exchange on a connection of its own.
pub(crate) fn exchange(addr: SocketAddr, request: &Request) -> io::Result<Response> {
    Connection::open(addr)?.exchange(request)
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

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

fn bad(message: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, message)
}

fn ended(received: &[u8], what: &str) -> io::Error {
    let message = format!(
        "the server closed inside {what}; received {:?}",
        show(received)
    );
    io::Error::new(ErrorKind::UnexpectedEof, message)
}
