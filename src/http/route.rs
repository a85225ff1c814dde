//! From a request to the handler that answers it: host check, other sites, OPTIONS, path, redirect, then the table of
//! endpoints.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use hyper::body::{Body as _, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, ORIGIN};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri};

use super::answer::body::Body;
use super::answer::headers::Reply;
use super::debug;
use super::front::Front;
use super::info;
use super::keys::{self, TakenHeaders};
use super::members;
use super::relay::{self, RelayRequest};
use super::request::credentials;
use super::request::media_type;
use super::request::path;
use super::request::preamble;
use super::request::preamble::SeenHeaders;
use super::request::upload;
use super::stats;
use crate::config::Vocabulary;
use crate::listen::{Exchange, Link};
use crate::metrics;

const MEMBERS: &[u8] = b"/v2/members";

/// Answers one request, counts it, and logs it if it was slow.
pub(super) async fn answer(
    link: &Link<Front>,
    exchange: Exchange,
    request: Request<Incoming>,
) -> Response<Body> {
    let began = Instant::now();
    let (
        Parts {
            method,
            uri,
            version,
            headers,
            ..
        },
        body,
    ) = request.into_parts();
    let mut response = match preamble::look(version, &headers, body.size_hint().exact().is_none()) {
        _ if link.head_is_too_large() => Reply::new(headers)
            .closing()
            .empty(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        Err(fault) => fault.answer(Reply::new(headers)),
        Ok(seen) => checked(link, &method, &uri, headers, seen, body).await,
    };
    response.body_mut().hold(exchange);
    let front = &link.handler;
    front.counters.count(&method, response.status());
    let took = began.elapsed();
    if took >= front.options.slow_request {
        front.service.metrics().slow_requests.inc();
        let status = response.status().as_u16();
        // Bounded: a client chooses the path, and 64 KiB of it for each slow request would fill the log.
        let path: String = uri.path().chars().take(256).collect();
        tracing::warn!(%method, path, status, ?took, "slow request");
    }
    response
}

/// What comes before any endpoint, in the order of the original.
async fn checked(
    link: &Link<Front>,
    method: &Method,
    uri: &Uri,
    headers: HeaderMap,
    seen: SeenHeaders,
    body: Incoming,
) -> Response<Body> {
    let front = &link.handler;
    // A path that cannot be decoded never reaches the API: not even CORS headers are added.
    let Some(decoded) = path::decode(uri.path()) else {
        return Reply::new(headers).bad_request();
    };
    // The host check is for connections that are not encrypted (cluster-and-config 7.4).
    let served = link.peer.secure || front.options.serves(uri, &headers);
    let marked = seen.origin || seen.fetch_site;
    let guard = front.options.guard.as_ref().filter(|_| marked);
    let foreign = guard.and_then(|guard| guard.refusal(uri, &headers, link.peer.secure));
    let origin = if seen.origin {
        headers.get(ORIGIN)
    } else {
        None
    };
    let allowed = front.options.cors.allowed(origin);
    let mut taken = taken(method, &headers, seen);
    taken.relay = RelayRequest::of(front, method, uri, &headers);
    let relayed_to = relay::asked(&headers);
    let content_type = below(&decoded, MEMBERS).and_then(|_| headers.get(CONTENT_TYPE).cloned());
    let mut reply = Reply::new(headers);
    if !served {
        let reason = "this host name is not served here: see the option host-whitelist";
        return reply.text_error(StatusCode::MISDIRECTED_REQUEST, reason);
    }
    // What another site must not ask, it must not be told either.
    if let Some(allowed) = allowed.filter(|_| foreign.is_none()) {
        front.options.cors.write(reply.headers_mut(), allowed);
    }
    if let Err(status) = relay::own_up(front, relayed_to.as_ref(), reply.headers_mut()) {
        let reason = "this read was passed on to another member than this one: see x-etcd2-relayed-to, which only members send";
        return upload::leave(body, reply).await.text_error(status, reason);
    }
    if method == Method::OPTIONS {
        return upload::leave(body, reply).await.empty(StatusCode::OK);
    }
    if let Some(reason) = foreign {
        return upload::leave(body, reply)
            .await
            .text_error(StatusCode::FORBIDDEN, reason);
    }
    if let Some(clean) = path::cleaned(&decoded) {
        let reply = upload::leave(body, reply).await;
        return moved(front, method, &path::location(&clean, uri.query()), reply);
    }
    if front.options.only_metrics && ![&b"/metrics"[..], b"/health"].contains(&&*decoded) {
        return reply.not_found();
    }
    if let Some(below) = below(&decoded, b"/v2/keys") {
        return keys::answer(link, method, below, uri.query(), taken, body, reply).await;
    }
    if let Some(below) = below(&decoded, MEMBERS) {
        let cluster = &front.cluster;
        let request = members::MembersRequest {
            method,
            below,
            content_type: content_type.as_ref(),
            limits: front.options.form_limits(),
        };
        return members::answer(&front.service, cluster, request, body, reply).await;
    }
    let reply = upload::leave(body, reply).await;
    endpoint(front, method, uri, &decoded, reply).await
}

/// A path that is written another way is asked for again.
fn moved(front: &Front, method: &Method, location: &str, reply: Reply) -> Response<Body> {
    // 0.4 wrote no page.
    let page = front.service.vocabulary() == Vocabulary::Modern;
    let (get, head) = (method == Method::GET, method == Method::HEAD);
    let (get, head) = (get && page, head && page);
    reply.redirect(StatusCode::MOVED_PERMANENTLY, location, get, head)
}

fn taken(method: &Method, headers: &HeaderMap, seen: SeenHeaders) -> TakenHeaders {
    let writes = method == Method::PUT || method == Method::POST;
    let media = if writes {
        headers.get(CONTENT_TYPE)
    } else {
        None
    };
    TakenHeaders {
        form: media_type::is_form(media.map(HeaderValue::as_bytes)),
        credentials: if seen.authorization {
            let header = headers.get(AUTHORIZATION);
            header.and_then(|header| credentials::basic(header.as_bytes()))
        } else {
            None
        },
        relay: None,
    }
}

/// What follows a prefix: nothing, or a slash and more. `/v2/keysfoo` does not follow `/v2/keys`.
fn below<'a>(path: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    path.strip_prefix(prefix)
        .filter(|rest| rest.is_empty() || rest[0] == b'/')
}

/// Everything but keys. The methods listed are those of the original (keys-api 10); 0.4 also answered HEAD for stats.
async fn endpoint(
    front: &Arc<Front>,
    method: &Method,
    uri: &Uri,
    decoded: &[u8],
    reply: Reply,
) -> Response<Body> {
    let service = &front.service;
    let classic = matches!(service.vocabulary(), Vocabulary::Classic);
    let with_head = match decoded {
        b"/version" | b"/health" => false,
        b"/v2/machines" | b"/v2/peers" | b"/v2/leader" | b"/metrics" => true,
        b"/v2/auth/enable" => false,
        // 0.4 has it with an option for developers only.
        b"/debug/vars" if !classic => false,
        b"/v2/stats/self" | b"/v2/stats/store" | b"/v2/stats/leader" => classic,
        _ => return reply.not_found(),
    };
    if method != Method::GET && !(with_head && method == Method::HEAD) {
        if classic {
            return reply.not_found();
        }
        return reply.method_not_allowed(Some(if with_head { "GET,HEAD" } else { "GET" }));
    }
    match decoded {
        b"/version" => info::version(service, reply),
        b"/health" => info::health(front, reply).await,
        b"/v2/machines" | b"/v2/peers" => info::machines(front, reply),
        b"/v2/leader" => info::leader(front, reply),
        b"/v2/auth/enable" => info::auth(front, reply),
        b"/debug/vars" => debug::vars(service, reply),
        b"/metrics" => reply.typed(metrics::CONTENT_TYPE, service.metrics_text()),
        b"/v2/stats/store" => {
            reply.json(StatusCode::OK, stats::store::body(&service.store_stats()))
        }
        b"/v2/stats/self" => {
            let json = stats::own::body(
                &service.self_stats(),
                service.vocabulary(),
                SystemTime::now(),
            );
            reply.json(StatusCode::OK, json)
        }
        _ => stats::leader::answer(front, method, uri, reply),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_at_a_slash() {
        assert_eq!(below(b"/v2/keys", b"/v2/keys"), Some(&b""[..]));
        assert_eq!(below(b"/v2/keys/", b"/v2/keys"), Some(&b"/"[..]));
        assert_eq!(below(b"/v2/keys/a/b", b"/v2/keys"), Some(&b"/a/b"[..]));
        assert_eq!(below(b"/v2/keysfoo", b"/v2/keys"), None);
        assert_eq!(below(b"/V2/keys", b"/v2/keys"), None);
    }
}
