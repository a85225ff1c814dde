//! `/debug/vars` (cluster-and-config 5.7): what there is to know of this process and its part in the cluster, for people who
//! look for a fault. There is no `memstats`: that is of the runtime of the original. `/metrics` has the memory.

use hyper::Response;
use serde::Serialize;

use super::answer::body::Body;
use super::answer::document::{OrderedObject, document, hex};
use super::answer::headers::Reply;
use super::answer::time;
use super::stats::own::modern_state;
use crate::metrics;
use crate::service::{FollowerProgress, RaftStatus, Service};
use crate::transport::{PeerState, StreamState};

const CONTENT_TYPE: &str = "application/json; charset=utf-8";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RaftBody {
    id: String,
    term: u64,
    commit: u64,
    lead: String,
    raft_state: &'static str,
    applied: u64,
    progress: OrderedObject<String, ProgressBody>,
}

#[derive(Serialize)]
struct ProgressBody {
    r#match: u64,
    behind: u64,
}

#[derive(Serialize)]
struct PeerBody<'a> {
    name: &'a str,
    control: StreamBody<'a>,
    bulk: StreamBody<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StreamBody<'a> {
    connected: bool,
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<&'a str>,
    sent_bytes: u64,
    sent_messages: u64,
    dropped_messages: u64,
    queued_bytes: usize,
    queued_messages: usize,
}

/// Answers a request.
pub(super) fn vars(service: &Service, reply: Reply) -> Response<Body> {
    let arguments: Vec<String> = std::env::args_os()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let text = body(&arguments, &service.raft_status(), &service.peer_states());
    reply.typed(CONTENT_TYPE, text)
}

/// One member of the object in each line, by name, as the library of the original writes it.
fn body(arguments: &[String], status: &RaftStatus, peers: &[PeerState]) -> String {
    let peers = peers.iter().map(|peer| (hex(peer.id), PeerBody::of(peer)));
    let mut lines = vec![
        line("cmdline", &arguments),
        line("etcd2.peers", &OrderedObject(peers.collect())),
    ];
    if let Some(limit) = metrics::open_files_max() {
        lines.push(line("file_descriptor_limit", &limit));
    }
    lines.push(line("raft.status", &RaftBody::of(status)));
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

fn line(name: &str, value: &impl Serialize) -> String {
    let value = document(value);
    format!("\"{name}\": {}", String::from_utf8_lossy(&value))
}

impl RaftBody {
    fn of(status: &RaftStatus) -> Self {
        let one = |one: &FollowerProgress| {
            let body = ProgressBody {
                r#match: one.acknowledged,
                behind: one.behind,
            };
            (hex(one.id), body)
        };
        Self {
            id: hex(status.id),
            term: status.term,
            commit: status.commit,
            lead: hex(status.leader),
            raft_state: modern_state(status.role),
            applied: status.applied,
            progress: OrderedObject(status.progress.iter().map(one).collect()),
        }
    }
}

impl<'a> PeerBody<'a> {
    fn of(peer: &'a PeerState) -> Self {
        Self {
            name: &peer.name,
            control: StreamBody::of(&peer.control),
            bulk: StreamBody::of(&peer.bulk),
        }
    }
}

impl<'a> StreamBody<'a> {
    fn of(stream: &'a StreamState) -> Self {
        Self {
            connected: stream.connected,
            since: time::text(|out| time::system_time(out, stream.since)),
            last_error: stream.last_error.as_deref(),
            sent_bytes: stream.sent_bytes,
            sent_messages: stream.sent_messages,
            dropped_messages: stream.dropped_messages,
            queued_bytes: stream.queued_bytes,
            queued_messages: stream.queued_messages,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::service::NodeState;
    use crate::transport::StreamKind;

    #[test]
    fn there_is_one_member_a_line() {
        let status = RaftStatus {
            id: 0x1f,
            term: 3,
            commit: 12,
            applied: 11,
            leader: 0x1f,
            role: NodeState::Leader,
            progress: vec![FollowerProgress {
                id: 0x2f,
                acknowledged: 10,
                behind: 2,
            }],
        };
        let control = StreamState {
            kind: StreamKind::Control,
            connected: true,
            since: SystemTime::UNIX_EPOCH,
            last_error: Some("it was \"away\"".into()),
            sent_bytes: 7,
            sent_messages: 6,
            dropped_messages: 5,
            queued_bytes: 4,
            queued_messages: 3,
        };
        let peer = PeerState {
            id: 0x2f,
            name: "b".into(),
            bulk: StreamState {
                kind: StreamKind::Bulk,
                ..control.clone()
            },
            control,
        };
        let text = body(&["etcd".into(), "--name=a\nb".into()], &status, &[peer]);
        let inner = text
            .strip_prefix("{\n")
            .and_then(|text| text.strip_suffix("\n}\n"));
        let lines: Vec<&str> = inner.expect("an object").split(",\n").collect();
        assert_eq!(lines[0], r#""cmdline": ["etcd","--name=a\nb"]"#);
        assert_eq!(
            lines.last(),
            Some(&concat!(
                r#""raft.status": {"id":"1f","term":3,"commit":12,"lead":"1f","raftState":"StateLeader","applied":11,"#,
                r#""progress":{"2f":{"match":10,"behind":2}}}"#
            ))
        );
        let value: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        let stream = &value["etcd2.peers"]["2f"]["bulk"];
        assert_eq!(stream["lastError"], "it was \"away\"");
        assert_eq!(stream["queuedMessages"], 3);
        assert_eq!(stream["since"], "1970-01-01T00:00:00Z");
    }
}
