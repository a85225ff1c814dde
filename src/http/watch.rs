//! Watches: the header goes out when the watch is accepted, then one event, or each event as a chunk of its own
//! (keys-api 8.6).

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::{Response, StatusCode};

use super::body::Body;
use super::error::ApiError;
use super::front::Front;
use super::headers::Reply;
use super::render;
use crate::service::{Caller, Claim, Delivery, Place, Watch, WatchRequest};

/// Registers the watch and answers with its position; the body follows its events.
pub(super) async fn answer(
    front: &Arc<Front>,
    caller: &Caller,
    request: WatchRequest,
    reply: Reply,
) -> Response<Body> {
    let stream = request.stream;
    match front.service.watch(caller, request).await {
        Ok(watch) => {
            let position = watch.position();
            let body = WatchBody {
                watch: Some(watch),
                held: None,
                place: None,
                stream,
                front: Arc::clone(front),
            };
            reply.keys_body(
                StatusCode::OK,
                Body::watch(body),
                position.into(),
                &front.cluster,
            )
        }
        Err(error) => reply.error(&error.into(), &front.cluster),
    }
}

/// An event that is not larger than this, if nothing in it is escaped, is not counted on its way to the client: the
/// HTTP library buffers about as much of each connection.
const UNCOUNTED: usize = 4 << 10;

/// The events of one watch. Dropped with the connection, and the watch with it.
pub(super) struct WatchBody {
    /// `None` once the body is at its end.
    watch: Option<Watch>,
    /// An event that waits until it may be rendered.
    held: Option<Arc<Delivery>>,
    place: Option<Place>,
    stream: bool,
    front: Arc<Front>,
}

impl WatchBody {
    /// The next event with its newline. The end comes after the one event of a long poll, when the watch has fallen
    /// below the floor of history, when the server stops, and after an error that says what of the history is damaged.
    pub(super) fn poll_object(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(watch) = &mut self.watch else {
            return Poll::Ready(None);
        };
        // Asked on each poll: the connection polls its body once more when the listener begins to stop.
        let event = if self.front.stopping() {
            None
        } else if let Some(held) = self.held.take() {
            Some(Ok(held))
        } else {
            ready!(watch.poll_next(cx))
        };
        // The head went out with 200 when the watch was accepted: an error can only be told in the body.
        let broken = matches!(event, Some(Err(_)));
        let object = match event {
            Some(Ok(event)) => Some(ready!(self.poll_rendered(event, cx))),
            Some(Err(error)) => Some(ApiError::from(error).body().into()),
            None => None,
        };
        if broken || object.is_none() || !self.stream {
            self.watch = None;
        }
        Poll::Ready(object)
    }

    /// The JSON of an event, which counts as on its way until the connection has written it. The event is kept
    /// while there is no room.
    fn poll_rendered(&mut self, event: Arc<Delivery>, cx: &Context<'_>) -> Poll<Bytes> {
        let service = &self.front.service;
        let guess = render::event_size(&event);
        let mut claim = None;
        if guess > UNCOUNTED {
            let room = service
                .sending_bytes()
                .poll_claim(&mut self.place, cx, guess);
            let Poll::Ready(room) = room else {
                self.held = Some(event);
                return Poll::Pending;
            };
            claim = Some(room);
        }
        let mut out = Vec::with_capacity(guess);
        render::event(&mut out, &event, service.cluster_now());
        Poll::Ready(match claim {
            Some(mut claim) => {
                claim.correct(out.capacity());
                Bytes::from_owner(Counted { out, _claim: claim })
            }
            None => out.into(),
        })
    }
}

/// A rendered event and what it counts; both go when the last byte is written.
struct Counted {
    out: Vec<u8>,
    _claim: Claim,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.out
    }
}

impl fmt::Debug for WatchBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchBody")
            .field("ended", &self.watch.is_none())
            .field("stream", &self.stream)
            .finish()
    }
}
