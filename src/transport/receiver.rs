//! Streams that other members opened: greeted, and read until they end. Nothing is ever written to them but a greeting.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use raft::eraftpb::MessageType;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, split};
use tokio::sync::{Semaphore, oneshot};

use super::frame::{FRAME_BYTES_MAX, FrameError, FrameKind, FrameReader, HEADER_BYTES, PeerFrame};
use super::greeting::{self, Greeting, GreetingFault, StreamRefusal};
use super::handshake::{self, HandshakeError};
use super::local::Local;
use super::message::{self, MessageError, StreamKind};
use super::peer::Roster;
use super::transfer;
use crate::metrics::{self, ReasonLabel};
use crate::node::peer::PeerMessage;

/// Streams that may be greeting at a time. A cluster has a few members, which dial twice each.
const GREETING_MAX: usize = 64;

/// Streams that may be open, whoever they say they are.
const OPEN_MAX: usize = 256;

/// The longest election time-out of another member that this one goes along with.
const ELECTION_MAX: Duration = Duration::from_secs(60);

/// How long the giver of a snapshot may be silent at least: its disk may be slow.
const SNAPSHOT_SILENCE: Duration = Duration::from_secs(10);

/// Why a stream that was greeted is closed.
#[derive(Debug, thiserror::Error)]
enum ReceiveFault {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Message(#[from] MessageError),
    #[error("a message says that it is from member {0:x}; the sender is faulty, or forged")]
    From(u64),
    #[error("a message is for member {0:x}; the sender is faulty, or forged")]
    To(u64),
    #[error("a message of type {0:?} does not travel; is the sender of another version?")]
    Type(MessageType),
}

impl ReceiveFault {
    fn word(&self) -> &'static str {
        match self {
            Self::Frame(FrameError::Io(_)) => "broken",
            Self::Frame(FrameError::Silent(_)) => "silent",
            Self::Frame(FrameError::Truncated { .. }) => "truncated",
            Self::Frame(FrameError::TooLarge { .. }) => "too_large",
            Self::Frame(FrameError::Checksum { .. }) => "checksum",
            Self::Frame(FrameError::UnknownKind(_)) => "unknown_kind",
            Self::Message(_) => "malformed",
            Self::From(_) => "forged",
            Self::To(_) => "misdirected",
            Self::Type(_) => "type",
        }
    }

    /// Whether the bytes are at fault, and not the way or the process.
    fn is_of_protocol(&self) -> bool {
        use FrameError::{Io, Silent, Truncated};
        !matches!(self, Self::Frame(Io(_) | Silent(_) | Truncated { .. }))
    }
}

/// All streams that others opened.
#[derive(Debug)]
pub(super) struct Inbound {
    greeting: Semaphore,
    // Held for a look.
    open: Mutex<OpenStreams>,
}

#[derive(Debug, Default)]
struct OpenStreams {
    next: u64,
    closed: bool,
    /// Which stream it is, and what ends it when it is dropped.
    streams: HashMap<(u64, StreamKind), (u64, oneshot::Sender<()>)>,
}

/// A stream that is open until this is dropped.
struct Seat<'a> {
    inbound: &'a Inbound,
    whose: (u64, StreamKind),
    serial: u64,
    superseded: oneshot::Receiver<()>,
}

impl Inbound {
    pub(super) fn new() -> Self {
        Self {
            greeting: Semaphore::new(GREETING_MAX),
            open: Mutex::default(),
        }
    }

    fn open(&self) -> MutexGuard<'_, OpenStreams> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all streams, and those that are still to come.
    pub(super) fn close(&self) {
        let mut open = self.open();
        open.closed = true;
        open.streams.clear();
    }

    /// Ends the streams of one member.
    pub(super) fn end(&self, member: u64) {
        self.open().streams.retain(|(from, _), _| *from != member);
    }

    /// The place of a new stream. An older one of the same kind from the same member ends: who dials again has lost it.
    fn seat(&self, whose: (u64, StreamKind)) -> Result<Seat<'_>, StreamRefusal> {
        let (end, superseded) = oneshot::channel();
        let mut open = self.open();
        if open.closed || open.streams.len() >= OPEN_MAX && !open.streams.contains_key(&whose) {
            let fault = GreetingFault::Busy;
            let text = "it is stopping, or has too many streams; try again later".to_owned();
            return Err(StreamRefusal { fault, text });
        }
        open.next += 1;
        let serial = open.next;
        open.streams.insert(whose, (serial, end));
        drop(open);
        Ok(Seat {
            inbound: self,
            whose,
            serial,
            superseded,
        })
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut open = self.inbound.open();
        let own = open.streams.get(&self.whose);
        if own.is_some_and(|(serial, _)| *serial == self.serial) {
            open.streams.remove(&self.whose);
        }
    }
}

/// Greets and reads a stream that came from `address`, until it ends.
pub(super) async fn serve<S: AsyncRead + AsyncWrite>(
    local: Arc<Local>,
    inbound: Arc<Inbound>,
    roster: Arc<Roster>,
    stream: S,
    address: String,
) {
    let Ok(greets) = inbound.greeting.try_acquire() else {
        count_refused(&local, GreetingFault::Busy.word());
        return;
    };
    let (reader, mut writer) = split(stream);
    let mut reader = FrameReader::new(reader, handshake::WITHIN);
    let mut seat = None;
    let judge = |theirs: &Greeting| {
        // Judged as one who speaks to whoever came.
        let own = local.greeting(theirs.from, StreamKind::Control);
        own.judge(theirs)?;
        if local.greeted.is_unstarted(theirs.from) {
            return Err(greeting::not_started(own.from, theirs.from));
        }
        let kind = theirs.stream.unwrap_or(StreamKind::Control);
        seat = Some(inbound.seat((theirs.from, kind))?);
        Ok(local.greeting(theirs.from, kind))
    };
    let welcomed = handshake::welcome(&mut reader, &mut writer, judge).await;
    drop(greets);
    match (welcomed, seat) {
        (Ok(theirs), Some(mut seat)) => {
            local.compare(&theirs);
            let peer = roster.get(theirs.from);
            if let Some(peer) = &peer {
                // It is there, so a dial that failed is worth another try.
                peer.poke();
            }
            let label = metrics::received_from(peer.map(|peer| peer.id));
            let received = &local.settings.metrics.peers.received_bytes;
            let received = received.get_or_create(&label).clone();
            let election = Duration::from_millis(theirs.election_ms).min(ELECTION_MAX);
            let silence = 2 * election.max(local.settings.election);
            if seat.whose.1 == StreamKind::Snapshot {
                reader.set_silence(silence.max(SNAPSHOT_SILENCE));
                let end = &mut seat.superseded;
                transfer::take(
                    &local,
                    &mut reader,
                    &mut writer,
                    theirs.from,
                    &received,
                    end,
                )
                .await;
            } else {
                reader.set_silence(silence);
                read(&local, &mut reader, &theirs, seat, &received, &address).await;
            }
        }
        (Ok(_), None) => {}
        (Err(error), _) => refused(&local, &error, &address),
    }
    // Whoever is refused should be able to read why.
    let _ = writer.shutdown().await;
}

fn count_refused(local: &Local, reason: &'static str) {
    let refused = &local.settings.metrics.peers.refused;
    refused.get_or_create(&ReasonLabel { reason }).inc();
}

fn refused(local: &Local, error: &HandshakeError, address: &str) {
    count_refused(local, error.word());
    if local.notices.is_due(0, error.word()) {
        tracing::warn!(address, %error, "a stream of a member was refused");
    } else {
        tracing::debug!(address, %error, "a stream of a member was refused");
    }
}

/// Reads until the stream ends, a newer one takes its place, or something is wrong with it.
async fn read<R: AsyncRead + Unpin>(
    local: &Local,
    reader: &mut FrameReader<R>,
    theirs: &Greeting,
    mut seat: Seat<'_>,
    received: &Counter,
    address: &str,
) {
    let (from, peer) = (theirs.from, format!("{:x}", theirs.from));
    let stream = seat.whose.1.word();
    tracing::debug!(peer, stream, address, "a member has connected");
    let fault = loop {
        let frame = tokio::select! {
            biased;
            _ = &mut seat.superseded => {
                tracing::debug!(peer, stream, address, "a stream has given way to a newer one");
                return;
            }
            frame = reader.next(FRAME_BYTES_MAX) => frame,
        };
        match frame {
            Ok(None) => {
                tracing::debug!(peer, stream, address, "a member has closed its stream");
                return;
            }
            Ok(Some(frame)) => {
                received.inc_by((HEADER_BYTES + frame.payload.len()) as u64);
                if let Err(fault) = take(local, from, frame) {
                    break fault;
                }
            }
            Err(error) => break error.into(),
        }
    };
    if !fault.is_of_protocol() {
        tracing::debug!(peer, stream, address, %fault, "the stream of a member broke");
        return;
    }
    count_refused(local, fault.word());
    if local.notices.is_due(from, fault.word()) {
        tracing::warn!(peer, stream, address, %fault, "the stream of a member was closed");
    }
}

/// Hands on the message of a frame.
fn take(local: &Local, from: u64, frame: PeerFrame) -> Result<(), ReceiveFault> {
    if frame.kind == FrameKind::Ping {
        return Ok(());
    }
    let message = message::decode(frame.kind, frame.payload)?;
    if let PeerMessage::Raft(message) = &message {
        if message.from != from {
            return Err(ReceiveFault::From(message.from));
        }
        if message.to != local.settings.member {
            return Err(ReceiveFault::To(message.to));
        }
        if StreamKind::of(message.msg_type()).is_none() {
            return Err(ReceiveFault::Type(message.msg_type()));
        }
    }
    local.inbox.receive(from, message);
    Ok(())
}
