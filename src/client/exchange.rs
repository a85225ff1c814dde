//! One try at one endpoint: connect, send, follow redirects, read the whole answer.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, LOCATION, USER_AGENT};
use hyper::http::response::Parts;
use hyper::{Response, StatusCode};
use tokio::time::Instant;

use super::attempt::{Attempt, Cause};
use super::body::{BodyEnd, before, beginning, failing, whole};
use super::connection::{Connections, EndpointConnection, Unanswered};
use super::endpoint::{Endpoint, Scheme};
use super::redirect;
use super::reply::ServerReply;
use super::request::{Observer, Request, Retry};

/// Redirects followed for one request (etcdctl reference 4).
const REDIRECTS_MAX: usize = 10;

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
            if let (_, BodyEnd::Whole) = beginning(body).await {
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
        match whole(body, self.reply_bytes_max).await {
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

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}
