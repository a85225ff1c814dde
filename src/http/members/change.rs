//! Changes of `/v2/members` (cluster-and-config 4): what is asked for is checked as the original checks it, and the cluster decides.
//!
//! What does not hold is 409 with the reason, as for any change that is not safe: client libraries show that message, and a 5xx would
//! send them on to the next endpoint.

use hyper::header::HeaderValue;
use hyper::{Method, StatusCode};
use serde::Deserialize;

use super::request::MembersRequest;
use crate::config::peer_url;
use crate::http::answer::error::sentence;
use crate::http::request::media_type;
use crate::http::request::upload::{UploadError, UploadLimits};
use crate::members::ChangeRefusal;
use crate::service::{Member, MemberChangeError, Service, ServiceError};

/// A list of URLs fits many times.
const BODY_BYTES: usize = 64 << 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Urls {
    #[serde(default, rename = "peerURLs")]
    peer_urls: Vec<String>,
}

/// What came of a change that was asked for.
pub(super) enum Changed {
    /// There is a new member.
    Added(Member),
    /// It was made.
    Made,
    /// It was not, and why; with the status.
    Refused(StatusCode, String),
}

/// Whether a request needs its body read.
pub(super) fn reads_body(method: &Method) -> bool {
    *method != Method::DELETE
}

/// The status and message of the first check that fails without a look at the body.
pub(super) fn refused_unread(
    service: &Service,
    request: &MembersRequest<'_>,
) -> Option<(StatusCode, String)> {
    let (method, id) = (request.method, request.id());
    if method != Method::POST && !is_known(service, &id) {
        return Some((StatusCode::NOT_FOUND, format!("No such member: {id}")));
    }
    if !reads_body(method) {
        return None;
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
pub(super) fn broken(error: UploadError) -> Changed {
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
    Changed::Refused(status, message.to_owned())
}

/// Makes the change, if it holds. `body` is empty where none is read.
pub(super) async fn make(service: &Service, request: &MembersRequest<'_>, body: &[u8]) -> Changed {
    let id = request.id();
    let number = u64::from_str_radix(&id, 16).unwrap_or_default();
    if !reads_body(request.method) {
        return made(&id, service.remove_member(number).await);
    }
    let urls = match urls(body) {
        Ok(urls) => urls,
        Err(message) => return Changed::Refused(StatusCode::BAD_REQUEST, message),
    };
    if request.method == Method::PUT {
        return made(&id, service.move_member(number, urls).await);
    }
    match service.add_member(urls).await {
        Ok(member) => Changed::Added(member),
        Err(error) => refused(&id, &error),
    }
}

/// The peer URLs of a body, each once.
fn urls(body: &[u8]) -> Result<Vec<String>, String> {
    // A list would pass for the fields in their order.
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let Urls { peer_urls } =
        serde_json::from_value(object.into()).map_err(|error| error.to_string())?;
    if peer_urls.is_empty() {
        return Err("no valid URLs given".to_owned());
    }
    let mut checked = Vec::new();
    for url in peer_urls {
        peer_url(&url)?;
        if !checked.contains(&url) {
            checked.push(url);
        }
    }
    Ok(checked)
}

fn made(id: &str, made: Result<(), MemberChangeError>) -> Changed {
    match made {
        Ok(()) => Changed::Made,
        Err(error) => refused(id, &error),
    }
}

fn refused(id: &str, error: &MemberChangeError) -> Changed {
    let (status, message) = match error {
        MemberChangeError::Refused(ChangeRefusal::Unknown(_)) => {
            (StatusCode::NOT_FOUND, format!("No such member: {id}"))
        }
        MemberChangeError::Refused(ChangeRefusal::Removed(_)) => (
            StatusCode::GONE,
            format!("Member permanently removed: {id}"),
        ),
        MemberChangeError::Refused(_)
        | MemberChangeError::Unreachable(_)
        | MemberChangeError::Service(ServiceError::UnknownToMember { .. }) => {
            (StatusCode::CONFLICT, error.to_string())
        }
        MemberChangeError::Service(error) => (StatusCode::INTERNAL_SERVER_ERROR, sentence(error)),
        MemberChangeError::NoRandomNumber(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
        }
    };
    Changed::Refused(status, message)
}

/// Whether the id is one of a member, or was. Which of them the cluster says when the change is applied.
fn is_known(service: &Service, id: &str) -> bool {
    let Ok(id) = u64::from_str_radix(id, 16) else {
        return false;
    };
    let is_member = |members: Vec<Member>| members.iter().any(|member| member.id == id);
    service.members().is_ok_and(is_member)
        || service.removed().is_ok_and(|removed| removed.contains(&id))
}
