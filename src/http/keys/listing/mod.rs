//! Listings of any size in bounded memory: a small one is one buffer with a length, a large one streams in chunks.
//!
//! A thread that serves connections looks at a bounded number of rows, those that are left out included: hidden ones,
//! and removed ones that the store has not cleared away. Beyond that a thread that may block begins again. What it finds
//! may still be small, and then has a length too, so that what is left out does not show in the answer.
//!
//! A walk holds a view of the store; it ends when the client is gone, takes nothing for the stall time-out, or is not
//! done within the age a view may reach, and when the store has to be reopened, which waits for all views to end. An
//! answer cut short breaks the connection, so that it cannot pass as whole.

mod inline;
mod stream;
mod writer;

use std::net::IpAddr;
use std::sync::Arc;

use hyper::{Response, StatusCode};
use tokio::time::Instant;

use crate::config::Vocabulary;
use crate::http::answer::body::Body;
use crate::http::answer::headers::Reply;
use crate::http::front::Front;
use crate::service::{MemberPosition, ReadGrant, ServiceError};
use inline::Inline;
use stream::{ListingBody, ListingStart, Streaming};
use writer::ListingWriter;

/// Lists the directory of a grant. `head` asks for the header only; there is no length in it if the listing is large.
pub(crate) async fn answer(
    front: &Arc<Front>,
    client: IpAddr,
    grant: ReadGrant,
    head: bool,
    reply: Reply,
) -> Response<Body> {
    let vocabulary = front.service.vocabulary();
    let mut small = ListingWriter::new(vocabulary, grant.now(), Inline::default());
    if let Err(error) = grant.list(&mut small) {
        return reply.error(&error.into(), &front.cluster);
    }
    // A walk that was only cut may have little to show, and then a `HEAD` has the length that the `GET` has.
    let large = small.broken && !small.cut;
    if let Some(position) = small.position.filter(|_| large && head) {
        return reply.keys_body(
            StatusCode::OK,
            Body::empty(),
            position.into(),
            &front.cluster,
        );
    }
    if let Some((body, position)) = small.finish() {
        return reply.keys(StatusCode::OK, body, position, &front.cluster);
    }
    match begin_streaming(front, client, grant).await {
        Ok((position, ListingStart::Whole(body))) => {
            reply.keys(StatusCode::OK, body, position, &front.cluster)
        }
        Ok((position, ListingStart::Streams(body))) => reply.keys_body(
            StatusCode::OK,
            if head {
                Body::empty()
            } else {
                Body::stream(body)
            },
            position.into(),
            &front.cluster,
        ),
        Err(error) => reply.error(&error.into(), &front.cluster),
    }
}

/// Starts a walk on a thread that may block, and waits until it has something to send.
async fn begin_streaming(
    front: &Arc<Front>,
    client: IpAddr,
    grant: ReadGrant,
) -> Result<(MemberPosition, ListingStart<ListingBody>), ServiceError> {
    let permit = front.listings.take(client, front.options.listing_wait);
    let Some(permit) = permit.await else {
        return Err(ServiceError::TooManyRequests);
    };
    let vocabulary = front.service.vocabulary();
    let recalled = grant.clone();
    let (streaming, body, begins) = stream::open(
        permit.pace(),
        front.options.limits.stall_timeout,
        Instant::now() + front.options.listing_age,
        Box::new(move || recalled.is_recalled()),
    );
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        walk(&grant, vocabulary, streaming);
    });
    // A walk that ends without having begun was refused a thread: the runtime goes down.
    let (position, start) = begins.await.unwrap_or(Err(ServiceError::Stopped))?;
    Ok((
        position,
        match start {
            ListingStart::Whole(whole) => ListingStart::Whole(whole),
            ListingStart::Streams(()) => ListingStart::Streams(body),
        },
    ))
}

fn walk(grant: &ReadGrant, vocabulary: Vocabulary, streaming: Streaming) {
    let mut walk = ListingWriter::new(vocabulary, grant.now(), streaming);
    match grant.list(&mut walk) {
        Ok(()) => walk.end(),
        Err(error) => {
            if let Err(error) = walk.refuse(error) {
                tracing::warn!(%error, "a listing was cut off");
            }
        }
    }
}

#[cfg(test)]
mod tests;
