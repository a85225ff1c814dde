//! The other end of the wire, played by the test: servers that answer what they are told to, say nothing, pass requests
//! on, or refuse.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// `GET /v2/members HTTP/1.1`
    pub(crate) line: String,
    /// Line and headers.
    pub(crate) head: String,
    body: Vec<u8>,
}

/// What to do about a request.
#[derive(Clone, Debug)]
pub(crate) enum Says {
    /// Answer with this status and body.
    Answer(u16, String),
    /// Keep the connection open and say nothing.
    Nothing,
    /// Close the connection.
    HangUp,
    /// Let this server answer, whatever host was asked.
    Forward(SocketAddr),
    /// Connect the client with this address, as a proxy does.
    Through(SocketAddr),
}

/// A listener that serves until the test's process ends.
#[derive(Clone)]
pub(crate) struct Listener {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
}

/// Serves connections of one request each.
pub(crate) fn serve(says: impl Fn(&Heard) -> Says + Send + Sync + 'static) -> Listener {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port is free");
    let listener = Listener {
        address: socket.local_addr().expect("a bound socket has an address"),
        heard: Arc::default(),
    };
    let heard = listener.heard.clone();
    let says = Arc::new(says);
    std::thread::spawn(move || {
        for stream in socket.incoming().flatten() {
            let (heard, says) = (heard.clone(), says.clone());
            std::thread::spawn(move || converse(stream, &heard, &*says));
        }
    });
    listener
}

/// An address nobody listens at, for as long as the value lives.
pub(crate) fn refusing() -> (rustix::fd::OwnedFd, SocketAddr) {
    use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};
    let held = socket(AddressFamily::INET, SocketType::STREAM, None).expect("sockets can be made");
    bind(&held, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a loopback port is free");
    let address = getsockname(&held).expect("a bound socket has an address");
    (held, address.try_into().expect("it is an IPv4 address"))
}

impl Listener {
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has been asked so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("no test panics here").clone()
    }

    /// The request lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.heard().into_iter().map(|heard| heard.line).collect()
    }
}

fn converse(mut stream: TcpStream, heard: &Mutex<Vec<Heard>>, says: &dyn Fn(&Heard) -> Says) {
    // A client that goes away is none of our business.
    let Ok(request) = read(&mut stream) else {
        return;
    };
    heard
        .lock()
        .expect("no test panics here")
        .push(request.clone());
    let _ = match says(&request) {
        Says::Answer(status, body) => answer(&mut stream, status, &body),
        // The client ends this.
        Says::Nothing => stream.read(&mut [0]).map(drop),
        Says::HangUp => Ok(()),
        Says::Forward(to) => forward(&mut stream, &request, to),
        Says::Through(to) => tunnel(stream, to),
    };
}

fn read(stream: &mut TcpStream) -> io::Result<Heard> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, length)| {
            length.parse().expect("a length is a number")
        });
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Heard {
        line: head.lines().next().unwrap_or_default().to_owned(),
        head,
        body,
    })
}

fn answer(stream: &mut TcpStream, status: u16, body: &str) -> io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\n");
    stream.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes())?;
    stream.shutdown(Shutdown::Write)
}

/// Passes the request on with its path alone, as a proxy must, and the answer back.
fn forward(stream: &mut TcpStream, request: &Heard, to: SocketAddr) -> io::Result<()> {
    let mut words = request.line.split(' ');
    let (method, target) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let path = match target.strip_prefix("http://") {
        Some(rest) => &rest[rest.find('/').unwrap_or(rest.len())..],
        None => target,
    };
    let (_, headers) = request.head.split_once("\r\n").unwrap_or_default();
    let head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n{headers}");
    let mut server = TcpStream::connect(to)?;
    server.write_all(head.as_bytes())?;
    server.write_all(&request.body)?;
    io::copy(&mut server, stream)?;
    stream.shutdown(Shutdown::Write)
}

fn tunnel(mut client: TcpStream, to: SocketAddr) -> io::Result<()> {
    let mut server = TcpStream::connect(to)?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || {
        let _ = io::copy(&mut from_client, &mut to_server);
        to_server.shutdown(Shutdown::Write)
    });
    io::copy(&mut server, &mut client)?;
    client.shutdown(Shutdown::Write)
}
