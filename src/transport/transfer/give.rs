//! The giving end.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use raft::eraftpb::Message;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, split};
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::sleep;

use super::head::{self, FAULT_BYTES_MAX, PIECE_BYTES, append_head};
use super::progress::TransferProgress;
use crate::metrics;
use crate::node::peer::{SnapshotFault, SnapshotHead, SnapshotOutcome, SnapshotSource};
use crate::transport::frame::{self, FrameError, FrameKind, FrameReader};
use crate::transport::handshake::{self, HandshakeError};
use crate::transport::local::Local;
use crate::transport::message::StreamKind;
use crate::transport::peer::RemotePeer;
use crate::transport::reach::{PeerStream, Reach, ReachError};

/// Before what failed is begun again, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The least time that the other end may be silent: its disk may be slow, and it says so only between two pieces.
const SILENCE_LEAST: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
enum GiveFault {
    #[error(transparent)]
    Reach(#[from] ReachError),
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("here: {0}")]
    Here(SnapshotFault),
    #[error("{words}{fault}", words = there(.0), fault = .0)]
    There(SnapshotFault),
    #[error("the stream ended before the member said that it goes on from there")]
    Ended,
    #[error("it answers with a frame of kind {0:?}; is it of another version?")]
    Kind(FrameKind),
    #[error("the file cannot be read: {0}")]
    Task(#[from] JoinError),
}

/// Who is at fault when the other end says what is wrong: the file it speaks of is a copy of the one here.
fn there(fault: &SnapshotFault) -> &'static str {
    match fault.of_file {
        true => {
            "the file in the directory snapshot of this member's data directory is damaged, and is made anew (look at the disk if \
             that comes again); the other end says of its copy: "
        }
        false => "it says: ",
    }
}

impl GiveFault {
    /// Whether what was sent is kept, so that it goes on from there: the file is not at fault.
    fn keeps_progress(&self) -> bool {
        self.outcome() != SnapshotOutcome::Unusable
    }

    fn outcome(&self) -> SnapshotOutcome {
        match self {
            Self::Here(fault) | Self::There(fault) if fault.of_file => SnapshotOutcome::Unusable,
            _ => SnapshotOutcome::Missed,
        }
    }
}

/// Sends the snapshot that `message` speaks of, and tells consensus what became of it.
pub(in crate::transport) async fn give(
    local: Arc<Local>,
    peer: Arc<RemotePeer>,
    reach: Arc<dyn Reach>,
    message: Message,
) {
    let (id, name) = (format!("{:x}", peer.id), peer.address().name);
    let index = message.get_snapshot().get_metadata().index;
    tracing::info!(peer = id, name, index, "a member is sent a snapshot");
    match try_to(&local, &peer, &*reach, message).await {
        Ok(()) => {
            tracing::info!(peer = id, name, index, "a member goes on from a snapshot");
            peer.transfer_worked();
            local
                .inbox
                .snapshot_ended(peer.id, SnapshotOutcome::Installed);
        }
        Err(fault) => {
            let failures = peer.transfer_failed(fault.keeps_progress());
            tracing::warn!(peer = id, name, index, %fault, "a member does not get a snapshot: it is tried again");
            local.settings.metrics.snapshot_send_failures.inc();
            sleep((FIRST_PAUSE * (1 << failures.min(5))).min(LONGEST_PAUSE)).await;
            local.inbox.snapshot_ended(peer.id, fault.outcome());
        }
    }
}

async fn try_to(
    local: &Arc<Local>,
    peer: &RemotePeer,
    reach: &dyn Reach,
    message: Message,
) -> Result<(), GiveFault> {
    let source = open(local, &message).await?;
    let head = SnapshotHead {
        message,
        id: source.id(),
        length: source.length(),
    };
    let mut stream = reach
        .reach(&peer.address().urls, StreamKind::Snapshot)
        .await?;
    let own = local.greeting(peer.id, StreamKind::Snapshot);
    let theirs = handshake::introduce(&mut stream, &own).await?;
    local.compare(&theirs);
    send(local, peer, stream, head, source).await
}

async fn open(local: &Arc<Local>, message: &Message) -> Result<Box<dyn SnapshotSource>, GiveFault> {
    let place = message.get_snapshot().get_metadata();
    let (index, term) = (place.index, place.term);
    let files = local.files.clone();
    let opened = spawn_blocking(move || files.open(index, term)).await?;
    opened.map_err(GiveFault::Here)
}

async fn send(
    local: &Local,
    peer: &RemotePeer,
    stream: Box<dyn PeerStream>,
    head: SnapshotHead,
    source: Box<dyn SnapshotSource>,
) -> Result<(), GiveFault> {
    let (reader, mut writer) = split(stream);
    let silence = SILENCE_LEAST.max(2 * local.settings.election);
    let mut reader = FrameReader::new(reader, silence);
    let mut bytes = Vec::new();
    append_head(&mut bytes, &head)?;
    writer.write_all(&bytes).await.map_err(FrameError::Io)?;
    writer.flush().await.map_err(FrameError::Io)?;
    let offset = offset(&mut reader).await?;
    let metrics = &local.settings.metrics;
    let progress = TransferProgress::begin(metrics, metrics::sent_to(peer.id), offset, head.length);
    // What the other end says counts before what happens to the pieces: a stream that it closed breaks them off.
    let mut end = pin!(end(&mut reader));
    let mut pieces = pin!(pieces(peer, &mut writer, source, offset, progress));
    tokio::select! {
        biased;
        end = &mut end => end,
        fault = &mut pieces => match fault {
            // Perhaps it says why.
            Err(GiveFault::Frame(broken)) => match end.await {
                Err(GiveFault::There(why)) => Err(GiveFault::There(why)),
                _ => Err(broken.into()),
            },
            other => other,
        },
    }
}

/// From where the other end wants the file.
async fn offset<R: AsyncRead + Unpin>(reader: &mut FrameReader<R>) -> Result<u64, GiveFault> {
    loop {
        let frame = reader.next(FAULT_BYTES_MAX).await?;
        let frame = frame.ok_or(GiveFault::Ended)?;
        match (frame.kind, <[u8; 8]>::try_from(&*frame.payload)) {
            (FrameKind::Ping, _) => {}
            (FrameKind::SnapshotAt, Ok(offset)) => return Ok(u64::from_le_bytes(offset)),
            (FrameKind::SnapshotEnd, _) => return Err(words(&frame.payload)),
            (kind, _) => return Err(GiveFault::Kind(kind)),
        }
    }
}

/// What the other end says at last.
async fn end<R: AsyncRead + Unpin>(reader: &mut FrameReader<R>) -> Result<(), GiveFault> {
    loop {
        let frame = reader.next(FAULT_BYTES_MAX).await?;
        let frame = frame.ok_or(GiveFault::Ended)?;
        match frame.kind {
            FrameKind::Ping => {}
            FrameKind::SnapshotEnd if frame.payload.is_empty() => return Ok(()),
            FrameKind::SnapshotEnd => return Err(words(&frame.payload)),
            kind => return Err(GiveFault::Kind(kind)),
        }
    }
}

fn words(payload: &[u8]) -> GiveFault {
    let (of_file, text) = head::decode_fault(payload);
    let shown = text.chars().filter(|c| !c.is_control()).take(400);
    GiveFault::There(SnapshotFault {
        text: shown.collect(),
        of_file,
    })
}

/// Sends the file from `offset` on, and then waits for ever.
async fn pieces<W: AsyncWrite + Unpin>(
    peer: &RemotePeer,
    writer: &mut W,
    mut source: Box<dyn SnapshotSource>,
    mut offset: u64,
    mut progress: TransferProgress,
) -> Result<(), GiveFault> {
    let mut bytes = Vec::with_capacity(PIECE_BYTES + frame::HEADER_BYTES);
    loop {
        let (back, piece) = spawn_blocking(move || {
            let piece = source.read(offset, PIECE_BYTES);
            (source, piece)
        })
        .await?;
        source = back;
        let piece = piece.map_err(GiveFault::Here)?;
        if piece.is_empty() {
            return pending().await;
        }
        bytes.clear();
        frame::append(&mut bytes, FrameKind::SnapshotPiece, |out| {
            out.extend_from_slice(&piece);
        })?;
        writer.write_all(&bytes).await.map_err(FrameError::Io)?;
        writer.flush().await.map_err(FrameError::Io)?;
        peer.stream(StreamKind::Snapshot).count_sent(bytes.len(), 1);
        peer.transfer_moved();
        progress.moved(piece.len());
        offset += piece.len() as u64;
    }
}
