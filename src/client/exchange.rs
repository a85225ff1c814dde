//! One try at one endpoint: connect, send, follow redirects, read the whole answer.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{
    AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, LOCATION, USER_AGENT,
};
use hyper::{Response, StatusCode};
use tokio::time::Instant;

use super::connection::{Connection, Connections, Unanswered};
use super::endpoint::{Endpoint, Scheme};
use super::error::{Attempt, Cause};
use super::redirect;
use super::request::{Observer, Request, Retry};

/// Redirects followed for one request (etcdctl reference 4).
const REDIRECTS_MAX: usize = 10;

/// The largest answer that is taken: a listing of tens of millions of keys.
const REPLY_BYTES_MAX: u64 = 4 << 30;

/// The longest explanation of a failing server that is kept.
const SAID_BYTES_MAX: usize = 64 << 10;

/// An answer of a server, whatever its status below 500.
#[derive(Debug)]
pub struct Reply {
    /// Who answered.
    pub endpoint: Endpoint,
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Reply {
    /// A header that holds a number, `None` when it is absent or none.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.headers.get(name)?.to_str().ok()?.trim().parse().ok()
    }
}

/// What all exchanges of a client share.
pub(super) struct Exchanger {
    pub(super) connections: Connections,
    pub(super) authorization: Option<HeaderValue>,
    pub(super) header_timeout: Option<Duration>,
    pub(super) observer: Option<std::sync::Arc<dyn Observer>>,
}

impl Exchanger {
    /// Asks `endpoint`, and whoever it points to.
    pub(super) async fn exchange(
        &self,
        endpoint: &Endpoint,
        request: &Request,
    ) -> Result<Reply, Attempt> {
        let mut place = endpoint.clone();
        let mut target = format!("{}{}", endpoint.prefix(), request.target);
        for _ in 0..=REDIRECTS_MAX {
            // A follower's redirect needs the credentials too, but they never leave TLS.
            let trusted = place.scheme() == endpoint.scheme() || place.scheme() == Scheme::Https;
            let outcome = self.attempt(&place, &target, request, trusted).await;
            let fail = |cause, sent| Attempt {
                endpoint: place.clone(),
                cause,
                sent,
                headers: None,
            };
            let (response, connection) =
                outcome.map_err(|failure| fail(failure.cause, failure.sent))?;
            if !is_redirect(response.status()) {
                return self.finish(response, connection, &place).await;
            }
            // A server that redirects has done nothing: its successor decides.
            let location = response.headers().get(LOCATION).cloned();
            self.drain(response, connection).await;
            (place, target) =
                redirect::follow(&place, location.as_ref()).map_err(|cause| fail(cause, false))?;
        }
        Err(Attempt {
            endpoint: place,
            cause: Cause::TooManyRedirects,
            sent: false,
            headers: None,
        })
    }

    /// One request on one connection, up to the head of its answer.
    async fn attempt(
        &self,
        place: &Endpoint,
        target: &str,
        request: &Request,
        trusted: bool,
    ) -> Result<(Response<Incoming>, Connection), Unanswered> {
        if let Some(observer) = self.observer.as_ref().filter(|_| !request.anonymous) {
            let url = format!(
                "{}://{}{target}",
                place.scheme().as_str(),
                place.authority()
            );
            observer.request(&request.method, &url, &request.payload);
        }
        let limit = self.header_timeout.filter(|_| !request.waits);
        let deadline = limit.map(|limit| Instant::now() + limit);
        let unsent = |cause| Unanswered { cause, sent: false };
        let mut connection = before(deadline, self.connections.take(place))
            .await
            .unwrap_or(Err(Cause::HeaderTimeout))
            .map_err(unsent)?;
        loop {
            let message = self
                .message(place, target, request, trusted, &connection)
                .map_err(unsent)?;
            // What had been sent when the time was over is not known.
            let outcome = before(deadline, connection.send(message))
                .await
                .unwrap_or(Err(Unanswered {
                    cause: Cause::HeaderTimeout,
                    sent: true,
                }));
            match outcome {
                Ok(response) => return Ok((response, connection)),
                // The server closed the idle connection before it saw the request, or while it did: a second try
                // on a connection of its own is due where it can do no harm.
                Err(Unanswered {
                    cause: Cause::Head(_),
                    sent,
                }) if connection.used && (!sent || request.retry == Retry::Always) => {
                    connection = before(deadline, self.connections.fresh(place))
                        .await
                        .unwrap_or(Err(Cause::HeaderTimeout))
                        .map_err(unsent)?;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    fn message(
        &self,
        place: &Endpoint,
        target: &str,
        request: &Request,
        trusted: bool,
        connection: &Connection,
    ) -> Result<hyper::Request<Full<Bytes>>, Cause> {
        let uri = match &connection.hop {
            Some(_) if place.scheme() == Scheme::Http => {
                format!("http://{}{target}", place.authority())
            }
            _ => target.to_owned(),
        };
        let mut builder = hyper::Request::builder()
            .method(&request.method)
            .uri(uri)
            .header(HOST, place.authority())
            .header(
                USER_AGENT,
                concat!("etcd2-client/", env!("CARGO_PKG_VERSION")),
            );
        if let Some(content_type) = request.payload.content_type() {
            builder = builder.header(CONTENT_TYPE, content_type);
        }
        if let Some(authorization) = self
            .authorization
            .as_ref()
            .filter(|_| trusted && !request.anonymous)
        {
            builder = builder.header(AUTHORIZATION, authorization);
        }
        if let Some(value) = connection
            .hop
            .as_ref()
            .and_then(|hop| hop.authorization.as_ref())
        {
            builder = builder.header(hyper::header::PROXY_AUTHORIZATION, value);
        }
        builder
            .body(Full::new(request.payload.bytes()))
            .map_err(|_| Cause::BadLocation(format!("{place}{target}")))
    }

    async fn finish(
        &self,
        response: Response<Incoming>,
        connection: Connection,
        place: &Endpoint,
    ) -> Result<Reply, Attempt> {
        let (head, body) = response.into_parts();
        let fail = |cause| Attempt {
            endpoint: place.clone(),
            cause,
            sent: true,
            headers: Some(head.headers.clone()),
        };
        let status = head.status.as_u16();
        if status >= 500 {
            let said = first_words(body).await;
            return Err(fail(match status {
                500 | 503 => Cause::NoLeader { said },
                _ => Cause::Server {
                    reason: head.status.canonical_reason().unwrap_or_default(),
                    said,
                },
            }));
        }
        let body = read(body).await.map_err(fail)?;
        self.connections.give_back(connection);
        Ok(Reply {
            endpoint: place.clone(),
            status,
            headers: head.headers,
            body,
        })
    }

    /// Reads what a redirect carries, so that the connection can be used again; a failure costs only that.
    async fn drain(&self, response: Response<Incoming>, connection: Connection) {
        if read(response.into_body()).await.is_ok() {
            self.connections.give_back(connection);
        }
    }
}

/// What a call comes to, or `None` when the deadline passes first.
async fn before<T>(deadline: Option<Instant>, call: impl Future<Output = T>) -> Option<T> {
    match deadline {
        None => Some(call.await),
        Some(deadline) => tokio::time::timeout_at(deadline, call).await.ok(),
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// The beginning of a body, as text: why a server refuses.
async fn first_words(body: Incoming) -> String {
    match Limited::new(body, SAID_BYTES_MAX).collect().await {
        Ok(whole) => String::from_utf8_lossy(&whole.to_bytes()).trim().to_owned(),
        Err(_) => String::new(),
    }
}

async fn read(mut body: Incoming) -> Result<Bytes, Cause> {
    let mut first = Bytes::new();
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Cause::Body(error.into()))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if (whole.len() + first.len() + data.len()) as u64 > REPLY_BYTES_MAX {
            return Err(Cause::TooLarge(REPLY_BYTES_MAX));
        }
        // Most answers are one frame, which is taken as it is.
        if first.is_empty() && whole.is_empty() {
            first = data;
        } else {
            if whole.is_empty() {
                whole.extend_from_slice(&first);
            }
            whole.extend_from_slice(&data);
        }
    }
    Ok(if whole.is_empty() {
        first
    } else {
        whole.into()
    })
}
