//! Watches: the header goes out when the watch is accepted, then one event, or each event as a chunk of its own
//! (keys-api 8.6).

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::{Response, StatusCode};

use crate::http::answer::body::{Body, BodyError, BodyStream};
use crate::http::answer::error::ApiError;
use crate::http::answer::headers::Reply;
use crate::http::answer::large::Counted;
use crate::http::answer::render;
use crate::http::front::Front;
use crate::listen::{Exchange, UNCOUNTED};
use crate::service::{
    Caller, Delivery, Rendering, ServiceError, WaitingPlace, Watch, WatchRequest,
};

const STOPS: &str = "the server stops";

/// Registers the watch and answers with its position; the body follows its events. `rest` is what has not come yet of the
/// request's body: it is read away as it comes, so that the client is still heard.
pub(crate) async fn answer(
    front: &Arc<Front>,
    caller: &Caller,
    request: WatchRequest,
    rest: Option<Incoming>,
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
                rest,
                sent: false,
                ending: None,
                front: Arc::clone(front),
            };
            reply.keys_body(
                StatusCode::OK,
                Body::stream(body),
                position.into(),
                &front.cluster,
            )
        }
        Err(error) => reply.error(&error.into(), &front.cluster),
    }
}

/// The events of one watch. Dropped with the connection, and the watch with it.
struct WatchBody {
    /// `None` once the body is at its end.
    watch: Option<Watch>,
    /// An event that waits until it may be rendered.
    held: Option<Arc<Delivery>>,
    place: Option<WaitingPlace>,
    stream: bool,
    rest: Option<Incoming>,
    /// Whether the connection has had the time to send what it has, the head first: it does so when nothing more is given, and
    /// drops what it has not sent when the body breaks off.
    sent: bool,
    /// Why it is broken off as soon as it has.
    ending: Option<&'static str>,
    front: Arc<Front>,
}

impl BodyStream for WatchBody {
    fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        exchange: Option<&Exchange>,
    ) -> Poll<Option<Result<Bytes, BodyError>>> {
        let client_has_ended = exchange.is_some_and(Exchange::client_has_ended);
        let object = self.poll_object(cx, client_has_ended);
        if let (Poll::Ready(Some(Ok(bytes))), Some(exchange)) = (&object, exchange) {
            exchange.sends(bytes.len());
        }
        object
    }
}

impl WatchBody {
    /// The next event. The end comes after the one event of a long poll, and after an error that says what of the history
    /// is damaged, or to a stream that it has moved past it. A long poll that history has moved past is broken off, as is every
    /// watch when the server stops: a complete answer with 200 would say that all is well, and clients look for a node in it.
    /// Who asks again is told 401.
    fn poll_object(
        &mut self,
        cx: &mut Context<'_>,
        client_has_ended: bool,
    ) -> Poll<Option<Result<Bytes, BodyError>>> {
        if let Some(reason) = self.ending {
            return self.broken_off(cx, reason);
        }
        let Some(watch) = &mut self.watch else {
            return Poll::Ready(None);
        };
        let next = match self.held.take() {
            Some(held) => Poll::Ready(Ok(held)),
            None => watch.poll_next(cx),
        };
        // An event that may not be rendered yet waits like one that is not there.
        let next = match next {
            Poll::Ready(Ok(event)) => self.poll_rendered(event, cx).map(Ok),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        };
        // The head went out with 200 when the watch was accepted: an error can only be told in the body.
        let (object, more) = match next {
            // Asked on each poll: the connection polls its body once more when the listener begins to stop. What is there goes
            // out before: who wrote it has an answer, and this client would find out only by asking again.
            Poll::Pending if self.front.stopping() => return self.broken_off(cx, STOPS),
            Poll::Pending if client_has_ended || !skimmed(&mut self.rest, cx) => {
                return self.broken_off(cx, "the client has ended");
            }
            Poll::Pending => {
                self.sent = true;
                return Poll::Pending;
            }
            Poll::Ready(Err(ServiceError::HistoryCleared { .. })) if !self.stream => {
                return self.broken_off(cx, "no event can come");
            }
            Poll::Ready(Err(ServiceError::Stopped)) => return self.broken_off(cx, STOPS),
            Poll::Ready(Ok(rendered)) => (rendered, self.stream),
            Poll::Ready(Err(error)) => (ApiError::from(error).body().into(), false),
        };
        if !more {
            self.watch = None;
        }
        self.sent = false;
        Poll::Ready(Some(Ok(object)))
    }

    /// Not before the head was sent, and the events after it: the client is told that its watch was accepted, and loses nothing
    /// that it was to see.
    fn broken_off(
        &mut self,
        cx: &mut Context<'_>,
        reason: &'static str,
    ) -> Poll<Option<Result<Bytes, BodyError>>> {
        if !std::mem::replace(&mut self.sent, true) {
            self.ending = Some(reason);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.watch = None;
        Poll::Ready(Some(Err(BodyError(reason))))
    }

    /// The JSON of an event, which counts as on its way until the connection has written it. The event is kept
    /// while there is no room.
    fn poll_rendered(&mut self, event: Arc<Delivery>, cx: &Context<'_>) -> Poll<Bytes> {
        let service = &self.front.service;
        // Whether anything in it is to be escaped is not known yet.
        let guess = render::event_size(&event);
        // What is shown of such an event depends on when it is shown.
        let shared = guess > UNCOUNTED && render::is_settled(&event);
        if let Some(rendered) = shared.then(|| event.rendered()).flatten() {
            self.place = None;
            return Poll::Ready(Bytes::from_owner(Sent(rendered)));
        }
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
        render::event(
            &mut out,
            &event,
            service.cluster_now(),
            service.vocabulary(),
        );
        Poll::Ready(match claim {
            Some(claim) => {
                let rendered: Arc<Rendering> = Arc::new(Counted::new(out, claim));
                if shared {
                    event.share(&rendered);
                }
                Bytes::from_owner(Sent(rendered))
            }
            None => out.into(),
        })
    }
}

/// Reads away what comes of a request's body. False if it breaks off, which is the end of the client.
fn skimmed(rest: &mut Option<Incoming>, cx: &mut Context<'_>) -> bool {
    while let Some(body) = rest {
        match Pin::new(body).poll_frame(cx) {
            Poll::Pending => break,
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(_))) => return false,
            Poll::Ready(None) => *rest = None,
        }
    }
    true
}

/// A rendered event on its way to one client, of several perhaps.
struct Sent(Arc<Rendering>);

impl AsRef<[u8]> for Sent {
    fn as_ref(&self) -> &[u8] {
        (*self.0).as_ref()
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
