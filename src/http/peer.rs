//! The peer port: streams of other members, handed to [`transport`](crate::transport), and the few endpoints by which a
//! member is known.

use std::future::Future;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Collected, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, HeaderValue, UPGRADE};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::answer::body::Body;
use super::answer::headers::Reply;
use super::front::Front;
use super::info;
use super::members;
use super::options::HttpOptions;
use super::request::preamble;
use crate::formation::{self, ADMISSION_PATH, Admission, AdmissionRequest, MEMBERS_PATH};
use crate::listen::{self, Exchange, Handler, Link, PortLimits, Workers};
use crate::service::Service;
use crate::transport::{Network, UPGRADE_PATH, UPGRADE_PROTOCOL};

/// Bytes of what a new member says.
const ADMISSION_BYTES_MAX: usize = 4 << 10;

/// Serves the peer port until `shutdown` becomes true or its sender is gone. Streams of members are not waited for: they
/// end with the network.
pub(crate) async fn serve_peers(
    listener: TcpListener,
    service: Service,
    network: Arc<Network>,
    limits: PortLimits,
    workers: Arc<Workers>,
    shutdown: watch::Receiver<bool>,
) {
    let options = Arc::new(HttpOptions::new(service.vocabulary()));
    let front = Front::new(service, options);
    let handler = Arc::new(PeerFront { front, network });
    listen::serve(listener, handler, limits, workers, shutdown).await;
}

/// What all connections of a peer port share.
#[derive(Debug)]
struct PeerFront {
    front: Arc<Front>,
    network: Arc<Network>,
}

impl Handler for PeerFront {
    type Body = Body;

    fn answer(
        link: &Link<Self>,
        exchange: Exchange,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Body>> + Send {
        answer(link, exchange, request)
    }

    fn is_contended(&self) -> bool {
        false
    }

    fn stop(&self) {}

    fn opened(&self) {}

    fn closed(&self) {}

    fn refused(&self) {}
}

async fn answer(
    link: &Link<PeerFront>,
    exchange: Exchange,
    mut request: Request<Incoming>,
) -> Response<Body> {
    let headers = std::mem::take(request.headers_mut());
    let chunked = request.body().size_hint().exact().is_none();
    let looked = preamble::look(request.version(), &headers, chunked);
    let upgrades = asks_for_upgrade(&headers);
    let reply = Reply::new(headers);
    let mut response = if link.head_is_too_large() {
        reply
            .closing()
            .empty(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
    } else if let Err(fault) = looked {
        fault.answer(reply)
    } else {
        endpoint(link, &exchange, request, upgrades, reply).await
    };
    response.body_mut().hold(exchange);
    response
}

/// Whether the connection is to become a stream of a member.
fn asks_for_upgrade(headers: &HeaderMap) -> bool {
    let value = headers.get(UPGRADE).map(HeaderValue::as_bytes);
    value.is_some_and(|value| value.eq_ignore_ascii_case(UPGRADE_PROTOCOL.as_bytes()))
}

async fn endpoint(
    link: &Link<PeerFront>,
    exchange: &Exchange,
    request: Request<Incoming>,
    upgrades: bool,
    reply: Reply,
) -> Response<Body> {
    let PeerFront { front, .. } = &*link.handler;
    let path = request.uri().path();
    if path == ADMISSION_PATH {
        return match *request.method() {
            Method::POST => admission(front, request, reply).await,
            _ => reply.method_not_allowed(Some("POST")),
        };
    }
    if ![UPGRADE_PATH, MEMBERS_PATH, "/version", "/health"].contains(&path) {
        return reply.not_found();
    }
    if request.method() != Method::GET {
        return reply.method_not_allowed(Some("GET"));
    }
    match path {
        "/version" => info::version(&front.service, reply),
        "/health" => info::health(front, reply).await,
        MEMBERS_PATH => members::listed(front, reply).await,
        _ if upgrades => {
            let address = link.peer.address.to_string();
            upgrade(&link.handler.network, address, exchange, request, reply)
        }
        _ => {
            let mut reply = reply;
            let protocol = HeaderValue::from_static(UPGRADE_PROTOCOL);
            reply.headers_mut().insert(UPGRADE, protocol);
            let text = "this is for other members: it takes the upgrade etcd2-peer";
            reply.text_error(StatusCode::UPGRADE_REQUIRED, text)
        }
    }
}

/// A new member asks to be let in.
async fn admission(front: &Front, request: Request<Incoming>, reply: Reply) -> Response<Body> {
    let body = Limited::new(request.into_body(), ADMISSION_BYTES_MAX);
    let body = body.collect().await.map(Collected::to_bytes);
    let asked = body
        .ok()
        .and_then(|body| serde_json::from_slice::<serde_json::Map<_, _>>(&body).ok())
        .and_then(|body| serde_json::from_value::<AdmissionRequest>(body.into()).ok());
    let Some(asked) = asked else {
        let text = "this is for new members: their cluster, id and disk, as JSON";
        return reply.text_error(StatusCode::BAD_REQUEST, text);
    };
    if asked.cluster != front.service.cluster_id() {
        let text = "this is a member of another cluster";
        return reply.text_error(StatusCode::PRECONDITION_FAILED, text);
    }
    match formation::admit(&front.service, &asked).await {
        Ok(Admission::Admitted { first }) => {
            if first {
                tracing::info!("member {:x} starts for the first time", asked.member);
            }
            reply.empty(StatusCode::OK)
        }
        Ok(Admission::Bootstrapped) => {
            tracing::warn!(
                "member {:x} asks to start for the first time, and has started before, on another disk: it is refused",
                asked.member
            );
            reply.text_error(StatusCode::CONFLICT, "it has already been bootstrapped")
        }
        Ok(Admission::Unknown) => reply.text_error(StatusCode::NOT_FOUND, "it is no member"),
        Err(error) => reply.text_error(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

/// Answers 101 and hands the connection on.
fn upgrade(
    network: &Arc<Network>,
    address: String,
    exchange: &Exchange,
    request: Request<Incoming>,
    mut reply: Reply,
) -> Response<Body> {
    exchange.upgrade();
    let network = Arc::clone(network);
    let upgraded = hyper::upgrade::on(request);
    tokio::spawn(async move {
        // It fails if the connection ends before the answer is written: then nobody waits for it.
        let Ok(upgraded) = upgraded.await else { return };
        match listen::socket(upgraded) {
            // It leaves the poller of this thread, which would be woken for each of its messages.
            Ok(Ok(socket)) => network.accept_socket(socket, address),
            Ok(Err(error)) => tracing::debug!(address, %error, "a stream of a member is lost"),
            Err(upgraded) => network.accept(TokioIo::new(upgraded), address),
        }
    });
    let headers = reply.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static(UPGRADE_PROTOCOL));
    reply.empty(StatusCode::SWITCHING_PROTOCOLS)
}

#[cfg(test)]
mod tests;
