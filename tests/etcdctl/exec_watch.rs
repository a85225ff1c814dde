//! The commands that `exec-watch` starts: side by side, whatever becomes of each.

use super::support::client;
use super::support::running::{Running, delete, put, wait_for_watchers};
use super::support::server;

fn exec_watch<'a>(script: &'a str, key: &'a str) -> [&'a str; 7] {
    ["exec-watch", "--recursive", key, "--", "sh", "-c", script]
}

#[test]
fn commands_overlap() {
    let server = server::ours().start();
    let place = tempfile::tempdir().expect("a temporary directory can be made");
    let fifo = place.path().join("fifo");
    // The first command ends only when the second has begun: run one after the other they would wait for ever.
    let script = format!(
        "case $ETCD_WATCH_VALUE in first) read line <'{0}'; echo \"$line\";; *) echo hand >'{0}';; esac",
        fifo.display()
    );
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .expect("a pipe can be made in it");
    let watching = Running::watch(&client::ours(), &server, &exec_watch(&script, "/k"));
    put(&server, "/k", "value=first");
    put(&server, "/k", "value=second");
    assert_eq!(watching.line(), "hand");
}

#[test]
fn every_change_has_its_variables() {
    let server = server::ours().start();
    let script =
        "echo \"$ETCD_WATCH_ACTION $ETCD_WATCH_KEY $ETCD_WATCH_VALUE $ETCD_WATCH_MODIFIED_INDEX\"";
    let watching = Running::watch(&client::ours(), &server, &exec_watch(script, "/e"));
    let base = server.index();
    put(&server, "/e/k", "value=one");
    assert_eq!(watching.line(), format!("set /e/k one {}", base + 1));
    put(&server, "/e/k", "value=two&prevExist=true");
    assert_eq!(watching.line(), format!("update /e/k two {}", base + 2));
    put(&server, "/e/k", "value=three&prevValue=two");
    assert_eq!(
        watching.line(),
        format!("compareAndSwap /e/k three {}", base + 3)
    );
    delete(&server, "/e/k?prevValue=three");
    assert_eq!(
        watching.line(),
        format!("compareAndDelete /e/k  {}", base + 4)
    );
    put(&server, "/e/k", "value=four&prevExist=false");
    assert_eq!(watching.line(), format!("create /e/k four {}", base + 5));
    delete(&server, "/e/k");
    assert_eq!(watching.line(), format!("delete /e/k  {}", base + 6));
    put(&server, "/e/t", "value=short&ttl=1");
    assert_eq!(watching.line(), format!("set /e/t short {}", base + 7));
    assert_eq!(watching.line(), format!("expire /e/t  {}", base + 8));
}

#[test]
fn changes_of_directories_are_told_on_standard_error_only() {
    let server = server::ours().start();
    let watching = Running::watch(
        &client::ours(),
        &server,
        &exec_watch("echo run", "/example"),
    );
    put(&server, "/example/dd", "dir=true");
    put(&server, "/example/k", "value=v");
    assert_eq!(watching.line(), "run");
    delete(&server, "/example/dd?dir=true");
    put(&server, "/example/k", "value=v");
    assert_eq!(watching.line(), "run");
    watching.interrupt();
    let (lines, errors, status) = watching.end();
    let told = "Ignored dir /example/dd change\n".repeat(2);
    assert_eq!((lines.len(), errors), (0, told));
    assert_eq!(status.code(), Some(0), "{status}");
}

#[test]
fn a_command_that_fails_is_followed_by_the_next() {
    let server = server::ours().start();
    let script = "echo $ETCD_WATCH_VALUE; exit 3";
    let watching = Running::watch(&client::ours(), &server, &exec_watch(script, "/k"));
    for value in ["one", "two"] {
        put(&server, "/k", &format!("value={value}"));
        assert_eq!(watching.line(), value);
    }
    drop(watching);
    wait_for_watchers(&server, 0);
    let script = "echo $ETCD_WATCH_VALUE; kill -9 $$";
    let killed = Running::watch(&client::ours(), &server, &exec_watch(script, "/k"));
    for value in ["three", "four"] {
        put(&server, "/k", &format!("value={value}"));
        assert_eq!(killed.line(), value);
    }
}

#[test]
fn a_command_that_cannot_be_started_ends_the_watch_at_the_first_change() {
    let server = server::ours().start();
    let words = ["exec-watch", "-r", "/k", "--", "no-such-command-anywhere"];
    let watching = Running::watch(&client::ours(), &server, &words);
    put(&server, "/k", "value=v");
    let (lines, errors, status) = watching.end();
    assert_eq!(lines, Vec::<String>::new());
    let wanted = "exec: \"no-such-command-anywhere\": executable file not found in $PATH\n";
    assert_eq!(errors, wanted);
    assert_eq!(status.code(), Some(1), "{status}");
}

#[test]
fn ctrl_c_while_a_command_runs_ends_the_watch_with_0() {
    let server = server::ours().start();
    // The command tells that it runs, then waits to be ended with the group.
    let script = "echo running; exec sleep 1000";
    let watching = Running::watch(&client::ours(), &server, &exec_watch(script, "/k"));
    put(&server, "/k", "value=v");
    assert_eq!(watching.line(), "running");
    let (errors, status) = watching.interrupted_with_children();
    assert_eq!(errors, "");
    assert_eq!(status.code(), Some(0), "{status}");
}

#[test]
fn a_value_with_a_zero_byte_stops_nothing() {
    let server = server::ours().start();
    let script = "echo \"$ETCD_WATCH_ACTION <$ETCD_WATCH_VALUE>\"";
    let watching = Running::watch(&client::ours(), &server, &exec_watch(script, "/k"));
    put(&server, "/k", "value=a%00b");
    assert_eq!(watching.line(), "set <>");
    put(&server, "/k", "value=ab");
    assert_eq!(watching.line(), "set <ab>");
}

#[test]
fn a_value_that_no_environment_can_hold_still_gets_its_run() {
    let server = server::ours().start();
    let script = "echo \"$ETCD_WATCH_KEY ${ETCD_WATCH_VALUE-unset}\"";
    let watching = Running::watch(&client::ours(), &server, &exec_watch(script, "/e"));
    put(
        &server,
        "/e/long",
        &format!("value={}", "v".repeat(200_000)),
    );
    assert_eq!(watching.line(), "/e/long unset");
    put(&server, "/e/nul", "value=a%00b");
    assert_eq!(watching.line(), "/e/nul unset");
    put(&server, "/e/fits", "value=v");
    assert_eq!(watching.line(), "/e/fits v");
    watching.interrupt();
    let (_, errors, status) = watching.end();
    assert_eq!(
        errors,
        "warning: ETCD_WATCH_VALUE is not set: the value is too long for an environment\n\
         warning: ETCD_WATCH_VALUE is not set: a value with a NUL byte cannot be in an environment\n"
    );
    assert_eq!(status.code(), Some(0));
}
