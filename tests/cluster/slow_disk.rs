//! A member whose log takes long: its clients are answered by the leader, with the same bytes, and sooner than this member could.
//!
//! The disk is made slow by a variable that builds without debug assertions do not look for.
#![cfg(debug_assertions)]

use super::support::cluster::{Cluster, json};
use super::support::http::{Request, Response};
use super::support::server::Server;
use super::support::wait::{LIMIT, until};

/// What each sync of the log takes longer.
const DELAY: &str = "ETCD2_TEST_SYNC_DELAY_MS";

fn relayed(member: &Server) -> f64 {
    let text = member.exchange(&Request::get("/metrics")).text();
    let mut figures = text.lines();
    let figure = figures.find_map(|line| line.strip_prefix("etcd2_http_relayed_requests_total "));
    let figure = figure.and_then(|figure| figure.parse().ok());
    figure.expect("the figure is shown")
}

/// What a client sees, without the figures that differ from one request to the next.
fn shown(answer: &Response) -> (u16, String) {
    (answer.status(), answer.text())
}

/// A cluster whose second follower has a slow disk, with the positions of that member and of the leader.
fn with_a_slow_follower() -> (Cluster, usize, usize) {
    let mut cluster = Cluster::start(3);
    let leader = cluster.leader();
    let slow = cluster.others(leader)[0];
    let status = cluster[slow].terminate(LIMIT);
    assert_eq!(status.code(), Some(0), "{}", cluster[slow].log_tail());
    cluster[slow].set_env(DELAY, Some("300"));
    cluster[slow].respawn();
    cluster.wait_healthy();
    let leader = cluster.leader();
    assert_ne!(
        leader, slow,
        "a member that starts takes the lead from nobody"
    );
    // Three syncs in a row tell it for good.
    until("the member knows that its disk is slow", || {
        let before = relayed(&cluster[slow]);
        let written = cluster[slow].exchange(&Request::put("/v2/keys/first", "value=x"));
        assert!(matches!(written.status(), 200 | 201), "{}", written.dump());
        relayed(&cluster[slow]) > before
    });
    (cluster, slow, leader)
}

#[test]
fn the_leader_answers_for_a_member_with_a_slow_disk() {
    let (cluster, slow, leader) = with_a_slow_follower();
    let member = &cluster[slow];
    let before = relayed(member);
    let mut sooner = 0;
    const ROUNDS: usize = 10;
    for round in 0..ROUNDS {
        let key = format!("/v2/keys/slow/{round}");
        let written = member.exchange(&Request::put(&key, "value=a%20b"));
        assert_eq!(written.status(), 201, "{}", written.dump());
        let local = member.exchange(&Request::get(&format!("{key}?local=true")));
        sooner += usize::from(local.status() == 404);
        let seen = member.exchange(&Request::get(&key));
        assert!(seen.text().contains(r#""value":"a b""#), "{}", seen.dump());
        assert_eq!(
            shown(&seen),
            shown(&cluster[leader].exchange(&Request::get(&key)))
        );
        assert!(seen.etcd_index() >= written.etcd_index(), "{}", seen.dump());
    }
    assert!(sooner > 0, "every answer waited for this member's own disk");
    assert_eq!(relayed(member) - before, 2.0 * ROUNDS as f64);

    // Refusals, comparisons and names in order are those of the leader.
    for (request, status) in [
        (Request::put("/v2/keys/slow/0", "value=b&prevValue=no"), 412),
        (
            Request::put("/v2/keys/slow/0", "value=b&prevExist=false"),
            412,
        ),
        (
            Request::put("/v2/keys/slow/0?prevValue=a%20b", "value=b"),
            200,
        ),
        (Request::get("/v2/keys/none"), 404),
        (Request::delete("/v2/keys/slow/1"), 200),
        (Request::post("/v2/keys/queue", "value=x"), 201),
        (Request::put("/v2/keys/slow/2", "value=b&ttl=no"), 400),
    ] {
        let answer = member.exchange(&request);
        assert_eq!(answer.status(), status, "{}", answer.dump());
    }
    let listed = member.exchange(&Request::get("/v2/keys/slow?recursive=true&sorted=true"));
    let there = cluster[leader].exchange(&Request::get("/v2/keys/slow?recursive=true&sorted=true"));
    assert_eq!(shown(&listed), shown(&there));
}

/// Without a leader there is nobody to ask, and a new one is asked as soon as it leads.
#[test]
fn a_member_with_a_slow_disk_answers_when_the_leader_has_gone() {
    let (mut cluster, slow, leader) = with_a_slow_follower();
    cluster[leader].kill();
    for number in 0..5 {
        let key = format!("/v2/keys/after/{number}");
        let written = cluster[slow].exchange(&Request::put(&key, "value=x"));
        // The answer of a leader that died may be lost, which is no refusal.
        assert!(matches!(written.status(), 201 | 500), "{}", written.dump());
        if written.status() == 201 {
            let seen = json(cluster[slow].addr(), &key).expect("it is there");
            assert_eq!(seen["node"]["value"], "x", "{seen}");
        }
    }
}
