//! Limits of time, as `-http-read-timeout` and `-http-write-timeout` set them. The tests wait for the server to act and
//! measure nothing: a limit that does not hold shows as a connection that stays open.

use std::io::{ErrorKind, Write};

use super::node::{LIMIT, connect, rest, sent, socket, until, watchers, written};
use super::support::http::{Request, Response};
use super::support::server;

const HALF_A_HEADER: &[u8] = b"GET /version HTTP/1.1\r\nHos";
const HALF_A_BODY: &[u8] = b"PUT /v2/keys/a HTTP/1.1\r\nHost: x\r\n\
    Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\nval";

#[test]
fn slow_requests_are_cut_off_and_watches_are_not() {
    let server = server::ours().arg("-http-read-timeout=0.5").start();
    let mut watch = connect(&server);
    watch
        .send(&Request::get("/v2/keys/w?wait=true"))
        .expect("the watch is sent");
    let head = watch.read_head(LIMIT).expect("the head comes at once");
    assert_eq!(head.status, 200);
    let mut silent = socket(&server);
    let mut header = sent(&server, HALF_A_HEADER);
    let mut body = sent(&server, HALF_A_BODY);
    assert_eq!(rest(&mut silent), b"");
    assert_eq!(rest(&mut header), b"");
    let answer = rest(&mut body);
    let answer = Response::parse(&answer, "PUT").expect("a slow body is answered");
    assert_eq!(answer.status(), 408, "{}", answer.dump());
    assert_eq!(answer.head.get("Connection"), Some("close"));
    assert_eq!(
        answer.text(),
        "the body of the request did not arrive in time\n"
    );
    // Connections made after the watch have run out of time: it is older than the limit.
    assert_eq!(watchers(&server), 1);
    written(&server, "/v2/keys/w", "value=1");
    let event = watch.read_body(&head, LIMIT).expect("the watch is served");
    assert!(event.text().contains(r#""key":"/w""#), "{}", event.dump());
}

#[test]
fn without_a_limit_slow_requests_are_served() {
    let limited = server::ours().arg("-http-read-timeout=0.5").start();
    let unlimited = server::ours().arg("-http-read-timeout=0").start();
    let mut slow = sent(&unlimited, HALF_A_BODY);
    // A connection that the other server cuts off tells that the time has passed.
    assert_eq!(rest(&mut sent(&limited, HALF_A_HEADER)), b"");
    slow.write_all(b"ue=on").expect("the connection is open");
    slow.write_all(b"eGET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .expect("the connection is open");
    let answers = String::from_utf8(rest(&mut slow)).expect("answers are text");
    assert!(answers.starts_with("HTTP/1.1 201 Created\r\n"), "{answers}");
    assert!(answers.contains("HTTP/1.1 200 OK\r\n"), "{answers}");
}

/// 0.4's option ends watches too; one that is cut off must not look like one that has ended.
#[test]
fn a_write_time_out_breaks_watches_off() {
    let server = server::ours().arg("-http-write-timeout=0.5").start();
    let mut watch = connect(&server);
    watch
        .send(&Request::get("/v2/keys/w?wait=true&stream=true"))
        .expect("the watch is sent");
    assert_eq!(watch.read_head(LIMIT).expect("the head comes").status, 200);
    let end = watch.read_chunk(LIMIT).map_err(|error| error.kind());
    assert!(
        matches!(
            end,
            Err(ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset)
        ),
        "{end:?}"
    );
    until("the watch is gone", || watchers(&server) == 0);
}
