//! Bodies of answers: nothing, bytes, a watch, or a listing under way. Dropping one ends what feeds it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use crate::http::activity::Exchange;
use crate::http::keys::listing::ListingBody;
use crate::http::keys::watch::WatchBody;

/// Why a body ends before its end: the client sees the connection break, not a short answer that looks whole.
#[derive(Debug, thiserror::Error)]
#[error("the answer was cut off: {0}")]
pub(crate) struct BodyError(pub(crate) &'static str);

/// The body of an answer.
#[derive(Debug)]
pub(crate) struct Body {
    content: BodyContent,
    /// Marks the connection as busy for as long as the body lives.
    exchange: Option<Exchange>,
}

#[derive(Debug)]
enum BodyContent {
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
            content: BodyContent::Empty,
            exchange: None,
        }
    }

    pub(crate) fn full(bytes: Bytes) -> Self {
        Self {
            content: BodyContent::Full(bytes),
            exchange: None,
        }
    }

    /// An answer that takes room that others may wait for.
    pub(crate) fn large(bytes: Bytes) -> Self {
        Self {
            content: BodyContent::Large(bytes),
            exchange: None,
        }
    }

    pub(crate) fn watch(body: WatchBody) -> Self {
        Self {
            content: BodyContent::Watch(Box::new(body)),
            exchange: None,
        }
    }

    pub(crate) fn listing(body: ListingBody) -> Self {
        Self {
            content: BodyContent::Listing(body),
            exchange: None,
        }
    }

    /// Ties the exchange of the connection to the body.
    pub(crate) fn hold(&mut self, exchange: Exchange) {
        self.exchange = Some(exchange);
    }

    /// The bytes, if that is all there is.
    #[cfg(test)]
    pub(crate) fn bytes(self) -> Option<Bytes> {
        match self.content {
            BodyContent::Full(bytes) => Some(bytes),
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
            BodyContent::Empty => Poll::Ready(None),
            BodyContent::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                this.content = BodyContent::Empty;
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            BodyContent::Large(bytes) => {
                let bytes = std::mem::take(bytes);
                this.content = BodyContent::Empty;
                if let Some(exchange) = &this.exchange {
                    exchange.sends_event(bytes.len());
                }
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            BodyContent::Watch(watch) => {
                let client_has_ended = this
                    .exchange
                    .as_ref()
                    .is_some_and(Exchange::client_has_ended);
                let object = watch.poll_object(cx, client_has_ended);
                if let (Poll::Ready(Some(Ok(bytes))), Some(exchange)) = (&object, &this.exchange) {
                    exchange.sends_event(bytes.len());
                }
                object.map(|object| object.map(|bytes| bytes.map(Frame::data)))
            }
            BodyContent::Listing(listing) => {
                if let Some(exchange) = &this.exchange {
                    listing.goes_to(exchange.activity());
                }
                let chunk = listing.poll_chunk(cx);
                chunk.map(|chunk| chunk.map(|bytes| bytes.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            BodyContent::Empty => true,
            BodyContent::Full(bytes) => bytes.is_empty(),
            BodyContent::Large(_) | BodyContent::Watch(_) | BodyContent::Listing(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            BodyContent::Empty => SizeHint::with_exact(0),
            BodyContent::Full(bytes) | BodyContent::Large(bytes) => {
                SizeHint::with_exact(bytes.len() as u64)
            }
            BodyContent::Watch(_) | BodyContent::Listing(_) => SizeHint::default(),
        }
    }
}
