//! What a connection is doing: the facts that its stream and its requests tell each other, and that its time limits are
//! judged by.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::sync::Notify;

use super::head::BodyFraming;

/// What a connection is doing. Touched by one task at a time; atomic, because the parts travel together.
#[derive(Debug)]
pub(crate) struct Activity {
    /// Whether a request is being answered.
    pub(super) busy: AtomicBool,
    /// Whether bytes came in since the last answer.
    pub(super) started: AtomicBool,
    /// Requests begun: tells one from the next.
    pub(super) requests: AtomicU64,
    /// Whether bytes wait that the client does not take.
    pub(super) blocked: AtomicBool,
    /// Bytes that the client has taken.
    pub(super) taken: AtomicU64,
    /// Whether what it was given last to send takes room that others may wait for.
    pub(super) large: AtomicBool,
    /// How the body of the request just begun is framed: its length, or one of the two values above all lengths.
    framing: AtomicU64,
    /// Whether the client has ended its side, or is not listened to any more, while its request is answered.
    pub(super) ended: AtomicBool,
    /// Whether something came while the request is answered: the library is to be told after the answer.
    held: AtomicBool,
    // Of the task that is to tell it. Held for a moment, and only then.
    waits: Mutex<Option<Waker>>,
    /// Whether the head that has passed is over its limit.
    pub(super) too_large: AtomicBool,
    /// Whether its answer was cut off: what waits to be written is given up, and the connection with it.
    pub(super) cut: AtomicBool,
    /// Whether what follows the answer is no HTTP any more.
    pub(super) upgraded: AtomicBool,
    /// Who is told that it gives way to another one.
    displaces: Notify,
    // Of the task that waits for the client to read. Held for a moment, and only then.
    writes: Mutex<Option<Waker>>,
}

/// A piece of an answer that is not larger than this is not counted on its way to the client: the HTTP library buffers
/// about as much of each connection.
pub(crate) const UNCOUNTED: usize = 4 << 10;

/// Of [`Activity::framing`].
const CHUNKED: u64 = u64::MAX;
const UNKNOWN: u64 = u64::MAX - 1;

impl Activity {
    /// Of a connection just made: its first request is due, so the limit for headers counts, not the one for idling.
    pub(super) fn connected() -> Arc<Self> {
        Arc::new(Self {
            busy: AtomicBool::new(false),
            started: AtomicBool::new(true),
            requests: AtomicU64::new(0),
            blocked: AtomicBool::new(false),
            taken: AtomicU64::new(0),
            large: AtomicBool::new(false),
            framing: AtomicU64::new(UNKNOWN),
            ended: AtomicBool::new(false),
            held: AtomicBool::new(false),
            waits: Mutex::new(None),
            too_large: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            upgraded: AtomicBool::new(false),
            displaces: Notify::new(),
            writes: Mutex::new(None),
        })
    }

    /// Whether nothing was ever asked.
    pub(super) fn is_silent(&self) -> bool {
        self.requests.load(Ordering::Relaxed) == 0
    }

    /// The connection is to end, since another one needs its place.
    pub(super) fn give_way(&self) {
        self.displaces.notify_one();
    }

    /// Ends when it is.
    pub(super) async fn displaced(&self) {
        self.displaces.notified().await;
    }

    /// The task waits for the client to read.
    pub(super) fn wait_to_write(&self, waker: &Waker) {
        *self.writes() = Some(waker.clone());
    }

    /// Ends the connection, now: a client that reads nothing would keep what it was to get.
    pub(crate) fn cut_off(&self) {
        self.cut.store(true, Ordering::SeqCst);
        let waker = self.writes().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn writes(&self) -> MutexGuard<'_, Option<Waker>> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the head of the request just begun is over its limit.
    pub(super) fn head_is_too_large(&self) -> bool {
        self.too_large.load(Ordering::Relaxed)
    }

    /// Something came while a request is answered: the task is woken when that has ended.
    pub(super) fn hold(&self, waker: &Waker) {
        *self.waits() = Some(waker.clone());
        self.held.store(true, Ordering::Relaxed);
    }

    fn waits(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The framing that the last [`Exchange`] began with, once.
    pub(super) fn framing(&self) -> Option<BodyFraming> {
        let framing = match self.framing.load(Ordering::Relaxed) {
            UNKNOWN => return None,
            CHUNKED => BodyFraming::Chunked,
            length => BodyFraming::Length(length),
        };
        self.framing.store(UNKNOWN, Ordering::Relaxed);
        Some(framing)
    }
}

/// A request and its answer under way; ends when it is dropped with the body of the answer.
#[derive(Debug)]
pub(crate) struct Exchange(Arc<Activity>);

impl Exchange {
    /// Of a request whose head has passed, with a body that is framed like this.
    pub(super) fn begin(activity: &Arc<Activity>, framing: BodyFraming) -> Self {
        let framing = match framing {
            BodyFraming::Length(length) => length.min(UNKNOWN - 1),
            BodyFraming::Chunked => CHUNKED,
        };
        activity.framing.store(framing, Ordering::Relaxed);
        activity.ended.store(false, Ordering::Relaxed);
        activity.busy.store(true, Ordering::Relaxed);
        activity.requests.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(activity))
    }

    /// The connection is given so many bytes to send, for whose room others may wait if they are many.
    pub(crate) fn sends(&self, length: usize) {
        let large = length > UNCOUNTED;
        self.0.large.store(large, Ordering::Relaxed);
    }

    /// After this answer, which is to be a 101, the bytes of the connection are somebody else's: they pass as they are, and
    /// no limit of the port counts for them.
    pub(crate) fn upgrade(&self) {
        self.0.upgraded.store(true, Ordering::Relaxed);
    }

    /// What the connection is doing.
    pub(crate) fn activity(&self) -> &Arc<Activity> {
        &self.0
    }

    /// Whether nothing more comes from the client, which may still read.
    pub(crate) fn client_has_ended(&self) -> bool {
        self.0.ended.load(Ordering::Relaxed)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.0.started.store(false, Ordering::Relaxed);
        self.0.busy.store(false, Ordering::Relaxed);
        if self.0.held.swap(false, Ordering::Relaxed)
            && let Some(waker) = self.0.waits().take()
        {
            waker.wake();
        }
    }
}
