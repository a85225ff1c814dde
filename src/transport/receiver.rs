//! Streams that other members opened: greeted, and read until they end. Nothing is ever written to them but a greeting.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use raft::eraftpb::MessageType;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, split};

use super::frame::{FRAME_BYTES_MAX, FrameError, FrameKind, FrameReader, HEADER_BYTES, PeerFrame};
use super::greeting::{self, Greeting, GreetingFault};
use super::handshake::{self, HandshakeError};
use super::inbound::{Inbound, Seat};
use super::local::Local;
use super::message::{self, MessageError, StreamKind};
use super::peer::Roster;
use super::transfer;
use crate::metrics::{self, ReasonLabel};
use crate::node::peer::PeerMessage;

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
        if local.greeted.is_removed(theirs.from) {
            return Err(greeting::removed(own.from, theirs.from));
        }
        let greeted = &local.greeted;
        if greeted.is_unstarted(theirs.from) || greeted.is_on_another_disk(theirs.from, theirs.disk)
        {
            return Err(greeting::not_started(own.from, theirs.from));
        }
        let kind = theirs.stream.unwrap_or(StreamKind::Control);
        if kind != StreamKind::Snapshot {
            seat = Some(inbound.seat((theirs.from, kind))?);
        }
        Ok(local.greeting(theirs.from, kind))
    };
    let welcomed = handshake::welcome(&mut reader, &mut writer, judge).await;
    drop(greets);
    match (welcomed, seat) {
        (Ok(theirs), seat) => {
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
            if let Some(seat) = seat {
                reader.set_silence(silence);
                read(&local, &mut reader, &theirs, seat, &received, &address).await;
            } else if let Ok(waits) = inbound.heads.try_acquire() {
                let end = transfer::take_head(&local, &mut reader, theirs.from, &received).await;
                drop(waits);
                reader.set_silence(silence.max(SNAPSHOT_SILENCE));
                let streams = (&mut reader, &mut writer);
                transfer::take(&local, &inbound, streams, theirs.from, &received, end).await;
            } else {
                count_refused(&local, GreetingFault::Busy.word());
            }
        }
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
