//! Starts that must be refused with a sentence, and the clean stop that must not need one.

use std::fs;
use std::process::ExitStatus;
use std::time::Duration;

use super::disk_shim::Disk;
use super::history;
use super::image::Image;
use super::support::http::Request;
use super::support::server::{self, Launch, Server};
use super::support::wait;

const LIMIT: Duration = Duration::from_secs(30);

fn put(server: &Server, key: &str, value: &str) {
    let answer = server.exchange(&Request::put(
        &format!("/v2/keys{key}"),
        &format!("value={value}"),
    ));
    assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
}

/// Starts, waits for the end, and returns what was printed.
fn refused(launch: Launch) -> String {
    let mut server = launch.spawn();
    let status = server.wait_exit(LIMIT);
    let log = server.log();
    assert!(
        failed(status),
        "{status}: a refused start must not look like success\n{log}"
    );
    log
}

fn failed(status: ExitStatus) -> bool {
    status.code().is_some_and(|code| code != 0)
}

#[test]
fn sigterm_is_a_clean_stop() {
    let mut server = server::ours().start();
    for number in 0..50 {
        put(&server, &format!("/kept/{number}"), &number.to_string());
    }
    let (before, index) = history::list(&server);
    let status = server.terminate(LIMIT);
    assert_eq!(status.code(), Some(0), "{status}\n{}", server.log_tail());
    server.restart();
    assert_eq!(history::list(&server), (before, index));
}

/// A stop does not wait for ever for clients that hold on to their connections, and what was acknowledged before it reaches
/// every watch that was open.
#[test]
fn sigterm_ends_watches() {
    let mut server = server::ours().start();
    let watches = (0..32).map(|_| crate::observer::Observer::open(server.addr()));
    let watches: Vec<_> = watches.collect();
    put(&server, "/last", "x");
    let status = server.terminate(LIMIT);
    assert_eq!(status.code(), Some(0), "{status}\n{}", server.log_tail());
    for mut watch in watches {
        let seen = watch.drain();
        let seen: Vec<&str> = seen.iter().map(|event| event.key()).collect();
        assert_eq!(seen, ["/last"]);
    }
}

#[test]
fn second_process_on_the_same_directory_is_refused() {
    let server = server::ours().start();
    put(&server, "/k", "first");
    let holder = server.pid().expect("the first server runs").to_string();
    let log = refused(server::ours().data_dir(server.data_dir()));
    let directory = server.data_dir().display().to_string();
    let sentence = log
        .lines()
        .find(|line| line.contains(&directory) && line.contains("in use"));
    let sentence = sentence.unwrap_or_else(|| panic!("no sentence about {directory}\n{log}"));
    assert!(
        sentence.contains(&holder),
        "the holder {holder} is not named: {sentence}"
    );
    put(&server, "/k", "still here");
}

#[test]
fn directory_of_the_original_is_refused_untouched() {
    let mut original = server::debian().start();
    put(&original, "/precious", "data");
    original.kill();
    let before = Image::take(original.data_dir());
    let log = refused(server::ours().data_dir(original.data_dir()));
    let directory = original.data_dir().display().to_string();
    assert!(log.contains(&directory), "{directory} is not named\n{log}");
    assert!(log.contains("member"), "what was found is not named\n{log}");
    let after = Image::take(original.data_dir());
    assert!(
        before.below("") == after.below(""),
        "the refusal changed the directory"
    );
    original.restart();
    let answer = original.exchange(&Request::get("/v2/keys/precious"));
    assert!(
        answer.text().contains("\"value\":\"data\""),
        "{}",
        answer.dump()
    );
}

#[test]
fn directory_of_a_newer_version_is_refused_untouched() {
    let mut server = server::ours().start();
    put(&server, "/k", "v");
    assert_eq!(server.terminate(LIMIT).code(), Some(0));
    let format = server.data_dir().join("FORMAT");
    let text = fs::read_to_string(&format).expect("the directory says its format");
    let (lines, _) = text
        .split_once("check ")
        .expect("the file ends with its checksum");
    let lines = lines.replacen("format 2", "format 9", 1);
    assert!(!text.starts_with(&lines), "the format is not 2: {text:?}");
    let check = crc32fast::hash(lines.as_bytes());
    fs::write(&format, format!("{lines}check {check:08x}\n")).expect("the file can be written");
    let before = Image::take(server.data_dir());
    let log = refused(server::ours().data_dir(server.data_dir()));
    let directory = server.data_dir().display().to_string();
    assert!(log.contains(&directory) && log.contains("newer"), "{log}");
    let after = Image::take(server.data_dir());
    assert!(
        before.below("wal") == after.below("wal") && before.below("store") == after.below("store")
    );
    fs::write(&format, text).expect("the file can be written");
    server.restart();
    let answer = server.exchange(&Request::get("/v2/keys/k"));
    assert!(
        answer.text().contains("\"value\":\"v\""),
        "{}",
        answer.dump()
    );
}

/// A port that another process holds is a plain sentence, not a half-started server.
#[test]
fn taken_port_is_refused() {
    let first = server::ours().start();
    let taken = format!("http://{}", first.addr());
    let log = refused(
        server::ours()
            .arg(format!("--listen-client-urls={taken}"))
            .arg(format!("--advertise-client-urls={taken}")),
    );
    let address = first.addr().to_string();
    let sentence = log
        .lines()
        .find(|line| line.contains(&address) && line.contains("in use"));
    assert!(sentence.is_some(), "no sentence about {address}\n{log}");
    put(&first, "/k", "still here");
}

/// A first start that is killed at any step before the identity file has its name founded nothing, whatever it left
/// behind: founding may be repeated.
#[test]
fn a_first_start_that_was_cut_short_may_be_repeated() {
    for (hangs, made) in [
        ("/store/", "store"),
        ("/wal/", "wal"),
        ("/WITNESS", "WITNESS"),
        ("/FORMAT.new", "FORMAT.new"),
    ] {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let data = scratch.path().join("data");
        let disk = Disk::new(scratch.path());
        disk.hang(hangs);
        let mut server = disk.under(server::ours().data_dir(&data)).spawn();
        wait::until(&format!("no {made}"), || data.join(made).exists());
        server.kill();
        assert!(!data.join("FORMAT").exists(), "{made}: it was founded");
        disk.heal();
        server.restart();
        put(&server, "/works", "x");
        let before = history::list(&server);
        server.restart();
        assert_eq!(history::list(&server), before, "killed at {made}");
    }
}
