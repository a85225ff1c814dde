//! A file system that refuses while a server runs (F9): read-only, over its quota, unmounted. Clients get the reason,
//! reads go on, and writes resume by themselves where that is possible.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::disk_shim::Disk;
use super::support::absent;
use super::support::http::{Request, Response};
use super::support::server::{self, Server};

const LIMIT: Duration = Duration::from_secs(60);

fn put(server: &Server, key: &str) -> Response {
    server.exchange(&Request::put(&format!("/v2/keys/{key}"), "value=1"))
}

fn found(server: &Server, key: &str) -> bool {
    let answer = server.exchange(&Request::get(&format!("/v2/keys/{key}")));
    answer.status() == 200
}

/// Writes until one is refused with this reason.
fn until_refused(server: &Server, reason: &str) {
    let deadline = Instant::now() + LIMIT;
    loop {
        let answer = put(server, "refused");
        let text = answer.text();
        if answer.status() == 500 && text.contains(reason) {
            assert!(text.contains("\"errorCode\":300"), "{text}");
            return;
        }
        assert!(Instant::now() < deadline, "{text}\n{}", server.log_tail());
    }
}

fn refuses_and_resumes(error: Errno, reason: &str, label: &str) {
    let scratch = tempfile::tempdir().expect("a temporary directory can be made");
    let disk = Disk::new(scratch.path());
    let mut server = disk.under(server::ours()).start();
    assert_eq!(put(&server, "before").status(), 201);
    disk.refuse("/wal/", error);
    until_refused(&server, reason);
    assert_eq!(server.exchange(&Request::get("/health")).status(), 503);
    let log = server.log();
    let why = log.lines().find(|line| line.contains("not healthy"));
    assert!(why.is_some_and(|line| line.contains(reason)), "{why:?}");
    let metrics = server.exchange(&Request::get("/metrics")).text();
    let figure = format!("etcd2_writes_refused{{reason=\"{label}\"}} 1\n");
    assert!(metrics.contains(&figure), "{metrics}");
    assert!(found(&server, "before"));
    disk.heal();
    let deadline = Instant::now() + LIMIT;
    while put(&server, "after").status() != 201 {
        assert!(Instant::now() < deadline, "{}", server.log_tail());
    }
    assert_eq!(server.exchange(&Request::get("/health")).status(), 200);
    server.restart();
    assert!(found(&server, "before") && found(&server, "after"));
}

#[test]
fn a_read_only_log_refuses_writes_until_it_is_writable() {
    refuses_and_resumes(Errno::ROFS, "read-only file system", "read_only");
}

#[test]
fn a_quota_refuses_writes_until_there_is_room() {
    refuses_and_resumes(Errno::DQUOT, "no space", "no_space");
}

/// No expiry can be written: a dead owner's lock must not look held for as long as that lasts.
#[test]
fn what_lapses_while_writes_are_refused_is_gone_for_linearizable_reads() {
    let scratch = tempfile::tempdir().expect("a temporary directory can be made");
    let disk = Disk::new(scratch.path());
    let server = disk.under(server::ours()).start();
    let write = |key: &str, form: &str| {
        let answer = server.exchange(&Request::put(&format!("/v2/keys/{key}"), form));
        assert_eq!(answer.status(), 201, "{}", answer.dump());
        answer.etcd_index().expect("a write carries X-Etcd-Index")
    };
    write("d/stays", "value=1");
    write("d/leases", "dir=true&ttl=4");
    write("d/leases/member", "value=1");
    let last = write("d/lock", "value=owner&ttl=4");
    disk.refuse("/wal/", Errno::ROFS);
    until_refused(&server, "read-only file system");
    let deadline = Instant::now() + LIMIT;
    while found(&server, "d/lock") {
        assert!(Instant::now() < deadline, "{}", server.log_tail());
    }
    for (key, missing) in [("d/lock", "/d/lock"), ("d/leases/member", "/d/leases")] {
        let answer = server.exchange(&Request::get(&format!("/v2/keys/{key}")));
        assert_eq!(answer.status(), 404, "{}", answer.dump());
        let cause = format!("\"cause\":\"{missing}\"");
        assert!(answer.text().contains(&cause), "{}", answer.dump());
    }
    let listing = server
        .exchange(&Request::get("/v2/keys/d?recursive=true"))
        .text();
    assert!(listing.contains("/d/stays"), "{listing}");
    assert!(
        !listing.contains("lock") && !listing.contains("leases"),
        "{listing}"
    );
    // What is stored is shown to whoever asks for that.
    let local = server.exchange(&Request::get("/v2/keys/d/lock?local=true"));
    assert_eq!(local.status(), 200, "{}", local.dump());
    disk.heal();
    let wait = format!("/v2/keys/d/lock?wait=true&waitIndex={}", last + 1);
    let event = server.exchange(&Request::get(&wait)).text();
    assert!(event.contains("\"action\":\"expire\""), "{event}");
}

/// Network file systems forbid the change, those without rights say yes and keep what was: the node serves, and says so.
#[test]
fn rights_that_cannot_be_changed_are_told_and_the_node_serves() {
    for (error, reason) in [
        (Some(Errno::PERM), "Operation not permitted"),
        (Some(Errno::OPNOTSUPP), "not supported"),
        (None, "the file system keeps no rights"),
    ] {
        let scratch = tempfile::tempdir().expect("a temporary directory can be made");
        let disk = Disk::new(scratch.path());
        let mut server = disk.under(server::ours()).start();
        assert_eq!(put(&server, "before").status(), 201);
        assert_eq!(server.terminate(LIMIT).code(), Some(0));
        let format = server.data_dir().join("FORMAT");
        // Where others cannot come in at all there is nothing to tell.
        let open = Permissions::from_mode(0o755);
        fs::set_permissions(server.data_dir(), open).expect("it is ours");
        fs::set_permissions(&format, Permissions::from_mode(0o644)).expect("it is ours");
        match error {
            Some(error) => disk.refuse_rights("/FORMAT", error),
            None => disk.ignore_rights("/FORMAT"),
        }
        server.restart();
        assert!(found(&server, "before"));
        assert_eq!(put(&server, "after").status(), 201);
        let log = server.log();
        let told = log
            .lines()
            .filter(|line| line.contains("cannot be changed"))
            .collect::<Vec<_>>();
        assert!(
            told.len() == 1 && told[0].contains("1 files") && told[0].contains(reason),
            "{told:?}"
        );
        assert!(!log.contains("now by their owner alone"), "{log}");
    }
}

/// A flush that has no room is no end: what RocksDB held is applied again from the log when the disk takes it.
#[test]
fn a_store_that_may_not_write_waits_and_goes_on() {
    for error in [Errno::NOSPC, Errno::DQUOT, Errno::ROFS] {
        let scratch = tempfile::tempdir().expect("a temporary directory can be made");
        let disk = Disk::new(scratch.path());
        let launch = server::ours().arg("--snapshot-count=10");
        let mut server = disk.under(launch).start();
        disk.refuse_sync(".sst", error);
        let mut acknowledged = Vec::new();
        let refused = until_the_store_waits(&server, &mut acknowledged);
        println!("{error}: after {} writes: {refused}", acknowledged.len());
        let read = server.exchange(&Request::get("/v2/keys/k0?local=true"));
        assert_eq!(read.status(), 200, "{}", read.dump());
        disk.heal();
        let deadline = Instant::now() + LIMIT;
        // One that was not answered in time may have taken effect.
        while !matches!(put(&server, "after").status(), 200 | 201) {
            assert!(Instant::now() < deadline, "{}", server.log_tail());
        }
        assert_eq!(server.exchange(&Request::get("/health")).status(), 200);
        for killed in [false, true] {
            for number in &acknowledged {
                let key = format!("k{number}");
                assert!(
                    found(&server, &key),
                    "{error}: {key} is lost, killed: {killed}"
                );
            }
            assert!(found(&server, "after"));
            server.restart();
        }
        // A stop does not wait for the disk: the log has what waits.
        disk.refuse_sync(".sst", error);
        until_the_store_waits(&server, &mut acknowledged);
        let status = server.terminate(LIMIT);
        assert_eq!(status.code(), Some(0), "{status}\n{}", server.log_tail());
        disk.heal();
        server.restart();
        for number in &acknowledged {
            assert!(
                found(&server, &format!("k{number}")),
                "{error}: k{number} is lost"
            );
        }
    }
}

/// Writes until the store waits for its disk; gives the words for that.
fn until_the_store_waits(server: &Server, acknowledged: &mut Vec<usize>) -> String {
    let deadline = Instant::now() + LIMIT;
    loop {
        assert!(Instant::now() < deadline, "{}", server.log_tail());
        let number = acknowledged.len();
        let answer = put(server, &format!("k{number}"));
        if answer.status() == 201 {
            acknowledged.push(number);
        }
        let text = answer.text();
        if answer.status() == 500 && text.contains("the store cannot write") {
            return text;
        }
    }
}

/// Another error of the store's flush is final, as what the disk holds is no longer known; the log has it all.
#[test]
fn a_flush_that_fails_ends_the_server_and_loses_nothing() {
    let scratch = tempfile::tempdir().expect("a temporary directory can be made");
    let disk = Disk::new(scratch.path());
    let launch = server::ours().arg("--snapshot-count=10");
    let mut server = disk.under(launch).start();
    // RocksDB writes tables by `write`, and syncs them: a sync is refused here.
    disk.refuse_sync(".sst", Errno::IO);
    let mut acknowledged = 0;
    while acknowledged < 1_000 && put(&server, &format!("k{acknowledged}")).status() == 201 {
        acknowledged += 1;
    }
    assert!((1..1_000).contains(&acknowledged), "{acknowledged}");
    let read = server.exchange(&Request::get("/v2/keys/k0?local=true"));
    assert_eq!(read.status(), 200, "{}", read.dump());
    let status = server.wait_exit(LIMIT);
    assert_eq!(status.code(), Some(74), "{status}\n{}", server.log_tail());
    disk.heal();
    server.restart();
    for number in 0..acknowledged {
        assert!(found(&server, &format!("k{number}")), "k{number} is lost");
    }
}

#[test]
fn a_volume_that_is_unmounted_under_a_server_ends_it() {
    let scratch = tempfile::tempdir().expect("a temporary directory can be made");
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program)
            .args(arguments)
            .arg(scratch.path())
            .output()
            .expect("mount and umount are part of every system");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        output.status.success().then_some(()).ok_or(errors)
    };
    if let Err(reason) = run("mount", &["-t", "tmpfs", "-o", "size=320m", "tmpfs"]) {
        absent::not_run(&format!(
            "this process may not mount a file system: {reason}"
        ));
        return;
    }
    let mut server = server::ours().data_dir(scratch.path().join("data")).start();
    assert_eq!(put(&server, "before").status(), 201);
    run("umount", &["-l"]).expect("what was mounted can be unmounted");
    until_refused(&server, "unmounted");
    let status = server.wait_exit(LIMIT);
    assert_eq!(status.code(), Some(74), "{status}\n{}", server.log_tail());
    assert!(
        !scratch.path().join("data").exists(),
        "something was written below the mount point"
    );
}
