//! A member of several that meets none of the others: it is there, says why it does not serve, and stops when it is told.

use std::os::unix::net::UnixDatagram;

use super::node::{LIMIT, get, until};
use super::support::http::{Request, Response, exchange};
use super::support::server::{self, Launch, Server};

const CLUSTER: &str =
    "--initial-cluster=default=http://127.0.0.1:2380,b=http://127.0.0.1:1,c=http://127.0.0.1:2";

fn one_of_three() -> Launch {
    server::ours()
        .arg("--initial-advertise-peer-urls=http://127.0.0.1:2380")
        .arg(CLUSTER)
}

fn assert_catching_up(answer: &Response) {
    assert_eq!(answer.status(), 500, "{}", answer.dump());
    assert_eq!(
        answer.text(),
        concat!(
            r#"{"errorCode":300,"message":"Raft Internal Error","#,
            r#""cause":"etcdserver: this member is still catching up","index":0}"#,
            "\n"
        )
    );
}

/// A service manager that waits for one member before it starts the next would wait for ever.
fn told_to_systemd(launch: Launch) -> (Server, String) {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket can be bound");
    socket
        .set_read_timeout(Some(LIMIT))
        .expect("a time-out can be set");
    let server = launch.env("NOTIFY_SOCKET", path.as_os_str()).spawn();
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).expect("the server tells");
    let notice = String::from_utf8_lossy(&buffer[..length]).into_owned();
    (server, notice)
}

#[test]
fn one_of_three_listens_without_a_leader_and_serves_nobody() {
    let (mut server, notice) = told_to_systemd(one_of_three());
    assert!(notice.lines().any(|line| line == "READY=1"), "{notice}");
    for run in 1..=2 {
        for request in [
            Request::get("/v2/keys/"),
            Request::get("/v2/keys/a?local=true"),
            Request::get("/v2/keys/a?quorum=true"),
            Request::get("/v2/keys/a?wait=true"),
            Request::put("/v2/keys/a", "value=1"),
            Request::new("DELETE", "/v2/keys/a"),
        ] {
            assert_catching_up(&server.exchange(&request));
        }
        let health = get(&server, "/health");
        assert_eq!(health.status(), 503);
        assert_eq!(health.text().trim_end(), r#"{"health":"false"}"#);
        until("the reason is told", || {
            server
                .log()
                .matches("is not admitted to its cluster yet")
                .count()
                >= run
        });
        assert_eq!(
            server.terminate(LIMIT).code(),
            Some(0),
            "{}",
            server.log_tail()
        );
        assert!(!server.log().contains("ready to serve client requests"));
        server.respawn();
        until("it listens again", || {
            exchange(server.addr(), &Request::get("/health")).is_ok()
        });
    }
}

#[test]
fn what_tools_ask_of_it_says_that_there_is_no_leader() {
    let (server, _) = told_to_systemd(one_of_three());
    assert_eq!(get(&server, "/v2/members").text(), "{\"members\":[]}\n");
    let leader = get(&server, "/v2/members/leader");
    assert_eq!(leader.status(), 503);
    assert_eq!(leader.text(), r#"{"message":"During election"}"#);
    assert_eq!(get(&server, "/v2/machines").text(), "");
    let leader = get(&server, "/v2/leader");
    assert_eq!(leader.status(), 500);
    assert!(
        leader.text().contains("\"errorCode\":301"),
        "{}",
        leader.dump()
    );
    let stats = get(&server, "/v2/stats/leader");
    assert_eq!(stats.status(), 403);
    assert_eq!(stats.text(), r#"{"message":"not current leader"}"#);
    let own = get(&server, "/v2/stats/self").text();
    assert!(own.contains(r#""leaderInfo":{"leader":"","#), "{own}");
    assert!(!own.contains("StateLeader"), "{own}");
    let figures = get(&server, "/metrics").text();
    assert!(
        figures.contains("\netcd_server_health_success 0\n"),
        "{figures}"
    );
    let version = get(&server, "/version").text();
    assert!(version.contains("not_decided"), "{version}");
}
