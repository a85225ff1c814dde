//! Changes of `/v2/members` (keys-api 10.4): checked as the original checks them, then refused.
//!
//! A server that runs as a single member has no second one to agree with. The refusal is 409 with the reason, as for
//! any change that is not safe: client libraries show that message, and a 5xx would send them on to the next endpoint.

use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Method, StatusCode};
use serde::Deserialize;

use super::request::MembersRequest;
use crate::http::request::media_type;
use crate::http::request::upload::{self, UploadError, UploadLimits};
use crate::service::Service;

/// A list of URLs fits many times.
const BODY_BYTES: usize = 64 << 10;
const REFUSED: &str =
    "membership: this server runs as a single member, its membership cannot be changed";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Urls {
    #[serde(default, rename = "peerURLs")]
    peer_urls: Vec<String>,
}

/// The status and message of the first check that fails; the last one always does.
pub(crate) async fn refusal(
    service: &Service,
    request: &MembersRequest<'_>,
    body: Incoming,
) -> (StatusCode, String) {
    let (method, id) = (request.method, request.id());
    if method != Method::POST && !is_member(service, &id) {
        return (StatusCode::NOT_FOUND, format!("No such member: {id}"));
    }
    if method == Method::DELETE {
        return (StatusCode::CONFLICT, REFUSED.to_owned());
    }
    let content_type = request.content_type.map_or(&b""[..], HeaderValue::as_bytes);
    if !media_type::is_json(content_type) {
        let shown = String::from_utf8_lossy(content_type);
        let message = format!("Bad Content-Type {shown}, accept application/json");
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
    }
    let limits = UploadLimits {
        bytes: BODY_BYTES,
        ..request.limits
    };
    let upload = match upload::read(body, limits).await {
        Ok(upload) => upload,
        Err(UploadError::TimedOut) => {
            return (
                StatusCode::REQUEST_TIMEOUT,
                "the request body took too long".to_owned(),
            );
        }
        Err(_) => {
            return (
                StatusCode::BAD_REQUEST,
                "http: request body too large or broken".to_owned(),
            );
        }
    };
    match serde_json::from_slice::<Urls>(&upload.bytes) {
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()),
        Ok(urls) if urls.peer_urls.is_empty() => {
            (StatusCode::BAD_REQUEST, "no valid URLs given".to_owned())
        }
        Ok(urls) if is_taken(service, request, &urls.peer_urls) => (
            StatusCode::CONFLICT,
            "membership: peerURL exists".to_owned(),
        ),
        Ok(_) => (StatusCode::CONFLICT, REFUSED.to_owned()),
    }
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
