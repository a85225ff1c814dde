//! `/version`, `/health`, and the texts by which old clients find the members and the leader (keys-api 10).

use std::time::Instant;

use hyper::{Response, StatusCode};
use serde::Serialize;

use super::answer::body::Body;
use super::answer::document::document;
use super::answer::error::{ApiError, Code};
use super::answer::headers::Reply;
use super::front::Front;
use crate::config::Vocabulary;
use crate::service::{Member, Service};

/// What 0.4.6 says in its vocabulary, since the rest is answered as it did; JSON otherwise.
pub(super) fn version(service: &Service, reply: Reply) -> Response<Body> {
    match service.vocabulary() {
        Vocabulary::Classic => reply.text(StatusCode::OK, "etcd 0.4.6"),
        Vocabulary::Modern => reply.json(
            StatusCode::OK,
            version_json(service.server_version(), service.cluster_version()),
        ),
    }
}

/// Whether this member can serve writes; the reason why not goes to the log, as clients expect no more than a word.
pub(super) async fn health(front: &Front, reply: Reply) -> Response<Body> {
    match front.service.health().await {
        Ok(()) => {
            front.service.metrics().health_success.inc();
            front.is_healthy();
            reply.text(StatusCode::OK, "{\"health\":\"true\"}")
        }
        Err(reason) => {
            front.service.metrics().health_failures.inc();
            if front.tells_unhealthy(Instant::now()) {
                tracing::warn!(%reason, "not healthy");
            }
            reply.text_error(StatusCode::SERVICE_UNAVAILABLE, "{\"health\":\"false\"}")
        }
    }
}

/// Whether requests need credentials (cluster-and-config 8.3): this server has no users to check them against.
pub(super) fn auth(front: &Front, reply: Reply) -> Response<Body> {
    reply.cluster_json(
        StatusCode::OK,
        b"{\"enabled\":false}\n".to_vec(),
        &front.cluster,
    )
}

/// The client URLs of all members.
pub(super) fn machines(front: &Front, reply: Reply) -> Response<Body> {
    let service = &front.service;
    let leader = match service.vocabulary() {
        Vocabulary::Classic => service.leader(),
        Vocabulary::Modern => Ok(None),
    };
    match leader.and_then(|leader| Ok(machine_list(&service.shown_members()?, leader.as_ref()))) {
        Ok(list) => reply.text(StatusCode::OK, list),
        Err(error) => reply.error(&error.into(), &front.cluster),
    }
}

/// The peer URL of the leader, which is what 0.4 shows here.
pub(super) fn leader(front: &Front, reply: Reply) -> Response<Body> {
    match front
        .service
        .leader()
        .map(|leader| leader.and_then(|leader| leader.peer_urls.into_iter().next()))
    {
        Ok(Some(url)) => reply.text(StatusCode::OK, url),
        Ok(None) => reply.error(&ApiError::invalid(Code::LeaderElection, ""), &front.cluster),
        Err(error) => reply.error(&error.into(), &front.cluster),
    }
}

fn version_json(server: &str, cluster: Option<&str>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Versions<'a> {
        etcdserver: &'a str,
        etcdcluster: &'a str,
    }
    document(&Versions {
        etcdserver: server,
        etcdcluster: cluster.unwrap_or("not_decided"),
    })
}

/// Sorted, joined by a comma and a blank, which is where clients cut; those of `first` before all others.
fn machine_list(members: &[Member], first: Option<&Member>) -> String {
    let mut urls: Vec<(bool, &str)> = members
        .iter()
        .flat_map(|member| {
            let later = first.is_some_and(|first| first.id != member.id);
            member
                .client_urls
                .iter()
                .map(move |url| (later, url.as_str()))
        })
        .collect();
    urls.sort_unstable();
    let urls: Vec<&str> = urls.into_iter().map(|(_, url)| url).collect();
    urls.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: u64, urls: &[&str]) -> Member {
        Member {
            id,
            name: String::new(),
            peer_urls: Vec::new(),
            client_urls: urls.iter().map(|url| (*url).to_owned()).collect(),
            applies: None,
        }
    }

    #[test]
    fn machines_are_sorted_with_the_leader_first_if_asked() {
        let members = [
            member(1, &["http://c:1", "http://a:1"]),
            member(2, &[]),
            member(3, &["http://b:1"]),
        ];
        assert_eq!(
            machine_list(&members, None),
            "http://a:1, http://b:1, http://c:1"
        );
        assert_eq!(
            machine_list(&members, Some(&members[2])),
            "http://b:1, http://a:1, http://c:1"
        );
        assert_eq!(machine_list(&[], None), "");
    }

    #[test]
    fn versions_are_json() {
        assert_eq!(
            version_json("3.4.23", Some("3.4.0")),
            br#"{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}"#
        );
        assert_eq!(
            version_json("3.4.23", None),
            br#"{"etcdserver":"3.4.23","etcdcluster":"not_decided"}"#
        );
    }
}
