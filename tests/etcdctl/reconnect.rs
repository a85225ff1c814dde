//! A watch and the death of its server: without `--reconnect` it ends with 4, with it every event is seen once, in order.

use std::time::Instant;

use super::support::client;
use super::support::running::{LIMIT, Running, put, watchers};
use super::support::server::{self, Server};

const ROUNDS: usize = 3;
const WRITES: usize = 20;

#[test]
fn without_reconnect_a_watch_ends_with_4() {
    for mut server in [server::ours().start(), server::debian().start()] {
        for words in [
            &["watch", "-f", "/gone"][..],
            &["watch", "/gone"],
            &["exec-watch", "-r", "/gone", "--", "true"],
        ] {
            let watching = Running::watch(&client::ours(), &server, words);
            server.kill();
            let (lines, errors, status) = watching.end();
            assert_eq!(lines, Vec::<String>::new());
            let first = errors.lines().next().unwrap_or_default();
            let frame = "Error:  client: etcd cluster is unavailable or misconfigured; error #0: ";
            assert!(first.starts_with(frame), "{words:?}: {errors}");
            assert_eq!(status.code(), Some(4), "{words:?}: {status}");
            server.restart();
        }
    }
}

#[test]
fn with_reconnect_no_event_is_lost_or_doubled_over_restarts_of_our_server() {
    over_restarts(server::ours().start());
}

#[test]
fn with_reconnect_no_event_is_lost_or_doubled_over_restarts_of_debian_servers() {
    over_restarts(server::debian().start());
}

/// Writes before each kill, at once after the restart while the watch may still be finding its way back, and when it is
/// back.
fn over_restarts(mut server: Server) {
    let words = ["watch", "-f", "-r", "--reconnect", "/k"];
    let watching = Running::watch(&client::ours(), &server, &words);
    let mut written = 0;
    let mut write = |server: &Server| {
        for _ in 0..WRITES {
            put(server, "/k/number", &format!("value={written}"));
            written += 1;
        }
    };
    for _ in 0..ROUNDS {
        write(&server);
        server.kill();
        server.restart();
        write(&server);
        wait_for_a_watcher(&server);
        write(&server);
    }
    for number in 0..written {
        assert_eq!(watching.line(), "[set] /k/number", "before {number}");
        assert_eq!(watching.line(), number.to_string());
    }
    watching.interrupt();
    let (lines, errors, status) = watching.end();
    assert_eq!(lines, Vec::<String>::new());
    assert!(
        errors.contains("interrupted"),
        "the interruptions are told: {errors:?}"
    );
    assert_eq!(status.code(), Some(0), "{status}");
}

/// `exec-watch` goes on in the same way: every change has its command.
#[test]
fn exec_watch_with_reconnect_runs_the_command_for_every_change() {
    let mut server = server::ours().start();
    let words = [
        "exec-watch",
        "--reconnect",
        "/k",
        "--",
        "sh",
        "-c",
        "echo $ETCD_WATCH_VALUE",
    ];
    let watching = Running::watch(&client::ours(), &server, &words);
    for round in 0..ROUNDS {
        put(&server, "/k", &format!("value={round}"));
        assert_eq!(watching.line(), round.to_string());
        server.kill();
        server.restart();
        wait_for_a_watcher(&server);
    }
    put(&server, "/k", "value=last");
    assert_eq!(watching.line(), "last");
}

fn wait_for_a_watcher(server: &Server) {
    let deadline = Instant::now() + LIMIT;
    while watchers(server) == 0 {
        assert!(Instant::now() < deadline, "the watch does not come back");
        std::thread::yield_now();
    }
}
