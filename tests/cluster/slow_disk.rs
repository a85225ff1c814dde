//! A member whose log takes long: its clients are answered by the leader, with the same bytes, and sooner than this member could.
//!
//! The disk is made slow by a variable that builds without debug assertions do not look for.
#![cfg(debug_assertions)]

use super::support::cluster::{Cluster, json, launches};
use super::support::fake::{Fake, Received, Step, event, response};
use super::support::http::{Request, Response};
use super::support::server::{Launch, Server};
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
    slow_follower_of(launches(3))
}

fn slow_follower_of(launches: Vec<Launch>) -> (Cluster, usize, usize) {
    let mut cluster = Cluster::of(launches);
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

/// A leader that says what it was asked, and is not there for what begins with `/v2/keys/lost`.
fn leader_of_a_script() -> Fake {
    Fake::start(|request: &Received| {
        if request.target.starts_with("/v2/keys/lost") {
            return vec![Step::Reset];
        }
        let body = event("get", "/said", &request.line(), 7);
        let headers = ["Content-Type: application/json", "X-Etcd-Index: 7"];
        vec![Step::Send(response("200 OK", &headers, &body))]
    })
}

/// The leader may have been started with another `--default-read` than the member that was asked, so a read says what it needs. All
/// else goes on as it came.
#[test]
fn what_is_passed_on_depends_on_no_setting_of_the_leader() {
    let fake = leader_of_a_script();
    let advertise = format!("--advertise-client-urls={}", fake.url());
    let launches = launches(3).into_iter();
    let launches = launches
        .map(|launch| launch.arg(advertise.clone()))
        .collect();
    let (cluster, slow, _) = slow_follower_of(launches);
    let member = &cluster[slow];
    for (request, line) in [
        (Request::get("/v2/keys/a"), "GET /v2/keys/a?quorum=true"),
        (
            Request::get("/v2/keys/a?recursive=true&sorted=true"),
            "GET /v2/keys/a?quorum=true&recursive=true&sorted=true",
        ),
        (
            Request::put("/v2/keys/a%20b?prevExist=true", "value=%20"),
            "PUT /v2/keys/a%20b?prevExist=true",
        ),
        (
            Request::delete("/v2/keys/a?dir=true"),
            "DELETE /v2/keys/a?dir=true",
        ),
    ] {
        let answer = member.exchange(&request);
        assert_eq!(shown(&answer), (200, event("get", "/said", line, 7)));
        assert_eq!(answer.etcd_index(), Some(7), "{}", answer.dump());
    }
    let asked = fake.requests();
    let [.., put, delete] = &asked[..] else {
        panic!("{asked:?}")
    };
    assert_eq!((&*put.body, &*delete.body), ("value=%20", ""));
    assert_eq!(
        put.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert!(put.header("x-etcd2-relayed-by").is_some(), "{put:?}");
    assert_eq!(put.header("host"), Some(&*fake.address().to_string()));

    // Whoever is asked by another member answers itself, and so for what need not be linearizable.
    let here = [
        Request::get("/v2/keys/here").header("x-etcd2-relayed-by", "1"),
        Request::get("/v2/keys/here?local=true"),
    ];
    for request in here {
        let answer = member.exchange(&request);
        assert_eq!(answer.status(), 404, "{}", answer.dump());
    }
    // A read that was lost on its way is answered by this member, a write has an outcome that nobody knows.
    let read = member.exchange(&Request::get("/v2/keys/lost"));
    assert_eq!(read.status(), 404, "{}", read.dump());
    let written = member.exchange(&Request::put("/v2/keys/lost", "value=x"));
    assert_eq!(written.status(), 500, "{}", written.dump());
    assert!(
        written
            .text()
            .contains("possibly due to previous leader failure"),
        "{}",
        written.dump()
    );
    let reads = fake
        .lines()
        .iter()
        .filter(|line| line.contains("/v2/keys/here"))
        .count();
    assert_eq!(reads, 0, "{:?}", fake.lines());
}
