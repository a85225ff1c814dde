//! A process that is paused (F11): what lapsed meanwhile is not shown afterwards.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::support::http::{Connection, Request};
use super::support::running::send;
use super::support::server;

const LIMIT: Duration = Duration::from_secs(30);
const KEYS: usize = 50;
const TTL: Duration = Duration::from_secs(2);
/// Long enough that a deadline which passed within it is overdue.
const PAUSE: Duration = Duration::from_secs(5);

/// A signal is sent before it is taken: waits until no thread runs any more.
fn wait_until_stopped(pid: u32) {
    let stopped = || {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the process is there");
        tasks.flatten().all(|task| {
            let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
            status.contains("State:\tT")
        })
    };
    let deadline = Instant::now() + LIMIT;
    while !stopped() {
        assert!(Instant::now() < deadline, "the process does not stop");
        thread::yield_now();
    }
}

#[test]
fn keys_that_lapsed_in_a_pause_are_gone_for_the_first_read() {
    let server = server::ours().start();
    let pid = server.pid().expect("the server runs");
    let mut connection = Connection::open(server.addr()).expect("a running server accepts");
    let put = |connection: &mut Connection, key: &str, form: &str| {
        let request = Request::put(&format!("/v2/keys/p/{key}"), form);
        let answer = connection.exchange(&request).expect("it is answered");
        assert_eq!(answer.status(), 201, "{}", answer.dump());
    };
    put(&mut connection, "stays", "value=1");
    for number in 0..KEYS {
        let form = format!("value=1&ttl={}", TTL.as_secs());
        put(&mut connection, &number.to_string(), &form);
    }
    send(pid, Signal::STOP);
    wait_until_stopped(pid);
    // Sent before it goes on: it is read before anything else can happen.
    connection
        .send(&Request::get("/v2/keys/p"))
        .expect("the socket takes it");
    let mut others: Vec<Connection> = (0..4)
        .map(|number| {
            let mut other = Connection::open(server.addr()).expect("the kernel accepts");
            other
                .send(&Request::get(&format!("/v2/keys/p/{number}")))
                .expect("the socket takes it");
            other
        })
        .collect();
    // The time that passes is what is tested.
    thread::sleep(PAUSE);
    send(pid, Signal::CONT);
    let listing = connection.read_response(LIMIT).expect("it is answered");
    let text = listing.text();
    assert_eq!(listing.status(), 200, "{text}");
    assert!(text.contains("\"key\":\"/p/stays\""), "{text}");
    assert_eq!(text.matches("\"value\"").count(), 1, "{text}");
    for other in &mut others {
        let answer = other.read_response(LIMIT).expect("it is answered");
        assert_eq!(answer.status(), 404, "{}", answer.dump());
    }
}
