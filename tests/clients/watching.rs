//! `etcdctl watch` and `exec-watch` as live processes: what they print, when they end, and with which code.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::node;
use super::support::client;
use super::support::http::Request;
use super::support::server::Server;

const LIMIT: Duration = Duration::from_secs(30);

/// Lines a test may leave unread before `etcdctl` has to wait: more than any of them makes it print.
const UNREAD_LINES: usize = 1_000;

/// A running `etcdctl`, killed when dropped.
struct Watching {
    child: Child,
    lines: Receiver<String>,
}

impl Watching {
    /// Starts `etcdctl ARGUMENTS` and returns once the server has its watcher.
    fn start(server: &Server, arguments: &[&str]) -> Watching {
        let before = watchers(server);
        let mut child = Command::new(client::DEBIAN_ETCDCTL)
            .args(arguments)
            .env("ETCDCTL_API", "2")
            .env("ETCDCTL_ENDPOINTS", server.url())
            .env("NO_PROXY", "*")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("etcdctl can be started");
        let stdout = child.stdout.take().expect("the output is a pipe");
        let (sender, lines) = sync_channel(UNREAD_LINES);
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let watching = Watching { child, lines };
        wait_for_watchers(server, before + 1);
        watching
    }

    /// The next line it prints.
    fn line(&self) -> String {
        self.lines
            .recv_timeout(LIMIT)
            .expect("etcdctl prints a line for the event")
    }

    /// Waits for its end; returns the lines not read yet, its errors and its status.
    fn end(mut self) -> (Vec<String>, String, ExitStatus) {
        let deadline = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("etcdctl is our child") {
                break status;
            }
            assert!(Instant::now() < deadline, "etcdctl does not end");
            thread::yield_now();
        };
        let mut errors = String::new();
        let stderr = self.child.stderr.as_mut().expect("the errors are a pipe");
        stderr
            .read_to_string(&mut errors)
            .expect("etcdctl writes text");
        (self.lines.iter().collect(), errors, status)
    }

    fn interrupt(&self) {
        let id = i32::try_from(self.child.id()).ok();
        let id = id.and_then(rustix::process::Pid::from_raw);
        let id = id.expect("a process id is a positive i32");
        rustix::process::kill_process(id, rustix::process::Signal::INT)
            .expect("the process is ours to signal");
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // An error means that it has already ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number of registered watchers the server reports.
fn watchers(server: &Server) -> u64 {
    let answer = server.exchange(&Request::get("/v2/stats/store")).text();
    let (_, number) = answer
        .rsplit_once("\"watchers\":")
        .expect("the statistics end with the watchers");
    number
        .trim_end()
        .trim_end_matches('}')
        .parse()
        .expect("the number of watchers is one")
}

fn wait_for_watchers(server: &Server, wanted: u64) {
    let deadline = Instant::now() + LIMIT;
    while watchers(server) != wanted {
        assert!(
            Instant::now() < deadline,
            "the server does not get to {wanted} watchers"
        );
    }
}

fn put(server: &Server, key: &str, form: &str) {
    let answer = server.exchange(&Request::put(&format!("/v2/keys{key}"), form));
    assert!(answer.status() < 300, "{}", answer.dump());
}

fn delete(server: &Server, target: &str) {
    let answer = server.exchange(&Request::delete(&format!("/v2/keys{target}")));
    assert!(answer.status() < 300, "{}", answer.dump());
}

#[test]
fn watch_prints_the_new_value_and_ends() {
    let server = node::start();
    let watching = Watching::start(&server, &["watch", "/example/hello"]);
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
    let watching = Watching::start(&server, &["watch", "--recursive", "/example"]);
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
    let watching = Watching::start(&server, &["watch", "-f", "-r", "/w"]);
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
    let watching = Watching::start(&server, &["watch", "-f", "/burst"]);
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
    let watching = Watching::start(&server, &["watch", "-f", "/gone"]);
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
    let output = Command::new(client::DEBIAN_ETCDCTL)
        .args(["watch", "--after-index", &(first - 1).to_string(), "/old"])
        .env("ETCDCTL_API", "2")
        .env("ETCDCTL_ENDPOINTS", server.url())
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
    let watching = Watching::start(&server, &command);
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
