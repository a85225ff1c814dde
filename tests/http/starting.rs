//! Starts: in the words of 0.4, by environment alone, told to systemd, and those that must be refused.

use std::os::unix::net::UnixDatagram;

use super::node::{LIMIT, cluster_id, get, json, until, written};
use super::support::http::{Request, exchange};
use super::support::json::Raw;
use super::support::server::{self, Launch};

fn word(document: &Raw, path: &[&str]) -> String {
    let text = document.at(path).and_then(Raw::text);
    let text = text.unwrap_or_else(|| panic!("no {path:?} in {document}"));
    String::from_utf8(text).expect("words are text")
}

#[test]
fn the_words_of_0_4_bring_its_answers() {
    let server = server::ours().classic().start();
    let version = get(&server, "/version");
    assert_eq!(version.text(), "etcd 0.4.6");
    assert_eq!(
        version.head.get("Content-Type"),
        Some("text/plain; charset=utf-8")
    );
    let index = written(&server, "/v2/keys/a", "value=1");
    assert_eq!(index, 3);
    for request in [
        Request::get("/v2/keys/a").header("Origin", "http://a.example"),
        Request::new("OPTIONS", "/v2/keys/a"),
        Request::get("/v2/keys/none"),
    ] {
        let answer = server.exchange(&request);
        let cors = answer
            .head
            .headers
            .iter()
            .find(|(name, _)| name.starts_with("Access-Control"));
        assert_eq!(cors, None, "{request:?}");
    }
    let own = json(&get(&server, "/v2/stats/self"));
    assert_eq!(own.get("id"), None);
    assert_eq!(word(&own, &["name"]), "default");
    assert_eq!(word(&own, &["state"]), "leader");
    assert_eq!(word(&own, &["leaderInfo", "leader"]), "default");
    let leader = get(&server, "/v2/stats/leader").text();
    assert_eq!(leader, r#"{"leader":"default","followers":{}}"#);
    for target in ["/v2/stats/self", "/v2/stats/store", "/v2/stats/leader"] {
        let head = server.exchange(&Request::new("HEAD", target));
        assert_eq!(head.status(), 200, "{target}");
    }
    let peer = format!("http://{}", server.peer_addr());
    assert_eq!(get(&server, "/v2/leader").text(), peer);
    assert_eq!(get(&server, "/v2/machines").text(), server.url());
    assert_eq!(get(&server, "/v2/peers").text(), server.url());
    let machine = json(&get(&server, "/v2/keys/_etcd/machines/default"));
    let escaped = |url: &str| url.replace(':', "%3A").replace('/', "%2F");
    let wanted = format!("etcd={}&raft={}", escaped(&server.url()), escaped(&peer));
    assert_eq!(word(&machine, &["node", "value"]), wanted);
}

#[test]
fn the_environment_alone_starts_a_node() {
    let server = server::ours()
        .by_environment()
        .env("ETCD_CORS", "http://a.example")
        .env("ETCD_MAX_REQUEST_BYTES", "10")
        .start();
    let members = get(&server, "/v2/members").text();
    assert!(members.contains(&server.url()), "{members}");
    assert!(
        server.data_dir().join("wal").is_dir(),
        "the data is elsewhere"
    );
    let request = Request::put("/v2/keys/a", "value=12345678901");
    let answer = server.exchange(&request.header("Origin", "http://a.example"));
    assert_eq!(
        answer.head.get("Access-Control-Allow-Origin"),
        Some("http://a.example")
    );
    assert!(
        answer.text().contains("http: POST too large"),
        "{}",
        answer.dump()
    );
    written(&server, "/v2/keys/a", "value=1234567890");
}

#[test]
fn a_flag_stands_above_the_environment() {
    let server = server::ours()
        .env("ETCD_MAX_REQUEST_BYTES", "10")
        .arg("--max-request-bytes=20")
        .start();
    written(&server, "/v2/keys/a", "value=12345678901234567890");
    let log = server.log();
    assert!(
        log.contains("ETCD_MAX_REQUEST_BYTES is shadowed by"),
        "{log}"
    );
}

/// `Type=notify` units wait for this datagram: once it is there, clients are served.
#[test]
fn systemd_is_told_when_clients_are_served_and_when_it_ends() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket can be bound");
    socket
        .set_read_timeout(Some(LIMIT))
        .expect("a time-out can be set");
    let receive = || {
        let mut buffer = [0; 4096];
        let length = socket.recv(&mut buffer).expect("the server tells");
        String::from_utf8(buffer[..length].to_vec()).expect("a notice is text")
    };
    let mut server = server::ours()
        .env("NOTIFY_SOCKET", path.as_os_str())
        .spawn();
    let notice = receive();
    assert!(notice.lines().any(|line| line == "READY=1"), "{notice}");
    let status = notice.lines().find_map(|line| line.strip_prefix("STATUS="));
    let address = server.addr().to_string();
    assert!(
        status.is_some_and(|status| status.contains(&address)),
        "{notice}"
    );
    let health = exchange(server.addr(), &Request::get("/health"));
    let health = health.expect("a node that is ready serves");
    assert_eq!(health.text(), r#"{"health":"true"}"#);
    assert_eq!(server.terminate(LIMIT).code(), Some(0));
    let notice = receive();
    assert!(notice.lines().any(|line| line == "STOPPING=1"), "{notice}");
}

fn assert_refused(launch: Launch, code: i32, sentence: &str) {
    let mut server = launch.spawn();
    let status = server.wait_exit(LIMIT);
    let log = server.log();
    assert_eq!(status.code(), Some(code), "{sentence}\n{log}");
    assert!(
        log.lines().any(|line| line.contains(sentence)),
        "not said: {sentence}\n{log}"
    );
    assert!(
        !server.data_dir().exists(),
        "a refused start left something behind"
    );
}

#[test]
fn options_of_later_releases_are_refused_with_a_sentence() {
    for (option, sentence) in [
        (
            "--cert-file=server.crt",
            "flag -cert-file: TLS is not available",
        ),
        (
            "-peers=127.0.0.1:1",
            "flag -peers: joining a running cluster is not available",
        ),
        (
            "--proxy=on",
            "flag -proxy: running as a proxy is not available",
        ),
        (
            "--wal-dir=elsewhere",
            "flag -wal-dir: a log directory apart from the data directory is not available",
        ),
    ] {
        assert_refused(server::ours().arg(option), 1, sentence);
    }
    // Beside -initial-cluster it would be refused as a second way to found a cluster.
    let discovery = server::ours()
        .classic()
        .arg("-discovery=http://a.example/token");
    let sentence =
        "flag -discovery: finding the members through a discovery service is not available";
    assert_refused(discovery, 1, sentence);
    let by_environment = server::ours().env("ETCD_CERT_FILE", "server.crt");
    assert_refused(
        by_environment,
        1,
        "environment variable ETCD_CERT_FILE: TLS is not available",
    );
}

#[test]
fn command_lines_that_make_no_sense_are_refused() {
    let unknown = "flag provided but not defined: -max-connection (did you mean -max-connections?)";
    assert_refused(server::ours().arg("--max-connection=5"), 2, unknown);
    let value = "invalid value \"many\" for flag -max-connections";
    assert_refused(server::ours().arg("--max-connections=many"), 2, value);
    assert_refused(
        server::ours().arg("--max-connections=0"),
        1,
        "0 is too small: the least value is 1",
    );
}

/// Scripts, and the originals' own test suites, wait for these lines.
#[test]
fn the_lines_that_tools_wait_for_come_when_they_are_true() {
    let mut server = server::ours().start();
    let published = format!(
        "published {{Name:default ClientURLs:[{}]}} to cluster {}",
        server.url(),
        cluster_id(&server)
    );
    let count = |server: &server::Server, line: &str| server.log().matches(line).count();
    for run in 1..=2 {
        until("the start is told", || {
            count(&server, "ready to serve client requests") == run
        });
        assert_eq!(count(&server, &published), run, "{}", server.log());
        assert_eq!(count(&server, "enabled capabilities for version 3.4"), run);
        assert_eq!(count(&server, "set the initial cluster version to 3.4"), 1);
        assert_eq!(server.terminate(LIMIT).code(), Some(0));
        server.restart();
    }
    let server = server::ours().classic().start();
    let address = server.addr();
    let line =
        format!("etcd server [name default, listen on {address}, advertised url http://{address}]");
    until("0.4's line", || count(&server, &line) == 1);
}

#[test]
fn force_starts_a_new_node_and_never_erases_an_old_one() {
    let mut server = server::ours().arg("-force").start();
    let index = written(&server, "/v2/keys/a", "value=1");
    assert_eq!(server.terminate(LIMIT).code(), Some(0));
    server.respawn();
    assert_eq!(server.wait_exit(LIMIT).code(), Some(1));
    let directory = server.data_dir().display();
    let command = format!("'mv {directory} {directory}.old'");
    let log = server.log();
    assert!(
        log.contains("flag -force: it would erase") && log.contains(&command),
        "{log}"
    );
    server.restart_with("-force=false");
    assert_eq!(get(&server, "/v2/keys/a").etcd_index(), Some(index));
}

/// A pipe that nobody writes to, or reads, is told and not waited for.
#[test]
fn pipes_without_another_end_are_refused() {
    let scratch = tempfile::tempdir().expect("a temporary directory can be made");
    let pipe = scratch.path().join("pipe");
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, kind, rustix::fs::Mode::RWXU, 0).expect("made");
    for (option, told) in [
        (
            "--config-file",
            "nothing came from this pipe or device for 5 s",
        ),
        ("--log-outputs", "No such device or address"),
    ] {
        let mut server = server::ours()
            .arg(format!("{option}={}", pipe.display()))
            .spawn();
        assert!(
            matches!(server.wait_exit(LIMIT).code(), Some(1 | 2)),
            "{option}"
        );
        assert!(server.log().contains(told), "{option}: {}", server.log());
    }
}
