//! The byte stream of one connection, and what a connection is doing: the facts that its time limits are judged by.
//!
//! The HTTP library has a timer for headers, but starts it when a connection becomes idle, so that it would also close
//! idle connections, and makes a new one for each request. Here a request only flips a few counters, and a slow tick
//! of the connection compares them: a limit is noticed up to one tick late, and costs nothing while it is kept.
//!
//! What is read goes through a [`Head`], which changes what the HTTP library would not take. While a request is answered,
//! what comes after it is kept from the library. Its end would be taken for the end of the client, but many end their side
//! as soon as they have asked (`nc -N`, code of HTTP/1.0). And with a next request at hand the library would read no more,
//! and miss that the client goes. A watch, which may never be answered, asks [`Turn::client_has_ended`].

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::head::{Framing, Head};
use super::options::HttpOptions;

/// How long the rest of a request is read and thrown away before a connection that we end is closed. Closing with
/// unread bytes resets it, and a reset can take away the answer the client has not read yet.
const LINGER: Duration = Duration::from_secs(1);

/// Bytes a second that a client has to take of a large event where others wait to get theirs.
const LEAST_RATE: u64 = 64 << 10;

/// What is kept of requests behind one that is being answered.
const HELD_BYTES: usize = 64 << 10;

/// What a connection is doing. Touched by one task at a time; atomic, because the parts travel together.
#[derive(Debug)]
pub(super) struct Activity {
    /// Whether a request is being answered.
    busy: AtomicBool,
    /// Whether bytes came in since the last answer.
    started: AtomicBool,
    /// Requests begun: tells one turn from the next.
    turns: AtomicU64,
    /// Whether bytes wait that the client does not take.
    blocked: AtomicBool,
    /// Bytes that the client has taken.
    taken: AtomicU64,
    /// Whether the last event of its watch takes room that others may wait for.
    large: AtomicBool,
    /// How the body of the request just begun is framed: its length, or one of the two values above all lengths.
    framing: AtomicU64,
    /// Whether the client has ended its side, or is not listened to any more, while its request is answered.
    ended: AtomicBool,
    /// Whether something came while the request is answered: the library is to be told after the answer.
    held: AtomicBool,
    // Of the task that is to tell it. Held for a moment, and only then.
    waits: Mutex<Option<Waker>>,
    /// Whether the head that has passed is over its limit.
    too_large: AtomicBool,
}

/// Of [`Activity::framing`].
const CHUNKED: u64 = u64::MAX;
const UNKNOWN: u64 = u64::MAX - 1;

impl Activity {
    /// Of a connection just made: its first request is due, so the limit for headers counts, not the one for idling.
    pub(super) fn connected() -> Arc<Self> {
        Arc::new(Self {
            busy: AtomicBool::new(false),
            started: AtomicBool::new(true),
            turns: AtomicU64::new(0),
            blocked: AtomicBool::new(false),
            taken: AtomicU64::new(0),
            large: AtomicBool::new(false),
            framing: AtomicU64::new(UNKNOWN),
            ended: AtomicBool::new(false),
            held: AtomicBool::new(false),
            waits: Mutex::new(None),
            too_large: AtomicBool::new(false),
        })
    }

    /// Whether the head of the request just begun is over its limit.
    pub(super) fn head_is_too_large(&self) -> bool {
        self.too_large.load(Ordering::Relaxed)
    }

    /// The framing that the last [`Turn`] began with, once.
    fn framing(&self) -> Option<Framing> {
        let framing = match self.framing.load(Ordering::Relaxed) {
            UNKNOWN => return None,
            CHUNKED => Framing::Chunked,
            length => Framing::Length(length),
        };
        self.framing.store(UNKNOWN, Ordering::Relaxed);
        Some(framing)
    }
}

/// A request being answered; ends when it is dropped with the body of the answer.
#[derive(Debug)]
pub(super) struct Turn(Arc<Activity>);

impl Turn {
    /// Of a request whose head has passed, with a body that is framed like this.
    pub(super) fn begin(activity: &Arc<Activity>, framing: Framing) -> Self {
        let framing = match framing {
            Framing::Length(length) => length.min(UNKNOWN - 1),
            Framing::Chunked => CHUNKED,
        };
        activity.framing.store(framing, Ordering::Relaxed);
        activity.busy.store(true, Ordering::Relaxed);
        activity.turns.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(activity))
    }

    /// The connection is given an event of a watch.
    pub(super) fn sends_event(&self, length: usize) {
        let large = length > super::watch::UNCOUNTED;
        self.0.large.store(large, Ordering::Relaxed);
    }

    /// Whether nothing more comes from the client, which may still read.
    pub(super) fn client_has_ended(&self) -> bool {
        self.0.ended.load(Ordering::Relaxed)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.started.store(false, Ordering::Relaxed);
        self.0.busy.store(false, Ordering::Relaxed);
        if self.0.held.swap(false, Ordering::Relaxed)
            && let Some(waker) = self
                .0
                .waits
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take()
        {
            waker.wake();
        }
    }
}

/// Judges an [`Activity`] at each tick.
#[derive(Debug)]
pub(super) struct Watchman {
    activity: Arc<Activity>,
    tick: Duration,
    waiting: Span,
    writing: Span,
    /// What the client had taken at the last tick, and for how many ticks it has taken too little of a large event.
    taken: u64,
    slow: u32,
    limits: Limits,
}

/// `Duration::MAX` is no limit.
#[derive(Debug, Clone, Copy)]
struct Limits {
    answer: Duration,
    idle: Duration,
    header: Duration,
    stall: Duration,
}

/// For how many ticks a state has lasted.
#[derive(Debug, Default)]
struct Span {
    state: (u8, u64),
    ticks: u32,
}

impl Span {
    /// The ticks since the state was first seen.
    fn lasted(&mut self, state: (u8, u64)) -> u32 {
        if self.state == state {
            self.ticks = self.ticks.saturating_add(1);
        } else {
            *self = Self { state, ticks: 0 };
        }
        self.ticks
    }
}

impl Watchman {
    pub(super) fn new(activity: Arc<Activity>, options: &HttpOptions) -> Self {
        let limits = Limits {
            answer: options.answer_timeout.unwrap_or(Duration::MAX),
            idle: options.idle_timeout,
            header: options.header_timeout.unwrap_or(Duration::MAX),
            stall: options.stall_timeout,
        };
        let shortest = limits
            .answer
            .min(limits.idle)
            .min(limits.header)
            .min(limits.stall);
        let tick = (shortest / 4).clamp(Duration::from_millis(10), Duration::from_secs(5));
        Self {
            activity,
            tick,
            waiting: Span::default(),
            writing: Span::default(),
            taken: 0,
            slow: 0,
            limits,
        }
    }

    /// How often [`Self::overdue`] is to be called.
    pub(super) fn tick(&self) -> Duration {
        self.tick
    }

    /// Which limit has passed, if one has. `contended` is whether others wait for the room that large events take.
    pub(super) fn overdue(&mut self, contended: bool) -> Option<&'static str> {
        let activity = &self.activity;
        let busy = activity.busy.load(Ordering::Relaxed);
        let started = activity.started.load(Ordering::Relaxed);
        let turns = activity.turns.load(Ordering::Relaxed);
        let blocked = activity.blocked.load(Ordering::Relaxed);
        let (kind, limit, passed) = match (busy, started) {
            (true, _) => (0, self.limits.answer, "the answer did not end"),
            (false, false) => (1, self.limits.idle, "no request came"),
            (false, true) => (2, self.limits.header, "the header of a request did not end"),
        };
        let waited = self.waiting.lasted((kind, turns));
        let taken = activity.taken.load(Ordering::Relaxed);
        let stalled = self.writing.lasted((u8::from(blocked), taken));
        if blocked && self.tick * stalled >= self.limits.stall {
            return Some("the client reads nothing");
        }
        let least = LEAST_RATE * self.tick.as_millis() as u64 / 1000;
        let little = taken - std::mem::replace(&mut self.taken, taken) < least;
        let slow = blocked && little && activity.large.load(Ordering::Relaxed);
        self.slow = if slow { self.slow.saturating_add(1) } else { 0 };
        if contended && self.slow > 1 {
            return Some("the client takes too little of an event while others wait for its room");
        }
        (self.tick * waited >= limit).then_some(passed)
    }
}

/// A stream that notes activity, and closes without losing the last answer.
#[derive(Debug)]
pub(super) struct Socket<T> {
    stream: T,
    activity: Arc<Activity>,
    head: Head,
    /// What was read and is not judged yet, and what is to go on instead of bytes that were. Empty but for rare requests.
    raw: Vec<u8>,
    ready: Vec<u8>,
    ended: bool,
    closing: Option<Pin<Box<Sleep>>>,
}

impl<T> Socket<T> {
    pub(super) fn new(stream: T, activity: Arc<Activity>) -> Self {
        Self {
            stream,
            activity,
            head: Head::new(),
            raw: Vec::new(),
            ready: Vec::new(),
            ended: false,
            closing: None,
        }
    }

    /// Whether a request is being answered of which the library has everything.
    fn answers(&self) -> bool {
        self.activity.busy.load(Ordering::Relaxed)
            && self.head.is_between()
            && self.ready.is_empty()
    }

    /// Tells who answers where the head that has passed is too large.
    fn note_size(&self) {
        if self.head.is_too_large() {
            self.activity.too_large.store(true, Ordering::Relaxed);
        }
    }

    /// Gives what was kept back, as far as it may go on now. `None` if there is nothing to give.
    fn give(&mut self, buffer: &mut ReadBuf<'_>) -> Option<Poll<io::Result<()>>> {
        if self.ready.is_empty() {
            if self.raw.is_empty() {
                return None;
            }
            let taken = self.head.rewrite(&self.raw, &mut self.ready);
            self.raw.drain(..taken);
            self.note_size();
        }
        if self.ready.is_empty() {
            // Either all of it was left out, or a head has passed and the library has not said how its body is framed.
            // It says so before it reads on; if it reads all the same, it has refused the head, and nothing is to come.
            return (!self.raw.is_empty()).then_some(Poll::Pending);
        }
        let given = self.ready.len().min(buffer.remaining());
        buffer.put_slice(&self.ready[..given]);
        self.ready.drain(..given);
        self.activity.started.store(true, Ordering::Relaxed);
        Some(Poll::Ready(Ok(())))
    }

    fn note_write(&self, result: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(taken)) = result {
            let taken = *taken as u64;
            self.activity.taken.fetch_add(taken, Ordering::Relaxed);
        }
        let blocked = result.is_pending();
        self.activity.blocked.store(blocked, Ordering::Relaxed);
    }
}

impl<T: AsyncRead + Unpin> Socket<T> {
    /// Reads on while a request is answered, so that a client that goes is noticed whatever it has sent behind its request.
    /// Nothing of it is told before the answer is complete but an error: neither the next request, nor the end.
    fn hold(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while !self.ended && self.raw.len() < HELD_BYTES {
            let before = buffer.filled().len();
            match Pin::new(&mut self.stream).poll_read(cx, buffer) {
                // Nearly always: nothing comes before the answer.
                Poll::Pending if self.raw.is_empty() => return Poll::Pending,
                Poll::Pending => break,
                Poll::Ready(Err(error)) => {
                    self.ended = true;
                    return Poll::Ready(Err(error));
                }
                Poll::Ready(Ok(())) => {}
            }
            let came = &buffer.filled()[before..];
            self.ended = came.is_empty();
            self.raw.extend_from_slice(came);
            buffer.set_filled(before);
        }
        // A client that sends on and on behind a watch is not heard any more either.
        if self.ended || self.raw.len() >= HELD_BYTES {
            self.activity.ended.store(true, Ordering::Relaxed);
        }
        let mut waits = self
            .activity
            .waits
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *waits = Some(cx.waker().clone());
        self.activity.held.store(true, Ordering::Relaxed);
        Poll::Pending
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Socket<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(framing) = this.activity.framing() {
            this.head.framed(framing);
        }
        loop {
            if this.answers() {
                return this.hold(cx, buffer);
            }
            if let Some(given) = this.give(buffer) {
                return given;
            }
            if this.ended {
                return Poll::Ready(Ok(()));
            }
            let before = buffer.filled().len();
            ready!(Pin::new(&mut this.stream).poll_read(cx, buffer)).inspect_err(|_| {
                this.ended = true;
            })?;
            let came = &buffer.filled()[before..];
            if came.is_empty() {
                this.ended = true;
                return Poll::Ready(Ok(()));
            }
            this.activity.started.store(true, Ordering::Relaxed);
            let passed = this.head.pass(came);
            this.note_size();
            if passed == came.len() {
                return Poll::Ready(Ok(()));
            }
            this.raw.extend_from_slice(&came[passed..]);
            buffer.set_filled(before + passed);
            if passed > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.note_write(&result);
        result
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.note_write(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    /// Ends our side, then reads on for [`LINGER`] unless the client has ended its side before.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.closing.is_none() {
            match Pin::new(&mut this.stream).poll_shutdown(cx) {
                Poll::Ready(Ok(())) if !this.ended => this.closing = Some(Box::pin(sleep(LINGER))),
                done => return done,
            }
        }
        let mut scratch = [0; 4096];
        loop {
            if this
                .closing
                .as_mut()
                .is_some_and(|timer| timer.as_mut().poll(cx).is_ready())
            {
                return Poll::Ready(Ok(()));
            }
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut this.stream).poll_read(cx, &mut buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;
    use crate::config::Vocabulary;

    fn watchman(activity: &Arc<Activity>) -> Watchman {
        let mut options = HttpOptions::new(Vocabulary::Modern);
        options.header_timeout = Some(Duration::from_secs(4));
        options.idle_timeout = Duration::from_secs(8);
        options.stall_timeout = Duration::from_secs(6);
        Watchman::new(Arc::clone(activity), &options)
    }

    /// The tick (of one second) at which a limit passes.
    fn passes(watchman: &mut Watchman) -> Option<(u32, &'static str)> {
        (0..20).find_map(|tick| watchman.overdue(false).map(|limit| (tick, limit)))
    }

    #[test]
    fn an_idle_connection_may_wait_longer_than_an_unfinished_header() {
        let activity = Activity::connected();
        let mut judge = watchman(&activity);
        assert_eq!(judge.tick(), Duration::from_secs(1));
        assert_eq!(
            passes(&mut judge),
            Some((4, "the header of a request did not end"))
        );
        drop(Turn::begin(&activity, Framing::Length(0)));
        assert_eq!(passes(&mut judge), Some((8, "no request came")));
        activity.started.store(true, Ordering::Relaxed);
        assert_eq!(
            passes(&mut judge),
            Some((4, "the header of a request did not end"))
        );
    }

    #[test]
    fn an_answer_takes_as_long_as_it_needs_unless_that_is_limited() {
        let activity = Activity::connected();
        let mut judge = watchman(&activity);
        let turn = Turn::begin(&activity, Framing::Length(0));
        assert_eq!(passes(&mut judge), None);
        judge.limits.answer = Duration::from_secs(5);
        assert_eq!(judge.overdue(false), Some("the answer did not end"));
        judge.limits.answer = Duration::MAX;
        drop(turn);
        assert_eq!(passes(&mut judge), Some((8, "no request came")));
    }

    #[test]
    fn each_request_starts_the_wait_anew() {
        let activity = Activity::connected();
        let mut judge = watchman(&activity);
        for _ in 0..50 {
            assert_eq!(judge.overdue(false), None);
            drop(Turn::begin(&activity, Framing::Length(0)));
        }
    }

    #[tokio::test]
    async fn a_client_that_reads_nothing_is_noticed_even_in_a_turn() {
        let activity = Activity::connected();
        let mut judge = watchman(&activity);
        let (near, mut far) = duplex(16);
        let mut socket = Socket::new(near, Arc::clone(&activity));
        let _turn = Turn::begin(&activity, Framing::Length(0));
        let write = socket.write_all(&[7; 40]);
        tokio::pin!(write);
        assert!(std::future::poll_fn(|cx| Poll::Ready(write.as_mut().poll(cx).is_pending())).await);
        assert_eq!(passes(&mut judge), Some((6, "the client reads nothing")));
        let mut some = [0; 16];
        far.read_exact(&mut some).await.unwrap();
        assert!(std::future::poll_fn(|cx| Poll::Ready(write.as_mut().poll(cx).is_pending())).await);
        assert_eq!(judge.overdue(false), None, "progress was made");
    }

    #[tokio::test]
    async fn who_takes_little_of_a_large_event_gives_way_to_who_waits() {
        let activity = Activity::connected();
        let mut judge = watchman(&activity);
        let turn = Turn::begin(&activity, Framing::Length(0));
        activity.blocked.store(true, Ordering::Relaxed);
        let mut ticks = |contended, taken| {
            (0..3).find_map(|_| {
                activity.taken.fetch_add(taken, Ordering::Relaxed);
                judge.overdue(contended)
            })
        };
        assert_eq!(ticks(true, 1_000), None, "it has sent nothing large");
        turn.sends_event(1 << 20);
        assert_eq!(ticks(false, 1_000), None, "nobody waits");
        assert_eq!(ticks(true, 100 << 10), None, "it takes enough");
        assert!(ticks(true, 1_000).is_some());
    }

    #[tokio::test]
    async fn closing_reads_what_the_client_still_sends() {
        let (near, mut far) = duplex(8);
        let mut socket = Socket::new(near, Activity::connected());
        let client = async {
            far.write_all(&[1; 100]).await.unwrap();
            let mut rest = Vec::new();
            far.read_to_end(&mut rest).await.unwrap();
            drop(far);
            rest
        };
        let server = async {
            socket.write_all(b"bye").await.unwrap();
            socket.shutdown().await.unwrap();
        };
        let (rest, ()) = tokio::join!(client, server);
        assert_eq!(rest, b"bye");
    }
}
