//! The taking end.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::sleep;

use super::head::{self, HeadError, PIECE_BYTES, decode_head};
use super::progress::TransferProgress;
use crate::metrics;
use crate::node::peer::{SnapshotFault, SnapshotHead, SnapshotSink};
use crate::transport::frame::{self, FrameError, FrameKind, FrameReader, HEADER_BYTES};
use crate::transport::inbound::{Inbound, SnapshotSeat};
use crate::transport::local::Local;

/// How often, and after which pause, it is looked whether a stream that gives way has done so.
const GIVES_WAY_LOOKS: u32 = 40;
const GIVES_WAY_LOOK: Duration = Duration::from_millis(50);
/// Bytes of a head: it names the members.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// Why a snapshot does not come in.
#[derive(Debug, thiserror::Error)]
pub(in crate::transport) enum TakeFault {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Head(#[from] HeadError),
    #[error("the stream ended before all of it came")]
    Ended,
    #[error("a frame of kind {0:?} in a snapshot; is the sender of another version?")]
    Kind(FrameKind),
    #[error(
        "the message says that it is from member {from:x} to {to:x}; the sender is faulty, or forged"
    )]
    Forged { from: u64, to: u64 },
    #[error("a piece without bytes; the sender is faulty")]
    Empty,
    #[error("more came than the {0} bytes that were announced; the sender is faulty")]
    TooLong(u64),
    #[error(transparent)]
    Files(#[from] SnapshotFault),
    #[error("the disk cannot be asked: {0}")]
    Task(#[from] JoinError),
    #[error("it comes in on a newer stream")]
    Superseded,
    #[error("another snapshot comes in: it is tried again")]
    Busy,
    #[error("another member leads now, and its state is what this one waits for")]
    NotOfLeader,
}

impl TakeFault {
    fn word(&self) -> &'static str {
        match self {
            Self::Frame(_) | Self::Ended | Self::Superseded | Self::Busy | Self::NotOfLeader => {
                "snapshot broken"
            }
            Self::Files(_) | Self::Task(_) => "snapshot not taken",
            _ => "snapshot malformed",
        }
    }

    fn is_of_file(&self) -> bool {
        matches!(self, Self::Files(fault) if fault.of_file)
    }
}

/// What a stream that was greeted by `from` says of its snapshot.
pub(in crate::transport) async fn take_head<R: AsyncRead + Unpin>(
    local: &Local,
    reader: &mut FrameReader<R>,
    from: u64,
    received: &Counter,
) -> Result<SnapshotHead, TakeFault> {
    let head = next(reader, HEAD_BYTES_MAX, received, FrameKind::SnapshotHead).await?;
    let head = decode_head(head)?;
    let (says, to) = (head.message.from, head.message.to);
    match (says, to) == (from, local.settings.member) {
        true => Ok(head),
        false => Err(TakeFault::Forged { from: says, to }),
    }
}

/// Takes the snapshot of this head.
pub(in crate::transport) async fn take<R, W>(
    local: &Arc<Local>,
    inbound: &Inbound,
    (reader, writer): (&mut FrameReader<R>, &mut W),
    from: u64,
    received: &Counter,
    head: Result<SnapshotHead, TakeFault>,
) where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let outcome = match head {
        Ok(head) => match inbound.seat_snapshot(from, head.id) {
            Some(seat) => pieces(local, seat, (reader, writer), from, received, head).await,
            None => Err(TakeFault::Busy),
        },
        Err(fault) => Err(fault),
    };
    let text = match &outcome {
        Ok(()) => Vec::new(),
        Err(fault) => head::encode_fault(fault.is_of_file(), &fault.to_string()),
    };
    if let Err(fault) = &outcome {
        let peer = format!("{from:x}");
        match local.notices.is_due(from, fault.word()) {
            true => tracing::warn!(peer, %fault, "a snapshot of a member did not come in"),
            false => tracing::debug!(peer, %fault, "a snapshot of a member did not come in"),
        }
    }
    let mut bytes = Vec::new();
    let said = frame::append(&mut bytes, FrameKind::SnapshotEnd, |out| {
        out.extend_from_slice(&text);
    });
    if said.is_ok() {
        // Whoever has gone does not hear it, and tries again.
        let _ = say(writer, &bytes).await;
    }
}

/// Takes the pieces, and says meanwhile what the other end has to hear, by one hand: where to go on, and that this end works.
async fn pieces<R, W>(
    local: &Arc<Local>,
    mut seat: SnapshotSeat<'_>,
    (reader, writer): (&mut FrameReader<R>, &mut W),
    from: u64,
    received: &Counter,
    head: SnapshotHead,
) -> Result<(), TakeFault>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (at, offset) = oneshot::channel();
    let mut offset = Some(offset);
    let every = local.settings.election / 4;
    let tries = if seat.goes_on { GIVES_WAY_LOOKS } else { 1 };
    let mut work = pin!(work(local, reader, from, received, head, (tries, at)));
    loop {
        let mut bytes = Vec::new();
        tokio::select! {
            biased;
            _ = &mut seat.superseded => return Err(TakeFault::Superseded),
            Ok(at) = async { match &mut offset { Some(offset) => offset.await, None => std::future::pending().await } } => {
                offset = None;
                frame::append(&mut bytes, FrameKind::SnapshotAt, |out| out.extend_from_slice(&at.to_le_bytes()))?;
            }
            outcome = &mut work => return outcome,
            () = sleep(every) => {
                if !local.files.takes_from(from) {
                    return Err(TakeFault::NotOfLeader);
                }
                frame::append(&mut bytes, FrameKind::Ping, |_| {})?;
            }
        }
        say(writer, &bytes).await?;
    }
}

async fn say<W: AsyncWrite + Unpin>(writer: &mut W, bytes: &[u8]) -> Result<(), FrameError> {
    writer.write_all(bytes).await?;
    writer.flush().await?;
    Ok(())
}

async fn work<R: AsyncRead + Unpin>(
    local: &Arc<Local>,
    reader: &mut FrameReader<R>,
    from: u64,
    received: &Counter,
    head: SnapshotHead,
    (tries, at): (u32, oneshot::Sender<u64>),
) -> Result<(), TakeFault> {
    let length = head.length;
    let mut sink = begin(local, head, tries).await?;
    let mut offset = sink.offset();
    let metrics = &local.settings.metrics;
    let mut progress =
        TransferProgress::begin(metrics, metrics::received_from(Some(from)), offset, length);
    // Nobody waits for it once the stream has ended.
    let _ = at.send(offset);
    while offset < length {
        let piece = next(reader, PIECE_BYTES, received, FrameKind::SnapshotPiece).await?;
        if piece.is_empty() {
            return Err(TakeFault::Empty);
        }
        offset += piece.len() as u64;
        if offset > length {
            return Err(TakeFault::TooLong(length));
        }
        let bytes = piece.len();
        sink = write(sink, piece).await?;
        progress.moved(bytes);
    }
    Ok(spawn_blocking(move || sink.finish()).await??)
}

async fn next<R: AsyncRead + Unpin>(
    reader: &mut FrameReader<R>,
    most: usize,
    received: &Counter,
    wanted: FrameKind,
) -> Result<Vec<u8>, TakeFault> {
    let frame = reader.next(most).await?.ok_or(TakeFault::Ended)?;
    received.inc_by((HEADER_BYTES + frame.payload.len()) as u64);
    match frame.kind == wanted {
        true => Ok(frame.payload),
        false => Err(TakeFault::Kind(frame.kind)),
    }
}

/// Where the same file came in on another stream, the disk may still be at work on its last piece.
async fn begin(
    local: &Arc<Local>,
    head: SnapshotHead,
    tries: u32,
) -> Result<Box<dyn SnapshotSink>, TakeFault> {
    for _ in 1..tries {
        match receive(local, head.clone()).await {
            Err(TakeFault::Files(fault)) if !fault.of_file => sleep(GIVES_WAY_LOOK).await,
            begun => return begun,
        }
    }
    receive(local, head).await
}

async fn receive(
    local: &Arc<Local>,
    head: SnapshotHead,
) -> Result<Box<dyn SnapshotSink>, TakeFault> {
    let files = local.files.clone();
    Ok(spawn_blocking(move || files.receive(&head)).await??)
}

async fn write(
    mut sink: Box<dyn SnapshotSink>,
    piece: Vec<u8>,
) -> Result<Box<dyn SnapshotSink>, TakeFault> {
    let written = spawn_blocking(move || sink.write(&piece).map(|()| sink));
    Ok(written.await??)
}
