//! The streams that others opened: which there are, and who gives way to whom.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, oneshot};

use super::greeting::{GreetingFault, StreamRefusal};
use super::message::StreamKind;

/// Streams that may be greeting at a time. A cluster has a few members, which dial twice each.
const GREETING_MAX: usize = 64;

/// Snapshots whose head may be waited for at a time.
const HEADS_MAX: usize = 64;

/// Streams that may be open, whoever they say they are.
const OPEN_MAX: usize = 256;

/// All streams that others opened.
#[derive(Debug)]
pub(super) struct Inbound {
    pub(super) greeting: Semaphore,
    pub(super) heads: Semaphore,
    // Held for a look.
    open: Mutex<OpenStreams>,
}

#[derive(Debug, Default)]
struct OpenStreams {
    next: u64,
    closed: bool,
    /// The snapshot that comes in: whose it is, which, and what ends it when it is dropped.
    snapshot: Option<IncomingStream>,
    /// Which stream it is, and what ends it when it is dropped.
    streams: HashMap<(u64, StreamKind), (u64, oneshot::Sender<()>)>,
}

#[derive(Debug)]
struct IncomingStream {
    from: u64,
    file: u64,
    serial: u64,
    _end: oneshot::Sender<()>,
}

/// The one place for a snapshot that comes in, until this is dropped.
pub(super) struct SnapshotSeat<'a> {
    inbound: &'a Inbound,
    serial: u64,
    /// Whether the same file came in on another stream, which has ended or is about to.
    pub(super) goes_on: bool,
    pub(super) superseded: oneshot::Receiver<()>,
}

/// A stream that is open until this is dropped.
pub(super) struct Seat<'a> {
    inbound: &'a Inbound,
    pub(super) whose: (u64, StreamKind),
    serial: u64,
    pub(super) superseded: oneshot::Receiver<()>,
}

impl Inbound {
    pub(super) fn new() -> Self {
        Self {
            greeting: Semaphore::new(GREETING_MAX),
            heads: Semaphore::new(HEADS_MAX),
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
        open.snapshot = None;
        open.streams.clear();
    }

    /// Whether nobody has one.
    pub(super) fn is_empty(&self) -> bool {
        self.open().streams.is_empty()
    }

    /// Ends the streams of one member.
    pub(super) fn end(&self, member: u64) {
        let mut open = self.open();
        open.streams.retain(|(from, _), _| *from != member);
        open.snapshot.take_if(|snapshot| snapshot.from == member);
    }

    /// The place of a snapshot whose head has come. The same file on another stream gives way: who sends it again has lost that
    /// one. Nothing else does: a stranger who says that he is the leader would end a true one with each greeting.
    pub(super) fn seat_snapshot(&self, from: u64, file: u64) -> Option<SnapshotSeat<'_>> {
        let (end, superseded) = oneshot::channel();
        let mut open = self.open();
        let other = open.snapshot.as_ref();
        if open.closed || other.is_some_and(|other| (other.from, other.file) != (from, file)) {
            return None;
        }
        open.next += 1;
        let serial = open.next;
        let incoming = IncomingStream {
            from,
            file,
            serial,
            _end: end,
        };
        let goes_on = open.snapshot.replace(incoming).is_some();
        Some(SnapshotSeat {
            inbound: self,
            serial,
            goes_on,
            superseded,
        })
    }

    /// The place of a new stream. An older one of the same kind from the same member ends: who dials again has lost it.
    pub(super) fn seat(&self, whose: (u64, StreamKind)) -> Result<Seat<'_>, StreamRefusal> {
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

impl Drop for SnapshotSeat<'_> {
    fn drop(&mut self) {
        let mut open = self.inbound.open();
        open.snapshot
            .take_if(|snapshot| snapshot.serial == self.serial);
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
