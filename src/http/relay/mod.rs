//! What a member with a slow disk has the leader answer.
//!
//! Committed entries are applied here only once this member's own log has them, so where each sync takes long, every
//! linearizable read and every write would wait for it, while a quorum of the others is quick. Such a request goes to the client
//! URL of the leader as it came, and its answer back. It is passed on once at most: who gets it answers it. What cannot be
//! handed over is answered here, as ever, only later. A write whose answer was lost on the way is one whose outcome is unknown.

pub(super) mod connections;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use storage::path::KeyPath;
use tokio::net::TcpStream;
use tokio::time::timeout;

use connections::Idle;

use super::answer::body::{Body, BodyError, BodyStream};
use super::answer::headers::Reply;
use super::front::Front;
use super::request::classify::{self, Get};
use super::request::params::Params;
use crate::listen::Exchange;
use crate::service::{Service, ServiceError};

/// Names the member that passes a request on.
const RELAYED: HeaderName = HeaderName::from_static("x-etcd2-relayed-by");
/// How long a leader that does not take a connection is waited for: answering here is slow, and not as slow.
const CONNECT: Duration = Duration::from_millis(250);

/// A request that may be passed on, as it came.
pub(super) struct RelayRequest {
    leader: u64,
    url: String,
    target: String,
    content_type: Option<HeaderValue>,
    authorization: Option<HeaderValue>,
}

/// Why there is no answer of the leader.
enum RelayFault {
    /// It never had the request.
    NotSent,
    /// Nobody knows what it did.
    Lost,
}

impl RelayRequest {
    /// What is needed of the header, if requests are to go to the leader now.
    ///
    /// A read may be asked twice, so it is passed on as soon as the disk is slow. A write that is on its way when the leader is
    /// lost has an unknown outcome, while one that is offered is decided: it takes a disk that is slow for good.
    pub(super) fn of(
        service: &Service,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Option<Box<Self>> {
        let writes = !is_read(method);
        if !service.lags(writes) || headers.contains_key(RELAYED) {
            return None;
        }
        let leader = service.leader().ok()??;
        Some(Box::new(Self {
            leader: leader.id,
            url: leader.client_urls.into_iter().next()?,
            target: match (writes, uri.query()) {
                (true, _) => uri.path_and_query()?.as_str().to_owned(),
                // The leader may have another default, and the first of two counts.
                (false, Some(query)) => format!("{}?quorum=true&{query}", uri.path()),
                (false, None) => format!("{}?quorum=true", uri.path()),
            },
            content_type: headers.get(CONTENT_TYPE).cloned(),
            authorization: headers.get(AUTHORIZATION).cloned(),
        }))
    }
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Whether a request waits for what is committed to be applied.
pub(super) fn waits_for_apply(
    service: &Service,
    method: &Method,
    path: &KeyPath,
    params: &Params,
) -> bool {
    if !is_read(method) {
        return true;
    }
    match (method == Method::GET).then(|| classify::get(path, params)) {
        Some(Get::Watch(_)) => false,
        Some(Get::Read(consistency)) => service.is_linearizable(consistency),
        None => service.is_linearizable(classify::consistency(params)),
    }
}

/// The answer of the leader. The reply is given back if the request is to be answered here.
pub(super) async fn answer(
    front: &Arc<Front>,
    method: &Method,
    request: &RelayRequest,
    body: Bytes,
    reply: Reply,
) -> Result<Response<Body>, Reply> {
    let service = &front.service;
    let answered = async {
        tokio::select! {
            answer = ask(front, method, request, body) => answer,
            // Whoever led may be silent for ever.
            () = service.leads_no_more(request.leader) => Err(RelayFault::Lost),
        }
    };
    let error = match timeout(service.patience(), answered).await {
        Ok(Ok(answer)) => return Ok(told(front, request, answer, reply)),
        Ok(Err(RelayFault::NotSent)) => return Err(reply),
        Ok(Err(RelayFault::Lost)) if is_read(method) => return Err(reply),
        Ok(Err(RelayFault::Lost)) => ServiceError::LeaderLost,
        Err(_) => ServiceError::TimedOut,
    };
    Ok(reply.error(&error.into(), &front.cluster))
}

/// Gives the leader's answer to the client as it comes.
fn told(
    front: &Arc<Front>,
    request: &RelayRequest,
    (response, requests): (Response<Incoming>, SendRequest<Full<Bytes>>),
    reply: Reply,
) -> Response<Body> {
    front.service.metrics().relayed.inc();
    let (head, body) = response.into_parts();
    let body = RelayedBody {
        body,
        back: Some(Idle {
            url: request.url.clone(),
            requests,
        }),
        front: Arc::clone(front),
    };
    reply.relayed(&head, Body::stream(body))
}

async fn ask(
    front: &Front,
    method: &Method,
    request: &RelayRequest,
    body: Bytes,
) -> Result<(Response<Incoming>, SendRequest<Full<Bytes>>), RelayFault> {
    let uri: Uri = request.url.parse().map_err(|_| RelayFault::NotSent)?;
    let mut requests = match front.relay.take(&request.url) {
        Some(requests) => requests,
        None => connect(&uri).await.ok_or(RelayFault::NotSent)?,
    };
    let authority = uri.authority().ok_or(RelayFault::NotSent)?.as_str();
    let mut message = Request::new(Full::new(body));
    *message.method_mut() = method.clone();
    *message.uri_mut() = request.target.parse().map_err(|_| RelayFault::NotSent)?;
    let headers = message.headers_mut();
    let host = HeaderValue::from_str(authority).map_err(|_| RelayFault::NotSent)?;
    headers.insert(HOST, host);
    headers.insert(RELAYED, front.cluster.clone());
    let taken = [
        (CONTENT_TYPE, &request.content_type),
        (AUTHORIZATION, &request.authorization),
    ];
    for (name, value) in taken {
        if let Some(value) = value {
            headers.insert(name, value.clone());
        }
    }
    requests.ready().await.map_err(|_| RelayFault::NotSent)?;
    match requests.send_request(message).await {
        Ok(response) => Ok((response, requests)),
        // The connection had ended before anything of it was written.
        Err(error) if error.is_canceled() => Err(RelayFault::NotSent),
        Err(_) => Err(RelayFault::Lost),
    }
}

async fn connect(uri: &Uri) -> Option<SendRequest<Full<Bytes>>> {
    if uri.scheme_str() != Some("http") {
        return None;
    }
    let address = (
        uri.host()?.trim_matches(['[', ']']),
        uri.port_u16().unwrap_or(80),
    );
    let stream = timeout(CONNECT, TcpStream::connect(address))
        .await
        .ok()?
        .ok()?;
    let _ = stream.set_nodelay(true);
    let (requests, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    // Ends with `requests`.
    tokio::spawn(async move { drop(connection.await) });
    Some(requests)
}

/// The body of the leader's answer, as it comes.
struct RelayedBody {
    body: Incoming,
    back: Option<Idle>,
    front: Arc<Front>,
}

impl BodyStream for RelayedBody {
    fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        exchange: Option<&Exchange>,
    ) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    let Ok(bytes) = frame.into_data() else {
                        continue;
                    };
                    if let Some(exchange) = exchange {
                        exchange.sends(bytes.len());
                    }
                    return Poll::Ready(Some(Ok(bytes)));
                }
                Some(Err(_)) => {
                    self.back = None;
                    return Poll::Ready(Some(Err(BodyError("the leader's answer broke off"))));
                }
                None => {
                    if let Some(back) = self.back.take() {
                        self.front.relay.give_back(back);
                    }
                    return Poll::Ready(None);
                }
            }
        }
    }
}

impl fmt::Debug for RelayedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RelayedBody")
    }
}
