//! The task of one stream to a member: it dials, greets, writes until the stream ends, and dials again.
//!
//! What waits in the queue when a dial fails or a connection breaks is thrown away: consensus says it again, better.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::greeting::GreetingFault;
use super::handshake::{self, HandshakeError};
use super::local::Local;
use super::message::{self, StreamKind};
use super::peer::{RemotePeer, RemoteStream};
use super::pump::{self, StreamEnd};
use super::reach::{PeerStream, Reach, ReachError};

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE_LEAST: Duration = Duration::from_millis(100);

/// So many connections that end at once are told.
const SHORT_LIVED_TOLD: u32 = 3;

/// How long a stream that is to end has for what it holds.
const LAST_WORDS: Duration = Duration::from_millis(400);

#[derive(Debug, thiserror::Error)]
enum DialFault {
    #[error(transparent)]
    Reach(#[from] ReachError),
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
}

impl DialFault {
    fn word(&self) -> &'static str {
        match self {
            Self::Reach(error) => error.word(),
            Self::Handshake(error) => error.word(),
        }
    }
}

/// See the module.
pub(super) struct Sender {
    local: Arc<Local>,
    peer: Arc<RemotePeer>,
    kind: StreamKind,
    reach: Arc<dyn Reach>,
    pause: Duration,
    /// Connections that ended at once, one after the other.
    short_lived: u32,
    /// The member closed the last connection, and nobody was told what became of its process.
    was_closed: bool,
}

impl Sender {
    pub(super) fn new(
        local: Arc<Local>,
        peer: Arc<RemotePeer>,
        kind: StreamKind,
        reach: Arc<dyn Reach>,
    ) -> Self {
        Self {
            local,
            peer,
            kind,
            reach,
            pause: FIRST_PAUSE,
            short_lived: 0,
            was_closed: false,
        }
    }

    fn stream(&self) -> &RemoteStream {
        self.peer.stream(self.kind)
    }

    /// Until the queue is closed.
    pub(super) async fn run(mut self) {
        let peer = Arc::clone(&self.peer);
        let stream = peer.stream(self.kind);
        let countdown = async {
            stream.closing.notified().await;
            sleep(LAST_WORDS).await;
        };
        tokio::select! {
            biased;
            () = self.connections() => {}
            () = countdown => {}
        }
        self.drop_queue();
    }

    async fn connections(&mut self) {
        while !self.stream().queue.is_closed() {
            match self.dial().await {
                Ok(stream) => {
                    let began = Instant::now();
                    let end = self.write(stream).await;
                    self.was_closed = end.is_of_peer();
                    if began.elapsed() >= self.local.settings.election {
                        self.short_lived = 0;
                        // Dialled again at once: whether its process lives is worth knowing.
                        self.pause = FIRST_PAUSE;
                        continue;
                    }
                    self.ended_at_once();
                }
                Err(fault) => self.failed(&fault),
            }
            self.wait().await;
        }
    }

    async fn dial(&self) -> Result<Box<dyn PeerStream>, DialFault> {
        let mut stream = self
            .reach
            .reach(&self.peer.address().urls, self.kind)
            .await?;
        let own = self.local.greeting(self.peer.id, self.kind);
        let theirs = match handshake::introduce(&mut stream, &own).await {
            Err(HandshakeError::Refused(refusal)) if refusal.fault == GreetingFault::NotStarted => {
                self.local.greeted.refused_as_new(self.peer.id);
                return Err(HandshakeError::Refused(refusal).into());
            }
            Err(HandshakeError::Refused(refusal)) if refusal.fault == GreetingFault::Removed => {
                self.local.greeted.refused_as_removed(self.peer.id);
                return Err(HandshakeError::Refused(refusal).into());
            }
            greeted => greeted?,
        };
        self.local.compare(&theirs);
        Ok(stream)
    }

    async fn write(&self, io: Box<dyn PeerStream>) -> StreamEnd {
        let (local, peer, stream) = (&self.local, &self.peer, self.stream());
        let (name, word) = (peer.address().name, self.kind.word());
        let id = format!("{:x}", peer.id);
        peer.met.store(true, Ordering::Release);
        stream.connected(local.settings.clock.wall_time());
        let told = self.short_lived < SHORT_LIVED_TOLD;
        if told {
            tracing::info!(peer = id, name, stream = word, "connected to a member");
        }
        let end = pump::run(local, peer, stream, io).await;
        if matches!(end, StreamEnd::Done) {
            return end;
        }
        let now = local.settings.clock.wall_time();
        stream.failed(now, end.word(), &end.to_string());
        if told {
            tracing::warn!(peer = id, name, stream = word, reason = %end, "lost the connection to a member");
        }
        self.drop_queue();
        local.inbox.unreachable(peer.id);
        end
    }

    /// A connection ended as soon as it was there. When that goes on, it is told once.
    fn ended_at_once(&mut self) {
        self.short_lived = self.short_lived.saturating_add(1);
        if self.short_lived == SHORT_LIVED_TOLD {
            let peer = &self.peer;
            tracing::warn!(
                peer = format!("{:x}", peer.id),
                name = peer.address().name,
                stream = self.kind.word(),
                "this member closes each connection at once, and the next ones are not told: perhaps another process speaks as this \
                 member ({:x}), from a copy of its data directory",
                self.local.settings.member
            );
        }
    }

    fn failed(&mut self, fault: &DialFault) {
        let (local, peer, stream) = (&self.local, &self.peer, self.stream());
        let now = local.settings.clock.wall_time();
        let id = format!("{:x}", peer.id);
        let (name, word) = (peer.address().name, self.kind.word());
        if stream.failed(now, fault.word(), &fault.to_string()) {
            tracing::warn!(peer = id, name, stream = word, %fault, "cannot reach a member");
        } else {
            tracing::debug!(peer = id, name, stream = word, %fault, "cannot reach a member");
        }
        if self.drop_queue() {
            local.inbox.unreachable(peer.id);
        }
        let refused = matches!(fault, DialFault::Reach(error) if error.is_refused());
        if refused && std::mem::replace(&mut self.was_closed, false) {
            // The other stream may have told it.
            if self.peer.met.swap(false, Ordering::AcqRel) {
                tracing::info!(peer = id, name, "the process of a member has ended");
                self.local.inbox.ended(self.peer.id);
            }
        }
    }

    /// Throws away what is queued. Whether consensus must know.
    fn drop_queue(&self) -> bool {
        let mut tell = false;
        for queued in self.stream().queue.clear() {
            tell |= self
                .peer
                .lose(self.kind, message::is_heartbeat(&queued.message));
        }
        tell
    }

    /// Waits before the next dial, longer each time, and shorter if there is reason to hope.
    async fn wait(&mut self) {
        let longest = self.local.settings.election.max(LONGEST_PAUSE_LEAST);
        // So that members that lost each other at once do not meet again and again.
        let jitter = self.pause.mul_f64(fastrand::f64() / 4.0);
        tokio::select! {
            biased;
            // Its port may open only a moment after it dialled us.
            () = self.stream().poke.notified() => self.pause = FIRST_PAUSE,
            () = sleep(self.pause + jitter) => {}
        }
        self.pause = (self.pause * 2).min(longest);
    }
}
