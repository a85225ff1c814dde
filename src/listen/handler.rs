//! What a port needs to know of who answers on it.

use std::error::Error;
use std::future::Future;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::{Request, Response};

use super::activity::Exchange;
use super::link::Link;

/// Answers the requests of a port. One for all its connections.
pub(crate) trait Handler: Send + Sync + Sized + 'static {
    /// Dropping it ends what feeds it.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;

    /// Answers one request. The exchange is to be kept until the last byte of the body is given away: while it lives the
    /// connection counts as busy, and no next request is read.
    fn answer(
        link: &Link<Self>,
        exchange: Exchange,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// Whether others wait for the room that answers under way take: a client that reads too slowly gives way then.
    fn is_contended(&self) -> bool;

    /// The port stops: answers that would not end by themselves are to end when they are polled next.
    fn stop(&self);

    /// A connection was opened.
    fn opened(&self);

    /// A connection has ended.
    fn closed(&self);

    /// A connection over the limit was refused.
    fn refused(&self);
}
