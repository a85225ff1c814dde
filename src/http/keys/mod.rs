//! `/v2/keys`: method, key, body and parameters, checked in that order, then the handler of the verb.

mod delete;
mod get;
mod listing;
pub(super) mod permit;
mod post;
mod put;
mod watch;

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::{Method, Response, StatusCode};
use storage::path::KeyPath;

use super::answer::body::Body;
use super::answer::error::{ApiError, Code};
use super::answer::headers::Reply;
use super::front::Front;
use super::options::{HttpOptions, NAME_BYTES};
use super::relay::{self, RelayRequest};
use super::request::classic;
use super::request::params::Params;
use super::request::path;
use super::request::upload::{self, UploadError};
use crate::config::Vocabulary;
use crate::listen::Link;
use crate::service::{Caller, ServiceError};

const ALLOW: &str = "HEAD,GET,PUT,POST,DELETE";

/// What is taken from the header before its map becomes that of the answer.
pub(crate) struct TakenHeaders {
    /// Whether the body is a form, or why the `Content-Type` cannot be read. Looked at on PUT and POST only.
    pub(crate) form: Result<bool, &'static str>,
    pub(crate) credentials: Option<(String, String)>,
    /// If the leader is to answer instead of this member.
    pub(crate) relay: Option<Box<RelayRequest>>,
}

/// Answers a request; `below` is what follows `/v2/keys` in the decoded path, which is clean.
pub(crate) async fn answer(
    link: &Link<Front>,
    method: &Method,
    below: &[u8],
    query: Option<&str>,
    taken: TakenHeaders,
    body: Incoming,
    mut reply: Reply,
) -> Response<Body> {
    let front = &link.handler;
    let options = &front.options;
    let vocabulary = front.service.vocabulary();
    if !matches!(
        *method,
        Method::GET | Method::PUT | Method::DELETE | Method::POST | Method::HEAD
    ) {
        let reply = upload::leave(body, reply).await;
        return match vocabulary {
            Vocabulary::Classic => reply.not_found(),
            Vocabulary::Modern => reply.method_not_allowed(Some(ALLOW)),
        };
    }
    let Some(path) = path::key(below) else {
        return reply.bad_request();
    };
    if let Some(reason) = too_large(&path, method, options) {
        let reply = upload::leave(body, reply).await;
        return reply.text_error(StatusCode::URI_TOO_LONG, &reason);
    }
    let (mut form, mut rest) = (None, None);
    match taken.form {
        Ok(true) => match upload::read(body, options.form_limits()).await {
            Ok(upload) => form = Some(upload),
            Err(error) => return refuse(error, &front.cluster, reply),
        },
        Err(fault) if vocabulary == Vocabulary::Modern => {
            let reply = upload::leave(body, reply).await;
            return reply.error(&ApiError::invalid(Code::InvalidForm, fault), &front.cluster);
        }
        // A client that fails half-way has not asked for anything, whatever the body was to say.
        _ if !matches!(*method, Method::GET | Method::HEAD) => {
            if let Err(error) = upload::skip(body, options.form_limits()).await {
                return refuse(error, &front.cluster, reply);
            }
        }
        _ if body.is_end_stream() => {}
        _ => rest = upload::skim(body).await,
    }
    if rest.is_some() {
        // Where something of the body has not come yet, the connection ends with the answer.
        reply = reply.closing();
    }
    let bytes = form.as_ref().map(|upload| &upload.bytes);
    let params = match parsed(front, method, bytes, query) {
        Ok(params) => params,
        Err(error) => return reply.error(&error, &front.cluster),
    };
    if params.redirect
        && let Some(url) = front.service.leader_elsewhere()
    {
        let target = [b"/v2/keys", below].concat();
        let location = url + &path::location(&target, query);
        let (get, head) = (*method == Method::GET, *method == Method::HEAD);
        return reply.redirect(StatusCode::TEMPORARY_REDIRECT, &location, get, head);
    }
    if let Some(request) = taken.relay
        && relay::waits_for_apply(&front.service, method, &path, &params)
    {
        match relay::answer(front, method, &request, reply).await {
            Ok(answer) => return answer,
            Err(back) => reply = back,
        }
    }
    drop(form);
    let caller = Caller {
        credentials: taken.credentials,
        certificate_name: link.peer.certificate_name.clone(),
        address: link.peer.address,
    };
    match *method {
        Method::GET => get::get(front, &caller, path, &params, rest, reply).await,
        Method::HEAD => get::head(front, &caller, path, &params, reply).await,
        Method::PUT => put::put(front, &caller, path, &params, reply).await,
        Method::POST => post::post(front, &caller, path, &params, reply).await,
        _ => delete::delete(front, &caller, path, &params, reply).await,
    }
}

/// The parameters, as the vocabulary of the node reads them.
fn parsed(
    front: &Front,
    method: &Method,
    body: Option<&Bytes>,
    query: Option<&str>,
) -> Result<Params, ApiError> {
    let max_value = front.options.max_value_bytes;
    match front.service.vocabulary() {
        Vocabulary::Modern => Params::parse(method, body, query, max_value),
        Vocabulary::Classic => classic::parse(method, body, query, max_value)
            .map_err(|error| error.at(front.service.revision())),
    }
}

/// Why a key is too large for a request, if it is. One that an earlier release accepted can be read and removed.
fn too_large(path: &KeyPath, method: &Method, options: &HttpOptions) -> Option<String> {
    let length = path.as_bytes().len();
    // A name has a slash and a letter at least, so a short key need not be counted.
    let most = length / 2;
    if length <= options.max_key_bytes
        && most <= options.max_key_depth
        && most * (length + NAME_BYTES) <= options.max_key_cost
    {
        return None;
    }
    let limit = options.max_key_bytes;
    if length > limit {
        return Some(format!("key of {length} bytes, the limit is {limit}"));
    }
    let depth = path.components().count();
    let limit = options.max_key_depth;
    if depth > limit {
        return Some(format!("key of {depth} names, the limit is {limit}"));
    }
    let creates = matches!(*method, Method::PUT | Method::POST);
    let (cost, limit) = (depth * (length + NAME_BYTES), options.max_key_cost);
    (creates && cost > limit).then(|| {
        format!(
            "key of {length} bytes in {depth} names; names times (bytes + {NAME_BYTES}) is {cost}, the limit is {limit}"
        )
    })
}

/// Where the rest of the body is not read, the connection ends.
fn refuse(
    error: UploadError,
    cluster: &hyper::header::HeaderValue,
    reply: Reply,
) -> Response<Body> {
    if error == (UploadError::ValueTooLarge { read: true }) {
        return reply.error(&ApiError::too_large(), cluster);
    }
    let reply = reply.closing();
    match error {
        UploadError::NoRoom => reply.error(&ServiceError::TooManyRequests.into(), cluster),
        UploadError::TooLarge | UploadError::ValueTooLarge { .. } => {
            reply.error(&ApiError::too_large(), cluster)
        }
        UploadError::TimedOut => reply.text_error(
            StatusCode::REQUEST_TIMEOUT,
            "the body of the request did not arrive in time",
        ),
        UploadError::CutOff => {
            let cause = "unexpected EOF";
            reply.error(&ApiError::invalid(Code::InvalidForm, cause), cluster)
        }
        UploadError::Broken => {
            let cause = "malformed chunked encoding";
            reply.error(&ApiError::invalid(Code::InvalidForm, cause), cluster)
        }
    }
}
