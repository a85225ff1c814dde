//! Listings of any size in bounded memory: a small one is one buffer with a length, a large one streams in chunks.
//!
//! A thread that serves connections looks at a bounded number of rows, those that are left out included: hidden ones,
//! and removed ones that the store has not cleared away. Beyond that a thread that may block begins again. What it finds
//! may still be small, and then has a length too, so that what is left out does not show in the answer.
//!
//! The walk gives nodes in tree order, a directory directly before its subtree, while JSON wants the indexes of a
//! directory after its children. The writer therefore keeps the open directories on a stack, one entry for each level.
//! A walk holds a view of the store; it ends when the client is gone, takes nothing for the stall time-out, or is not
//! done within the age a view may reach, and when the store has to be reopened, which waits for all views to end. An answer cut short breaks the connection, so that it cannot pass as whole.

use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::{Response, StatusCode};
use storage::operation::Node;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::config::Vocabulary;
use crate::http::answer::body::{Body, BodyError, BodyStream};
use crate::http::answer::headers::Reply;
use crate::http::answer::render::{close_node, end, open_node};
use crate::http::front::Front;
use crate::http::keys::permit::ListingPace;
use crate::listen::{Activity, Exchange};
use crate::service::{ListedNode, ListingVisitor, Position, ReadGrant, ServiceError};

/// What may be listed on the asynchronous thread: about a tenth of a millisecond of work.
const INLINE_NODES: usize = 256;
const INLINE_BYTES: usize = 64 * 1024;
/// Rows looked at for it. More than are shown: a step past the children of a listed directory is one as well.
const INLINE_ROWS: usize = 4 * INLINE_NODES;

/// A chunk is sent when it has grown to this size; it exceeds it by one node at most.
const CHUNK_BYTES: usize = 128 * 1024;

/// Chunks that wait for the client. With the one being filled and the one being sent, this bounds the memory of a
/// listing, whatever its size.
const CHUNKS_AHEAD: usize = 4;

/// How long a walk that waits for its client goes without a look whether the store wants its view back: the store does
/// not wait for long.
const RECALL_LOOK: std::time::Duration = std::time::Duration::from_millis(100);

/// Lists the directory of a grant. `head` asks for the header only; there is no length in it if the listing is large.
pub(crate) async fn answer(
    front: &Arc<Front>,
    client: IpAddr,
    grant: ReadGrant,
    head: bool,
    reply: Reply,
) -> Response<Body> {
    let vocabulary = front.service.vocabulary();
    let mut small = ListingWriter::new(vocabulary, grant.now(), Inline { nodes: 0 });
    if let Err(error) = grant.list(&mut small) {
        return reply.error(&error.into(), &front.cluster);
    }
    // A walk that was only cut may have little to show, and then a `HEAD` has the length that the `GET` has.
    let large = small.broken && !small.cut;
    if let Some(position) = small.position.filter(|_| large && head) {
        return reply.keys_body(
            StatusCode::OK,
            Body::empty(),
            position.into(),
            &front.cluster,
        );
    }
    if let Some((body, position)) = small.finish() {
        return reply.keys(StatusCode::OK, body, position, &front.cluster);
    }
    match begin_streaming(front, client, grant).await {
        Ok((position, ListingStart::Whole(body))) => {
            reply.keys(StatusCode::OK, body, position, &front.cluster)
        }
        Ok((position, ListingStart::Streams(body))) => reply.keys_body(
            StatusCode::OK,
            if head {
                Body::empty()
            } else {
                Body::stream(body)
            },
            position.into(),
            &front.cluster,
        ),
        Err(error) => reply.error(&error.into(), &front.cluster),
    }
}

/// What a walk on a thread that may block has to send first.
enum ListingStart<B> {
    /// All of it, if it is as small as what is rendered inline: then the answer does not tell where it was.
    Whole(Vec<u8>),
    /// The first chunk is there.
    Streams(B),
}

/// Where a walk begins, or why it does not.
type First<B> = Result<(Position, ListingStart<B>), ServiceError>;

/// Starts a walk on a thread that may block, and waits until it has something to send.
async fn begin_streaming(
    front: &Arc<Front>,
    client: IpAddr,
    grant: ReadGrant,
) -> First<ListingBody> {
    let permit = front.listings.take(client, front.options.listing_wait);
    let Some(permit) = permit.await else {
        return Err(ServiceError::TooManyRequests);
    };
    let vocabulary = front.service.vocabulary();
    let (begun, begins) = oneshot::channel();
    let (chunks, received) = mpsc::channel(CHUNKS_AHEAD);
    let connection = Connection::default();
    let streaming = Streaming {
        begun: Some(begun),
        position: None,
        chunks,
        pace: permit.pace(),
        inline: Inline { nodes: 0 },
        small: true,
        connection: Connection::clone(&connection),
        runtime: Handle::current(),
        stall: front.options.limits.stall_timeout,
        deadline: Instant::now() + front.options.listing_age,
        recalled: {
            let grant = grant.clone();
            Box::new(move || grant.is_recalled())
        },
    };
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        walk(&grant, vocabulary, streaming);
    });
    // A walk that ends without having begun was refused a thread: the runtime goes down.
    let (position, begun) = begins.await.unwrap_or(Err(ServiceError::Stopped))?;
    let begun = match begun {
        ListingStart::Whole(body) => ListingStart::Whole(body),
        ListingStart::Streams(()) => ListingStart::Streams(ListingBody {
            chunks: received,
            connection,
            ended: false,
        }),
    };
    Ok((position, begun))
}

fn walk(grant: &ReadGrant, vocabulary: Vocabulary, streaming: Streaming) {
    let mut walk = ListingWriter::new(vocabulary, grant.now(), streaming);
    match grant.list(&mut walk) {
        Ok(()) => walk.end(),
        Err(error) => {
            if let Some(begun) = walk.outlet.begun.take() {
                // Nobody listens if the client has gone meanwhile.
                drop(begun.send(Err(error)));
            } else {
                tracing::warn!(%error, "a listing was cut off");
            }
        }
    }
}

/// Where the JSON of a walk goes.
trait Outlet {
    /// Rows that may be looked at, see [`ListingVisitor::rows_at_most`].
    const ROWS: Option<usize> = None;
    /// The walk has a view.
    fn begin(&mut self, position: Position);
    /// Called after each node; may take what is written so far. `Break` ends the walk.
    fn written(&mut self, json: &mut Vec<u8>) -> ControlFlow<()>;
}

/// Everything in one buffer, if it is small.
struct Inline {
    nodes: usize,
}

impl Outlet for Inline {
    const ROWS: Option<usize> = Some(INLINE_ROWS);

    fn begin(&mut self, _: Position) {}

    fn written(&mut self, json: &mut Vec<u8>) -> ControlFlow<()> {
        self.nodes += 1;
        if self.nodes > INLINE_NODES || json.len() > INLINE_BYTES {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

/// Where a listing goes, once its body has been given to the connection.
type Connection = Arc<OnceLock<Arc<Activity>>>;

/// Chunks through a bounded channel.
struct Streaming {
    /// Told with the first chunk: what fails before it is an answer with an error, and not a broken one.
    begun: Option<oneshot::Sender<First<()>>>,
    position: Option<Position>,
    chunks: mpsc::Sender<Chunk>,
    pace: Arc<ListingPace>,
    /// What it would have been inline, and whether it still could.
    inline: Inline,
    small: bool,
    connection: Connection,
    runtime: Handle,
    stall: std::time::Duration,
    deadline: Instant,
    /// Whether the store wants the view back.
    recalled: Box<dyn Fn() -> bool + Send>,
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
        if let (true, Some(connection)) = (sent.is_break(), self.connection.get()) {
            connection.cut_off();
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
    fn begin(&mut self, position: Position) {
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

/// Writes the nodes of a walk as nested JSON.
struct ListingWriter<O> {
    json: Vec<u8>,
    /// The nodes on the way down that are not closed, the listed directory first.
    open: Vec<OpenNode>,
    position: Option<Position>,
    vocabulary: Vocabulary,
    /// Cluster time in nanoseconds, for what is left to live.
    now: u64,
    /// Whether the walk ended early.
    broken: bool,
    /// Whether that was for the rows it looked at, and not for those it has.
    cut: bool,
    outlet: O,
}

struct OpenNode {
    modified: u64,
    created: u64,
    has_children: bool,
}

impl<O: Outlet> ListingWriter<O> {
    fn new(vocabulary: Vocabulary, now: u64, outlet: O) -> Self {
        Self {
            vocabulary,
            json: Vec::with_capacity(4096),
            open: Vec::new(),
            position: None,
            now,
            broken: false,
            cut: false,
            outlet,
        }
    }

    /// Closes all open nodes at `depth` and below it.
    fn close_from(&mut self, depth: usize) {
        while self.open.len() > depth {
            let Some(node) = self.open.pop() else { return };
            if node.has_children {
                self.json.push(b']');
            }
            close_node(&mut self.json, node.modified, node.created);
        }
    }

    /// Writes the end of the document; `None` if the walk did not reach it.
    fn close(&mut self) -> Option<Position> {
        let position = self.position.filter(|_| !self.broken)?;
        self.close_from(0);
        end(&mut self.json, self.vocabulary);
        Some(position)
    }
}

impl ListingWriter<Inline> {
    fn finish(mut self) -> Option<(Vec<u8>, Position)> {
        let position = self.close()?;
        Some((self.json, position))
    }
}

impl ListingWriter<Streaming> {
    fn end(mut self) {
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

impl<O: Outlet> ListingVisitor for ListingWriter<O> {
    fn begin(&mut self, directory: &Node, position: Position) -> ControlFlow<()> {
        self.position = Some(position);
        self.outlet.begin(position);
        self.json
            .extend_from_slice(b"{\"action\":\"get\",\"node\":");
        let Node {
            path,
            value,
            dir,
            lifetime,
            ..
        } = directory;
        open_node(
            &mut self.json,
            path.as_bytes(),
            value.as_deref(),
            *dir,
            *lifetime,
            self.now,
            self.vocabulary,
        );
        let Node {
            modified, created, ..
        } = *directory;
        self.open.push(OpenNode {
            modified,
            created,
            has_children: false,
        });
        ControlFlow::Continue(())
    }

    fn node(&mut self, depth: usize, node: ListedNode<'_>) -> ControlFlow<()> {
        debug_assert!(
            (1..=self.open.len()).contains(&depth),
            "a node follows its directory"
        );
        self.close_from(depth);
        if let Some(parent) = self.open.last_mut() {
            let separator: &[u8] = if parent.has_children {
                b","
            } else {
                b",\"nodes\":["
            };
            parent.has_children = true;
            self.json.extend_from_slice(separator);
        }
        open_node(
            &mut self.json,
            node.path,
            node.value,
            node.value.is_none(),
            node.lifetime,
            self.now,
            self.vocabulary,
        );
        let ListedNode {
            modified, created, ..
        } = node;
        self.open.push(OpenNode {
            modified,
            created,
            has_children: false,
        });
        let flow = self.outlet.written(&mut self.json);
        self.broken |= flow.is_break();
        flow
    }

    fn rows_at_most(&self) -> Option<usize> {
        O::ROWS
    }

    fn cut(&mut self) {
        self.broken = true;
        self.cut = true;
    }
}

/// The chunks of a streamed listing. Dropping it ends the walk.
#[derive(Debug)]
struct ListingBody {
    chunks: mpsc::Receiver<Chunk>,
    connection: Connection,
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
            let _ = self.connection.set(Arc::clone(exchange.activity()));
        }
        self.poll_chunk(cx)
    }
}

impl ListingBody {
    /// The next chunk; an error if the walk ended early.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
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

#[cfg(test)]
mod tests;
