//! `etcdctl watch` and `exec-watch` as live processes: what they print, when they end, and with which code.

use super::node;
use super::support::client;
use super::support::running::{Running, command, delete, put, wait_for_watchers};
use super::support::server::Server;

/// Debian's `etcdctl ARGUMENTS`, once the server has its watcher.
fn watch(server: &Server, arguments: &[&str]) -> Running {
    Running::watch(&client::debian(), server, arguments)
}

#[test]
fn watch_prints_the_new_value_and_ends() {
    let server = node::start();
    let watching = watch(&server, &["watch", "/example/hello"]);
    put(&server, "/example/other", "value=x");
    put(&server, "/example/hello", "value=there");
    let (lines, errors, status) = watching.end();
    assert_eq!((lines, errors.as_str()), (vec!["there".to_owned()], ""));
    assert!(status.success(), "{status}");
    wait_for_watchers(&server, 0);
}

#[test]
fn recursive_watch_names_action_and_key() {
    let server = node::start();
    let watching = watch(&server, &["watch", "--recursive", "/example"]);
    // Directory events are skipped: the wait goes on.
    put(&server, "/example/dir", "dir=true");
    put(&server, "/example/hello", "value=1");
    let (lines, errors, status) = watching.end();
    assert_eq!(lines, ["[set] /example/hello", "1"]);
    assert_eq!(errors, "");
    assert!(status.success(), "{status}");
}

#[test]
fn watch_forever_shows_every_action_until_interrupted() {
    let server = node::start();
    let watching = watch(&server, &["watch", "-f", "-r", "/w"]);
    let shown = |first: &str, second: &str| {
        assert_eq!(watching.line(), first);
        assert_eq!(watching.line(), second);
    };
    put(&server, "/w/c", "value=1");
    shown("[set] /w/c", "1");
    put(&server, "/w/c", "value=2&prevExist=true");
    shown("[update] /w/c", "2");
    put(&server, "/w/c", "value=3&prevValue=2");
    shown("[compareAndSwap] /w/c", "3");
    put(&server, "/w/d", "value=x&prevExist=false");
    shown("[create] /w/d", "x");
    delete(&server, "/w/d?prevValue=x");
    shown("[compareAndDelete] /w/d", "");
    delete(&server, "/w/c");
    shown("[delete] /w/c", "PrevNode.Value: 3");
    put(&server, "/w/t", "value=short&ttl=1");
    shown("[set] /w/t", "short");
    shown("[expire] /w/t", "");
    wait_for_watchers(&server, 1);
    watching.interrupt();
    let (lines, errors, status) = watching.end();
    assert_eq!((lines.len(), errors.as_str()), (0, ""));
    assert_eq!(status.code(), Some(0), "{status}");
    wait_for_watchers(&server, 0);
}

#[test]
fn watch_forever_loses_no_event_of_a_burst() {
    const EVENTS: u64 = 200;
    let server = node::start();
    let watching = watch(&server, &["watch", "-f", "/burst"]);
    for number in 0..EVENTS {
        put(&server, "/burst", &format!("value={number}"));
    }
    for number in 0..EVENTS {
        assert_eq!(watching.line(), number.to_string());
    }
}

#[test]
fn watch_ends_with_code_4_when_the_server_dies() {
    let mut server = node::start();
    let watching = watch(&server, &["watch", "-f", "/gone"]);
    server.kill();
    let (lines, errors, status) = watching.end();
    assert_eq!(lines, Vec::<String>::new());
    assert!(errors.contains("unexpected EOF"), "{errors}");
    assert_eq!(status.code(), Some(4), "{status}");
}

#[test]
fn watch_of_cleared_history_is_refused() {
    let server = node::start();
    let first = server.index() + 1;
    for number in 0..=node::HISTORY {
        put(&server, "/old", &format!("value={number}"));
    }
    let last = server.index();
    let output = command(&client::debian(), &server)
        .args(["watch", "--after-index", &(first - 1).to_string(), "/old"])
        .output()
        .expect("etcdctl can be started");
    let oldest = last - node::HISTORY + 1;
    let wanted = format!(
        "Error:  401: The event in requested index is outdated and cleared \
         (the requested history has been cleared [{oldest}/{first}]) [{last}]\n"
    );
    assert_eq!(String::from_utf8_lossy(&output.stderr), wanted);
    assert_eq!(output.status.code(), Some(4), "{}", output.status);
}

#[test]
fn exec_watch_runs_the_command_for_each_change() {
    let server = node::start();
    let script =
        "echo \"$ETCD_WATCH_ACTION $ETCD_WATCH_KEY $ETCD_WATCH_VALUE $ETCD_WATCH_MODIFIED_INDEX\"";
    let command = [
        "exec-watch",
        "--recursive",
        "/example",
        "--",
        "sh",
        "-c",
        script,
    ];
    let watching = watch(&server, &command);
    let base = server.index();
    put(&server, "/example/hello", "value=one");
    assert_eq!(
        watching.line(),
        format!("set /example/hello one {}", base + 1)
    );
    delete(&server, "/example/hello");
    assert_eq!(
        watching.line(),
        format!("delete /example/hello  {}", base + 2)
    );
    watching.interrupt();
    let (_, _, status) = watching.end();
    assert_eq!(status.code(), Some(0), "{status}");
}
