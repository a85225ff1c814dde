//! The byte stream of one connection.
//!
//! What is read goes through a [`Head`], which changes what the HTTP library would not take. While a request is answered,
//! what comes after it is kept from the library. Its end would be taken for the end of the client, but many end their side
//! as soon as they have asked (`nc -N`, code of HTTP/1.0). And with a next request at hand the library would read no more,
//! and miss that the client goes. A watch, which may never be answered, asks
//! [`Exchange::client_has_ended`](super::activity::Exchange::client_has_ended).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::activity::Activity;
use super::head::Head;

/// How long the rest of a request is read and thrown away before a connection that we end is closed. Closing with
/// unread bytes resets it, and a reset can take away the answer the client has not read yet.
const LINGER: Duration = Duration::from_secs(1);

/// What is kept of requests behind one that is being answered.
const HELD_BYTES: usize = 64 << 10;

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

    /// The stream, and what was read of it and given to nobody.
    pub(super) fn into_parts(self) -> (T, Vec<u8>) {
        let mut behind = self.ready;
        behind.extend_from_slice(&self.raw);
        (self.stream, behind)
    }

    /// Whether a request is being answered of which the library has everything.
    fn answers(&self) -> bool {
        self.activity.busy.load(Ordering::Relaxed)
            && self.head.is_between()
            && self.ready.is_empty()
    }

    /// Whether what passes is no HTTP any more.
    fn is_upgraded(&self) -> bool {
        self.activity.upgraded.load(Ordering::Relaxed)
    }

    /// Gives what came behind the request for the upgrade, as it is. `false` if there was nothing.
    fn give_upgraded(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let given = self.raw.len().min(buffer.remaining());
        buffer.put_slice(&self.raw[..given]);
        self.raw.drain(..given);
        given > 0
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

    /// A write waits for the client to read. Whoever cuts the connection off wakes it, and finds it here again; or looked for
    /// it just before, and is found by it.
    #[cold]
    fn waits(&self, cx: &Context<'_>) -> Poll<io::Result<usize>> {
        self.activity.wait_to_write(cx.waker());
        if self.activity.cut.load(Ordering::SeqCst) {
            let kind = io::ErrorKind::ConnectionAborted;
            return Poll::Ready(Err(io::Error::new(kind, "its answer was cut off")));
        }
        Poll::Pending
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
        self.activity.hold(cx.waker());
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
            if this.is_upgraded() {
                if this.give_upgraded(buffer) || this.ended {
                    return Poll::Ready(Ok(()));
                }
                return Pin::new(&mut this.stream).poll_read(cx, buffer);
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
        if result.is_pending() {
            return this.waits(cx);
        }
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
        if result.is_pending() {
            return this.waits(cx);
        }
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    /// Ends our side, then reads on for [`LINGER`] unless the client has ended its side before, or does not speak HTTP.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.closing.is_none() {
            match Pin::new(&mut this.stream).poll_shutdown(cx) {
                Poll::Ready(Ok(())) if !this.ended && !this.is_upgraded() => {
                    this.closing = Some(Box::pin(sleep(LINGER)))
                }
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
    use crate::listen::activity::Exchange;
    use crate::listen::head::BodyFraming;
    use crate::listen::watchman::tests::{passes, watchman};

    #[tokio::test]
    async fn a_client_that_reads_nothing_is_noticed_even_while_it_is_answered() {
        let activity = Activity::connected();
        let mut judge = watchman(&activity);
        let (near, mut far) = duplex(16);
        let mut socket = Socket::new(near, Arc::clone(&activity));
        let _exchange = Exchange::begin(&activity, BodyFraming::Length(0));
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
    async fn after_an_upgrade_bytes_pass_as_they_are() {
        let (near, mut far) = duplex(1 << 10);
        let activity = Activity::connected();
        let mut socket = Socket::new(near, Arc::clone(&activity));
        let head = b"GET /up HTTP/1.1\r\nHost: x\r\nUpgrade: y\r\n\r\n";
        // What no request line may look like, in part before the answer.
        far.write_all(&[head, &b"\x00#\xff"[..]].concat())
            .await
            .unwrap();
        let mut seen = vec![0; head.len()];
        socket.read_exact(&mut seen).await.unwrap();
        assert_eq!(seen, head);
        let exchange = Exchange::begin(&activity, BodyFraming::Length(0));
        exchange.upgrade();
        let mut early = [0; 8];
        let mut early = ReadBuf::new(&mut early);
        let mut read = |cx: &mut Context<'_>| Pin::new(&mut socket).poll_read(cx, &mut early);
        assert!(
            std::future::poll_fn(|cx| Poll::Ready(read(cx).is_pending())).await,
            "not answered"
        );
        drop(exchange);
        far.write_all(b"\r\n\x01?#").await.unwrap();
        drop(far);
        let mut rest = Vec::new();
        socket.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"\x00#\xff\r\n\x01?#");
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
