//! Servers that do what a test tells them, faults included, and remember everything they were asked.
//!
//! Each has a thread of its own, so that tests with and without a runtime can use it, and lives until the test's process
//! ends.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use etcd2::client::Endpoint;
use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio_rustls::TlsAcceptor;

/// How long anything may take before it counts as failed.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// What a server does after it has read a request, one step after the other.
#[derive(Clone)]
pub(crate) enum Step {
    /// Sends bytes.
    Send(Vec<u8>),
    /// Waits until the test says so.
    Await(Arc<Notify>),
    /// Ends the connection in an orderly way, and waits until the client has ended its side too.
    Close,
    /// Breaks the connection.
    Reset,
    /// Says nothing more, and waits until the client goes away.
    Hang,
    /// Lets this server answer, whatever host was asked, and closes.
    Forward(SocketAddr),
    /// Connects the client with this address, as a proxy does.
    Through(SocketAddr),
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// On which connection, counted from 0.
    pub(crate) connection: usize,
    /// The how manieth of all requests to this server, counted from 0.
    pub(crate) number: usize,
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Received {
    /// The value of a header that is there once at most.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self
            .headers
            .iter()
            .filter(|(have, _)| have.eq_ignore_ascii_case(name));
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} is there twice: {self:?}");
        value
    }

    /// Method and target in one line.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }
}

type Reaction = dyn Fn(&Received) -> Vec<Step> + Send + Sync;

#[derive(Default)]
struct Seen {
    connections: usize,
    /// Connections that are over: the client has closed its side.
    ended: usize,
    requests: Vec<Received>,
}

/// A scripted server.
pub(crate) struct Fake {
    address: SocketAddr,
    scheme: &'static str,
    seen: Arc<Mutex<Seen>>,
    changed: watch::Receiver<()>,
}

impl Fake {
    /// A server that treats every request as `react` says.
    pub(crate) fn start(react: impl Fn(&Received) -> Vec<Step> + Send + Sync + 'static) -> Fake {
        Fake::with(None, Arc::new(react))
    }

    /// The same behind TLS.
    pub(crate) fn start_tls(
        acceptor: TlsAcceptor,
        react: impl Fn(&Received) -> Vec<Step> + Send + Sync + 'static,
    ) -> Fake {
        Fake::with(Some(acceptor), Arc::new(react))
    }

    /// A server that gives these answers in turn, whatever it is asked; the last one for ever.
    pub(crate) fn answering(answers: Vec<Vec<Step>>) -> Fake {
        Fake::start(move |request| answers[request.number.min(answers.len() - 1)].clone())
    }

    /// A server that always gives this answer.
    pub(crate) fn always(answer: Vec<u8>) -> Fake {
        Fake::answering(vec![vec![Step::Send(answer)]])
    }

    fn with(acceptor: Option<TlsAcceptor>, react: Arc<Reaction>) -> Fake {
        let listener =
            std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port is free");
        listener
            .set_nonblocking(true)
            .expect("a socket of ours can be set up");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let (tell, changed) = watch::channel(());
        let fake = Fake {
            address,
            scheme: if acceptor.is_some() { "https" } else { "http" },
            seen: Arc::default(),
            changed,
        };
        let seen = fake.seen.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime can start");
            runtime.block_on(serve(listener, acceptor, &react, &seen, &tell));
        });
        fake
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as a client is told.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// How many connections are over: the client has closed its side too.
    pub(crate) fn over(&self) -> usize {
        self.seen
            .lock()
            .expect("no thread of the fake failed")
            .ended
    }

    /// Its address as a client keeps it.
    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::parse(&self.url()).expect("an address is an endpoint")
    }

    /// All requests so far, in the order of their arrival.
    pub(crate) fn requests(&self) -> Vec<Received> {
        self.seen
            .lock()
            .expect("no thread of the fake failed")
            .requests
            .clone()
    }

    /// `METHOD target` of all requests so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.requests().iter().map(Received::line).collect()
    }

    /// How many connections were accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.seen
            .lock()
            .expect("no thread of the fake failed")
            .connections
    }

    /// Waits until so many requests have arrived.
    pub(crate) async fn asked(&self, requests: usize) {
        self.until(|seen| seen.requests.len() >= requests).await;
    }

    /// Waits until so many connections are over on both sides.
    pub(crate) async fn ended(&self, connections: usize) {
        self.until(|seen| seen.ended >= connections).await;
    }

    async fn until(&self, condition: impl Fn(&Seen) -> bool) {
        let mut changed = self.changed.clone();
        let met = changed
            .wait_for(|()| condition(&self.seen.lock().expect("no thread of the fake failed")));
        let met = tokio::time::timeout(LIMIT, met).await;
        met.expect("what the test waits for never comes")
            .expect("no thread of the fake failed");
    }
}

async fn serve(
    listener: std::net::TcpListener,
    acceptor: Option<TlsAcceptor>,
    react: &Arc<Reaction>,
    seen: &Arc<Mutex<Seen>>,
    tell: &watch::Sender<()>,
) {
    let listener = TcpListener::from_std(listener).expect("it does not block");
    while let Ok((stream, _)) = listener.accept().await {
        let connection = {
            let mut seen = seen.lock().expect("no thread of the fake failed");
            seen.connections += 1;
            seen.connections - 1
        };
        let conversation = Conversation {
            connection,
            react: react.clone(),
            seen: seen.clone(),
            tell: tell.clone(),
        };
        tokio::spawn(conversation.serve(stream, acceptor.clone()));
    }
}

trait Wire: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Wire for T {}

struct Conversation {
    connection: usize,
    react: Arc<Reaction>,
    seen: Arc<Mutex<Seen>>,
    tell: watch::Sender<()>,
}

impl Conversation {
    async fn serve(self, stream: TcpStream, acceptor: Option<TlsAcceptor>) {
        stream.set_nodelay(true).expect("a socket takes it");
        let descriptor = rustix::io::dup(&stream).expect("a descriptor can be doubled");
        let mut wire: Pin<Box<dyn Wire>> = match acceptor {
            None => Box::pin(stream),
            Some(acceptor) => match acceptor.accept(stream).into_fallible().await {
                Ok(stream) => Box::pin(stream),
                // Unread bytes would turn the close into a reset, which may overtake the alert.
                Err((_, mut stream)) => {
                    let _ = stream.shutdown().await;
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                    return;
                }
            },
        };
        // A client that breaks off while it is answered ends the conversation too.
        let last = self.converse(&mut wire).await;
        if matches!(last, Ok(Some(Step::Reset))) {
            rustix::net::sockopt::set_socket_linger(&descriptor, Some(Duration::ZERO))
                .expect("a socket takes it");
        } else if let Ok(Some(_)) = last {
            let mut rest = Vec::new();
            let _ = wire.read_to_end(&mut rest).await;
        }
        drop((wire, descriptor));
        self.seen
            .lock()
            .expect("no thread of the fake failed")
            .ended += 1;
        self.tell.send_replace(());
    }

    /// Answers until the client ends, or until the step that ends the conversation, which is returned.
    async fn converse(&self, wire: &mut Pin<Box<dyn Wire>>) -> io::Result<Option<Step>> {
        while let Some(request) = self.read(wire).await? {
            for step in (self.react)(&request) {
                match step {
                    Step::Send(bytes) => {
                        wire.write_all(&bytes).await?;
                        wire.flush().await?;
                    }
                    Step::Await(word) => word.notified().await,
                    Step::Close => {
                        wire.shutdown().await?;
                        return Ok(Some(step));
                    }
                    Step::Forward(to) => {
                        forward(wire, &request, to).await?;
                        return Ok(Some(step));
                    }
                    Step::Through(to) => {
                        let mut server = TcpStream::connect(to).await?;
                        wire.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
                        tokio::io::copy_bidirectional(wire, &mut server).await?;
                        return Ok(Some(step));
                    }
                    Step::Reset | Step::Hang => return Ok(Some(step)),
                }
            }
        }
        Ok(None)
    }

    /// The next request, `None` at the end of the connection.
    async fn read(&self, wire: &mut Pin<Box<dyn Wire>>) -> io::Result<Option<Received>> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match wire.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) if head.is_empty() => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        let head = String::from_utf8(head).expect("a head is ASCII");
        let mut lines = head.split("\r\n");
        let mut first = lines.next().unwrap_or_default().split(' ');
        let mut word = || first.next().unwrap_or_default().to_owned();
        let (method, target) = (word(), word());
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let length = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length = length.map_or(0, |(_, length)| {
            length.parse().expect("a length is a number")
        });
        let mut body = vec![0; length];
        wire.read_exact(&mut body).await?;
        let mut seen = self.seen.lock().expect("no thread of the fake failed");
        let received = Received {
            connection: self.connection,
            number: seen.requests.len(),
            method,
            target,
            headers,
            body: String::from_utf8(body).expect("forms and documents are text"),
        };
        seen.requests.push(received.clone());
        drop(seen);
        self.tell.send_replace(());
        Ok(Some(received))
    }
}

/// Passes a request on with its path alone, as a proxy must, and the answer back.
async fn forward(
    wire: &mut Pin<Box<dyn Wire>>,
    request: &Received,
    to: SocketAddr,
) -> io::Result<()> {
    let target = match request.target.strip_prefix("http://") {
        Some(rest) => &rest[rest.find('/').unwrap_or(rest.len())..],
        None => &request.target,
    };
    let mut head = format!(
        "{} {target} HTTP/1.1\r\nConnection: close\r\n",
        request.method
    );
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut server = TcpStream::connect(to).await?;
    server
        .write_all(format!("{head}\r\n{}", request.body).as_bytes())
        .await?;
    tokio::io::copy(&mut server, wire).await?;
    wire.shutdown().await
}

/// An address that refuses connections: bound, hence nobody else's, but not listening.
pub(crate) struct Refusing {
    _held: OwnedFd,
    pub(crate) address: SocketAddr,
}

impl Refusing {
    pub(crate) fn new() -> Refusing {
        let (held, address) = refusing();
        Refusing {
            _held: held,
            address,
        }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::parse(&self.address.to_string()).expect("an address is an endpoint")
    }

    /// What an attempt to reach it says.
    pub(crate) fn words(&self) -> String {
        format!("dial tcp {}: connect: connection refused", self.address)
    }
}

/// An address nobody listens at, for as long as the descriptor lives.
pub(crate) fn refusing() -> (OwnedFd, SocketAddr) {
    let held = socket(AddressFamily::INET, SocketType::STREAM, None).expect("sockets can be made");
    bind(&held, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a loopback port is free");
    let address = getsockname(&held).expect("a bound socket has an address");
    (held, address.try_into().expect("it is an IPv4 address"))
}

/// The last answer on a connection.
pub(crate) fn answer(status: u16, body: &str) -> Vec<Step> {
    let bytes = response(&format!("{status} Said"), &["Connection: close"], body);
    vec![Step::Send(bytes), Step::Close]
}

/// A response with its length.
pub(crate) fn response(status: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    format!("{head}\r\n{body}").into_bytes()
}

/// A file as the keys API answers with it.
pub(crate) fn event(action: &str, key: &str, value: &str, index: u64) -> String {
    format!(
        r#"{{"action":"{action}","node":{{"key":"{key}","value":"{value}","modifiedIndex":{index},"createdIndex":{index}}}}}"#
    )
}

/// A successful answer about `/k`.
pub(crate) fn ok(value: &str) -> Vec<u8> {
    let headers = ["Content-Type: application/json", "X-Etcd-Index: 7"];
    response("200 OK", &headers, &event("get", "/k", value, 7))
}

/// The error body of the keys API.
pub(crate) fn key_not_found() -> Vec<u8> {
    let body = r#"{"errorCode":100,"message":"Key not found","cause":"/k","index":7}"#;
    response("404 Not Found", &["X-Etcd-Index: 7"], body)
}
