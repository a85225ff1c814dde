//! Bodies of requests: read whole within limits of size and time, or thrown away so that the connection can go on.
//!
//! What is kept of unfinished bodies is bounded twice: each by its own limit, and all together by an [`UploadBudget`].

use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame, Incoming};
use tokio::time::{Instant, timeout};

use super::budget::{FREE_BYTES, UploadBudget, UploadClaim};
use super::form;
use crate::http::rate::Rate;

/// What is read away of a body whose answer is known; the connection is closed if there is more.
const DISCARDED_BYTES: usize = 256 * 1024;

/// How often a long body that does not come is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How often a body that nobody waits for is asked for more of what has arrived: it comes piece by piece.
const LOOKS: u32 = 8;

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UploadError {
    /// More than the limit.
    TooLarge,
    /// Not complete in time.
    TimedOut,
    /// It ended before its end: the client went away, or has nothing more.
    CutOff,
    /// Its framing is broken.
    Broken,
    /// The bodies that are being read leave no room for this one.
    NoRoom,
    /// A form with a value over its limit, whatever else comes. The rest of it was read away if that was little.
    ValueTooLarge {
        /// Whether nothing of the body is left, so that the connection can go on.
        read: bool,
    },
}

/// What a body may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UploadLimits<'a> {
    /// Bytes of the body.
    pub(crate) bytes: usize,
    /// Bytes of a decoded value in it.
    pub(crate) value_bytes: usize,
    /// For the whole of it; `None` is no limit of time.
    pub(crate) within: Option<Duration>,
    /// For the next piece of what is long: it holds a part of the budget that others may need.
    pub(crate) stall: Duration,
    /// Where what is long is taken from.
    pub(crate) budget: &'a UploadBudget,
}

/// A body as it was sent. Its part of the budget is given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Upload<'a> {
    pub(crate) bytes: Bytes,
    _claim: UploadClaim<'a>,
}

/// The whole body.
pub(crate) async fn read(
    mut body: Incoming,
    limits: UploadLimits<'_>,
) -> Result<Upload<'_>, UploadError> {
    let mut claim = limits.budget.claim();
    if body.size_hint().lower() > limits.bytes as u64 {
        return Err(UploadError::TooLarge);
    }
    let collected = if body.is_end_stream() {
        Ok(Bytes::new())
    } else {
        let within = limits.within.unwrap_or(Duration::MAX);
        timeout(within, collect(&mut body, &limits, &mut claim))
            .await
            .unwrap_or(Err(UploadError::TimedOut))
    };
    match collected {
        Ok(bytes) => Ok(Upload {
            bytes,
            _claim: claim,
        }),
        Err(UploadError::ValueTooLarge { .. }) => {
            // What was kept is gone, and what is to come is not kept.
            drop(claim);
            let read = discard(body, limits.within).await;
            Err(UploadError::ValueTooLarge { read })
        }
        Err(error) => Err(error),
    }
}

/// Reads the whole body and forgets it as it comes: of a write that must not happen unless all of it has arrived.
pub(crate) async fn skip(mut body: Incoming, limits: UploadLimits<'_>) -> Result<(), UploadError> {
    if body.is_end_stream() {
        return Ok(());
    }
    if body.size_hint().lower() > limits.bytes as u64 {
        return Err(UploadError::TooLarge);
    }
    let drain = async {
        let mut seen = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| broken(&error))?;
            seen += frame.data_ref().map_or(0, Bytes::len);
            if seen > limits.bytes {
                return Err(UploadError::TooLarge);
            }
        }
        Ok(())
    };
    timeout(limits.within.unwrap_or(Duration::MAX), drain)
        .await
        .unwrap_or(Err(UploadError::TimedOut))
}

/// Reads away what has arrived of a body that does not count, and waits for nothing. What is left, if it has not come to
/// its end: without it the connection cannot go on.
pub(crate) async fn skim(mut body: Incoming) -> Option<Incoming> {
    for _ in 0..LOOKS {
        if body.is_end_stream() {
            return None;
        }
        let looked = poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx))).await;
        match looked {
            Poll::Ready(None) => return None,
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(_))) => break,
            // The connection reads on between two polls of its task.
            Poll::Pending => tokio::task::yield_now().await,
        }
    }
    Some(body)
}

/// Reads a short body and forgets it. Whether all of it was read: if not, the connection cannot go on.
async fn discard(body: Incoming, within: Option<Duration>) -> bool {
    let limits = UploadLimits {
        bytes: DISCARDED_BYTES,
        value_bytes: 0,
        within,
        stall: Duration::MAX,
        budget: &UploadBudget::new(0),
    };
    skip(body, limits).await.is_ok()
}

/// Which way a body broke. The library tells only by the error of the stream below.
fn broken(error: &hyper::Error) -> UploadError {
    let below = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    match below.map(io::Error::kind) {
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => UploadError::Broken,
        _ => UploadError::CutOff,
    }
}

async fn collect(
    body: &mut Incoming,
    limits: &UploadLimits<'_>,
    claim: &mut UploadClaim<'_>,
) -> Result<Bytes, UploadError> {
    let mut pieces = Pieces::default();
    let mut look_at = limits.value_bytes.max(FREE_BYTES);
    // From where it takes from the budget on: the clock is not read for short bodies.
    let mut rate = None;
    while let Some(frame) = next(body, pieces.length(), limits, &mut rate).await? {
        let Ok(data) = frame.map_err(|error| broken(&error))?.into_data() else {
            continue;
        };
        if let Some(rate) = &mut rate {
            rate.add(data.len(), Instant::now());
        }
        let length = pieces.length() + data.len();
        if length > limits.bytes {
            return Err(UploadError::TooLarge);
        }
        if !claim.covers(length) {
            return Err(UploadError::NoRoom);
        }
        pieces.add(data);
        // Again only after half as much more, so that all looks together cost no more than a few at the whole. A form
        // that is complete is judged by its parameters, in their order.
        if length > look_at && !body.is_end_stream() {
            look_at = length + length / 2;
            if form::is_over(pieces.bytes(), limits.value_bytes) {
                return Err(UploadError::ValueTooLarge { read: false });
            }
        }
    }
    Ok(pieces.join())
}

async fn next(
    body: &mut Incoming,
    length: usize,
    limits: &UploadLimits<'_>,
    rate: &mut Option<Rate>,
) -> Result<Option<Result<Frame<Bytes>, hyper::Error>>, UploadError> {
    if length <= FREE_BYTES {
        return Ok(body.frame().await);
    }
    let waits = Instant::now();
    let rate = rate.get_or_insert_with(|| Rate::new(waits));
    loop {
        let frame = timeout(LOOK, body.frame()).await;
        let now = Instant::now();
        rate.add(0, now);
        // Others need its part of the budget.
        let slow = limits.budget.is_short() && rate.slowness(now).is_some();
        match frame {
            Ok(frame) if !slow => return Ok(frame),
            Err(_) if !slow && waits.elapsed() < limits.stall => {}
            _ => return Err(UploadError::TimedOut),
        }
    }
}

/// What has come of a body. Nearly every body is one piece, which is not copied.
#[derive(Default)]
struct Pieces {
    /// The first, as long as it is the only one.
    first: Bytes,
    whole: BytesMut,
}

impl Pieces {
    fn length(&self) -> usize {
        self.bytes().len()
    }

    fn bytes(&self) -> &[u8] {
        if self.whole.is_empty() {
            &self.first
        } else {
            &self.whole
        }
    }

    fn add(&mut self, data: Bytes) {
        if self.bytes().is_empty() {
            self.first = data;
            return;
        }
        if self.whole.is_empty() {
            // No more than what came is reserved: a length that is only announced costs nothing.
            self.whole
                .extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.whole.extend_from_slice(&data);
    }

    fn join(self) -> Bytes {
        if self.whole.is_empty() {
            self.first
        } else {
            self.whole.freeze()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::LazyLock;

    use http_body_util::Empty;
    use hyper::server::conn::http1::Builder;
    use hyper::service::service_fn;
    use hyper::{Request, Response};
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncWriteExt, duplex};
    use tokio::sync::mpsc;

    use super::*;

    const LONG: Option<Duration> = Some(Duration::from_secs(3600));
    static PLENTY: LazyLock<UploadBudget> = LazyLock::new(|| UploadBudget::new(1 << 30));

    /// The bytes of a body of at most `bytes`.
    async fn read_within(
        body: Incoming,
        bytes: usize,
        within: Option<Duration>,
    ) -> Result<Bytes, UploadError> {
        let limits = UploadLimits {
            bytes,
            value_bytes: usize::MAX,
            within,
            stall: Duration::MAX,
            budget: &PLENTY,
        };
        read(body, limits).await.map(|upload| upload.bytes)
    }

    /// Sends bytes as a client would, keeps its side open, and says what became of the body.
    async fn uploaded<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        bytes: Vec<u8>,
        consume: impl Fn(Incoming) -> F + Send + Clone + 'static,
    ) -> T {
        let (mut client, server) = duplex(64 * 1024);
        let (told, mut outcome) = mpsc::channel(1);
        let service = service_fn(move |request: Request<Incoming>| {
            let (told, consume) = (told.clone(), consume.clone());
            async move {
                let result = consume(request.into_body()).await;
                assert!(told.send(result).await.is_ok());
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            }
        });
        let connection = Builder::new()
            .header_read_timeout(None)
            .serve_connection(TokioIo::new(server), service);
        let connection = tokio::spawn(connection);
        let sending = tokio::spawn(async move {
            // The server may close before everything is sent.
            drop(client.write_all(&bytes).await);
            std::future::pending::<()>().await;
        });
        let result = outcome.recv().await.expect("the request is served");
        sending.abort();
        connection.abort();
        result
    }

    fn sized(announced: usize, body: &[u8]) -> Vec<u8> {
        let mut request =
            format!("PUT / HTTP/1.1\r\nContent-Length: {announced}\r\n\r\n").into_bytes();
        request.extend_from_slice(body);
        request
    }

    fn chunked(chunks: &[&[u8]]) -> Vec<u8> {
        let mut request = b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for chunk in chunks.iter().chain([&&b""[..]]) {
            request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            request.extend_from_slice(chunk);
            request.extend_from_slice(b"\r\n");
        }
        request
    }

    #[tokio::test]
    async fn exactly_the_limit_is_accepted_in_one_piece_or_many() {
        let read = |body| read_within(body, 6, LONG);
        let whole = Ok(Bytes::from("abcdef"));
        assert_eq!(uploaded(sized(6, b"abcdef"), read).await, whole);
        assert_eq!(uploaded(chunked(&[b"ab", b"c", b"def"]), read).await, whole);
        assert_eq!(uploaded(sized(0, b""), read).await, Ok(Bytes::new()));
        assert_eq!(
            uploaded(chunked(&[b"abc", b"defg"]), read).await,
            Err(UploadError::TooLarge)
        );
    }

    #[tokio::test]
    async fn an_announced_excess_is_refused_before_it_comes() {
        let read = |body| read_within(body, 6, LONG);
        assert_eq!(
            uploaded(sized(7, b""), read).await,
            Err(UploadError::TooLarge)
        );
    }

    #[tokio::test]
    async fn a_body_that_stays_away_times_out() {
        let read = |body| read_within(body, 6, Some(Duration::from_millis(20)));
        assert_eq!(
            uploaded(sized(6, b"abc"), read).await,
            Err(UploadError::TimedOut)
        );
    }

    #[tokio::test]
    async fn broken_chunks_are_not_a_short_body() {
        let read = |body| read_within(body, 100, LONG);
        let mut broken =
            b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n".to_vec();
        broken.extend_from_slice(b"zz\r\n");
        assert_eq!(uploaded(broken, read).await, Err(UploadError::Broken));
    }

    #[tokio::test]
    async fn short_bodies_are_read_away_and_long_ones_are_not() {
        let discard = |body| discard(body, LONG);
        assert!(uploaded(sized(8, b"dir=true"), discard).await);
        assert!(!uploaded(sized(DISCARDED_BYTES + 1, b""), discard).await);
        let long = vec![b'x'; DISCARDED_BYTES / 2 + 1];
        assert!(!uploaded(chunked(&[&long, &long]), discard).await);
    }
}
