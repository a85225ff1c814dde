//! An HTTP/1.1 client over a plain socket that hides nothing: status line, header names and bytes, framing and chunk
//! borders are kept exactly as the server sent them.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

pub(crate) use super::message::{Framing, Head, Request, Response, percent_encode, show};
use super::message::{bad, ended, find};

/// How long a plain exchange may take before it counts as failed.
pub(crate) const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(30);

const MAX_HEAD_BYTES: usize = 256 << 10;

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
            if let Some(chunk) = self.buffered_chunk()? {
                return Ok((!chunk.is_empty()).then_some(chunk));
            }
            if self.fill(deadline)? == 0 {
                return Err(ended(&self.received, "a chunk"));
            }
        }
    }

    /// Takes the first chunk, when all of it has arrived; the last one is empty.
    fn buffered_chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some((header, length)) = self.chunk_header()? else {
            return Ok(None);
        };
        let end = header
            .checked_add(length)
            .and_then(|end| end.checked_add(2));
        let Some(end) = end.filter(|end| *end <= self.received.len()) else {
            return Ok(None);
        };
        let mut chunk: Vec<u8> = self.received.drain(..end).collect();
        if !chunk.ends_with(b"\r\n") {
            return Err(bad("a chunk does not end in CR LF".to_owned()));
        }
        chunk.truncate(end - 2);
        chunk.drain(..header);
        Ok(Some(chunk))
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
