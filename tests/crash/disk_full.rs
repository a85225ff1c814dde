//! F9 with a real file system: a disk that fills up. Writes are refused with a reason, reads go on, and writes resume
//! when space returns; nothing acknowledged is lost.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::support::http::{Connection, Request, Response};
use super::support::server;

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

    fn free(&self) {
        fs::remove_file(self.ballast()).expect("the ballast can be removed");
    }

    fn ballast(&self) -> PathBuf {
        self.directory.join("ballast")
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
