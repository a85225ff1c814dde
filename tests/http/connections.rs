//! Connections: kept alive over all kinds of requests, pipelined, limited in number, and safe from nonsense.

use std::net::Shutdown;
use std::time::Instant;

use super::node::{LIMIT, ask, connect, get, rest, sent, socket, until, written};
use super::open_metrics;
use super::support::http::{Framing, Request, Response, exchange, show};
use super::support::server;

#[test]
fn one_connection_serves_all_kinds_of_requests() {
    let server = server::ours().start();
    let mut client = connect(&server);
    for round in 0..5 {
        let target = format!("/v2/keys/k{round}");
        let created = ask(&mut client, &Request::put(&target, "value=a+b"));
        assert_eq!(created.status(), 201, "{}", created.dump());
        // A body that does not count is read away.
        let delete = Request::delete(&format!("{target}?prevValue=zz")).body("dir=true");
        assert_eq!(ask(&mut client, &delete).status(), 412);
        let json = Request::new("PUT", target.as_str()).header("Content-Type", "application/json");
        let empty = ask(&mut client, &json.body("{}"));
        assert!(empty.text().contains(r#""value":"","#), "{}", empty.dump());
        let chunked = Request {
            chunk_bytes: Some(3),
            ..Request::put(&target, "value=x")
        };
        assert_eq!(ask(&mut client, &chunked).status(), 200);
        let read = ask(&mut client, &Request::get(&target));
        assert!(read.text().contains(r#""value":"x","#), "{}", read.dump());
    }
    assert_eq!(client.opened(), 1);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = server::ours().start();
    let mut client = connect(&server);
    let mut requests = Vec::new();
    for number in 0..50 {
        let target = format!("/v2/keys/p{number}");
        let form = format!("value={number}");
        requests.extend(Request::put(&target, &form).to_bytes(server.addr()));
        requests.extend(Request::get(&target).to_bytes(server.addr()));
    }
    client
        .send_raw(&requests, "GET")
        .expect("the requests are sent");
    for number in 0..50 {
        for status in [201, 200] {
            let answer = client
                .read_response(LIMIT)
                .expect("each request is answered");
            assert_eq!(answer.status(), status, "{}", answer.dump());
            let wanted = format!(r#""key":"/p{number}","value":"{number}""#);
            assert!(answer.text().contains(&wanted), "{}", answer.dump());
        }
    }
    assert_eq!(client.opened(), 1);
}

#[test]
fn clients_of_http_1_0_get_no_chunks() {
    let server = server::ours().start();
    let mut client = connect(&server);
    client
        .send_raw(b"GET /version HTTP/1.0\r\n\r\n", "GET")
        .expect("the request is sent");
    let answer = client.read_response(LIMIT).expect("an answer comes");
    assert_eq!(
        (answer.head.version.as_str(), answer.status()),
        ("HTTP/1.0", 200)
    );
    assert_eq!(answer.head.framing, Framing::Length(answer.body.len()));
    let mut watch = connect(&server);
    watch
        .send_raw(b"GET /v2/keys/w?wait=true HTTP/1.0\r\n\r\n", "GET")
        .expect("the request is sent");
    let head = watch
        .read_head(LIMIT)
        .expect("the head comes before the event");
    assert_eq!((head.version.as_str(), head.status), ("HTTP/1.0", 200));
    assert_eq!(head.framing, Framing::Close, "{}", show(&head.raw));
    written(&server, "/v2/keys/w", "value=1");
    let event = watch
        .read_body(&head, LIMIT)
        .expect("the body ends with the connection");
    assert_eq!(
        event.text(),
        "{\"action\":\"set\",\"node\":{\"key\":\"/w\",\"value\":\"1\",\"modifiedIndex\":3,\"createdIndex\":3}}\n"
    );
}

#[test]
fn nonsense_does_no_harm() {
    let server = server::ours().start();
    for bytes in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
        b"PUT /v2/keys/a HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"PUT /v2/keys/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"PUT /v2/keys/a HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
          Transfer-Encoding: chunked\r\n\r\nzz\r\nvalue=1\r\n0\r\n\r\n",
    ] {
        let mut stream = sent(&server, bytes);
        stream.shutdown(Shutdown::Write).expect("the socket is open");
        let answer = rest(&mut stream);
        let refused = answer.is_empty() || answer.starts_with(b"HTTP/1.1 4");
        assert!(refused, "{} got {}", show(bytes), show(&answer));
    }
    assert_eq!(
        get(&server, "/v2/keys/a").status(),
        404,
        "nonsense was written"
    );
}

#[test]
fn connections_over_the_limit_are_told_so() {
    let server = server::ours().arg("--max-connections=2").start();
    // The connection that asked for health may not have been given up yet, and a refusal may come before the request.
    let deadline = Instant::now() + LIMIT;
    let admitted = || loop {
        let mut client = connect(&server);
        match client.exchange(&Request::get("/version")) {
            Ok(answer) if answer.status() == 200 => return client,
            _ => assert!(Instant::now() < deadline, "there is never room"),
        }
    };
    let mut first = admitted();
    let second = admitted();
    // Refused without a word from the client, which reads to the end as one that waits for its answer does.
    let refused = rest(&mut socket(&server));
    let refused = Response::parse(&refused, "GET").expect("a refusal is an answer");
    assert_eq!(refused.status(), 503, "{}", refused.dump());
    assert_eq!(refused.head.get("Connection"), Some("close"));
    assert_eq!(refused.text(), "too many connections\n");
    let metrics = ask(&mut first, &Request::get("/metrics")).text();
    let counted = open_metrics::parse(&metrics).value("etcd2_http_connections_refused_total");
    assert!(counted.is_some_and(|count| count >= 1.0), "{counted:?}");
    let log = server.log();
    let told = log
        .lines()
        .filter(|line| line.contains("--max-connections"));
    let told: Vec<&str> = told.collect();
    assert_eq!(told.len(), 1, "{log}");
    assert!(
        told[0].contains("WARN") && told[0].contains("all 2 client connections are taken"),
        "{log}"
    );
    drop(second);
    until("room after a client has gone", || {
        exchange(server.addr(), &Request::get("/version"))
            .is_ok_and(|answer| answer.status() == 200)
    });
    assert_eq!(ask(&mut first, &Request::get("/version")).status(), 200);
    assert_eq!(first.opened(), 1);
}

#[test]
fn origins_and_hosts_are_served_as_listed() {
    let server = server::ours()
        .arg("--cors=http://a.example,http://b.example")
        .arg("--host-whitelist=127.0.0.1,listed.example")
        .start();
    let origin = |value: &str| {
        let answer = server.exchange(&Request::get("/v2/keys").header("Origin", value));
        answer
            .head
            .get("Access-Control-Allow-Origin")
            .map(str::to_owned)
    };
    assert_eq!(
        origin("http://b.example").as_deref(),
        Some("http://b.example")
    );
    assert_eq!(origin("http://c.example"), None);
    assert_eq!(
        get(&server, "/v2/keys")
            .head
            .get("Access-Control-Allow-Origin"),
        None
    );
    let host = |value: &str| {
        server
            .exchange(&Request::get("/version").header("Host", value))
            .status()
    };
    assert_eq!(host("listed.example:2379"), 200);
    assert_eq!(host("other.example"), 421);
    // An absolute target says itself where it goes.
    let absolute = |target: &str, host: &str| {
        let request = Request::get(target).header("Host", host);
        server.exchange(&request).status()
    };
    assert_eq!(
        absolute("http://listed.example/version", "other.example"),
        200
    );
    assert_eq!(absolute("http://other.example/version", "127.0.0.1"), 421);
    assert_eq!(
        absolute("http://127.0.0.1@other.example/version", "127.0.0.1"),
        421
    );
}
