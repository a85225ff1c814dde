//! F9 with a real file system: a disk that fills up. Writes are refused with a reason, reads go on, and writes resume
//! when space returns; nothing acknowledged is lost.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::support::http::{self, Connection, Request, Response};
use super::support::server::{self, Server};
use super::support::wait;

/// Room for two log segments and the store, little more.
const DISK: &str = "size=320m";

const VALUE_BYTES: usize = 1 << 20;

/// More values than the disk can hold.
const MAX_WRITES: usize = 400;

const RESUME_LIMIT: Duration = Duration::from_secs(20);

/// A small file system in memory, unmounted when dropped.
struct Disk {
    directory: PathBuf,
}

impl Disk {
    /// `None` when this process may not mount; says so.
    fn mount(directory: &Path) -> Option<Disk> {
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", DISK, "tmpfs"])
            .arg(directory)
            .output();
        match output {
            Ok(output) if output.status.success() => Some(Disk {
                directory: directory.to_owned(),
            }),
            Ok(output) => {
                let reason = String::from_utf8_lossy(&output.stderr).into_owned();
                println!("not run: this process may not mount a file system: {reason}");
                None
            }
            Err(error) => {
                println!("not run: mount cannot be started: {error}");
                None
            }
        }
    }

    /// Takes all space that is left.
    fn fill(&self) {
        let mut ballast = File::create(self.ballast()).expect("an empty file fits on the disk");
        pour(&mut ballast);
    }

    /// Takes what has become free since.
    fn fill_more(&self) {
        let ballast = File::options().append(true).open(self.ballast());
        let mut ballast = ballast.expect("the ballast is there");
        pour(&mut ballast);
    }

    fn free(&self) {
        fs::remove_file(self.ballast()).expect("the ballast can be removed");
    }

    fn ballast(&self) -> PathBuf {
        self.directory.join("ballast")
    }
}

/// Writes until nothing more fits.
fn pour(ballast: &mut File) {
    let mut block = vec![0xa5; 1 << 20];
    while !block.is_empty() {
        match ballast.write(&block) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => {
                block.truncate(block.len() / 2);
            }
            Err(error) => panic!("the disk cannot be filled: {error}"),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a server that a failed test left running still holds files for a moment.
        let _ = Command::new("umount")
            .arg("-l")
            .arg(&self.directory)
            .status();
    }
}

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
