//! Changes of `/v2/members` (keys-api 10.4): checked as the original checks them, then refused.
//!
//! A server that runs as a single member has no second one to agree with, and a cluster keeps the members that it was
//! founded with. The refusal is 409 with the reason, as for any change that is not safe: client libraries show that message,
//! and a 5xx would send them on to the next endpoint.

use hyper::header::HeaderValue;
use hyper::{Method, StatusCode};
use serde::Deserialize;

use super::request::MembersRequest;
use crate::http::request::media_type;
use crate::http::request::upload::{UploadError, UploadLimits};
use crate::service::Service;

/// A list of URLs fits many times.
const BODY_BYTES: usize = 64 << 10;
const REFUSED_ALONE: &str =
    "membership: this server runs as a single member, its membership cannot be changed";
const REFUSED: &str = "membership: this cluster keeps the members that it was founded with: to replace one that is lost, \
                       load a saved listing into a new cluster with 'etcdctl import'";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Urls {
    #[serde(default, rename = "peerURLs")]
    peer_urls: Vec<String>,
}

/// The status and message of the first check that fails without a look at the body.
pub(super) fn refused_unread(
    service: &Service,
    request: &MembersRequest<'_>,
) -> Option<(StatusCode, String)> {
    let (method, id) = (request.method, request.id());
    if method != Method::POST && !is_member(service, &id) {
        return Some((StatusCode::NOT_FOUND, format!("No such member: {id}")));
    }
    if method == Method::DELETE {
        return Some((StatusCode::CONFLICT, unchanging(service)));
    }
    let content_type = request.content_type.map_or(&b""[..], HeaderValue::as_bytes);
    if media_type::is_json(content_type) {
        return None;
    }
    let shown = String::from_utf8_lossy(content_type);
    let message = format!("Bad Content-Type {shown}, accept application/json");
    Some((StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
}

/// How a body is read.
pub(super) fn limits<'a>(request: &MembersRequest<'a>) -> UploadLimits<'a> {
    UploadLimits {
        bytes: BODY_BYTES,
        ..request.limits
    }
}

/// What is said of a body that did not come whole.
pub(super) fn broken(error: UploadError) -> (StatusCode, String) {
    let (status, message) = match error {
        UploadError::TimedOut => (
            StatusCode::REQUEST_TIMEOUT,
            "the request body took too long",
        ),
        _ => (
            StatusCode::BAD_REQUEST,
            "http: request body too large or broken",
        ),
    };
    (status, message.to_owned())
}

/// The first check of the body that fails; the last one always does.
pub(super) fn refused(
    service: &Service,
    request: &MembersRequest<'_>,
    body: &[u8],
) -> (StatusCode, String) {
    match serde_json::from_slice::<Urls>(body) {
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()),
        Ok(urls) if urls.peer_urls.is_empty() => {
            (StatusCode::BAD_REQUEST, "no valid URLs given".to_owned())
        }
        Ok(urls) if is_taken(service, request, &urls.peer_urls) => (
            StatusCode::CONFLICT,
            "membership: peerURL exists".to_owned(),
        ),
        Ok(_) => (StatusCode::CONFLICT, unchanging(service)),
    }
}

/// Why no change is made, however well it is asked for.
fn unchanging(service: &Service) -> String {
    let refused = if service.is_alone() {
        REFUSED_ALONE
    } else {
        REFUSED
    };
    refused.to_owned()
}

fn is_member(service: &Service, id: &str) -> bool {
    let Ok(id) = u64::from_str_radix(id, 16) else {
        return false;
    };
    service
        .members()
        .is_ok_and(|members| members.iter().any(|member| member.id == id))
}

/// Whether one of the URLs belongs to a member already.
fn is_taken(service: &Service, request: &MembersRequest<'_>, urls: &[String]) -> bool {
    let Ok(members) = service.members() else {
        return false;
    };
    let id = request.id();
    let others = members
        .iter()
        .filter(|member| request.method == Method::POST || format!("{:x}", member.id) != id);
    others
        .flat_map(|member| &member.peer_urls)
        .any(|url| urls.contains(url))
}
