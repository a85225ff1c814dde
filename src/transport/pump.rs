//! What goes out on a stream that is connected: everything that is queued, in few writes, and a ping where there is nothing.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::time::sleep;

use super::frame::{self, FrameError, FrameKind};
use super::local::Local;
use super::message;
use super::peer::{RemotePeer, RemoteStream};

/// What is given to the stream at once. One large message makes it larger.
const BATCH_BYTES: usize = 64 << 10;

/// Room that is kept from one write to the next.
const KEPT_BYTES: usize = 256 << 10;

/// Why a stream ended that was connected.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamEnd {
    #[error("the member closed it")]
    Closed,
    #[error("{0}")]
    Failed(#[from] io::Error),
    #[error("the member spoke where it only listens; is it of another version?")]
    Spoke,
    /// Everything was sent, and nothing is to follow.
    #[error("it is not needed any more")]
    Done,
}

impl StreamEnd {
    /// Whether the other end did it, as far as this end can tell.
    pub(super) fn is_of_peer(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        match self {
            Self::Closed => true,
            Self::Failed(error) => matches!(
                error.kind(),
                BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
            ),
            Self::Spoke | Self::Done => false,
        }
    }

    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Failed(_) => "failed",
            Self::Spoke => "spoke",
            Self::Done => "done",
        }
    }
}

struct Pump<'a, S> {
    local: &'a Local,
    peer: &'a RemotePeer,
    stream: &'a RemoteStream,
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    buffer: Vec<u8>,
    messages: u64,
}

/// Writes until the stream ends. What is queued then stays queued.
pub(super) async fn run<S: AsyncRead + AsyncWrite>(
    local: &Local,
    peer: &RemotePeer,
    stream: &RemoteStream,
    ends: S,
) -> StreamEnd {
    let (reader, writer) = split(ends);
    let mut pump = Pump {
        local,
        peer,
        stream,
        reader,
        writer,
        buffer: Vec::with_capacity(BATCH_BYTES),
        messages: 0,
    };
    let ping_after = local.settings.election / 4;
    loop {
        match pump.turn(ping_after).await {
            Ok(()) => {}
            Err(StreamEnd::Done) => {
                // The other end sees an end, not a break.
                let _ = pump.writer.shutdown().await;
                return StreamEnd::Done;
            }
            Err(end) => return end,
        }
    }
}

impl<S: AsyncRead + AsyncWrite> Pump<'_, S> {
    async fn turn(&mut self, ping_after: Duration) -> Result<(), StreamEnd> {
        self.fill();
        if !self.buffer.is_empty() {
            return self.write_out().await;
        }
        if self.stream.queue.is_closed() {
            return Err(StreamEnd::Done);
        }
        tokio::select! {
            biased;
            () = self.stream.queue.changed() => Ok(()),
            end = ended(&mut self.reader) => Err(end),
            () = sleep(ping_after) => {
                frame::append(&mut self.buffer, FrameKind::Ping, |_| {}).map_err(never)?;
                self.write_out().await
            }
        }
    }

    /// Encodes what is queued, until there is enough for a write.
    fn fill(&mut self) {
        while self.buffer.len() < BATCH_BYTES
            && let Some(message) = self.stream.queue.pop()
        {
            if let Err(error) = message::append(&mut self.buffer, &message) {
                self.leave_out(&error);
                continue;
            }
            self.messages += 1;
        }
    }

    fn leave_out(&self, error: &FrameError) {
        let Self { local, peer, .. } = self;
        if local.notices.is_due(peer.id, "message too large") {
            tracing::error!(peer = format!("{:x}", peer.id), %error, "a message cannot be sent");
        }
        if peer.lose(self.stream.kind, false) {
            local.inbox.unreachable(peer.id);
        }
    }

    /// Gives the whole buffer to the stream.
    async fn write_out(&mut self) -> Result<(), StreamEnd> {
        let mut written = 0;
        let result = loop {
            if written == self.buffer.len() {
                tokio::select! {
                    biased;
                    flushed = self.writer.flush() => break flushed.map_err(StreamEnd::Failed),
                    end = ended(&mut self.reader) => break Err(end),
                }
            }
            tokio::select! {
                biased;
                wrote = self.writer.write(&self.buffer[written..]) => match wrote {
                    Ok(0) => break Err(StreamEnd::Closed),
                    Ok(bytes) => written += bytes,
                    Err(error) => break Err(StreamEnd::Failed(error)),
                },
                end = ended(&mut self.reader) => break Err(end),
            }
        };
        self.stream.count_sent(written, self.messages);
        self.messages = 0;
        self.buffer.clear();
        self.buffer.shrink_to(KEPT_BYTES);
        result
    }
}

/// An empty payload is never too large.
fn never(error: FrameError) -> StreamEnd {
    StreamEnd::Failed(io::Error::other(error.to_string()))
}

/// Waits for the end of a stream on which nothing is to come. May be dropped at any time.
async fn ended<R: AsyncRead + Unpin>(reader: &mut R) -> StreamEnd {
    let mut byte = [0; 1];
    match reader.read(&mut byte).await {
        Ok(0) => StreamEnd::Closed,
        Ok(_) => StreamEnd::Spoke,
        Err(error) => StreamEnd::Failed(error),
    }
}
