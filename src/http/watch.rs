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
use crate::service::{Caller, Watch, WatchRequest};

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

/// The events of one watch. Dropped with the connection, and the watch with it.
pub(super) struct WatchBody {
    /// `None` once the body is at its end.
    watch: Option<Watch>,
    stream: bool,
    front: Arc<Front>,
}

impl WatchBody {
    /// The next event. The end comes after the one event of a long poll, when the watch has fallen
    /// below the floor of history, when the server stops, and after an error that says what of the history is damaged.
    pub(super) fn poll_object(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(watch) = &mut self.watch else {
            return Poll::Ready(None);
        };
        // Asked on each poll: the connection polls its body once more when the listener begins to stop.
        let event = if self.front.stopping() {
            None
        } else {
            ready!(watch.poll_next(cx))
        };
        // The head went out with 200 when the watch was accepted: an error can only be told in the body.
        let broken = matches!(event, Some(Err(_)));
        let object = event.map(|event| match event {
            Ok(event) => {
                let mut out = Vec::with_capacity(render::event_size(&event));
                let service = &self.front.service;
                render::event(
                    &mut out,
                    &event,
                    service.cluster_now(),
                    service.vocabulary(),
                );
                Bytes::from(out)
            }
            Err(error) => Bytes::from(ApiError::from(error).body()),
        });
        if broken || object.is_none() || !self.stream {
            self.watch = None;
        }
        Poll::Ready(object)
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
