//! Large answers that are one buffer, single files and what a write tells: all that are on their way share one budget, as
//! events do, and a client that takes too little gives way where others wait.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::HeaderValue;
use hyper::{Response, StatusCode};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::body::Body;
use super::headers::Reply;
use crate::service::{Budget, Claim, MemberPosition};

/// Answers up to this size are not counted: a connection buffers about as much.
pub(crate) const LARGE: usize = 64 << 10;

/// All of them, bytes.
pub(crate) const ANSWER_BYTES: usize = 64 << 20;

/// Room in the budget for an answer of about that size.
///
/// # Errors
/// There was none within that time.
pub(crate) async fn room(
    budget: &Arc<Budget>,
    size: usize,
    within: Duration,
) -> Result<Claim, Elapsed> {
    let mut place = None;
    let claimed = poll_fn(|cx| budget.poll_claim(&mut place, cx, size));
    timeout(within, claimed).await
}

/// A success of the keys API, which counts until its last byte is written if it has a claim.
pub(crate) fn keys(
    reply: Reply,
    status: StatusCode,
    out: Vec<u8>,
    position: MemberPosition,
    claim: Option<Claim>,
    cluster: &HeaderValue,
) -> Response<Body> {
    let Some(claim) = claim else {
        return reply.keys(status, out, position, cluster);
    };
    let body = Bytes::from_owner(Counted::new(out, claim));
    reply.keys_body(status, Body::large(body), position.into(), cluster)
}

/// What was rendered, and what it counts; both go when its last byte is written.
pub(crate) struct Counted {
    out: Vec<u8>,
    _claim: Claim,
}

impl Counted {
    /// The claim was a guess.
    pub(crate) fn new(out: Vec<u8>, mut claim: Claim) -> Self {
        claim.correct(out.capacity());
        Self { out, _claim: claim }
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.out
    }
}
