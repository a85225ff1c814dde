//! Bodies of requests: read whole within limits of size and time, or thrown away so that the connection can go on.
//!
//! What is kept of unfinished bodies is bounded twice: each by its own limit, and all together by an [`UploadBudget`].

mod budget;
mod collect;
mod limit;
mod piece;

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::time::timeout;

pub(crate) use budget::UploadBudget;
use collect::{broken, collect};
pub(crate) use limit::{Upload, UploadError, UploadLimits};

use crate::http::answer::headers::Reply;

/// What is read away of a body whose answer is known; the connection is closed if there is more.
const DISCARDED_BYTES: usize = 256 * 1024;

/// How often a body that nobody waits for is asked for more of what has arrived: it comes piece by piece.
const LOOKS: u32 = 8;

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
        Ok(bytes) => Ok(Upload::new(bytes, claim)),
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

/// For an answer that does not wait for a body: if that has not come to its end, the connection ends with the answer, and
/// says so.
pub(crate) async fn leave(body: Incoming, reply: Reply) -> Reply {
    match skim(body).await {
        Some(_) => reply.closing(),
        None => reply,
    }
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

#[cfg(test)]
mod tests;
