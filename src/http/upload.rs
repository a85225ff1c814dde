//! Bodies of requests: read whole within limits of size and time, or thrown away so that the connection can go on.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::time::timeout;

/// What is read of a body that does not count; the connection is closed if there is more.
const DISCARDED_BYTES: usize = 256 * 1024;

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UploadError {
    /// More than the limit.
    TooLarge,
    /// Not complete in time.
    TimedOut,
    /// The client went away, or broke the framing.
    Broken,
}

/// The whole body, of at most `limit` bytes. `None` is no limit of time.
pub(super) async fn read(body: Incoming, limit: usize, within: Option<Duration>) -> Result<Bytes, UploadError> {
    if body.size_hint().lower() > limit as u64 {
        return Err(UploadError::TooLarge);
    }
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    timeout(within.unwrap_or(Duration::MAX), collect(body, limit)).await.unwrap_or(Err(UploadError::TimedOut))
}

/// Reads a short body and forgets it. Whether all of it was read: if not, the connection cannot go on.
pub(super) async fn discard(body: Incoming, within: Option<Duration>) -> bool {
    if body.is_end_stream() {
        return true;
    }
    if body.size_hint().lower() > DISCARDED_BYTES as u64 {
        return false;
    }
    let drain = async {
        let mut body = body;
        let mut seen = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            seen += frame.data_ref().map_or(0, Bytes::len);
            if seen > DISCARDED_BYTES {
                return false;
            }
        }
        true
    };
    timeout(within.unwrap_or(Duration::MAX), drain).await.unwrap_or(false)
}

async fn collect(mut body: Incoming, limit: usize) -> Result<Bytes, UploadError> {
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| UploadError::Broken)?.into_data() else { continue };
        if first.len() + whole.len() + data.len() > limit {
            return Err(UploadError::TooLarge);
        }
        if first.is_empty() && whole.is_empty() {
            // Nearly every body is one frame: it is not copied.
            first = data;
            continue;
        }
        if whole.is_empty() {
            // No more than what came is reserved: a length that is only announced costs nothing.
            whole.extend_from_slice(&std::mem::take(&mut first));
        }
        whole.extend_from_slice(&data);
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}
