//! Watches over the wire: the header before any event, a chunk for each event, and an end for every one of them.

use std::time::Instant;

use super::node::{
    LIMIT, ask, assert_head, cluster_id, connect, get, json, until, watchers, written,
};
use super::open_metrics;
use super::support::http::{Connection, Head, Request, Response};
use super::support::json::Raw;
use super::support::server::{self, Server};

/// Sends a watch and reads its head, which must come before any event.
fn watch(client: &mut Connection, target: &str) -> Head {
    client
        .send(&Request::get(target))
        .expect("the watch is sent");
    let head = client.read_head(LIMIT).expect("the head comes at once");
    assert_eq!(head.status, 200);
    head
}

fn chunk(client: &mut Connection) -> Option<String> {
    let chunk = client.read_chunk(LIMIT).expect("a chunk comes");
    chunk.map(|bytes| String::from_utf8(bytes).expect("events are text"))
}

fn set(key: &str, value: &str, index: u64) -> String {
    format!(
        "{{\"action\":\"set\",\"node\":{{\"key\":\"{key}\",\"value\":\"{value}\",\
         \"modifiedIndex\":{index},\"createdIndex\":{index}}}}}\n"
    )
}

#[test]
fn a_long_poll_sends_its_header_first_and_leaves_the_connection_usable() {
    let server = server::ours().start();
    let cluster = format!("X-Etcd-Cluster-Id: {}", cluster_id(&server));
    let mut client = connect(&server);
    let head = watch(&mut client, "/v2/keys/w?wait=true");
    let headers = [
        "Access-Control-Allow-Headers: accept, content-type, authorization",
        "Access-Control-Allow-Methods: POST, GET, OPTIONS, PUT, DELETE",
        "Access-Control-Allow-Origin: *",
        "Content-Type: application/json",
        &cluster,
        "X-Etcd-Index: 2",
        "X-Raft-Index: *",
        "X-Raft-Term: *",
        "Transfer-Encoding: chunked",
    ];
    assert_head(&head, "200 OK", &headers);
    assert_eq!(watchers(&server), 1);
    written(&server, "/v2/keys/other", "value=0");
    let index = written(&server, "/v2/keys/w", "value=1");
    assert_eq!(chunk(&mut client), Some(set("/w", "1", index)));
    assert_eq!(chunk(&mut client), None);
    until("the watch is gone", || watchers(&server) == 0);
    // An event of the past is answered at once, and never registered.
    let past = ask(
        &mut client,
        &Request::get("/v2/keys/w?wait=true&waitIndex=3"),
    );
    assert_eq!(past.text(), set("/w", "1", index));
    assert_eq!(ask(&mut client, &Request::get("/v2/keys/w")).status(), 200);
    assert_eq!(client.opened(), 1);
}

#[test]
fn a_stream_sends_each_event_as_a_chunk_until_the_client_goes() {
    let server = server::ours().start();
    let first = written(&server, "/v2/keys/s/a", "value=0");
    let mut client = connect(&server);
    let target = format!("/v2/keys/s?wait=true&stream=true&recursive=true&waitIndex={first}");
    watch(&mut client, &target);
    assert_eq!(chunk(&mut client), Some(set("/s/a", "0", first)));
    for number in 1..10 {
        let key = format!("/s/b{number}");
        let index = written(&server, &format!("/v2/keys{key}"), "value=next");
        assert_eq!(chunk(&mut client), Some(set(&key, "next", index)));
    }
    assert_eq!(watchers(&server), 1);
    drop(client);
    until("the watch goes with its client", || watchers(&server) == 0);
}

#[test]
fn a_long_poll_goes_with_its_client_though_nothing_happens() {
    let server = server::ours().start();
    let mut clients: Vec<Connection> = (0..20).map(|_| connect(&server)).collect();
    for client in &mut clients {
        watch(client, "/v2/keys/quiet?wait=true");
    }
    assert_eq!(watchers(&server), 20);
    clients.truncate(7);
    until("the others are gone", || watchers(&server) == 7);
    let index = written(&server, "/v2/keys/quiet", "value=now");
    for client in &mut clients {
        assert_eq!(chunk(client), Some(set("/quiet", "now", index)));
        assert_eq!(chunk(client), None);
    }
    until("the rest is gone", || watchers(&server) == 0);
}

/// Writes until a stream that nobody reads has fallen behind: the buffers of the kernel fill up first, then its queue.
fn overwhelm(server: &Server, write: &mut impl FnMut(&str) -> u64) {
    let large = "v".repeat(256 << 10);
    let deadline = Instant::now() + LIMIT;
    loop {
        for _ in 0..32 {
            write(&large);
        }
        let figures = open_metrics::parse(&get(server, "/metrics").text());
        if figures.value("etcd2_watch_lagging_total") >= Some(1.0) {
            break;
        }
        assert!(Instant::now() < deadline, "the watch never falls behind");
    }
}

/// Sets a key below `/s`.
fn writer(server: &Server) -> impl FnMut(&str) -> u64 {
    let mut writer = connect(server);
    move |value: &str| {
        let request = Request::put(
            "/v2/keys/s/a?noValueOnSuccess=true",
            &format!("value={value}"),
        );
        let answer = ask(&mut writer, &request);
        assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
        answer.etcd_index().expect("a write carries X-Etcd-Index")
    }
}

/// A client that reads nothing misses nothing: what its queue does not hold comes from history.
#[test]
fn a_slow_stream_loses_nothing() {
    let server = server::ours().start();
    let mut slow = connect(&server);
    let head = watch(&mut slow, "/v2/keys/s?wait=true&stream=true&recursive=true");
    let first = head.etcd_index().expect("a watch carries X-Etcd-Index") + 1;
    let mut write = writer(&server);
    overwhelm(&server, &mut write);
    let mut last = 0;
    for number in 0..50 {
        last = write(&number.to_string());
    }
    for index in first..=last {
        let event = chunk(&mut slow).expect("the stream goes on");
        let event = Raw::parse(event.trim_end().as_bytes()).expect("an event is JSON");
        let seen = event.at(&["node", "modifiedIndex"]).and_then(Raw::number);
        assert_eq!(seen, Some(index));
    }
    // It is live again.
    last = write("live");
    let event = chunk(&mut slow).expect("the stream goes on");
    assert!(
        event.contains(&format!(r#""value":"live","modifiedIndex":{last},"#)),
        "{event}"
    );
}

/// What it lacks is gone: it is told so, in the words of a watch that begins too low, and ends.
#[test]
fn a_slow_stream_is_told_that_history_has_moved_past_it() {
    let server = server::ours().arg("--retention-events=10").start();
    let mut slow = connect(&server);
    watch(&mut slow, "/v2/keys/s?wait=true&stream=true&recursive=true");
    let mut write = writer(&server);
    overwhelm(&server, &mut write);
    for number in 0..50 {
        write(&number.to_string());
    }
    let mut last = String::new();
    while let Some(object) = chunk(&mut slow) {
        assert!(!last.contains("errorCode"), "nothing follows: {object}");
        last = object;
    }
    let told =
        r#"{"errorCode":401,"message":"The event in requested index is outdated and cleared","#;
    assert!(last.starts_with(told), "{last}");
}

fn refused(server: &Server, target: &str, body: &str) -> Response {
    let answer = get(server, target);
    assert_eq!((answer.status(), answer.text()), (400, body.to_owned()));
    answer
}

#[test]
fn refused_watches_are_ordinary_answers() {
    let server = server::ours().arg("--retention-events=10").start();
    let mut last = 0;
    for number in 0..20 {
        last = written(&server, "/v2/keys/w", &format!("value={number}"));
    }
    let oldest = last - 9;
    let body = format!(
        "{{\"errorCode\":401,\"message\":\"The event in requested index is outdated and cleared\",\
         \"cause\":\"the requested history has been cleared [{oldest}/1]\",\"index\":{last}}}\n"
    );
    for target in [
        "/v2/keys/w?wait=true&waitIndex=1",
        "/v2/keys/w?wait=true&stream=true&waitIndex=1",
    ] {
        let answer = refused(&server, target, &body);
        assert_eq!(answer.etcd_index(), Some(last));
    }
    let body = "{\"errorCode\":209,\"message\":\"Invalid field\",\"cause\":\"\\\"wait\\\" can only be used with GET requests\",\
                \"index\":0}\n";
    let answer = server.exchange(&Request::put("/v2/keys/w?wait=true", "value=1"));
    assert_eq!((answer.status(), answer.text()), (400, body.to_owned()));
    // A quorum read does not wait (keys-api 1.5).
    let read = get(&server, "/v2/keys/w?wait=true&quorum=true");
    let action = json(&read).get("action").and_then(Raw::text);
    assert_eq!(action.as_deref(), Some(&b"get"[..]));
}
