//! The taking end.

use std::pin::pin;
use std::sync::Arc;

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
use crate::transport::local::Local;

/// Bytes of a head: it names the members.
const HEAD_BYTES_MAX: usize = 64 << 10;

#[derive(Debug, thiserror::Error)]
enum TakeFault {
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
    #[error("a newer stream took its place")]
    Superseded,
    #[error("another member leads now, and its state is what this one waits for")]
    NotOfLeader,
}

impl TakeFault {
    fn word(&self) -> &'static str {
        match self {
            Self::Frame(_) | Self::Ended | Self::Superseded | Self::NotOfLeader => {
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

/// Takes a snapshot from a stream that was greeted by `from`.
pub(in crate::transport) async fn take<R, W>(
    local: &Arc<Local>,
    reader: &mut FrameReader<R>,
    writer: &mut W,
    from: u64,
    received: &Counter,
    superseded: &mut oneshot::Receiver<()>,
) where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (at, offset) = oneshot::channel();
    let mut offset = Some(offset);
    let every = local.settings.election / 4;
    let mut work = pin!(work(local, reader, from, received, at));
    let outcome = loop {
        // What the other end hears is said here, by one hand: where to go on, that this end works, and how it ended.
        let mut bytes = Vec::new();
        let said = tokio::select! {
            biased;
            _ = &mut *superseded => break Err(TakeFault::Superseded),
            Ok(at) = async { match &mut offset { Some(offset) => offset.await, None => std::future::pending().await } } => {
                offset = None;
                frame::append(&mut bytes, FrameKind::SnapshotAt, |out| out.extend_from_slice(&at.to_le_bytes()))
            }
            outcome = &mut work => break outcome,
            () = sleep(every) => {
                if !local.files.takes_from(from) {
                    break Err(TakeFault::NotOfLeader);
                }
                frame::append(&mut bytes, FrameKind::Ping, |_| {})
            }
        };
        if let Err(error) = said {
            break Err(error.into());
        }
        if let Err(error) = say(writer, &bytes).await {
            break Err(error.into());
        }
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
    at: oneshot::Sender<u64>,
) -> Result<(), TakeFault> {
    let head = next(reader, HEAD_BYTES_MAX, received, FrameKind::SnapshotHead).await?;
    let head = decode_head(head)?;
    let (says, to) = (head.message.from, head.message.to);
    if (says, to) != (from, local.settings.member) {
        return Err(TakeFault::Forged { from: says, to });
    }
    let length = head.length;
    let mut sink = begin(local, head).await?;
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

async fn begin(local: &Arc<Local>, head: SnapshotHead) -> Result<Box<dyn SnapshotSink>, TakeFault> {
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
