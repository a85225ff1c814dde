//! A member whose log takes long: its clients are answered by the leader, with the same bytes, and sooner than this member could.
//!
//! The disk is made slow by a variable that builds without debug assertions do not look for.
#![cfg(debug_assertions)]

use std::io::ErrorKind;

use super::support::cluster::{Cluster, json, launches};
use super::support::fake::{Fake, Received, Step, event, response};
use super::support::http::{Connection, Request, Response, show};
use super::support::server::{Launch, Server};
use super::support::wait::{LIMIT, until};

/// What each sync of the log takes longer.
const DELAY: &str = "ETCD2_TEST_SYNC_DELAY_MS";

fn figure(member: &Server, name: &str) -> f64 {
    let text = member.exchange(&Request::get("/metrics")).text();
    let mut figures = text.lines();
    let figure = figures.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let figure = figure.and_then(|figure| figure.parse().ok());
    figure.expect("the figure is shown")
}

fn relayed(member: &Server) -> f64 {
    figure(member, "etcd2_http_relayed_requests_total")
}

fn answered_early(member: &Server) -> f64 {
    figure(member, "etcd2_writes_answered_early_total")
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
    let there = |seen: &Response| assert_eq!(seen.status(), 200, "{}", seen.dump());
    slow_follower(launches, there)
}

/// Reads are answered by something else than a member.
fn slow_follower_of_a_script(launches: Vec<Launch>) -> (Cluster, usize, usize) {
    slow_follower(launches, |_| {})
}

fn slow_follower(launches: Vec<Launch>, look: impl Fn(&Response)) -> (Cluster, usize, usize) {
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
    until("the member knows that its disk is slow", || {
        let before = relayed(&cluster[slow]);
        let written = cluster[slow].exchange(&Request::put("/v2/keys/first", "value=x"));
        assert!(matches!(written.status(), 200 | 201), "{}", written.dump());
        look(&cluster[slow].exchange(&Request::get("/v2/keys/first")));
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
        let written = cluster[leader].exchange(&Request::put(&key, "value=a%20b"));
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
        // Nobody is shown less here from now on, however he asks.
        let local = member.exchange(&Request::get(&format!("{key}?local=true")));
        assert_eq!(local.text(), seen.text(), "{}", local.dump());
        assert!(local.etcd_index() >= seen.etcd_index(), "{}", local.dump());
        // What the client has seen is no event of a watch that it begins afterwards.
        let mut watch = Connection::open(member.addr()).expect("it listens");
        watch
            .send(&Request::get("/v2/keys/slow?wait=true&recursive=true"))
            .expect("sent");
        watch.read_head(LIMIT).expect("accepted");
        if round == 0 {
            let next = Request::put("/v2/keys/slow/next", "value=x");
            assert_eq!(cluster[leader].exchange(&next).status(), 201);
            let head = watch.read_chunk(LIMIT).expect("an event").expect("one");
            assert!(show(&head).contains("/slow/next"), "{}", show(&head));
        }
    }
    assert!(sooner > 0, "this member was as quick as the leader");
    assert!(relayed(member) - before >= ROUNDS as f64);

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

/// The leader says what became of a write as soon as a quorum has it, and whoever was told finds it here, however it is looked for.
#[test]
fn writes_at_a_member_with_a_slow_disk_are_answered_before_its_log_has_them() {
    let (cluster, slow, leader) = with_a_slow_follower();
    let member = &cluster[slow];
    let raft_index = |answer: &Response| answer.head.number("X-Raft-Index");
    let mut early = 0.0;
    for round in 0..6 {
        let before = answered_early(member);
        let key = format!("/v2/keys/early/{round}");
        let made = member.exchange(&Request::put(&key, "value=a&ttl=1000"));
        assert_eq!(made.status(), 201, "{}", made.dump());
        let changed = member.exchange(&Request::put(&key, "value=b&prevValue=a"));
        let text = changed.text();
        assert_eq!(changed.status(), 200, "{}", changed.dump());
        assert!(text.contains(r#""action":"compareAndSwap""#), "{text}");
        assert!(text.contains(r#""prevNode":{"key":"#), "{text}");
        early += answered_early(member) - before;
        let seen = member.exchange(&Request::get(&format!("{key}?local=true")));
        assert!(seen.text().contains(r#""value":"b""#), "{}", seen.dump());
        assert!(seen.etcd_index() >= changed.etcd_index(), "{}", seen.dump());
        let there = cluster[leader].exchange(&Request::get(&key));
        assert_eq!(seen.text(), there.text());
        assert!(raft_index(&seen) >= raft_index(&changed), "{}", seen.dump());
    }
    assert!(early > 0.0, "this member's log was as quick as the leader");

    // Refusals come as from the leader.
    for (request, status, cause) in [
        (
            Request::put("/v2/keys/early/0", "value=c&prevValue=a"),
            412,
            "[a != b]",
        ),
        (
            Request::put("/v2/keys/early/0", "value=c&prevExist=false"),
            412,
            "/early/0",
        ),
        (
            Request::put("/v2/keys/early/0/below", "value=c"),
            400,
            "/early/0",
        ),
        (Request::put("/v2/keys/early", "value=c"), 403, "/early"),
        (Request::delete("/v2/keys/early?dir=true"), 403, "/early"),
        (Request::delete("/v2/keys/none"), 404, "/none"),
    ] {
        let answers = [slow, leader].map(|at| cluster[at].exchange(&request));
        for answer in &answers {
            assert_eq!(answer.status(), status, "{}", answer.dump());
            assert!(answer.text().contains(cause), "{}", answer.dump());
        }
        assert_eq!(answers[0].text(), answers[1].text());
    }

    // A watch from now on begins behind what was answered, and nothing that comes after is missed.
    let written = member.exchange(&Request::put("/v2/keys/watched", "value=first"));
    assert_eq!(written.status(), 201, "{}", written.dump());
    let mut watch = Connection::open(member.addr()).expect("it listens");
    watch
        .send(&Request::get("/v2/keys/watched?wait=true"))
        .expect("sent");
    let head = watch.read_head(LIMIT).expect("accepted");
    assert!(
        head.etcd_index() >= written.etcd_index(),
        "the head is older"
    );
    let next = member.exchange(&Request::put("/v2/keys/watched", "value=second"));
    assert_eq!(next.status(), 200, "{}", next.dump());
    let event = watch.read_chunk(LIMIT).expect("an event").expect("one");
    assert!(
        show(&event).contains(r#""value":"second""#),
        "{}",
        show(&event)
    );
}

/// Without a leader there is nobody to ask, and a new one is asked as soon as it leads.
#[test]
fn a_member_with_a_slow_disk_answers_when_the_leader_has_gone() {
    let (mut cluster, slow, leader) = with_a_slow_follower();
    cluster[leader].kill();
    for number in 0..5 {
        let key = format!("/v2/keys/after/{number}");
        let written = cluster[slow].exchange(&Request::put(&key, "value=x"));
        assert_eq!(written.status(), 201, "{}", written.dump());
        let seen = json(cluster[slow].addr(), &key).expect("it is there");
        assert_eq!(seen["node"]["value"], "x", "{seen}");
    }
}

/// What stands at the URL that the leader advertises says what it was asked, and that it is the leader: but for `/v2/keys/stranger`,
/// and `/v2/keys/silent`, which is large, and `/v2/keys/cut`, which is small, have no end.
fn leader_of_a_script() -> Fake {
    Fake::start(|request: &Received| {
        let to = request.header("x-etcd2-relayed-to").unwrap_or_default();
        let own = format!("X-Etcd2-Answered-By: {to}");
        let mut headers = vec!["Content-Type: application/json", "X-Etcd-Index: 7"];
        if !request.target.starts_with("/v2/keys/stranger") {
            headers.push(&own);
        }
        let large = request.target.starts_with("/v2/keys/silent");
        let line = request.line() + &"x".repeat(if large { 70_000 } else { 0 });
        let body = event("get", "/said", &line, 7);
        let mut answer = response("200 OK", &headers, &body);
        if !large && !request.target.starts_with("/v2/keys/cut") {
            return vec![Step::Send(answer)];
        }
        answer.truncate(answer.len() - 4);
        vec![Step::Send(answer), Step::Hang]
    })
}

/// Three members, one of them with a slow disk, whose leader says that it is where the script answers.
fn slow_follower_beside(fake: &Fake) -> (Cluster, usize) {
    let advertise = format!("--advertise-client-urls={}", fake.url());
    let launches = launches(3).into_iter();
    let launches = launches.map(|launch| launch.arg(advertise.clone()));
    let (cluster, slow, _) = slow_follower_of_a_script(launches.collect());
    (cluster, slow)
}

/// The leader may have been started with another `--default-read` than the member that was asked, so a read says what it needs. All
/// else goes on as it came. And whatever stands where the leader says that it is, no client is told what is not the leader's.
#[test]
fn a_read_goes_to_the_leader_itself_or_is_answered_here() {
    let fake = leader_of_a_script();
    let (cluster, slow) = slow_follower_beside(&fake);
    let member = &cluster[slow];
    let queries = [
        ("/v2/keys/a", "/v2/keys/a?quorum=true"),
        (
            "/v2/keys/a?recursive=true&sorted=true",
            "/v2/keys/a?quorum=true&recursive=true&sorted=true",
        ),
    ];
    for (query, passed) in queries {
        let answer = member.exchange(&Request::get(query));
        let expected = event("get", "/said", &format!("GET {passed}"), 7);
        assert_eq!(shown(&answer), (200, expected));
        assert_eq!(answer.etcd_index(), Some(7), "{}", answer.dump());
    }
    let asked = fake.requests();
    let host = asked.last().and_then(|request| request.header("host"));
    assert_eq!(host, Some(&*member.addr().to_string()), "{asked:?}");

    // A large answer without its end has none here either.
    let mut broken = Connection::open(member.addr()).expect("it listens");
    broken.send(&Request::get("/v2/keys/silent")).expect("sent");
    let head = broken.read_head(LIMIT).expect("it begins");
    let error = broken.read_body(&head, LIMIT).expect_err("it has no end");
    assert_ne!(error.kind(), ErrorKind::WouldBlock, "it was not broken off");

    // Writes are not passed on. A local read is only while it would not find what was written here.
    let written = member.exchange(&Request::put("/v2/keys/here", "value=x"));
    assert_eq!(written.status(), 201, "{}", written.dump());
    let local = Request::get("/v2/keys/here?local=true");
    let said = event(
        "get",
        "/said",
        "GET /v2/keys/here?quorum=true&local=true",
        7,
    );
    until("a local read is answered here", || {
        let seen = member.exchange(&local).text();
        assert!(seen == said || seen.contains(r#""value":"x""#), "{seen}");
        seen != said
    });
    let lines = fake.lines();
    assert!(
        lines.iter().all(|line| line.starts_with("GET ")),
        "{lines:?}"
    );

    // Nor is what need not be linearizable, nor what another member passed on.
    let before = fake.requests().len();
    assert_eq!(member.exchange(&local).status(), 200);
    let other = Request::get("/v2/keys/here").header("x-etcd2-relayed-to", "1/2/2");
    let refused = member.exchange(&other);
    assert_eq!(refused.status(), 421, "{}", refused.dump());
    assert_eq!(fake.requests().len(), before, "{:?}", fake.lines());

    // A stranger is asked once, and then left alone. What was written here is found all the same.
    for _ in 0..3 {
        let read = member.exchange(&Request::get("/v2/keys/stranger"));
        assert_eq!(read.status(), 404, "{}", read.dump());
    }
    let written = member.exchange(&Request::put("/v2/keys/here", "value=y"));
    assert_eq!(written.status(), 200, "{}", written.dump());
    let seen = member.exchange(&local).text();
    assert!(seen.contains(r#""value":"y""#), "{seen}");
    assert_eq!(fake.requests().len(), before + 1, "{:?}", fake.lines());
    let told = member.log();
    assert!(told.contains("the leader cannot be asked"), "{told}");
}

/// A small answer is passed on whole, or the read is answered here.
#[test]
fn a_small_answer_of_the_leader_that_breaks_off_is_answered_here() {
    let fake = leader_of_a_script();
    let (cluster, slow) = slow_follower_beside(&fake);
    let member = &cluster[slow];
    let read = member.exchange(&Request::get("/v2/keys/cut"));
    assert_eq!(read.status(), 404, "{}", read.dump());
    assert!(
        fake.lines()
            .iter()
            .any(|line| line.starts_with("GET /v2/keys/cut"))
    );
    let told = member.log();
    assert!(told.contains("the leader cannot be asked"), "{told}");
}
