//! The reads that a member with a slow disk has the leader answer.
//!
//! Committed entries are applied here only once this member's own log has them, so where each sync takes long, every linearizable
//! read would wait for it, while a quorum of the others is quick. Such a read goes to the client URL of the leader as it came, and its
//! answer back. It changes nothing: whatever fails on the way, it is answered here, as ever, only later, and the leader is left
//! alone for a while. Writes are none of this: they go to the leader by the way of the members, where their fate is known.
//!
//! An advertised URL may lead anywhere. Who is asked is told whom the question is for, and an answer counts only with its word that
//! it is that member.

pub(super) mod connections;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use storage::path::KeyPath;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep, timeout};

use connections::{Idle, member_value};

use super::answer::body::{Body, BodyError, BodyStream};
use super::answer::headers::{ETCD_INDEX, RAFT_INDEX, Reply};
use super::front::Front;
use super::request::classify::{self, Get};
use super::request::params::Params;
use crate::listen::Exchange;
use crate::service::Service;

/// Whom a read that is passed on is for: cluster, member and vocabulary.
const RELAYED: HeaderName = HeaderName::from_static("x-etcd2-relayed-to");
/// The same, from the one who answers it.
const ANSWERED: HeaderName = HeaderName::from_static("x-etcd2-answered-by");
/// How long a leader that does not take a connection is waited for: answering here is slow, and not as slow.
const CONNECT: Duration = Duration::from_millis(250);
/// How long one that does not begin to answer is.
const BEGIN: Duration = Duration::from_secs(1);
/// After how long without a byte an answer that has begun is broken off.
const SILENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer that is waited for to its end.
const WHOLE_BYTES: u64 = 64 << 10;

/// A read that may be passed on, as it came.
pub(super) struct RelayRequest {
    leader: u64,
    url: String,
    target: String,
    to: HeaderValue,
    host: Option<HeaderValue>,
    authorization: Option<HeaderValue>,
}

/// Why there is no answer of the leader.
enum RelayFault {
    /// Another leads now, or none.
    NoLeader,
    /// It does not answer there, or is not who does.
    Unanswered(&'static str),
}

impl RelayRequest {
    /// What is needed of the header, if reads are to go to the leader now.
    pub(super) fn of(
        front: &Front,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Option<Box<Self>> {
        let service = &front.service;
        if !service.lags() || !is_read(method) || headers.contains_key(RELAYED) {
            return None;
        }
        let leader = service.leader().ok()??;
        let url = leader.client_urls.into_iter().next()?;
        if front.relay.is_shunned(&url) {
            return None;
        }
        Some(Box::new(Self {
            leader: leader.id,
            url,
            target: match uri.query() {
                // The leader may have another default, and the first of two counts.
                Some(query) => format!("{}?quorum=true&{query}", uri.path()),
                None => format!("{}?quorum=true", uri.path()),
            },
            to: member_value(service, leader.id),
            host: headers.get(HOST).cloned(),
            authorization: headers.get(AUTHORIZATION).cloned(),
        }))
    }
}

/// Says in the answer that it is this member's, if the read was passed on to it. `Err` if it was meant for another.
pub(super) fn own_up(
    front: &Front,
    asked: Option<&HeaderValue>,
    headers: &mut HeaderMap,
) -> Result<(), StatusCode> {
    match asked {
        None => Ok(()),
        Some(asked) if *asked == front.relay.own => {
            headers.insert(ANSWERED, asked.clone());
            Ok(())
        }
        Some(_) => Err(StatusCode::MISDIRECTED_REQUEST),
    }
}

/// Whom a read was passed on to, if it was.
pub(super) fn asked(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(RELAYED).cloned()
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Whether a read waits for what is committed to be applied.
pub(super) fn waits_for_apply(
    service: &Service,
    method: &Method,
    path: &KeyPath,
    params: &Params,
) -> bool {
    let waits = |consistency| service.is_linearizable(consistency) || service.is_behind_answers();
    match (method == Method::GET).then(|| classify::get(path, params)) {
        Some(Get::Watch(_)) => false,
        Some(Get::Read(consistency)) => waits(consistency),
        None => waits(classify::consistency(params)),
    }
}

/// The answer of the leader. The reply is given back if the read is to be answered here.
pub(super) async fn answer(
    front: &Arc<Front>,
    method: &Method,
    request: &RelayRequest,
    reply: Reply,
) -> Result<Response<Body>, Reply> {
    let answered = async {
        tokio::select! {
            answer = whole(front, method, request) => answer,
            // Whoever led may be silent for ever.
            () = front.service.leads_no_more(request.leader) => Err(RelayFault::NoLeader),
        }
    };
    match timeout(BEGIN, answered).await {
        Ok(Ok(answer)) => Ok(told(front, request, answer, reply)),
        Ok(Err(RelayFault::NoLeader)) => Err(reply),
        Ok(Err(RelayFault::Unanswered(reason))) => {
            front.relay.shun(&request.url, reason);
            Err(reply)
        }
        Err(_) => {
            front.relay.shun(&request.url, "it does not answer in time");
            Err(reply)
        }
    }
}

/// The leader's answer, of which a small one is here to its end: one that breaks off is no answer, and the client still gets one.
async fn whole(
    front: &Front,
    method: &Method,
    request: &RelayRequest,
) -> Result<(LeaderAnswer, Option<Bytes>), RelayFault> {
    let mut answer = ask(front, method, request).await?;
    let size = answer.response.body().size_hint().exact();
    if !size.is_some_and(|size| (1..=WHOLE_BYTES).contains(&size)) {
        return Ok((answer, None));
    }
    let body = answer.response.body_mut().collect().await;
    let body = body.map_err(|_| RelayFault::Unanswered("its answer broke off"))?;
    Ok((answer, Some(body.to_bytes())))
}

/// Gives the leader's answer to the client, as it comes where it is not here already.
fn told(
    front: &Arc<Front>,
    request: &RelayRequest,
    (answer, whole): (LeaderAnswer, Option<Bytes>),
    reply: Reply,
) -> Response<Body> {
    front.service.metrics().relayed.inc();
    let (head, body) = answer.response.into_parts();
    let number = |name: &HeaderName| head.headers.get(name)?.to_str().ok()?.parse().ok();
    if let Some(index) = number(&ETCD_INDEX) {
        front.service.has_told(index);
    }
    if let Some(entry) = number(&RAFT_INDEX) {
        front.service.has_shown(entry);
    }
    let back = Idle {
        url: request.url.clone(),
        requests: answer.requests,
    };
    if let Some(whole) = whole {
        front.relay.give_back(back);
        return reply.relayed(&head, Body::full(whole));
    }
    let body = RelayedBody {
        body,
        back: Some(back),
        silence: Box::pin(sleep(SILENCE)),
        waits: false,
        front: Arc::clone(front),
        _permit: answer.permit,
    };
    reply.relayed(&head, Body::stream(body))
}

struct LeaderAnswer {
    response: Response<Incoming>,
    requests: SendRequest<Empty<Bytes>>,
    permit: OwnedSemaphorePermit,
}

async fn ask(
    front: &Front,
    method: &Method,
    request: &RelayRequest,
) -> Result<LeaderAnswer, RelayFault> {
    let fault = RelayFault::Unanswered;
    let uri: Uri = request
        .url
        .parse()
        .map_err(|_| fault("its address is none"))?;
    let permit = timeout(CONNECT, front.relay.permit()).await;
    let permit = permit.map_err(|_| RelayFault::NoLeader)?;
    let mut requests = match front.relay.take(&request.url) {
        Some(requests) => requests,
        None => connect(&uri).await.ok_or(fault("it takes no connection"))?,
    };
    let message = message(&uri, method, request).ok_or(fault("its address is none"))?;
    let sent = async {
        requests.ready().await?;
        requests.send_request(message).await
    };
    let response = sent.await.map_err(|_| fault("its connection broke"))?;
    match response.headers().get(ANSWERED) {
        Some(answered) if *answered == request.to => Ok(LeaderAnswer {
            response,
            requests,
            permit,
        }),
        _ => Err(fault("who answers there is not the leader, or refuses")),
    }
}

fn message(uri: &Uri, method: &Method, request: &RelayRequest) -> Option<Request<Empty<Bytes>>> {
    let mut message = Request::new(Empty::new());
    *message.method_mut() = method.clone();
    *message.uri_mut() = request.target.parse().ok()?;
    let headers = message.headers_mut();
    // The name that the client used is one that members serve.
    let host = match &request.host {
        Some(host) => host.clone(),
        None => HeaderValue::from_str(uri.authority()?.as_str()).ok()?,
    };
    headers.insert(HOST, host);
    headers.insert(RELAYED, request.to.clone());
    if let Some(value) = &request.authorization {
        headers.insert(AUTHORIZATION, value.clone());
    }
    Some(message)
}

async fn connect(uri: &Uri) -> Option<SendRequest<Empty<Bytes>>> {
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
    /// Until when the next piece has to come, while it is waited for.
    silence: Pin<Box<Sleep>>,
    waits: bool,
    front: Arc<Front>,
    _permit: OwnedSemaphorePermit,
}

impl RelayedBody {
    fn broken_off(&mut self) -> Poll<Option<Result<Bytes, BodyError>>> {
        self.back = None;
        Poll::Ready(Some(Err(BodyError("the leader's answer broke off"))))
    }

    /// No piece is there: whether one is waited for in vain.
    fn is_silent(&mut self, cx: &mut Context<'_>) -> bool {
        if !std::mem::replace(&mut self.waits, true) {
            self.silence.as_mut().reset(Instant::now() + SILENCE);
        }
        self.silence.as_mut().poll(cx).is_ready()
    }
}

impl BodyStream for RelayedBody {
    fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        exchange: Option<&Exchange>,
    ) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
                return match self.is_silent(cx) {
                    true => self.broken_off(),
                    false => Poll::Pending,
                };
            };
            self.waits = false;
            match frame {
                Some(Ok(frame)) => {
                    let Ok(bytes) = frame.into_data() else {
                        continue;
                    };
                    if let Some(exchange) = exchange {
                        exchange.sends(bytes.len());
                    }
                    return Poll::Ready(Some(Ok(bytes)));
                }
                Some(Err(_)) => return self.broken_off(),
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
