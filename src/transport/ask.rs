//! One question to another member, over its peer port: a request of HTTP and its answer.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::dial::{HttpReach, PeerTarget};
use super::reach::ReachError;

/// By which members name their cluster.
const CLUSTER_HEADER: &str = "x-etcd-cluster-id";
/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// What the other member said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PeerAnswer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    /// The cluster that it says it belongs to.
    pub(crate) cluster: Option<u64>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// It cannot be reached.
    #[error("{0}")]
    Unreachable(String),
    /// It did not answer in time.
    #[error("{url}: no answer within {within:?}; look at the member and the network between")]
    Silent {
        /// Who.
        url: String,
        /// How long.
        within: Duration,
    },
    /// What it answers is no answer.
    #[error("{url}: the answer breaks off or is too long; is this the peer URL of a member?")]
    Broken {
        /// Who.
        url: String,
    },
}

/// Gets a page of a member, at the first of its peer URLs that can be reached.
pub(crate) async fn fetch(
    urls: &[String],
    path: &'static str,
    within: Duration,
) -> Result<PeerAnswer, AskError> {
    ask_any(urls, (Method::GET, path), Bytes::new(), within).await
}

/// Posts `body` to a member, at the first of its peer URLs that can be reached.
pub(crate) async fn ask(
    urls: &[String],
    path: &'static str,
    body: Bytes,
    within: Duration,
) -> Result<PeerAnswer, AskError> {
    ask_any(urls, (Method::POST, path), body, within).await
}

async fn ask_any(
    urls: &[String],
    what: (Method, &'static str),
    body: Bytes,
    within: Duration,
) -> Result<PeerAnswer, AskError> {
    let mut failed = AskError::Unreachable(ReachError::NoUrl.to_string());
    for url in urls {
        let asked = timeout(within, ask_one(url, what.clone(), body.clone(), within)).await;
        match asked {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => failed = error,
            Err(_) => {
                let url = url.clone();
                failed = AskError::Silent { url, within };
            }
        }
    }
    Err(failed)
}

async fn ask_one(
    url: &str,
    (method, path): (Method, &'static str),
    body: Bytes,
    within: Duration,
) -> Result<PeerAnswer, AskError> {
    let unreachable = |error: ReachError| AskError::Unreachable(error.to_string());
    let http = |source| {
        unreachable(ReachError::Http {
            url: url.to_owned(),
            source,
        })
    };
    let target = PeerTarget::new(url).map_err(unreachable)?;
    let stream = HttpReach::new(within)
        .connect(&target)
        .await
        .map_err(unreachable)?;
    let (mut requests, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(http)?;
    // Ends when `requests` and the answer are dropped.
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, target.authority.clone())
        .body(Full::new(body))
        .expect("the path is a constant, and the host was read from a URL");
    let answer = requests.send_request(request).await.map_err(http)?;
    let status = answer.status();
    let cluster = answer.headers().get(CLUSTER_HEADER);
    let cluster = cluster.and_then(|cluster| u64::from_str_radix(cluster.to_str().ok()?, 16).ok());
    let read = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await;
    let body = read.map_err(|_| AskError::Broken {
        url: url.to_owned(),
    })?;
    Ok(PeerAnswer {
        status,
        body: body.to_bytes(),
        cluster,
    })
}
