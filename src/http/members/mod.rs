//! `/v2/members`: who is in the cluster (keys-api 10.4). Changes are judged in `change`.

mod change;
mod request;

use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Method, Response, StatusCode};

use super::answer::body::Body;
use super::answer::error::sentence;
use super::answer::headers::Reply;
use crate::json::{hex_id, string};
use crate::service::{Member, Service};
pub(super) use request::MembersRequest;

const ALLOW: &str = "GET,POST,DELETE,PUT";

/// Answers a request.
pub(crate) async fn answer(
    service: &Service,
    cluster: &HeaderValue,
    request: MembersRequest<'_>,
    body: Incoming,
    mut reply: Reply,
) -> Response<Body> {
    let name = request.name();
    match *request.method {
        Method::GET => read(service, cluster, name, reply),
        Method::PUT | Method::DELETE if name.is_empty() => reply.member_missing(cluster),
        Method::POST | Method::PUT | Method::DELETE => {
            let (status, text) = change::refusal(service, &request, body).await;
            if status == StatusCode::REQUEST_TIMEOUT {
                reply = reply.closing();
            }
            reply.cluster_json(status, message(&text), cluster)
        }
        _ => reply.method_not_allowed(Some(ALLOW)),
    }
}

fn read(service: &Service, cluster: &HeaderValue, name: &[u8], reply: Reply) -> Response<Body> {
    let found = match name {
        b"" => service
            .members()
            .map(|members| (StatusCode::OK, list(&members))),
        b"leader" => service.leader().map(|leader| match leader {
            Some(leader) => (StatusCode::OK, one(&leader)),
            None => (StatusCode::SERVICE_UNAVAILABLE, message("During election")),
        }),
        _ => Ok((StatusCode::NOT_FOUND, message("Not found"))),
    };
    let (status, json) = found.unwrap_or_else(|error| {
        (
            StatusCode::INTERNAL_SERVER_ERROR,
            message(&sentence(&error)),
        )
    });
    reply.cluster_json(status, json, cluster)
}

/// `{"message":"…"}`, the form of errors outside the keys API.
pub(crate) fn message(text: &str) -> Vec<u8> {
    let mut out = b"{\"message\":".to_vec();
    string(&mut out, text.as_bytes());
    out.push(b'}');
    out
}

fn list(members: &[Member]) -> Vec<u8> {
    let mut out = b"{\"members\":[".to_vec();
    for (at, each) in members.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        member(&mut out, each);
    }
    out.extend_from_slice(b"]}\n");
    out
}

fn one(leader: &Member) -> Vec<u8> {
    let mut out = Vec::new();
    member(&mut out, leader);
    out.push(b'\n');
    out
}

fn member(out: &mut Vec<u8>, member: &Member) {
    out.extend_from_slice(b"{\"id\":");
    hex_id(out, member.id);
    out.extend_from_slice(b",\"name\":");
    string(out, member.name.as_bytes());
    for (name, urls) in [
        ("peerURLs", &member.peer_urls),
        ("clientURLs", &member.client_urls),
    ] {
        out.extend_from_slice(format!(",\"{name}\":[").as_bytes());
        for (at, url) in urls.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            string(out, url.as_bytes());
        }
        out.push(b']');
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_print_both_lists_even_if_empty() {
        let started = Member {
            id: 0x477c_4945_c358_9c6b,
            name: "n2".to_owned(),
            peer_urls: vec!["http://127.0.0.1:15015".to_owned()],
            client_urls: vec![
                "http://127.0.0.1:15014".to_owned(),
                "http://127.0.0.1:4001".to_owned(),
            ],
        };
        let started_json = concat!(
            r#"{"id":"477c4945c3589c6b","name":"n2","peerURLs":["http://127.0.0.1:15015"],"#,
            r#""clientURLs":["http://127.0.0.1:15014","http://127.0.0.1:4001"]}"#
        );
        let new = Member {
            id: 1,
            name: String::new(),
            client_urls: Vec::new(),
            ..started.clone()
        };
        let new_json =
            r#"{"id":"1","name":"","peerURLs":["http://127.0.0.1:15015"],"clientURLs":[]}"#;
        assert_eq!(one(&started), format!("{started_json}\n").as_bytes());
        assert_eq!(
            list(&[started, new]),
            format!("{{\"members\":[{started_json},{new_json}]}}\n").as_bytes()
        );
        assert_eq!(list(&[]), b"{\"members\":[]}\n");
        assert_eq!(message("Not found"), b"{\"message\":\"Not found\"}");
    }
}
