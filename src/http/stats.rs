//! `/v2/stats/*`: counters of the store, the state of this member, and what the leader knows of its followers
//! (keys-api 10.1 to 10.3). The vocabulary a node was started with decides the words.

use std::time::SystemTime;

use super::answer::time;
use crate::config::Vocabulary;
use crate::json::{float, hex_id, number, string};
use crate::service::{FollowerStats, LeaderStats, NodeState, SelfStats, StoreStats};

/// The counters of the store, in the order of keys-api 10.1.
pub(super) fn store(stats: &StoreStats) -> Vec<u8> {
    let counters = [
        ("getsSuccess", stats.gets_success),
        ("getsFail", stats.gets_fail),
        ("setsSuccess", stats.sets_success),
        ("setsFail", stats.sets_fail),
        ("deleteSuccess", stats.delete_success),
        ("deleteFail", stats.delete_fail),
        ("updateSuccess", stats.update_success),
        ("updateFail", stats.update_fail),
        ("createSuccess", stats.create_success),
        ("createFail", stats.create_fail),
        ("compareAndSwapSuccess", stats.compare_and_swap_success),
        ("compareAndSwapFail", stats.compare_and_swap_fail),
        ("compareAndDeleteSuccess", stats.compare_and_delete_success),
        ("compareAndDeleteFail", stats.compare_and_delete_fail),
        ("expireCount", stats.expire_count),
        ("watchers", stats.watchers),
    ];
    let mut out = Vec::with_capacity(384);
    for (at, (name, value)) in counters.iter().enumerate() {
        field(&mut out, at == 0, name);
        number(&mut out, *value);
    }
    out.push(b'}');
    out
}

/// The state of this member. `now` is the wall clock, for how long the leader has led.
pub(super) fn own(stats: &SelfStats, vocabulary: Vocabulary, now: SystemTime) -> Vec<u8> {
    let classic = matches!(vocabulary, Vocabulary::Classic);
    let mut out = Vec::with_capacity(384);
    field(&mut out, true, "name");
    string(&mut out, stats.name.as_bytes());
    if !classic {
        field(&mut out, false, "id");
        hex_id(&mut out, stats.id);
    }
    field(&mut out, false, "state");
    string(&mut out, state(stats.state, classic).as_bytes());
    field(&mut out, false, "startTime");
    stamp(&mut out, stats.start_time);
    field(&mut out, false, "leaderInfo");
    field(&mut out, true, "leader");
    match stats.leader {
        Some(_) if classic => string(&mut out, stats.leader_name.as_bytes()),
        Some(id) => hex_id(&mut out, id),
        None => string(&mut out, b""),
    }
    field(&mut out, false, "uptime");
    out.push(b'"');
    time::duration(
        &mut out,
        now.duration_since(stats.leader_since).unwrap_or_default(),
    );
    out.push(b'"');
    field(&mut out, false, "startTime");
    stamp(&mut out, stats.leader_since);
    out.push(b'}');
    field(&mut out, false, "recvAppendRequestCnt");
    number(&mut out, stats.recv_append_count);
    rate(&mut out, "recvPkgRate", stats.rates.recv_packages);
    rate(&mut out, "recvBandwidthRate", stats.rates.recv_bytes);
    field(&mut out, false, "sendAppendRequestCnt");
    number(&mut out, stats.send_append_count);
    rate(&mut out, "sendPkgRate", stats.rates.send_packages);
    rate(&mut out, "sendBandwidthRate", stats.rates.send_bytes);
    out.push(b'}');
    out
}

/// The followers, as the leader sees them; keyed by id, or by name in the vocabulary of 0.4. Sorted by key.
pub(super) fn leader(stats: &LeaderStats, vocabulary: Vocabulary) -> Vec<u8> {
    let classic = matches!(vocabulary, Vocabulary::Classic);
    let key = |id: u64, name: &str| {
        if classic {
            name.to_owned()
        } else {
            format!("{id:x}")
        }
    };
    let mut followers: Vec<(String, &FollowerStats)> = stats
        .followers
        .iter()
        .map(|(id, follower)| (key(*id, &follower.name), follower))
        .collect();
    followers.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    let mut out = Vec::with_capacity(128 + followers.len() * 192);
    field(&mut out, true, "leader");
    string(&mut out, key(stats.leader, &stats.leader_name).as_bytes());
    field(&mut out, false, "followers");
    out.push(b'{');
    for (at, (key, stats)) in followers.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        string(&mut out, key.as_bytes());
        out.push(b':');
        follower(&mut out, stats);
    }
    out.extend_from_slice(b"}}");
    out
}

fn follower(out: &mut Vec<u8>, stats: &FollowerStats) {
    let latency = &stats.latency;
    field(out, true, "latency");
    for (at, (name, milliseconds)) in [
        ("current", latency.current),
        ("average", latency.average),
        ("standardDeviation", latency.standard_deviation),
        ("minimum", latency.minimum),
        ("maximum", latency.maximum),
    ]
    .into_iter()
    .enumerate()
    {
        field(out, at == 0, name);
        float(out, milliseconds);
    }
    out.push(b'}');
    field(out, false, "counts");
    field(out, true, "fail");
    number(out, stats.counts.fail);
    field(out, false, "success");
    number(out, stats.counts.success);
    out.extend_from_slice(b"}}");
}

fn state(state: NodeState, classic: bool) -> &'static str {
    match (state, classic) {
        (NodeState::Leader, false) => "StateLeader",
        (NodeState::Follower, false) => "StateFollower",
        (NodeState::Candidate, false) => "StateCandidate",
        (NodeState::Leader, true) => "leader",
        (NodeState::Follower, true) => "follower",
        (NodeState::Candidate, true) => "candidate",
    }
}

/// `"name":`, after the brace of the object or the comma.
fn field(out: &mut Vec<u8>, first: bool, name: &str) {
    out.push(if first { b'{' } else { b',' });
    string(out, name.as_bytes());
    out.push(b':');
}

fn stamp(out: &mut Vec<u8>, time: SystemTime) {
    out.push(b'"');
    time::system_time(out, time);
    out.push(b'"');
}

/// A rate is left out while it is 0.
fn rate(out: &mut Vec<u8>, name: &str, value: f64) {
    if value != 0.0 {
        field(out, false, name);
        float(out, value);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::service::{Counts, Latency, Rates};

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
            text(own(&stats(), Vocabulary::Modern, now)),
            format!(
                r#"{{"name":"n1","id":"f4a4","state":"StateFollower",{start},{},{counts}"#,
                info("71e6")
            )
        );
        assert_eq!(
            text(own(&stats(), Vocabulary::Classic, now)),
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
        let json = text(own(&alone, Vocabulary::Modern, now));
        assert!(
            json.contains(r#""state":"StateCandidate""#) && json.contains(r#""leader":"""#),
            "{json}"
        );
    }

    #[test]
    fn leader_stats_list_followers_by_id_or_name() {
        let latency = Latency {
            current: 0.0014,
            average: 0.0034,
            standard_deviation: 0.0028,
            minimum: 9_223_372_036_854_775_808.0,
            maximum: 0.0088,
        };
        let follower = |name: &str| FollowerStats {
            name: name.to_owned(),
            latency,
            counts: Counts {
                fail: 0,
                success: 5,
            },
        };
        let followers = BTreeMap::from([(2, follower("b")), (0x10, follower("a"))]);
        let stats = LeaderStats {
            leader: 0x1881,
            leader_name: "l".to_owned(),
            followers,
        };
        let one = concat!(
            r#"{"latency":{"current":0.0014,"average":0.0034,"standardDeviation":0.0028,"#,
            r#""minimum":9223372036854776000,"maximum":0.0088},"counts":{"fail":0,"success":5}}"#
        );
        assert_eq!(
            text(leader(&stats, Vocabulary::Modern)),
            format!(r#"{{"leader":"1881","followers":{{"10":{one},"2":{one}}}}}"#)
        );
        assert_eq!(
            text(leader(&stats, Vocabulary::Classic)),
            format!(r#"{{"leader":"l","followers":{{"a":{one},"b":{one}}}}}"#)
        );
        let alone = LeaderStats {
            followers: BTreeMap::new(),
            ..stats
        };
        assert_eq!(
            text(leader(&alone, Vocabulary::Modern)),
            r#"{"leader":"1881","followers":{}}"#
        );
    }

    #[test]
    fn store_counters_keep_their_order() {
        let stats = StoreStats {
            gets_success: 28,
            gets_fail: 132,
            watchers: 9,
            ..StoreStats::default()
        };
        assert_eq!(
            text(store(&stats)),
            concat!(
                r#"{"getsSuccess":28,"getsFail":132,"setsSuccess":0,"setsFail":0,"deleteSuccess":0,"deleteFail":0,"#,
                r#""updateSuccess":0,"updateFail":0,"createSuccess":0,"createFail":0,"compareAndSwapSuccess":0,"#,
                r#""compareAndSwapFail":0,"compareAndDeleteSuccess":0,"compareAndDeleteFail":0,"expireCount":0,"#,
                r#""watchers":9}"#
            )
        );
    }
}
