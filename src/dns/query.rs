//! One question to one DNS server: over UDP, over TCP when the answer does not fit a datagram (RFC 1035, 4.2).
//!
//! The resolver of the `domain` crate waits on a socket for data alone and so never hears that nobody listens on the server's
//! port; a machine whose resolver is not running would cost a full time-out per try. This one listens for both.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use domain::base::iana::Rtype;
use domain::base::{Message, MessageBuilder, Name};
use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// More than any server sends to who does not ask for more (512 bytes).
const DATAGRAM: usize = 4096;

type DnsMessage = Message<Vec<u8>>;

/// How a server is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueryOptions {
    /// How long to wait for an answer.
    pub(super) patience: Duration,
    /// Whether to leave UDP out.
    pub(super) tcp_only: bool,
}

/// Asks `server` for the SRV records of `name`.
pub(super) async fn ask(
    server: SocketAddr,
    name: &Name<Vec<u8>>,
    options: QueryOptions,
) -> io::Result<DnsMessage> {
    let question = question(name);
    let answer = async {
        if !options.tcp_only {
            let answer = over_udp(server, &question).await?;
            if !answer.header().tc() {
                return Ok(answer);
            }
        }
        over_tcp(server, &question).await
    };
    match timeout(options.patience, answer).await {
        Ok(outcome) => outcome,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")),
    }
}

fn question(name: &Name<Vec<u8>>) -> DnsMessage {
    let mut message = MessageBuilder::new_vec();
    message.header_mut().set_random_id();
    message.header_mut().set_rd(true);
    let mut message = message.question();
    message
        .push((name, Rtype::SRV))
        .expect("a vector has room for one question");
    message.into_message()
}

async fn over_udp(server: SocketAddr, question: &DnsMessage) -> io::Result<DnsMessage> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // A fresh port for every question, as an answer must be hard to forge.
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(question.as_slice()).await?;
    let mut datagram = vec![0; DATAGRAM];
    loop {
        // A receive also fetches the error a refusal leaves at the socket; that makes it "ready" in no other way.
        let received = socket.async_io(Interest::READABLE | Interest::ERROR, || {
            Ok(recv(&socket, &mut datagram[..], RecvFlags::empty())?.0)
        });
        let length = received.await?;
        // What is no answer to this question is a forgery or a straggler: wait on.
        if let Some(answer) = answer_to(question, datagram[..length].to_vec()) {
            return Ok(answer);
        }
    }
}

async fn over_tcp(server: SocketAddr, question: &DnsMessage) -> io::Result<DnsMessage> {
    let mut stream = TcpStream::connect(server).await?;
    let asked = question.as_slice();
    let length = u16::try_from(asked.len()).map_err(io::Error::other)?;
    stream
        .write_all(&[&length.to_be_bytes(), asked].concat())
        .await?;
    let mut answer = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut answer).await?;
    answer_to(question, answer)
        .ok_or_else(|| io::Error::other("the answer belongs to another question"))
}

fn answer_to(question: &DnsMessage, bytes: Vec<u8>) -> Option<DnsMessage> {
    let answer = Message::from_octets(bytes).ok()?;
    answer.is_answer(question).then_some(answer)
}
