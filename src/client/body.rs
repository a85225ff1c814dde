//! The body of an answer: all of it, or as much as is worth waiting for.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::attempt::Cause;

/// The longest explanation of a failing server that is kept, and the longest text of a redirect that is read.
const SAID_BYTES_MAX: usize = 64 << 10;

/// How long either is waited for: the status has said already what to do next.
const SAID_TIME_MAX: Duration = Duration::from_secs(1);

/// What a call comes to, or `None` when the deadline passes first.
pub(super) async fn before<T>(
    deadline: Option<Instant>,
    call: impl Future<Output = T>,
) -> Option<T> {
    match deadline {
        None => Some(call.await),
        Some(deadline) => tokio::time::timeout_at(deadline, call).await.ok(),
    }
}

/// What a status from 500 on means, with the server's explanation.
pub(super) async fn failing(status: StatusCode, body: Incoming) -> Cause {
    let (said, _) = beginning(body).await;
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    match status.as_u16() {
        500 | 503 => Cause::NoLeader { said },
        _ => Cause::Server {
            reason: status.canonical_reason().unwrap_or_default(),
            said,
        },
    }
}

/// Whether all of a body was read.
pub(super) enum BodyEnd {
    Whole,
    /// There was more, or it took too long, or it broke off.
    Open,
}

/// As much of a body as is worth waiting for.
pub(super) async fn beginning(mut body: Incoming) -> (Vec<u8>, BodyEnd) {
    let deadline = Instant::now() + SAID_TIME_MAX;
    let mut said = Vec::new();
    loop {
        match before(Some(deadline), body.frame()).await {
            Some(None) => return (said, BodyEnd::Whole),
            Some(Some(Ok(frame))) => said.extend(frame.into_data().unwrap_or_default()),
            Some(Some(Err(_))) | None => return (said, BodyEnd::Open),
        }
        if said.len() > SAID_BYTES_MAX {
            said.truncate(SAID_BYTES_MAX);
            return (said, BodyEnd::Open);
        }
    }
}

/// All of a body, if that is at most `bytes_max`.
pub(super) async fn whole(mut body: Incoming, bytes_max: u64) -> Result<Bytes, Cause> {
    let mut first = Bytes::new();
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Cause::Body(error.into()))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if (whole.len() + first.len() + data.len()) as u64 > bytes_max {
            return Err(Cause::TooLarge(bytes_max));
        }
        // Most answers are one frame, which is taken as it is.
        if first.is_empty() && whole.is_empty() {
            first = data;
        } else {
            if whole.is_empty() {
                whole.extend_from_slice(&first);
            }
            whole.extend_from_slice(&data);
        }
    }
    Ok(if whole.is_empty() {
        first
    } else {
        whole.into()
    })
}
