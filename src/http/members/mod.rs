//! `/v2/members`: who is in the cluster (keys-api 10.4). Changes are judged in `change`.

mod change;
mod request;

use std::collections::BTreeSet;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Method, Response, StatusCode};
use serde::Serialize;

use super::answer::body::Body;
use super::answer::document::{document, hex, message};
use super::answer::error::sentence;
use super::answer::headers::Reply;
use super::front::Front;
use super::request::upload;
use crate::service::{Member, Service};
use change::Changed;
pub(super) use request::MembersRequest;

const ALLOW: &str = "GET,POST,DELETE,PUT";
/// How long a member that joins waits for the newest list.
const FRESH_WITHIN: Duration = Duration::from_secs(1);

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
        Method::GET => read(service, cluster, name, upload::leave(body, reply).await),
        Method::PUT | Method::DELETE if name.is_empty() => {
            upload::leave(body, reply).await.member_missing(cluster)
        }
        Method::POST | Method::PUT | Method::DELETE => {
            let changed = match change::refused_unread(service, &request) {
                Some((status, text)) => {
                    reply = upload::leave(body, reply).await;
                    Changed::Refused(status, text)
                }
                None if !change::reads_body(request.method) => {
                    reply = upload::leave(body, reply).await;
                    change::make(service, &request, b"").await
                }
                None => match upload::read(body, change::limits(&request)).await {
                    Ok(upload) => change::make(service, &request, &upload.bytes).await,
                    Err(error) => {
                        reply = reply.closing();
                        change::broken(error)
                    }
                },
            };
            changed_reply(changed, cluster, reply)
        }
        _ => {
            let reply = upload::leave(body, reply).await;
            reply.method_not_allowed(Some(ALLOW))
        }
    }
}

fn changed_reply(changed: Changed, cluster: &HeaderValue, reply: Reply) -> Response<Body> {
    match changed {
        Changed::Added(member) => {
            let added = MemberBody {
                is_learner: true,
                ..MemberBody::from(member)
            };
            reply.cluster_json(StatusCode::CREATED, line(&added), cluster)
        }
        Changed::Made => reply.cluster_empty(StatusCode::NO_CONTENT, cluster),
        Changed::Refused(status, text) => reply.cluster_json(status, message(&text), cluster),
    }
}

fn read(service: &Service, cluster: &HeaderValue, name: &[u8], reply: Reply) -> Response<Body> {
    let listed = || Ok((service.shown_members()?, service.learners()?));
    let found = match name {
        b"" => listed().map(|(members, learners)| (StatusCode::OK, list(members, &learners))),
        b"leader" => service.leader().map(|leader| match leader {
            Some(leader) => (StatusCode::OK, one(leader)),
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

#[derive(Serialize)]
struct MembersBody {
    members: Vec<MemberBody>,
}

#[derive(Serialize)]
struct MemberBody {
    id: String,
    name: String,
    #[serde(rename = "peerURLs")]
    peer_urls: Vec<String>,
    #[serde(rename = "clientURLs")]
    client_urls: Vec<String>,
    /// Ours: the original's have a vote at once, and it says nothing of that.
    #[serde(rename = "isLearner", skip_serializing_if = "std::ops::Not::not")]
    is_learner: bool,
}

impl From<Member> for MemberBody {
    fn from(member: Member) -> Self {
        Self {
            id: hex(member.id),
            name: member.name,
            peer_urls: member.peer_urls,
            client_urls: member.client_urls,
            is_learner: false,
        }
    }
}

/// A member as the peer port lists it (cluster-and-config 4.2): its id is a number.
#[derive(Serialize)]
struct ListedBody {
    id: u64,
    #[serde(rename = "peerURLs")]
    peer_urls: Vec<String>,
    name: String,
    #[serde(rename = "clientURLs")]
    client_urls: Vec<String>,
}

/// All members, for one that joins: as the leader has them, where one answers in time.
pub(crate) async fn listed(front: &Front, reply: Reply) -> Response<Body> {
    let service = &front.service;
    let founded = service.is_founded().unwrap_or(false);
    if founded && let Ok(Err(error)) = tokio::time::timeout(FRESH_WITHIN, service.catch_up()).await
    {
        tracing::debug!("the members are listed as they are known here: {error}");
    }
    let members = match service.members() {
        Ok(members) => members,
        Err(error) => {
            return reply.text_error(StatusCode::INTERNAL_SERVER_ERROR, &sentence(&error));
        }
    };
    let members = members.into_iter().map(|member| ListedBody {
        id: member.id,
        peer_urls: member.peer_urls,
        name: member.name,
        client_urls: member.client_urls,
    });
    let mut out = document(&members.collect::<Vec<_>>());
    out.push(b'\n');
    reply.cluster_json(StatusCode::OK, out, &front.cluster)
}

fn list(members: Vec<Member>, learners: &BTreeSet<u64>) -> Vec<u8> {
    let body = |member: Member| MemberBody {
        is_learner: learners.contains(&member.id),
        ..MemberBody::from(member)
    };
    let members = members.into_iter().map(body).collect();
    line(&MembersBody { members })
}

fn one(member: Member) -> Vec<u8> {
    line(&MemberBody::from(member))
}

fn line(value: &impl Serialize) -> Vec<u8> {
    let mut out = document(value);
    out.push(b'\n');
    out
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
            applies: None,
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
        assert_eq!(one(started.clone()), format!("{started_json}\n").as_bytes());
        let nobody = BTreeSet::new();
        let learns = list(vec![new.clone()], &BTreeSet::from([1]));
        assert!(learns.ends_with(b"\"clientURLs\":[],\"isLearner\":true}]}\n"));
        assert_eq!(
            list(vec![started, new], &nobody),
            format!("{{\"members\":[{started_json},{new_json}]}}\n").as_bytes()
        );
        assert_eq!(list(Vec::new(), &nobody), b"{\"members\":[]}\n");
    }
}
