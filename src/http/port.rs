//! The API plugged into a port: what [`crate::listen`] asks of who answers.

use std::future::Future;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::answer::body::Body;
use super::front::Front;
use super::options::HttpOptions;
use super::route;
use crate::listen::{self, Exchange, Handler, Link, Workers};
use crate::service::Service;

/// Serves the client API until `shutdown` becomes true or its sender is gone, and then to an orderly end: see
/// [`listen::serve`].
pub(crate) async fn serve(
    listener: TcpListener,
    service: Service,
    options: Arc<HttpOptions>,
    workers: Arc<Workers>,
    shutdown: watch::Receiver<bool>,
) {
    let limits = options.limits.clone();
    let front = Front::new(service, options);
    listen::serve(listener, front, limits, workers, shutdown).await;
}

impl Handler for Front {
    type Body = Body;

    fn answer(
        link: &Link<Self>,
        exchange: Exchange,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Body>> + Send {
        route::answer(link, exchange, request)
    }

    fn is_contended(&self) -> bool {
        self.service.sending_bytes().is_waited_for() || self.answers.is_waited_for()
    }

    fn stop(&self) {
        self.end_watches();
    }

    fn opened(&self) {
        self.service.metrics().http_connections.inc();
    }

    fn closed(&self) {
        self.service.metrics().http_connections.dec();
    }

    fn refused(&self) {
        self.service.metrics().http_connections_refused.inc();
    }
}
