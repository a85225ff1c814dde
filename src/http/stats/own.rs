//! The state of this member (keys-api 10.2).

use std::borrow::Cow;
use std::time::SystemTime;

use serde::Serialize;

use crate::config::Vocabulary;
use crate::http::answer::document::{document, hex};
use crate::http::answer::time;
use crate::service::{NodeState, SelfStats};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SelfBody<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    state: &'static str,
    start_time: String,
    leader_info: LeaderInfo<'a>,
    recv_append_request_cnt: u64,
    #[serde(skip_serializing_if = "is_zero")]
    recv_pkg_rate: f64,
    #[serde(skip_serializing_if = "is_zero")]
    recv_bandwidth_rate: f64,
    send_append_request_cnt: u64,
    #[serde(skip_serializing_if = "is_zero")]
    send_pkg_rate: f64,
    #[serde(skip_serializing_if = "is_zero")]
    send_bandwidth_rate: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LeaderInfo<'a> {
    leader: Cow<'a, str>,
    uptime: String,
    start_time: String,
}

/// `now` is the wall clock, for how long the leader has led.
pub(crate) fn body(stats: &SelfStats, vocabulary: Vocabulary, now: SystemTime) -> Vec<u8> {
    let classic = matches!(vocabulary, Vocabulary::Classic);
    let leader = match stats.leader {
        Some(_) if classic => Cow::Borrowed(&*stats.leader_name),
        Some(id) => hex(id).into(),
        None => "".into(),
    };
    let led = now.duration_since(stats.leader_since).unwrap_or_default();
    document(&SelfBody {
        name: &stats.name,
        id: (!classic).then(|| hex(stats.id)),
        state: state(stats.state, classic),
        start_time: time::text(|out| time::system_time(out, stats.start_time)),
        leader_info: LeaderInfo {
            leader,
            uptime: time::text(|out| time::duration(out, led)),
            start_time: time::text(|out| time::system_time(out, stats.leader_since)),
        },
        recv_append_request_cnt: stats.recv_append_count,
        recv_pkg_rate: stats.rates.recv_packages,
        recv_bandwidth_rate: stats.rates.recv_bytes,
        send_append_request_cnt: stats.send_append_count,
        send_pkg_rate: stats.rates.send_packages,
        send_bandwidth_rate: stats.rates.send_bytes,
    })
}

/// A rate is left out while it is 0.
fn is_zero(rate: &f64) -> bool {
    *rate == 0.0
}

fn state(state: NodeState, classic: bool) -> &'static str {
    if !classic {
        return modern_state(state);
    }
    match state {
        NodeState::Leader => "leader",
        NodeState::Follower => "follower",
        NodeState::Candidate => "candidate",
    }
}

/// A member's part in the words of 2.x and later.
pub(crate) fn modern_state(state: NodeState) -> &'static str {
    match state {
        NodeState::Leader => "StateLeader",
        NodeState::Follower => "StateFollower",
        NodeState::Candidate => "StateCandidate",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::service::stats::Rates;

    fn text(json: Vec<u8>) -> String {
        String::from_utf8(json).unwrap()
    }

    fn stats() -> SelfStats {
        let start_time = SystemTime::UNIX_EPOCH + Duration::new(1, 716_673_091);
        SelfStats {
            name: "n1".to_owned(),
            id: 0xf4a4,
            state: NodeState::Follower,
            start_time,
            leader: Some(0x71e6),
            leader_name: "n2".to_owned(),
            leader_since: start_time + Duration::from_secs(1),
            recv_append_count: 12,
            send_append_count: 0,
            rates: Rates {
                recv_packages: 0.5,
                send_bytes: 1e3,
                ..Rates::default()
            },
        }
    }

    #[test]
    fn own_stats_speak_the_vocabulary() {
        let now = stats().leader_since + Duration::from_millis(78_500);
        let info = |leader| {
            format!(
                r#""leaderInfo":{{"leader":"{leader}","uptime":"1m18.5s","startTime":"1970-01-01T00:00:02.716673091Z"}}"#
            )
        };
        let counts = concat!(
            r#""recvAppendRequestCnt":12,"recvPkgRate":0.5,"#,
            r#""sendAppendRequestCnt":0,"sendBandwidthRate":1000}"#
        );
        let start = r#""startTime":"1970-01-01T00:00:01.716673091Z""#;
        assert_eq!(
            text(body(&stats(), Vocabulary::Modern, now)),
            format!(
                r#"{{"name":"n1","id":"f4a4","state":"StateFollower",{start},{},{counts}"#,
                info("71e6")
            )
        );
        assert_eq!(
            text(body(&stats(), Vocabulary::Classic, now)),
            format!(
                r#"{{"name":"n1","state":"follower",{start},{},{counts}"#,
                info("n2")
            )
        );
        let alone = SelfStats {
            leader: None,
            state: NodeState::Candidate,
            ..stats()
        };
        let json = text(body(&alone, Vocabulary::Modern, now));
        assert!(
            json.contains(r#""state":"StateCandidate""#) && json.contains(r#""leader":"""#),
            "{json}"
        );
    }
}
