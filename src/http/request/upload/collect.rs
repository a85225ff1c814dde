//! A body as it comes, piece by piece.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame, Incoming};
use tokio::time::{Instant, timeout};

use super::budget::{FREE_BYTES, UploadClaim};
use super::limit::{UploadError, UploadLimits};
use super::piece::Pieces;
use crate::http::rate::Rate;
use crate::http::request::form;

/// How often a long body that does not come is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Which way a body broke. The library tells only by the error of the stream below.
pub(super) fn broken(error: &hyper::Error) -> UploadError {
    let below = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    match below.map(io::Error::kind) {
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => UploadError::Broken,
        _ => UploadError::CutOff,
    }
}

/// Keeps what comes of a body, as far as its limits and its claim on the budget allow.
pub(super) async fn collect(
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
