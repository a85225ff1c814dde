//! What the tests of the client port share: writes, statistics, raw sockets, and heads in a form that can be compared.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::http::{Connection, Head, Request, Response};
use crate::support::json::Raw;
use crate::support::server::Server;

/// How long anything may take before it counts as failed.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A connection to the server.
pub(crate) fn connect(server: &Server) -> Connection {
    Connection::open(server.addr()).expect("the server accepts connections")
}

/// `GET target` on a connection of its own.
pub(crate) fn get(server: &Server, target: &str) -> Response {
    server.exchange(&Request::get(target))
}

/// `PUT target` with a form on a connection of its own.
pub(crate) fn put(server: &Server, target: &str, form: &str) -> Response {
    server.exchange(&Request::put(target, form))
}

/// Writes a key that must be writable, and returns its index.
pub(crate) fn written(server: &Server, target: &str, form: &str) -> u64 {
    let answer = put(server, target, form);
    assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
    answer.etcd_index().expect("a write carries X-Etcd-Index")
}

/// One exchange on an open connection.
pub(crate) fn ask(connection: &mut Connection, request: &Request) -> Response {
    connection
        .exchange(request)
        .unwrap_or_else(|error| panic!("{request:?}: {error}"))
}

/// The body of an answer as JSON; one newline may end it.
pub(crate) fn json(answer: &Response) -> Raw {
    let body = answer.body.strip_suffix(b"\n").unwrap_or(&answer.body);
    Raw::parse(body).unwrap_or_else(|error| panic!("{error}: {}", answer.dump()))
}

/// The number of registered watchers the server reports.
pub(crate) fn watchers(server: &Server) -> u64 {
    let stats = get(server, "/v2/stats/store");
    let watchers = json(&stats).get("watchers").and_then(Raw::number);
    watchers.unwrap_or_else(|| panic!("no watchers: {}", stats.dump()))
}

/// Asks until `condition` holds. Each condition here is an exchange, so the loop does not spin.
pub(crate) fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "never came: {what}");
        thread::yield_now();
    }
}

/// `X-Etcd-Cluster-Id` of this server: lower-case hexadecimal, not padded (keys-api 2.1).
pub(crate) fn cluster_id(server: &Server) -> String {
    let members = get(server, "/v2/members");
    let id = members.head.get("X-Etcd-Cluster-Id").map(str::to_owned);
    let id = id.unwrap_or_else(|| panic!("no cluster id: {}", members.dump()));
    let number = u64::from_str_radix(&id, 16).expect("the cluster id is hexadecimal");
    assert_eq!(format!("{number:x}"), id);
    id
}

/// The status line, then the header lines sorted; what no test can know is replaced by `*` once its form is checked.
pub(crate) fn lines(head: &Head) -> Vec<String> {
    let text = String::from_utf8(head.raw.clone()).expect("heads are ASCII");
    let text = text.strip_suffix("\r\n\r\n").expect("a head ends so");
    let mut lines: Vec<String> = text.split("\r\n").map(masked).collect();
    lines[1..].sort();
    lines
}

fn masked(line: &str) -> String {
    match line.split_once(": ") {
        Some(("Date", date)) => {
            assert!(date.len() == 29 && date.ends_with(" GMT"), "{line}");
            "Date: *".to_owned()
        }
        Some((name @ ("X-Raft-Index" | "X-Raft-Term"), number)) => {
            assert!(number.parse::<u64>().is_ok_and(|n| n > 0), "{line}");
            format!("{name}: *")
        }
        _ => line.to_owned(),
    }
}

/// Asserts status line and header lines, names in their spelling, in any order.
pub(crate) fn assert_head(head: &Head, status: &str, headers: &[&str]) {
    let mut wanted = vec![format!("HTTP/1.1 {status}")];
    wanted.extend(headers.iter().map(|line| (*line).to_owned()));
    wanted.push("Date: *".to_owned());
    wanted[1..].sort();
    assert_eq!(lines(head), wanted);
}

/// A socket without a client's habits, for requests that no client would send.
pub(crate) fn socket(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.addr()).expect("the server accepts connections");
    stream
        .set_read_timeout(Some(LIMIT))
        .expect("a time-out can be set");
    stream
}

/// A socket that has sent `bytes`.
pub(crate) fn sent(server: &Server, bytes: &[u8]) -> TcpStream {
    let mut stream = socket(server);
    stream.write_all(bytes).expect("the server reads");
    stream
}

/// All that the server sends until it closes the connection; a reset is an end too.
///
/// # Panics
/// When it keeps the connection open for [`LIMIT`].
pub(crate) fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    match stream.read_to_end(&mut received) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the connection stays open: {error}"),
    }
    received
}
