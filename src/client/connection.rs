//! HTTP/1.1 connections to endpoints: opened when needed, kept for the next request, never shared by two at once.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use super::attempt::{Cause, io_error};
use super::dial::{Dialer, ProxyHop};
use super::endpoint::{Endpoint, Scheme};
use super::request::{Request, Retry};
use crate::tls::alert_in;

/// Idle connections kept for one listener: as many as a program with some tasks uses at once.
const IDLE_MAX: usize = 32;

/// A watch has no limit of its own; an endpoint that does not even take the connection costs it this long.
const DIAL_TIMEOUT: Duration = Duration::from_secs(30);

/// An idle connection older than this may be one that the server, or something between, is about to close. A request
/// that may be sent only once gets a new one instead.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// How long an idle connection may take to be ready. It is at once, unless a server that answered early never took the
/// rest of that request: then it never is.
const READY_TIMEOUT: Duration = Duration::from_millis(100);

/// An open connection, ready for a request.
pub(super) struct EndpointConnection {
    sender: http1::SendRequest<Full<Bytes>>,
    origin: PoolKey,
    /// The proxy in between, which wants the whole URL in the request line.
    pub(super) hop: Option<ProxyHop>,
    /// When it became idle after a request; `None` for one that has carried none. The server may be closing an idle one
    /// at this moment.
    idle_since: Option<Instant>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct PoolKey {
    scheme: Scheme,
    host: String,
    port: u16,
}

impl PoolKey {
    fn of(endpoint: &Endpoint) -> PoolKey {
        PoolKey {
            scheme: endpoint.scheme(),
            host: endpoint.host().to_ascii_lowercase(),
            port: endpoint.port(),
        }
    }
}

/// Opens connections and keeps the idle ones.
pub(super) struct Connections {
    dialer: Dialer,
    /// Guards nothing but the lists: held to push or pop, never across an await.
    idle: Mutex<HashMap<PoolKey, Vec<EndpointConnection>>>,
}

impl Connections {
    pub(super) fn new(dialer: Dialer) -> Connections {
        Connections {
            dialer,
            idle: Mutex::default(),
        }
    }

    /// An idle connection to `endpoint` that is still open, or a new one.
    pub(super) async fn take(
        &self,
        endpoint: &Endpoint,
        request: &Request,
    ) -> Result<EndpointConnection, Cause> {
        let origin = PoolKey::of(endpoint);
        while let Some(mut connection) = self.pop(&origin) {
            if request.retry != Retry::Always && connection.is_stale() {
                continue;
            }
            let ready = tokio::time::timeout(READY_TIMEOUT, connection.sender.ready());
            if matches!(ready.await, Ok(Ok(()))) {
                return Ok(connection);
            }
        }
        self.fresh(endpoint, request).await
    }

    /// A connection that nobody has used.
    pub(super) async fn fresh(
        &self,
        endpoint: &Endpoint,
        request: &Request,
    ) -> Result<EndpointConnection, Cause> {
        let open = self.open(endpoint);
        if !request.waits {
            return open.await;
        }
        tokio::time::timeout(DIAL_TIMEOUT, open)
            .await
            .unwrap_or(Err(Cause::HeaderTimeout))
    }

    /// Takes a connection back whose answer has been read to its end.
    pub(super) fn give_back(&self, mut connection: EndpointConnection) {
        connection.idle_since = Some(Instant::now());
        let mut idle = self.lock();
        let list = idle.entry(connection.origin.clone()).or_default();
        if list.len() < IDLE_MAX && !connection.sender.is_closed() {
            list.push(connection);
        }
    }

    fn pop(&self, origin: &PoolKey) -> Option<EndpointConnection> {
        self.lock().get_mut(origin)?.pop()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PoolKey, Vec<EndpointConnection>>> {
        // A panic while pushing or popping leaves a valid map behind.
        self.idle
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn open(&self, endpoint: &Endpoint) -> Result<EndpointConnection, Cause> {
        let dialed = self.dialer.dial(endpoint).await.map_err(Cause::Dial)?;
        let (sender, driver) = http1::Builder::new()
            .handshake(TokioIo::new(dialed.stream))
            .await
            .map_err(head_failure)?;
        // It ends when the connection does; what went wrong is told to the request that was under way.
        tokio::spawn(async move {
            let _ = driver.await;
        });
        Ok(EndpointConnection {
            sender,
            origin: PoolKey::of(endpoint),
            hop: dialed.proxied,
            idle_since: None,
        })
    }
}

/// A request that got no head of an answer.
pub(super) struct Unanswered {
    pub(super) cause: Cause,
    /// Whether any byte of it may have left.
    pub(super) sent: bool,
}

impl EndpointConnection {
    /// Whether it has carried a request before.
    pub(super) fn used(&self) -> bool {
        self.idle_since.is_some()
    }

    fn is_stale(&self) -> bool {
        self.idle_since
            .is_some_and(|since| since.elapsed() > TRUSTED_IDLE)
    }

    /// Sends a request and waits for the head of the answer.
    pub(super) async fn send(
        &mut self,
        request: hyper::Request<Full<Bytes>>,
    ) -> Result<hyper::Response<Incoming>, Unanswered> {
        match self.sender.try_send_request(request).await {
            Ok(response) => Ok(response),
            Err(mut error) => Err(Unanswered {
                sent: error.take_message().is_none(),
                cause: head_failure(error.into_error()),
            }),
        }
    }
}

/// A TLS server that wants another certificate says so only after the handshake (RFC 8446, 4.4.2.4): what looks like
/// a broken connection may be its alert.
fn head_failure(error: hyper::Error) -> Cause {
    match io_error(&error).and_then(alert_in) {
        Some(alert) => Cause::TlsAlert(alert),
        None => Cause::Head(error.into()),
    }
}
