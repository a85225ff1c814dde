//! One try at one endpoint: connect, send, follow redirects, read the whole answer.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, LOCATION, USER_AGENT};
use hyper::http::response::Parts;
use hyper::{Response, StatusCode};
use tokio::time::Instant;

use super::connection::{Connections, EndpointConnection, Unanswered};
use super::endpoint::{Endpoint, Scheme};
use super::error::{Attempt, Cause};
use super::redirect;
use super::reply::ServerReply;
use super::request::{Observer, Request, Retry};

/// Redirects followed for one request (etcdctl reference 4).
const REDIRECTS_MAX: usize = 10;

/// The longest explanation of a failing server that is kept, and the longest text of a redirect that is read.
const SAID_BYTES_MAX: usize = 64 << 10;

/// How long either is waited for: the status has said already what to do next.
const SAID_TIME_MAX: Duration = Duration::from_secs(1);

/// The head of an answer; its body may be long in coming.
pub(super) struct PendingReply {
    pub(super) head: Parts,
    body: Incoming,
    connection: EndpointConnection,
    place: Endpoint,
}

/// What all exchanges of a client share.
pub(super) struct Exchanger {
    pub(super) connections: Connections,
    pub(super) authorization: Option<HeaderValue>,
    pub(super) header_timeout: Option<Duration>,
    pub(super) reply_bytes_max: u64,
    pub(super) observer: Option<std::sync::Arc<dyn Observer>>,
}

impl Exchanger {
    /// Asks `endpoint`, and whoever it points to, up to the head of an answer with a status below 500.
    pub(super) async fn ask(
        &self,
        endpoint: &Endpoint,
        request: &Request,
    ) -> Result<PendingReply, Attempt> {
        let mut place = endpoint.clone();
        let mut target = format!("{}{}", endpoint.prefix(), request.target);
        for _ in 0..=REDIRECTS_MAX {
            let outcome = self.attempt(&place, &target, request).await;
            let fail = |cause, sent| Attempt {
                endpoint: place.clone(),
                cause,
                sent,
            };
            let (response, connection) =
                outcome.map_err(|failure| fail(failure.cause, failure.sent))?;
            let (head, body) = response.into_parts();
            if head.status.as_u16() >= 500 && !request.probe {
                return Err(fail(failing(head.status, body).await, true));
            }
            if !is_redirect(head.status) {
                return Ok(PendingReply {
                    head,
                    body,
                    connection,
                    place,
                });
            }
            // A server that redirects has done nothing: its successor decides.
            let location = head.headers.get(LOCATION).cloned();
            if let (_, Ending::Whole) = beginning(body).await {
                self.connections.give_back(connection);
            }
            (place, target) =
                redirect::follow(&place, location.as_ref()).map_err(|cause| fail(cause, false))?;
        }
        Err(Attempt {
            endpoint: place,
            cause: Cause::TooManyRedirects,
            sent: false,
        })
    }

    /// One request on one connection, up to the head of its answer.
    async fn attempt(
        &self,
        place: &Endpoint,
        target: &str,
        request: &Request,
    ) -> Result<(Response<Incoming>, EndpointConnection), Unanswered> {
        self.tell(place, target, request);
        let limit = self.header_timeout.filter(|_| !request.waits);
        let deadline = limit.map(|limit| Instant::now() + limit);
        let unsent = |cause| Unanswered { cause, sent: false };
        let mut connection = before(deadline, self.connections.take(place, request))
            .await
            .unwrap_or(Err(Cause::HeaderTimeout))
            .map_err(unsent)?;
        loop {
            let message = self
                .message(place, target, request, &connection)
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
                }) if connection.used() && (!sent || request.retry == Retry::Always) => {
                    self.tell(place, target, request);
                    connection = before(deadline, self.connections.fresh(place, request))
                        .await
                        .unwrap_or(Err(Cause::HeaderTimeout))
                        .map_err(unsent)?;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    fn tell(&self, place: &Endpoint, target: &str, request: &Request) {
        if let Some(observer) = self.observer.as_ref().filter(|_| !request.probe) {
            observer.request(&request.method, &url(place, target), &request.payload);
        }
    }

    fn message(
        &self,
        place: &Endpoint,
        target: &str,
        request: &Request,
        connection: &EndpointConnection,
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
        if let Some(authorization) = self.authorization.as_ref().filter(|_| !request.probe) {
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
            .map_err(|_| Cause::BadLocation(url(place, target)))
    }

    /// Reads the body of an answer.
    pub(super) async fn finish(&self, answer: PendingReply) -> Result<ServerReply, Attempt> {
        let PendingReply {
            head,
            body,
            connection,
            place,
        } = answer;
        match read(body, self.reply_bytes_max).await {
            Ok(body) => {
                self.connections.give_back(connection);
                Ok(ServerReply {
                    endpoint: place,
                    status: head.status.as_u16(),
                    headers: head.headers,
                    body,
                })
            }
            Err(cause) => Err(Attempt {
                endpoint: place,
                cause,
                sent: true,
            }),
        }
    }
}

fn url(place: &Endpoint, target: &str) -> String {
    format!(
        "{}://{}{target}",
        place.scheme().as_str(),
        place.authority()
    )
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

/// What a status from 500 on means, with the server's explanation.
async fn failing(status: StatusCode, body: Incoming) -> Cause {
    let (said, _) = beginning(body).await;
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    match status.as_u16() {
        500 | 503 => Cause::NoLeader { said },
        _ => Cause::Server {
            reason: status.canonical_reason().unwrap_or_default(),
            said,
        },
    }
}

/// Whether all of a body was read.
enum Ending {
    Whole,
    /// There was more, or it took too long, or it broke off.
    Open,
}

/// As much of a body as is worth waiting for.
async fn beginning(mut body: Incoming) -> (Vec<u8>, Ending) {
    let deadline = Instant::now() + SAID_TIME_MAX;
    let mut said = Vec::new();
    loop {
        match before(Some(deadline), body.frame()).await {
            Some(None) => return (said, Ending::Whole),
            Some(Some(Ok(frame))) => said.extend(frame.into_data().unwrap_or_default()),
            Some(Some(Err(_))) | None => return (said, Ending::Open),
        }
        if said.len() > SAID_BYTES_MAX {
            said.truncate(SAID_BYTES_MAX);
            return (said, Ending::Open);
        }
    }
}

async fn read(mut body: Incoming, bytes_max: u64) -> Result<Bytes, Cause> {
    let mut first = Bytes::new();
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Cause::Body(error.into()))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if (whole.len() + first.len() + data.len()) as u64 > bytes_max {
            return Err(Cause::TooLarge(bytes_max));
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
