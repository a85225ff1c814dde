//! Signals: Ctrl-C ends what goes on for ever with 0 and without a word, SIGTERM ends it like any program.

use std::os::unix::process::ExitStatusExt as _;

use rustix::process::Signal;

use super::support::client;
use super::support::running::{Running, command, put, wait_for_watchers};
use super::support::server::{self, Server};

/// Both kinds of server, fresh.
fn servers() -> [Server; 2] {
    [server::ours().start(), server::debian().start()]
}

#[test]
fn ctrl_c_ends_a_watch_with_0() {
    for server in servers() {
        for words in [
            &["watch", "/k"][..],
            &["watch", "-r", "/"],
            &["watch", "--forever", "/k"],
            &["watch", "--forever", "--reconnect", "/k"],
            &["-o", "json", "watch", "-f", "-r", "/k"],
            &["exec-watch", "-r", "/k", "--", "true"],
        ] {
            let watching = Running::watch(&client::ours(), &server, words);
            watching.interrupt();
            let (lines, errors, status) = watching.end();
            assert_eq!((lines.len(), errors.as_str()), (0, ""), "{words:?}");
            assert_eq!(status.code(), Some(0), "{words:?}: {status}");
            wait_for_watchers(&server, 0);
        }
    }
}

#[test]
fn ctrl_c_after_events_ends_a_watch_with_0() {
    let server = server::ours().start();
    let watching = Running::watch(&client::ours(), &server, &["watch", "-f", "/k"]);
    for value in ["1", "2", "3"] {
        put(&server, "/k", &format!("value={value}"));
        assert_eq!(watching.line(), value);
    }
    watching.interrupt();
    let (lines, errors, status) = watching.end();
    assert_eq!((lines.len(), errors.as_str()), (0, ""));
    assert_eq!(status.code(), Some(0), "{status}");
}

#[test]
fn ctrl_c_ends_cluster_health_with_0() {
    for server in servers() {
        for option in ["--forever", "-f"] {
            let health =
                Running::start(command(&client::ours(), &server).args(["cluster-health", option]));
            assert!(
                health
                    .line()
                    .contains(" is healthy: got healthy result from ")
            );
            assert_eq!(health.line(), "cluster is healthy");
            assert_eq!(health.line(), "");
            assert_eq!(health.line(), "next check after 10 second...");
            assert_eq!(health.line(), "");
            health.interrupt();
            let (lines, errors, status) = health.end();
            assert_eq!((lines.len(), errors.as_str()), (0, ""));
            assert_eq!(status.code(), Some(0), "{status}");
        }
    }
}

#[test]
fn sigterm_ends_a_watch_by_the_signal() {
    let server = server::ours().start();
    for words in [
        &["watch", "/k"][..],
        &["watch", "-f", "--reconnect", "/k"],
        &["exec-watch", "-r", "/k", "--", "true"],
    ] {
        let watching = Running::watch(&client::ours(), &server, words);
        watching.signal(Signal::TERM);
        let (lines, errors, status) = watching.end();
        assert_eq!((lines.len(), errors.as_str()), (0, ""), "{words:?}");
        // A shell reports it as 143.
        assert_eq!(
            status.signal(),
            Some(Signal::TERM.as_raw()),
            "{words:?}: {status}"
        );
        wait_for_watchers(&server, 0);
    }
}
