//! The tutorial's checklist (etcdctl reference 1) and the key commands of `tests/clients`, word for word, with our client
//! against our server.

use std::fs;
use std::process::Command;

use super::support::client;
use super::support::running::{LIMIT, Running, command, put, send, wait_for_watchers, watchers};
use super::support::server::{self, Server};
use super::support::transcript::{self, Voice};

fn start() -> Server {
    server::ours().arg("--retention-events=1000").start()
}

fn replay(file: &str) {
    transcript::replay(&client::ours(), Voice::Ours, &start(), file);
}

/// Every line of the checklist that ends by itself, in its order.
#[test]
fn checklist() {
    replay("tests/etcdctl/transcripts/tutorial.txt");
}

/// What is recorded for Debian's client, with the choices as ours prints them.
#[test]
fn what_is_recorded_for_debians_client() {
    for name in ["commands", "curl", "ours"] {
        replay(&format!("tests/clients/transcripts/{name}.txt"));
    }
}

#[test]
fn watch_blocks_prints_the_new_value_and_ends() {
    let server = start();
    let watching = Running::watch(&client::ours(), &server, &["watch", "/example/hello"]);
    put(&server, "/example/other", "value=x");
    put(&server, "/example/hello", "value=there");
    let (lines, errors, status) = watching.end();
    assert_eq!((lines, errors.as_str()), (vec!["there".to_owned()], ""));
    assert_eq!(status.code(), Some(0));
}

#[test]
fn watch_recursive_names_the_key() {
    let server = start();
    let words = ["watch", "--recursive", "/example"];
    let watching = Running::watch(&client::ours(), &server, &words);
    put(&server, "/example/hello", "value=1");
    let (lines, errors, status) = watching.end();
    assert_eq!(lines, ["[set] /example/hello", "1"]);
    assert_eq!((errors.as_str(), status.code()), ("", Some(0)));
}

/// `while true; do etcdctl watch --recursive /example; done`: one event a turn, and Ctrl-C ends one watch with 0.
#[test]
fn watch_in_a_loop() {
    const LOOP: &str = "while true; do etcdctl watch --recursive /example; echo code $?; done";
    let server = start();
    let client = client::ours();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", LOOP])
        .env("PATH", client.path())
        .env("ETCDCTL_ENDPOINTS", server.url())
        .env("NO_PROXY", "*");
    let shell = Running::start(&mut shell);
    for turn in 0..3 {
        wait_for_watchers(&server, 1);
        put(&server, "/example/hello", &format!("value={turn}"));
        assert_eq!(shell.line(), "[set] /example/hello");
        assert_eq!(shell.line(), turn.to_string());
        assert_eq!(shell.line(), "code 0");
    }
    wait_for_watchers(&server, 1);
    send(child_of(shell.pid()), rustix::process::Signal::INT);
    assert_eq!(shell.line(), "code 0");
    wait_for_watchers(&server, 1);
    drop(shell);
    wait_for_watchers(&server, 0);
}

/// `etcdctl exec-watch --recursive  /example -- echo "hello"`: a line for every change, until Ctrl-C.
#[test]
fn exec_watch_runs_for_every_change() {
    let server = start();
    let words = [
        "exec-watch",
        "--recursive",
        "/example",
        "--",
        "echo",
        "hello",
    ];
    let watching = Running::watch(&client::ours(), &server, &words);
    for turn in 0..3 {
        put(&server, "/example/hello", &format!("value={turn}"));
        assert_eq!(watching.line(), "hello");
    }
    watching.interrupt();
    let (lines, errors, status) = watching.end();
    assert_eq!((lines.len(), errors.as_str()), (0, ""));
    assert_eq!(status.code(), Some(0));
}

/// The same two in an empty store, where nothing below `/example` exists yet.
#[test]
fn a_watch_waits_for_a_key_that_does_not_exist() {
    let server = start();
    assert_eq!(watchers(&server), 0);
    let output = command(&client::ours(), &server)
        .args(["get", "/example"])
        .output()
        .expect("etcdctl can be started");
    assert_eq!(output.status.code(), Some(4));
    let watching = Running::watch(&client::ours(), &server, &["watch", "/example"]);
    put(&server, "/example", "value=made");
    assert_eq!(watching.end().0, ["made"]);
}

/// The only child of a process.
fn child_of(parent: u32) -> u32 {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let deadline = std::time::Instant::now() + LIMIT;
    loop {
        let children = fs::read_to_string(&path).expect("the shell is running");
        if let [child] = children.split_whitespace().collect::<Vec<_>>()[..] {
            return child.parse().expect("a process id is a number");
        }
        assert!(
            std::time::Instant::now() < deadline,
            "children: {children:?}"
        );
    }
}
