//! A large listing: chunks through a bounded channel, from a thread that may block to the body of the answer.

use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::inline::Inline;
use super::writer::{ListingWriter, Outlet};
use crate::http::answer::body::{BodyError, BodyStream};
use crate::http::keys::permit::ListingPace;
use crate::listen::{Activity, Exchange};
use crate::service::{MemberPosition, ServiceError};

/// A chunk is sent when it has grown to this size; it exceeds it by one node at most.
pub(super) const CHUNK_BYTES: usize = 128 * 1024;

/// Chunks that wait for the client. With the one being filled and the one being sent, this bounds the memory of a
/// listing, whatever its size.
pub(super) const CHUNKS_AHEAD: usize = 4;

/// How long a walk that waits for its client goes without a look whether the store wants its view back: the store does
/// not wait for long.
const RECALL_LOOK: Duration = Duration::from_millis(100);

/// What a walk on a thread that may block has to send first.
pub(super) enum ListingStart<B> {
    /// All of it, if it is as small as what is rendered inline: then the answer does not tell where it was.
    Whole(Vec<u8>),
    /// The first chunk is there.
    Streams(B),
}

/// Where a walk begins, or why it does not.
pub(super) type First = Result<(MemberPosition, ListingStart<()>), ServiceError>;

/// Where a listing goes, once its body has been given to the connection.
type Recipient = Arc<OnceLock<Arc<Activity>>>;

/// Chunks through a bounded channel.
pub(super) struct Streaming {
    /// Told with the first chunk: what fails before it is an answer with an error, and not a broken one.
    begun: Option<oneshot::Sender<First>>,
    position: Option<MemberPosition>,
    chunks: mpsc::Sender<Chunk>,
    pace: Arc<ListingPace>,
    /// What it would have been inline, and whether it still could.
    inline: Inline,
    small: bool,
    recipient: Recipient,
    runtime: Handle,
    stall: Duration,
    deadline: Instant,
    /// Whether the store wants the view back.
    pub(super) recalled: Box<dyn Fn() -> bool + Send>,
}

/// What a walk writes to, the body that it comes out of, and how the walk begins. A client may take nothing for `stall`;
/// the walk has to end before `deadline`, and when the store has `recalled` its view.
pub(super) fn open(
    pace: Arc<ListingPace>,
    stall: Duration,
    deadline: Instant,
    recalled: Box<dyn Fn() -> bool + Send>,
) -> (Streaming, ListingBody, oneshot::Receiver<First>) {
    let (begun, begins) = oneshot::channel();
    let (chunks, received) = mpsc::channel(CHUNKS_AHEAD);
    let recipient = Recipient::default();
    let streaming = Streaming {
        begun: Some(begun),
        position: None,
        chunks,
        pace,
        inline: Inline::default(),
        small: true,
        recipient: Recipient::clone(&recipient),
        runtime: Handle::current(),
        stall,
        deadline,
        recalled,
    };
    let body = ListingBody {
        chunks: received,
        recipient,
        ended: false,
    };
    (streaming, body, begins)
}

#[derive(Debug)]
enum Chunk {
    Data(Bytes),
    /// The listing is whole. A channel that closes without it was cut off.
    End,
}

impl Chunk {
    fn length(&self) -> usize {
        match self {
            Self::Data(bytes) => bytes.len(),
            Self::End => 0,
        }
    }
}

impl Streaming {
    fn send(&mut self, chunk: Chunk) -> ControlFlow<()> {
        if let Some(position) = self.position.take()
            && let Some(begun) = self.begun.take()
        {
            drop(begun.send(Ok((position, ListingStart::Streams(())))));
        }
        if Instant::now() >= self.deadline {
            return ControlFlow::Break(());
        }
        let bytes = chunk.length();
        let sent = match self.chunks.try_send(chunk) {
            Ok(()) => ControlFlow::Continue(()),
            Err(mpsc::error::TrySendError::Closed(_)) => ControlFlow::Break(()),
            Err(mpsc::error::TrySendError::Full(chunk)) => {
                self.pace.block();
                self.send_late(chunk)
            }
        };
        self.pace.taken(bytes);
        sent
    }

    /// Waits until the client has taken a chunk that waits before this one. Where it does not, the connection ends too, or
    /// it would keep what waits for as long as a client may take nothing.
    fn send_late(&self, chunk: Chunk) -> ControlFlow<()> {
        let sent = self.send_in_time(chunk);
        if let (true, Some(recipient)) = (sent.is_break(), self.recipient.get()) {
            recipient.cut_off();
        }
        sent
    }

    fn send_in_time(&self, chunk: Chunk) -> ControlFlow<()> {
        let until = self.deadline.min(Instant::now() + self.stall);
        loop {
            let look = until.min(Instant::now() + RECALL_LOOK);
            let room = timeout_at(look, self.chunks.reserve());
            match self.runtime.block_on(room) {
                Ok(Ok(room)) => {
                    room.send(chunk);
                    return ControlFlow::Continue(());
                }
                Ok(Err(_)) => return ControlFlow::Break(()),
                Err(_) if Instant::now() >= until => return ControlFlow::Break(()),
                Err(_) if self.pace.is_to_end() => {
                    tracing::debug!(
                        "a listing is cut off: its client takes too little, others wait"
                    );
                    return ControlFlow::Break(());
                }
                Err(_) if (self.recalled)() => {
                    tracing::warn!("a listing is cut off: the store has to be reopened");
                    return ControlFlow::Break(());
                }
                Err(_) => {}
            }
        }
    }
}

impl Outlet for Streaming {
    fn begin(&mut self, position: MemberPosition) {
        self.position = Some(position);
    }

    fn written(&mut self, json: &mut Vec<u8>) -> ControlFlow<()> {
        self.small = self.small && self.inline.written(json).is_continue();
        if json.len() < CHUNK_BYTES {
            return ControlFlow::Continue(());
        }
        let full = std::mem::replace(json, Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 8));
        if full.len() <= 2 * CHUNK_BYTES {
            return self.send(Chunk::Data(full.into()));
        }
        // A large value: what waits for the client is bounded in bytes.
        full.chunks(CHUNK_BYTES)
            .try_for_each(|piece| self.send(Chunk::Data(Bytes::copy_from_slice(piece))))
    }
}

impl ListingWriter<Streaming> {
    /// The walk has failed. The error comes back where the answer has begun, and can only be cut off.
    pub(super) fn refuse(&mut self, error: ServiceError) -> Result<(), ServiceError> {
        let Some(begun) = self.outlet.begun.take() else {
            return Err(error);
        };
        // Nobody listens if the client has gone meanwhile.
        drop(begun.send(Err(error)));
        Ok(())
    }

    /// The walk has come to its end, or was broken off.
    pub(super) fn end(mut self) {
        if self.close().is_none() {
            return;
        }
        let last = std::mem::take(&mut self.json);
        if self.outlet.small
            && let Some(position) = self.outlet.position.take()
            && let Some(begun) = self.outlet.begun.take()
        {
            // Nobody listens if the client has gone meanwhile.
            drop(begun.send(Ok((position, ListingStart::Whole(last)))));
            return;
        }
        if self.outlet.send(Chunk::Data(last.into())).is_continue() {
            // If it cannot be sent, the client is gone or the body counts as cut off, which it is.
            let _ = self.outlet.send(Chunk::End);
        }
    }
}

/// The chunks of a streamed listing. Dropping it ends the walk.
#[derive(Debug)]
pub(super) struct ListingBody {
    chunks: mpsc::Receiver<Chunk>,
    recipient: Recipient,
    ended: bool,
}

impl BodyStream for ListingBody {
    fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        exchange: Option<&Exchange>,
    ) -> Poll<Option<Result<Bytes, BodyError>>> {
        if let Some(exchange) = exchange {
            // A body goes to one connection: told with each chunk, heard once.
            let _ = self.recipient.set(Arc::clone(exchange.activity()));
        }
        self.poll_chunk(cx)
    }
}

impl ListingBody {
    /// The next chunk; an error if the walk ended early.
    pub(super) fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BodyError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.chunks.poll_recv(cx).map(|chunk| match chunk {
            Some(Chunk::Data(bytes)) => Some(Ok(bytes)),
            Some(Chunk::End) => {
                self.ended = true;
                None
            }
            None => {
                self.ended = true;
                Some(Err(BodyError(
                    "the listing took too long, or could not be read to its end",
                )))
            }
        })
    }
}
