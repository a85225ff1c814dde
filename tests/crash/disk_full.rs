//! F9 with a real file system: a disk that fills up. Writes are refused with a reason, reads go on, and writes resume
//! when space returns; nothing acknowledged is lost.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::small_disk::Disk;
use super::support::http::{self, Connection, Request, Response};
use super::support::server::{self, Server};
use super::support::wait;

const VALUE_BYTES: usize = 1 << 20;

/// More values than the disk can hold.
const MAX_WRITES: usize = 400;

const RESUME_LIMIT: Duration = Duration::from_secs(20);

fn put(connection: &mut Connection, number: usize) -> Response {
    let value = format!("{number}.{}", "x".repeat(VALUE_BYTES));
    let request = Request::put(
        &format!("/v2/keys/full/{number}"),
        &format!("value={value}"),
    );
    connection
        .exchange(&request)
        .expect("a full disk does not close connections")
}

fn accepted(answer: &Response) -> bool {
    matches!(answer.status(), 200 | 201)
}

#[test]
fn full_disk_refuses_writes_and_serves_reads_until_space_returns() {
    let scratch = tempfile::tempdir().expect("a temporary directory can be made");
    let Some(disk) = Disk::mount(scratch.path()) else {
        return;
    };
    let mut server = server::ours().data_dir(scratch.path().join("data")).start();
    let mut connection = Connection::open(server.addr()).expect("a running server accepts");
    let mut acknowledged = Vec::new();
    for number in 0..4 {
        let answer = put(&mut connection, number);
        assert!(accepted(&answer), "{}", answer.dump());
        acknowledged.push(number);
    }
    disk.fill();
    let mut refused = None;
    for number in 4..MAX_WRITES {
        let answer = put(&mut connection, number);
        if accepted(&answer) {
            acknowledged.push(number);
        } else {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("a full disk cannot hold everything");
    let text = refused.text();
    println!("after {} writes: {text}", acknowledged.len());
    assert_eq!(refused.status(), 500, "{}", refused.dump());
    assert!(text.contains("\"errorCode\":300"), "{text}");
    assert!(
        text.contains("disk") || text.contains("space"),
        "the reason is missing: {text}"
    );
    for target in [
        "/v2/keys/full/0",
        "/v2/keys/full/3?quorum=true",
        "/v2/keys/full",
    ] {
        let answer = server.exchange(&Request::get(target));
        assert_eq!(
            answer.status(),
            200,
            "{target} on a full disk: {}",
            answer.dump()
        );
    }
    disk.free();
    let deadline = Instant::now() + RESUME_LIMIT;
    while !accepted(&put(&mut connection, MAX_WRITES)) {
        assert!(
            Instant::now() < deadline,
            "writes do not resume although there is space\n{}",
            server.log_tail()
        );
    }
    acknowledged.push(MAX_WRITES);
    server.restart();
    for number in acknowledged {
        let answer = server.exchange(&Request::get(&format!("/v2/keys/full/{number}")));
        assert_eq!(
            answer.status(),
            200,
            "write {number} is lost: {}",
            answer.dump()
        );
        let whole =
            answer.body.len() > VALUE_BYTES && answer.text().contains(&format!("\"{number}.xxx"));
        assert!(whole, "write {number} is not whole");
    }
    // The server must be gone before its disk.
    drop(server);
    drop(disk);
}

/// Blocks are free, but no file can be made: the reason names the files, and a start says what it lacks.
#[test]
fn a_disk_without_inodes_refuses_writes_until_there_are_some() {
    let scratch = tempfile::tempdir().expect("a temporary directory can be made");
    let Some(disk) = Disk::with_inodes(scratch.path(), 80) else {
        return;
    };
    let launch = server::ours().arg("--snapshot-count=10");
    let mut server = launch.data_dir(scratch.path().join("data")).start();
    let put = |server: &Server, key: &str| {
        let request = Request::put(&format!("/v2/keys/{key}"), "value=1");
        server.exchange(&request)
    };
    assert!(accepted(&put(&server, "before")));
    disk.fill_with_files();
    let deadline = Instant::now() + 3 * RESUME_LIMIT;
    let refused = loop {
        let answer = put(&server, "full");
        if answer.status() == 500 && answer.text().contains("the store cannot write") {
            break answer.text();
        }
        assert!(Instant::now() < deadline, "{}", server.log_tail());
    };
    assert!(refused.contains(" 0 more files"), "{refused}");
    assert_eq!(
        server.exchange(&Request::get("/v2/keys/before")).status(),
        200
    );
    server.kill();
    server.respawn();
    match server.wait_ready() {
        // What was given up is enough for an opening.
        Ok(()) => {
            let answer = server.exchange(&Request::get("/v2/keys/before"));
            assert_eq!(answer.status(), 200, "{}", answer.dump());
            println!("a start serves reads");
        }
        Err(ended) => {
            println!("{ended}");
            assert!(server.log().contains("more files"), "{}", server.log_tail());
            println!("a start is refused");
        }
    }
    disk.free_files();
    server.restart();
    let deadline = Instant::now() + RESUME_LIMIT;
    while !accepted(&put(&server, "after")) {
        assert!(Instant::now() < deadline, "{}", server.log_tail());
    }
    assert!(accepted(&put(&server, "before")));
    drop(server);
    drop(disk);
}

/// Room goes and comes back while the store flushes and compacts all the time: it may be refused anywhere, and never ends.
#[test]
fn a_disk_that_fills_up_under_load_again_and_again_ends_nothing() {
    const ROUNDS: usize = 12;
    let scratch = tempfile::tempdir().expect("a temporary directory can be made");
    let Some(disk) = Disk::mount(scratch.path()) else {
        return;
    };
    let mut server = server::ours()
        .arg("--snapshot-count=20")
        .data_dir(scratch.path().join("data"))
        .start();
    let loads: Vec<Load> = (0..4).map(|_| Load::default()).collect();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for (writer, load) in loads.iter().enumerate() {
            let (address, over) = (server.addr(), &over);
            scope.spawn(move || load.run(address, writer, over));
        }
        for round in 0..ROUNDS {
            let accepted = total(&loads, |load| &load.accepted);
            wait_for(&server, round, || {
                total(&loads, |load| &load.accepted) > accepted + 50
            });
            disk.fill();
            let refused = total(&loads, |load| &load.refused);
            wait_for(&server, round, || {
                total(&loads, |load| &load.refused) > refused + 50
            });
            disk.free();
        }
        over.store(true, Ordering::Relaxed);
    });
    let log = server.log();
    let met = log.matches("the store cannot write").count();
    println!("the store met the full disk {met} times");
    assert!(server.poll_exit().is_none(), "{}", server.log_tail());
    let deadline = Instant::now() + RESUME_LIMIT;
    let healthy = || server.exchange(&Request::get("/health")).status() == 200;
    while !healthy() {
        assert!(Instant::now() < deadline, "{}", server.log_tail());
    }
    server.restart();
    for (writer, load) in loads.iter().enumerate() {
        let acknowledged = load.acknowledged.lock().expect("no writer panicked");
        for (key, least) in acknowledged.iter() {
            let key = format!("/v2/keys/load/{writer}/{key}");
            let answer = server.exchange(&Request::get(&key));
            let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let value = body["node"]["value"].as_str().unwrap_or_default();
            let number = value
                .split('.')
                .next()
                .and_then(|number| number.parse().ok());
            assert!(
                number >= Some(*least),
                "{key}: {number:?}, acknowledged {least}"
            );
        }
    }
    drop(server);
    drop(disk);
}

fn total(loads: &[Load], count: impl Fn(&Load) -> &AtomicUsize) -> usize {
    loads
        .iter()
        .map(|load| count(load).load(Ordering::Relaxed))
        .sum()
}

fn wait_for(server: &Server, round: usize, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + 3 * RESUME_LIMIT;
    while !holds() {
        assert!(
            Instant::now() < deadline,
            "round {round}\n{}",
            server.log_tail()
        );
        std::thread::yield_now();
    }
}

/// One connection that writes without pause.
#[derive(Default)]
struct Load {
    accepted: AtomicUsize,
    refused: AtomicUsize,
    /// For each key the last value that was acknowledged: a later one may stand there, and no earlier one.
    acknowledged: Mutex<BTreeMap<usize, usize>>,
}

impl Load {
    fn run(&self, address: std::net::SocketAddr, writer: usize, over: &AtomicBool) {
        let mut connection = Connection::open(address).expect("a running server accepts");
        let value = "x".repeat(20 << 10);
        for number in 0.. {
            if over.load(Ordering::Relaxed) {
                return;
            }
            let key = format!("/v2/keys/load/{writer}/{}", number % 200);
            let request = Request::put(&key, &format!("value={number}.{value}"));
            let answer = connection.exchange(&request).expect("it is kept open");
            if accepted(&answer) {
                self.accepted.fetch_add(1, Ordering::Relaxed);
                let mut all = self.acknowledged.lock().expect("no writer panicked");
                all.insert(number % 200, number);
            } else {
                assert_eq!(answer.status(), 500, "{}", answer.dump());
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// The start must open the store without a byte of room: that is what the reserve is for.
#[test]
fn a_server_killed_on_a_full_disk_starts_and_serves_reads() {
    let scratch = tempfile::tempdir().expect("a temporary directory can be made");
    let Some(disk) = Disk::mount(scratch.path()) else {
        return;
    };
    let data = scratch.path().join("data");
    // Flushed often: tables and a manifest have to be written by the start too.
    let mut server = server::ours()
        .data_dir(&data)
        .arg("--snapshot-count=3")
        .start();
    let mut kept = Kept::default();
    kept.write(&server, 4);
    assert!(reserve_is_whole(&data), "no reserve was made");
    disk.fill();
    kept.write_until_refused(&server);
    // Whatever was freed meanwhile goes too.
    disk.fill_more();
    server.respawn();
    wait_for_reads(&mut server).expect("it starts on its reserve");
    let said = server.log();
    assert!(
        said.contains("reserve"),
        "it is not told that the reserve was given up: {said}"
    );
    kept.check(&server);
    let refused = kept.write_until_refused(&server);
    assert!(
        refused.contains("disk") || refused.contains("space"),
        "the reason is missing: {refused}"
    );
    kept.check(&server);
    // Once more, without a reserve: it may be refused for the disk, but nothing is lost by that.
    disk.fill_more();
    let said_before = server.log().len();
    server.respawn();
    match wait_for_reads(&mut server) {
        Ok(()) => kept.check(&server),
        Err(why) => {
            let said = server.log().split_off(said_before);
            println!("full to the last byte and without a reserve: {why}\n{said}");
            assert!(said.contains("o space left on"), "{said}");
        }
    }
    disk.free();
    server.restart();
    kept.check(&server);
    wait::until_or("writes do not resume although there is space", || {
        let mut connection = Connection::open(server.addr()).expect("a running server accepts");
        match put(&mut connection, kept.next) {
            answer if accepted(&answer) => Ok(()),
            answer => Err(answer.dump()),
        }
    });
    kept.accepted();
    wait::until("the reserve is not made anew", || reserve_is_whole(&data));
    server.restart();
    kept.check(&server);
    // The server must be gone before its disk.
    drop(server);
    drop(disk);
}

/// No room for the next segment is no reason to refuse what the present one still holds.
#[test]
fn a_disk_without_room_for_a_whole_segment_is_written_while_anything_fits() {
    const FREE: u64 = 44 << 20;
    let scratch = tempfile::tempdir().expect("a temporary directory can be made");
    let Some(disk) = Disk::mount(scratch.path()) else {
        return;
    };
    let data = scratch.path().join("data");
    let mut server = server::ours().data_dir(&data).start();
    let mut kept = Kept::default();
    wait::until("no segment is prepared", || {
        let mut names = fs::read_dir(data.join("wal")).expect("a log has a directory");
        names.any(|entry| {
            let path = entry.expect("a directory can be read").path();
            path.extension().is_some_and(|end| end == "spare")
        })
    });
    wait::until("no reserve is made", || reserve_is_whole(&data));
    disk.leave(FREE);
    // The disk was full for a moment.
    wait::until("44 MiB are not room enough", || {
        let mut connection = Connection::open(server.addr()).expect("a running server accepts");
        accepted(&put(&mut connection, 0))
    });
    kept.accepted();
    // The first segment is small: the prepared one is begun, and nothing is left for another.
    kept.write(&server, 1);
    wait::until("the next segment finds room", || {
        server.log().contains("could not be prepared")
    });
    kept.write(&server, 6);
    // The store takes room as well once it writes its tables.
    let refused = kept.write_until_refused(&server);
    assert!(refused.contains("free some space"), "{refused}");
    disk.free();
    wait::until("writes do not resume although there is space", || {
        let mut connection = Connection::open(server.addr()).expect("a running server accepts");
        accepted(&put(&mut connection, kept.next))
    });
    kept.accepted();
    server.restart();
    kept.check(&server);
    // The server must be gone before its disk.
    drop(server);
    drop(disk);
}

/// A server on a full disk is not healthy, but it reads.
fn wait_for_reads(server: &mut Server) -> Result<(), String> {
    wait::until_or("neither reads nor an end", || {
        if let Some(status) = server.poll_exit() {
            return Ok(Err(format!("ended: {status}")));
        }
        match http::exchange(server.addr(), &Request::get("/v2/keys/")) {
            Ok(answer) if answer.status() == 200 => Ok(Ok(())),
            Ok(answer) => Err(answer.dump()),
            Err(error) => Err(error.to_string()),
        }
    })
}

/// The writes that were acknowledged: all below `next`, apart from those that were refused.
#[derive(Default)]
struct Kept {
    acknowledged: Vec<usize>,
    next: usize,
}

impl Kept {
    fn accepted(&mut self) {
        self.acknowledged.push(self.next);
        self.next += 1;
    }

    fn write(&mut self, server: &Server, count: usize) {
        let mut connection = Connection::open(server.addr()).expect("a running server accepts");
        for _ in 0..count {
            let answer = put(&mut connection, self.next);
            assert!(accepted(&answer), "{}", answer.dump());
            self.accepted();
        }
    }

    /// Gives the text of the refusal.
    fn write_until_refused(&mut self, server: &Server) -> String {
        let mut connection = Connection::open(server.addr()).expect("a running server accepts");
        for _ in 0..MAX_WRITES {
            let answer = put(&mut connection, self.next);
            if accepted(&answer) {
                self.accepted();
                continue;
            }
            self.next += 1;
            let text = answer.text();
            assert_eq!(answer.status(), 500, "{}", answer.dump());
            assert!(text.contains("\"errorCode\":300"), "{text}");
            println!("after {} writes: {text}", self.acknowledged.len());
            return text;
        }
        panic!("a full disk cannot hold everything");
    }

    /// Every one is there and whole.
    fn check(&self, server: &Server) {
        let list = server.exchange(&Request::get("/v2/keys/full"));
        assert_eq!(list.status(), 200, "{}", list.dump());
        for number in &self.acknowledged {
            let answer = server.exchange(&Request::get(&format!("/v2/keys/full/{number}")));
            let whole = answer.body.len() > VALUE_BYTES
                && answer.text().contains(&format!("\"{number}.xxx"));
            assert!(
                answer.status() == 200 && whole,
                "write {number} is lost: {}\n{}",
                answer.status(),
                server.log_tail()
            );
        }
    }
}

/// Whether the room for a start is kept.
fn reserve_is_whole(data: &Path) -> bool {
    const BYTES: u64 = 24 << 20;
    fs::metadata(data.join("RESERVE")).is_ok_and(|file| file.len() >= BYTES && file.blocks() > 0)
}
