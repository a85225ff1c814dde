//! Where the output goes: pipes that are read to the end, pipes that close early, a full device, events one by one.

use std::process::{Command, Output, Stdio};

use super::support::client;
use super::support::http::{Connection, Request};
use super::support::place;
use super::support::running::{Running, put, wait_for_watchers};
use super::support::server::{self, Server};

/// More output than a pipe holds (64 KiB), so that the writer notices the reader's end.
const KEYS: usize = 4_000;

/// SIGPIPE's number on top of 128, as a shell reports it.
const SIGPIPE: i32 = 141;

/// A server with a big tree.
fn tree() -> Server {
    let server = server::ours().start();
    let mut connection = Connection::open(server.addr()).expect("the server accepts");
    for number in 0..KEYS {
        let put = Request::put(
            &format!("/v2/keys/tree/branch-{:02}/leaf-{number:06}", number % 50),
            "value=x",
        );
        let answer = connection.exchange(&put).expect("the server answers");
        assert_eq!(answer.status(), 201, "{}", answer.dump());
    }
    server
}

/// Runs a line in bash with `pipefail`, so that the writer's status is seen.
fn bash(server: &Server, line: &str) -> Output {
    let client = client::ours();
    Command::new(place::program("bash"))
        .args(["-o", "pipefail", "-c", line])
        .env("PATH", client.path())
        .env("ETCDCTL_ENDPOINTS", server.url())
        .env("NO_PROXY", "*")
        .stdin(Stdio::null())
        .output()
        .expect("bash can be started")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_reader_that_has_enough_ends_the_writer_without_a_word() {
    let server = tree();
    for (line, wanted) in [
        ("etcdctl ls -r / | head -n 1", "/tree\n"),
        ("etcdctl ls -r -p /tree | head -n 1", "/tree/branch-00/\n"),
        (
            "etcdctl -o json ls -r / | head -c 15",
            "{\"action\":\"get\"",
        ),
        ("etcdctl ls -r / | true", ""),
        ("etcdctl --help | head -n 1", "NAME:\n"),
        ("etcdctl help set | true", ""),
    ] {
        let Output {
            status,
            stdout,
            stderr,
        } = bash(&server, line);
        assert_eq!(text(&stdout), wanted, "{line}");
        assert_eq!(text(&stderr), "", "{line}");
        assert!(
            matches!(status.code(), Some(0 | SIGPIPE)),
            "{line}: {status}"
        );
    }
}

#[test]
fn a_reader_that_reads_all_gets_all() {
    let server = tree();
    let output = bash(&server, "etcdctl ls -r /tree | wc -l");
    assert_eq!(text(&output.stdout).trim(), (KEYS + 50).to_string());
    assert_eq!(output.status.code(), Some(0));
    let sorted = bash(&server, "etcdctl ls -r /tree | LC_ALL=C sort -c");
    assert_eq!(
        (text(&sorted.stderr).as_str(), sorted.status.code()),
        ("", Some(0))
    );
}

#[test]
fn a_watch_whose_reader_left_ends_at_the_next_event() {
    let server = server::ours().start();
    let line = "etcdctl watch -f --after-index $BASE /k | head -n 1; echo \"${PIPESTATUS[0]}\"";
    let base = server.index();
    let client = client::ours();
    put(&server, "/k", "value=first");
    let mut command = Command::new(place::program("bash"));
    command
        .args(["-c", line])
        .env("PATH", client.path())
        .env("ETCDCTL_ENDPOINTS", server.url())
        .env("BASE", base.to_string())
        .env("NO_PROXY", "*");
    let shell = Running::start(&mut command);
    assert_eq!(shell.line(), "first");
    // `head` may still be on its way out when the first of these is written; one of them meets a closed pipe.
    let mut number = 0;
    let ended = loop {
        put(&server, "/k", &format!("value={number}"));
        number += 1;
        if let Some(line) = shell.line_if_any() {
            break line;
        }
        assert!(number < 10_000, "the watch goes on without a reader");
    };
    assert!(["0", "141"].contains(&ended.as_str()), "{ended}");
    let (lines, errors, status) = shell.end();
    assert_eq!((lines.len(), errors.as_str()), (0, ""));
    assert_eq!(status.code(), Some(0));
}

#[test]
fn every_event_is_out_before_the_next_is_waited_for() {
    let server = server::ours().start();
    for format in ["simple", "extended", "json"] {
        let words = ["-o", format, "watch", "-f", "-r", "/w"];
        let watching = Running::watch(&client::ours(), &server, &words);
        for value in ["one", "two"] {
            put(&server, "/w/k", &format!("value={value}"));
            // Lines arrive although the process goes on and its output is no terminal.
            assert_eq!(watching.line(), "[set] /w/k", "{format}");
            while !watching.line().contains(value) {}
        }
        drop(watching);
        wait_for_watchers(&server, 0);
    }
}

#[test]
fn a_device_that_takes_nothing_is_reported() {
    let server = tree();
    let output = bash(&server, "etcdctl ls -r / > /dev/full");
    let errors = text(&output.stderr);
    assert!(
        errors.contains("No space left") || errors.contains("no space left"),
        "{errors}"
    );
    assert!(!errors.contains("panicked"), "{errors}");
    let code = output.status.code();
    assert!(
        code.is_some_and(|code| (1..100).contains(&code)),
        "{}",
        output.status
    );
}

#[test]
fn closed_outputs_are_no_reason_to_crash() {
    let server = server::ours().start();
    put(&server, "/k", "value=v");
    for line in [
        "etcdctl get /k >&-",
        "etcdctl get /nope 2>&-",
        "etcdctl ls / >&- 2>&-",
        "etcdctl get /k <&-",
        "etcdctl --help >&-",
        "etcdctl --bogus >&- 2>&-",
    ] {
        let output = bash(&server, line);
        let errors = text(&output.stderr);
        assert!(!errors.contains("panicked"), "{line}: {errors}");
        let code = output.status.code();
        assert!(
            code.is_some_and(|code| code < 100),
            "{line}: {}",
            output.status
        );
    }
}
