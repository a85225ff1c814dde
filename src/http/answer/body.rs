//! Bodies of answers: nothing, bytes, or a stream under way. Dropping one ends what feeds it.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use crate::listen::Exchange;

/// Why a body ends before its end: the client sees the connection break, not a short answer that looks whole.
#[derive(Debug, thiserror::Error)]
#[error("the answer was cut off: {0}")]
pub(crate) struct BodyError(pub(crate) &'static str);

/// A body that comes piece by piece: a watch, a large listing.
pub(crate) trait BodyStream: fmt::Debug + Send {
    /// The next piece. `exchange` is the one that it answers, as soon as the connection has it.
    fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        exchange: Option<&Exchange>,
    ) -> Poll<Option<Result<Bytes, BodyError>>>;
}

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
    // Boxed: so the body knows none of them, and none makes the body of a plain answer larger.
    Stream(Box<dyn BodyStream>),
}

impl Body {
    fn new(content: BodyContent) -> Self {
        Self {
            content,
            exchange: None,
        }
    }

    pub(crate) fn empty() -> Self {
        Self::new(BodyContent::Empty)
    }

    pub(crate) fn full(bytes: Bytes) -> Self {
        Self::new(BodyContent::Full(bytes))
    }

    /// An answer that takes room that others may wait for.
    pub(crate) fn large(bytes: Bytes) -> Self {
        Self::new(BodyContent::Large(bytes))
    }

    pub(crate) fn stream(pieces: impl BodyStream + 'static) -> Self {
        Self::new(BodyContent::Stream(Box::new(pieces)))
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
                    exchange.sends(bytes.len());
                }
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            BodyContent::Stream(pieces) => {
                let piece = pieces.poll_piece(cx, this.exchange.as_ref());
                piece.map(|piece| piece.map(|bytes| bytes.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            BodyContent::Empty => true,
            BodyContent::Full(bytes) => bytes.is_empty(),
            BodyContent::Large(_) | BodyContent::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            BodyContent::Empty => SizeHint::with_exact(0),
            BodyContent::Full(bytes) | BodyContent::Large(bytes) => {
                SizeHint::with_exact(bytes.len() as u64)
            }
            BodyContent::Stream(_) => SizeHint::default(),
        }
    }
}
