//! A disk that is slow or hangs (F11): it is told while it lasts, requests are answered in time, and the process ends in
//! its bound whatever hangs, with everything acknowledged in the log.

use std::net::SocketAddr;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::disk_shim::Disk;
use super::support::http::{Connection, Request, Response};
use super::support::running::send;
use super::support::server::{self, Server};

/// For whatever has to happen some time.
const LIMIT: Duration = Duration::from_secs(60);
/// What README promises for the way from SIGTERM to the exit, and as much again for a busy machine.
const STOP_LIMIT: Duration = Duration::from_secs(30);
const VALUE_BYTES: usize = 1 << 20;

fn until(server: &Server, what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !holds() {
        assert!(
            Instant::now() < deadline,
            "not within {LIMIT:?}: {what}\n{}",
            server.log_tail()
        );
        thread::yield_now();
    }
}

fn until_logged(server: &Server, text: &str) {
    until(server, &format!("the log says {text:?}"), || {
        server.log().contains(text)
    });
}

fn until_healthy(server: &Server, wanted: bool) {
    let status = if wanted { 200 } else { 503 };
    until(server, &format!("/health is {wanted}"), || {
        server.exchange(&Request::get("/health")).status() == status
    });
}

/// The figure of `/metrics` with this name and label.
fn figure(server: &Server, name: &str) -> f64 {
    let text = server.exchange(&Request::get("/metrics")).text();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.trim().parse().ok());
    number.unwrap_or_else(|| panic!("no figure {name} in\n{text}"))
}

fn put_at(addr: SocketAddr, key: &str, value: &str) -> Response {
    let mut connection = Connection::open(addr).expect("a running server accepts");
    let request = Request::put(&format!("/v2/keys/{key}"), &format!("value={value}"));
    connection.exchange(&request).expect("it answers in time")
}

fn acknowledge(server: &Server, key: &str, value: &str) {
    let answer = put_at(server.addr(), key, value);
    assert!(answer.status() < 300, "{}", answer.dump());
}

/// A write whose answer is waited for elsewhere.
fn put_later(server: &Server, key: &str, value: &str) -> JoinHandle<Response> {
    let (addr, key, value) = (server.addr(), key.to_owned(), value.to_owned());
    thread::spawn(move || put_at(addr, &key, &value))
}

fn answer(put: JoinHandle<Response>) -> Response {
    put.join().expect("it was answered")
}

fn assert_refused(answer: &Response, reason: &str) {
    let text = answer.text();
    assert_eq!(answer.status(), 500, "{}", answer.dump());
    assert!(text.contains("\"errorCode\":300"), "{text}");
    assert!(text.contains(reason), "{reason:?} is missing: {text}");
}

fn assert_value(server: &Server, key: &str, value: &str) {
    let answer = server.exchange(&Request::get(&format!("/v2/keys/{key}")));
    assert_eq!(answer.status(), 200, "{key}: {}", answer.dump());
    let wanted = format!("\"value\":\"{value}\"");
    assert!(answer.text().contains(&wanted), "{}", answer.dump());
}

fn assert_last_line(server: &Server, words: &[&str]) {
    let log = server.log();
    let last = log.lines().last().unwrap_or_default();
    for word in words {
        assert!(last.contains(word), "{word:?} is not in {last}");
    }
}

/// Ends it while something hangs: within the bound, with the status of a stop that was not clean.
fn terminate(server: &mut Server, words: &[&str]) {
    let status = server.terminate(STOP_LIMIT);
    assert_eq!(status.code(), Some(74), "{status}\n{}", server.log_tail());
    assert_last_line(server, words);
}

#[test]
fn a_slow_sync_is_told_while_it_lasts_and_when_it_returns() {
    let scratch = tempfile::tempdir().expect("a temporary directory can be made");
    let disk = Disk::new(scratch.path());
    // The request time-out is 5 s and two election time-outs: the sync is to be slow, not late.
    let launch = server::ours().arg("--election-timeout=20000");
    let server = disk.under(launch).start();
    acknowledge(&server, "before", "1");
    let waiting = r#"etcd2_disk_waiting_seconds{operation="log_sync"}"#;
    let slow = r#"etcd2_disk_slow_operations_total{operation="log_sync"}"#;
    assert_eq!(figure(&server, slow), 0.0);
    disk.hang("/wal/");
    let put = put_later(&server, "slow", "2");
    until_logged(&server, "the log's sync of");
    assert!(figure(&server, waiting) >= 1.0);
    assert_eq!(figure(&server, slow), 0.0, "it has not returned");
    assert_eq!(
        server.exchange(&Request::get("/health")).status(),
        200,
        "a slow disk is not a hanging one"
    );
    disk.heal();
    assert_eq!(answer(put).status(), 201);
    assert_eq!(figure(&server, slow), 1.0);
    until_logged(&server, "s: the disk is slow");
    let told = server.log().matches("has not returned for").count();
    assert_eq!(told, 1, "once, not every second\n{}", server.log_tail());
    assert_value(&server, "slow", "2");
}

#[test]
fn a_hanging_sync_is_unhealthy_holds_up_no_read_and_ends_with_the_bound() {
    let scratch = tempfile::tempdir().expect("a temporary directory can be made");
    let disk = Disk::new(scratch.path());
    let mut server = disk.under(server::ours()).start();
    acknowledge(&server, "first", "1");
    let mut watch = Connection::open(server.addr()).expect("a running server accepts");
    watch
        .send(&Request::get("/v2/keys/first?wait=true&stream=true"))
        .expect("the watch is sent");
    watch.read_head(LIMIT).expect("the watch is registered");

    disk.hang("/wal/");
    let hanging = put_later(&server, "hanging", "2");
    until_healthy(&server, false);
    let log = server.log();
    let reason = log.lines().find(|line| line.contains("not healthy"));
    assert!(
        reason.is_some_and(|line| line.contains("the log's sync of")),
        "{reason:?}"
    );
    assert_refused(&answer(hanging), "timed out");
    until(&server, "writes are refused at once", || {
        put_at(server.addr(), "refused", "3")
            .text()
            .contains("slow disk")
    });
    assert_eq!(
        figure(&server, r#"etcd2_writes_refused{reason="slow_disk"}"#),
        1.0
    );
    assert_refused(
        &put_at(server.addr(), "refused", "3"),
        "has not returned for",
    );
    assert_value(&server, "first", "1");
    let old = server.exchange(&Request::get("/v2/keys/first?wait=true&waitIndex=1"));
    assert_eq!(old.status(), 200, "{}", old.dump());

    disk.heal();
    until_healthy(&server, true);
    acknowledge(&server, "first", "4");
    let event = watch.read_chunk(LIMIT).expect("the watch is alive");
    let event = String::from_utf8(event.expect("it goes on")).expect("JSON is text");
    assert!(event.contains("\"value\":\"4\""), "{event}");
    let refused = server.exchange(&Request::get("/v2/keys/refused"));
    assert_eq!(refused.status(), 404, "a refused write has no effect");

    disk.hang("/wal/");
    let cut_off = put_later(&server, "hanging", "5");
    until(&server, "the sync hangs again", || {
        figure(
            &server,
            r#"etcd2_disk_waiting_seconds{operation="log_sync"}"#,
        ) >= 1.0
    });
    terminate(
        &mut server,
        &[
            "the log's sync of",
            "/wal",
            "has not returned for",
            "exiting without it",
        ],
    );
    drop(cut_off);
    disk.heal();
    server.restart();
    assert_value(&server, "first", "4");
}

/// The thread that writes the log looks at it as well, and whether there is room.
#[test]
fn a_hanging_look_at_the_log_is_told_like_a_sync() {
    let scratch = tempfile::tempdir().expect("a temporary directory can be made");
    let disk = Disk::new(scratch.path());
    let mut server = disk.under(server::ours()).start();
    acknowledge(&server, "first", "1");
    disk.hang_looks(".wal");
    // A look is due once a second.
    thread::sleep(Duration::from_millis(1100));
    let hanging = put_later(&server, "hanging", "2");
    until_healthy(&server, false);
    until_logged(&server, "the log's look at the disk of");
    drop(hanging);
    until(&server, "writes are refused at once", || {
        put_at(server.addr(), "refused", "3")
            .text()
            .contains("slow disk")
    });
    assert_value(&server, "first", "1");
    disk.heal();
    until_healthy(&server, true);
    acknowledge(&server, "first", "4");
    disk.hang_looks(".wal");
    thread::sleep(Duration::from_millis(1100));
    let cut_off = put_later(&server, "hanging", "5");
    let waiting = r#"etcd2_disk_waiting_seconds{operation="log_look"}"#;
    until(&server, "it hangs again", || {
        figure(&server, waiting) >= 1.0
    });
    terminate(
        &mut server,
        &["look at the disk of", "has not returned for"],
    );
    drop(cut_off);
}

#[test]
fn a_hanging_look_of_an_idle_node_is_unhealthy_and_holds_up_no_write() {
    let scratch = tempfile::tempdir().expect("a temporary directory can be made");
    let disk = Disk::new(scratch.path());
    let server = disk.under(server::ours()).start();
    acknowledge(&server, "first", "1");
    // Asked by the flush thread alone.
    disk.hang_looks("/WITNESS");
    until_logged(&server, "the write of");
    until_healthy(&server, false);
    acknowledge(&server, "second", "2");
    disk.heal();
    until_healthy(&server, true);
}

/// RocksDB syncs a table, then the MANIFEST that names it.
fn a_hanging_flush(part: &str) {
    let scratch = tempfile::tempdir().expect("a temporary directory can be made");
    let disk = Disk::new(scratch.path());
    let launch = server::ours().arg("--snapshot-count=10");
    let mut server = disk.under(launch).start();
    disk.hang(part);
    for number in 0..40 {
        acknowledge(&server, &format!("k{number}"), &number.to_string());
    }
    until_logged(&server, "the flush of the store in");
    until_healthy(&server, false);
    for number in 40..60 {
        acknowledge(&server, &format!("k{number}"), &number.to_string());
    }
    assert_value(&server, "k59", "59");
    terminate(&mut server, &["the flush of the store in", "/store"]);
    disk.heal();
    server.restart();
    for number in 0..60 {
        assert_value(&server, &format!("k{number}"), &number.to_string());
    }
}

#[test]
fn a_hanging_table_sync_holds_up_no_write_and_no_end() {
    a_hanging_flush(".sst");
}

#[test]
fn a_hanging_manifest_sync_holds_up_no_write_and_no_end() {
    a_hanging_flush("/store/MANIFEST");
}

#[test]
fn a_second_signal_ends_at_once() {
    let scratch = tempfile::tempdir().expect("a temporary directory can be made");
    let disk = Disk::new(scratch.path());
    let mut server = disk.under(server::ours()).start();
    acknowledge(&server, "kept", "1");
    disk.hang("/wal/");
    let cut_off = put_later(&server, "hanging", "2");
    until_logged(&server, "the log's sync of");
    let pid = server.pid().expect("the server runs");
    send(pid, rustix::process::Signal::TERM);
    until_logged(&server, "SIGTERM: stopping");
    // At once is the first one that is not of the same moment as the first.
    let deadline = Instant::now() + STOP_LIMIT;
    let status = loop {
        if let Some(status) = server.poll_exit() {
            break status;
        }
        assert!(Instant::now() < deadline, "{}", server.log_tail());
        send(pid, rustix::process::Signal::INT);
    };
    assert_eq!(status.code(), Some(74), "{status}\n{}", server.log_tail());
    assert_last_line(&server, &["SIGINT again", "exiting at once"]);
    drop(cut_off);
    disk.heal();
    server.restart();
    assert_value(&server, "kept", "1");
}

/// RocksDB stops writes when too many memtables wait for a flush that hangs: the log goes on all the same.
#[test]
fn a_store_that_stalls_does_not_hold_up_the_log() {
    let scratch = tempfile::tempdir().expect("a temporary directory can be made");
    let disk = Disk::new(scratch.path());
    let launch = server::ours().arg("--election-timeout=20000");
    let server = disk.under(launch).start();
    let committed = "etcd_server_proposals_committed_total";
    let applied = "etcd_server_proposals_applied_total";
    disk.hang(".sst");
    let value = "x".repeat(VALUE_BYTES);
    let mut puts = Vec::new();
    let mut stalled = false;
    for number in 0..200 {
        let put = put_later(&server, &format!("large{number}"), &value);
        until(&server, "the write is committed", || {
            put.is_finished() || figure(&server, committed) > figure(&server, applied)
        });
        until(&server, "it is answered, or the store stalls", || {
            stalled = figure(
                &server,
                r#"etcd2_disk_waiting_seconds{operation="store_write"}"#,
            ) > 1.0;
            put.is_finished() || stalled
        });
        puts.push(put);
        if stalled {
            break;
        }
    }
    assert!(stalled, "RocksDB never stalls");
    let behind = figure(&server, applied);
    for number in 0..3 {
        let before = figure(&server, committed);
        puts.push(put_later(&server, &format!("behind{number}"), "1"));
        until(
            &server,
            "consensus goes on beside the stalled store",
            || figure(&server, committed) > before,
        );
    }
    assert_eq!(figure(&server, applied), behind, "the store still stalls");
    let read = server.exchange(&Request::get("/v2/keys/large0"));
    assert_eq!(read.status(), 200, "{}", read.dump());
    disk.heal();
    for put in puts {
        let answer = answer(put);
        assert_eq!(answer.status(), 201, "{}", answer.dump());
    }
    assert_value(&server, "behind2", "1");
    until_healthy(&server, true);
}

/// The very first write of a start may be the one that hangs, on a file system that was frozen for a snapshot.
#[test]
fn a_start_that_hangs_at_its_first_write_says_so() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let disk = Disk::new(directory.path());
    disk.hang_writes("/LOCK");
    let mut server = disk.under(server::ours()).spawn();
    until_logged(&server, "taking the data directory");
    disk.heal();
    server.wait_ready().expect("it starts");
    acknowledge(&server, "a", "1");
}
