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
    let mut request = format!("PUT / HTTP/1.1\r\nContent-Length: {announced}\r\n\r\n").into_bytes();
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
    let mut broken = b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n".to_vec();
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
