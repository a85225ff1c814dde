//! Bodies of answers: nothing, bytes, a watch, or a listing under way. Dropping one ends what feeds it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use crate::http::activity::Turn;
use crate::http::keys::listing::ListingBody;
use crate::http::keys::watch::WatchBody;

/// Why a body ends before its end: the client sees the connection break, not a short answer that looks whole.
#[derive(Debug, thiserror::Error)]
#[error("the answer was cut off: {0}")]
pub(crate) struct BodyError(pub(crate) &'static str);

/// The body of an answer.
#[derive(Debug)]
pub(crate) struct Body {
    content: Content,
    /// Marks the connection as busy for as long as the body lives.
    turn: Option<Turn>,
}

#[derive(Debug)]
enum Content {
    Empty,
    Full(Bytes),
    /// The same, not empty, of which others may wait for the room.
    Large(Bytes),
    // Boxed, because a watch is rare beside a read and several times its size.
    Watch(Box<WatchBody>),
    Listing(ListingBody),
}

impl Body {
    pub(crate) fn empty() -> Self {
        Self {
            content: Content::Empty,
            turn: None,
        }
    }

    pub(crate) fn full(bytes: Bytes) -> Self {
        Self {
            content: Content::Full(bytes),
            turn: None,
        }
    }

    /// An answer that takes room that others may wait for.
    pub(crate) fn large(bytes: Bytes) -> Self {
        Self {
            content: Content::Large(bytes),
            turn: None,
        }
    }

    pub(crate) fn watch(body: WatchBody) -> Self {
        Self {
            content: Content::Watch(Box::new(body)),
            turn: None,
        }
    }

    pub(crate) fn listing(body: ListingBody) -> Self {
        Self {
            content: Content::Listing(body),
            turn: None,
        }
    }

    /// Ties the turn of the connection to the body.
    pub(crate) fn hold(&mut self, turn: Turn) {
        self.turn = Some(turn);
    }

    /// The bytes, if that is all there is.
    #[cfg(test)]
    pub(crate) fn bytes(self) -> Option<Bytes> {
        match self.content {
            Content::Full(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        match &mut this.content {
            Content::Empty => Poll::Ready(None),
            Content::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                this.content = Content::Empty;
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Content::Large(bytes) => {
                let bytes = std::mem::take(bytes);
                this.content = Content::Empty;
                if let Some(turn) = &this.turn {
                    turn.sends_event(bytes.len());
                }
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Content::Watch(watch) => {
                let client_has_ended = this.turn.as_ref().is_some_and(Turn::client_has_ended);
                let object = watch.poll_object(cx, client_has_ended);
                if let (Poll::Ready(Some(Ok(bytes))), Some(turn)) = (&object, &this.turn) {
                    turn.sends_event(bytes.len());
                }
                object.map(|object| object.map(|bytes| bytes.map(Frame::data)))
            }
            Content::Listing(listing) => {
                if let Some(turn) = &this.turn {
                    listing.goes_to(turn.activity());
                }
                let chunk = listing.poll_chunk(cx);
                chunk.map(|chunk| chunk.map(|bytes| bytes.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Empty => true,
            Content::Full(bytes) => bytes.is_empty(),
            Content::Large(_) | Content::Watch(_) | Content::Listing(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Empty => SizeHint::with_exact(0),
            Content::Full(bytes) | Content::Large(bytes) => {
                SizeHint::with_exact(bytes.len() as u64)
            }
            Content::Watch(_) | Content::Listing(_) => SizeHint::default(),
        }
    }
}
