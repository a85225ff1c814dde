//! A log that nobody reads: a pipe that is full stops neither a start, nor requests, nor the end.

use std::io::{PipeReader, Read, pipe};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::node::{LIMIT, until};
use super::support::http::{Request, exchange};
use super::support::server::free_ports;

/// A server whose log goes into a pipe.
struct Piped {
    child: Child,
    address: std::net::SocketAddr,
    _data: tempfile::TempDir,
}

impl Piped {
    fn start(arguments: &[&str]) -> (Self, PipeReader) {
        let data = tempfile::tempdir().expect("a temporary directory can be made");
        let (client, peer) = free_ports();
        let (reader, writer) = pipe().expect("a pipe can be made");
        let child = Command::new(env!("CARGO_BIN_EXE_etcd"))
            .arg(format!("--data-dir={}", data.path().join("data").display()))
            .arg(format!("--listen-client-urls=http://{client}"))
            .arg(format!("--advertise-client-urls=http://{client}"))
            .arg(format!("--listen-peer-urls=http://{peer}"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(writer.try_clone().expect("a handle can be copied"))
            .stderr(writer)
            .spawn()
            .expect("the server can be started");
        let server = Self {
            child,
            address: client,
            _data: data,
        };
        (server, reader)
    }

    fn status_of(&self, request: &Request) -> u16 {
        exchange(self.address, request).map_or(0, |answer| answer.status())
    }

    fn end(&mut self) -> ExitStatus {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process id"), Signal::TERM).expect("it is ours");
        let mut status = None;
        let deadline = std::time::Instant::now() + LIMIT;
        while status.is_none() {
            assert!(std::time::Instant::now() < deadline, "it does not end");
            status = self.child.try_wait().expect("it is ours");
            std::thread::yield_now();
        }
        status.expect("it ended")
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn full_pipe(arguments: &[&str]) {
    let (mut server, mut reader) = Piped::start(arguments);
    let health = Request::get("/health");
    until("the start", || server.status_of(&health) == 200);
    // Far more lines than a pipe and the queue before it hold.
    for number in 0..3_000 {
        let put = Request::put(&format!("/v2/keys/{number}"), "value=1");
        assert_eq!(server.status_of(&put), 201);
    }
    assert_eq!(server.status_of(&Request::get("/v2/keys/2999")), 200);
    assert_eq!(server.end().code(), Some(0));
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("lines are text");
    assert!(text.len() > 60_000, "the pipe was not full");
}

#[test]
fn an_unread_standard_error_stops_nothing() {
    full_pipe(&["-vvv"]);
}

#[test]
fn an_unread_standard_output_stops_nothing() {
    full_pipe(&[
        "--log-level=trace",
        "--log-outputs=stdout",
        "--log-format=json",
    ]);
}

#[test]
fn all_lines_come_in_order_where_they_are_read() {
    let (mut server, mut reader) = Piped::start(&["-vvv"]);
    let log = std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).map(|_| text)
    });
    until("the start", || {
        server.status_of(&Request::get("/health")) == 200
    });
    for number in 0..500 {
        let put = Request::put(&format!("/v2/keys/{number}"), "value=1");
        assert_eq!(server.status_of(&put), 201);
    }
    assert_eq!(server.end().code(), Some(0));
    let text = log.join().expect("read").expect("lines are text");
    let last = text.lines().last().expect("there are lines");
    assert!(last.ends_with("stopped"), "{last}");
    assert!(!text.contains("were lost here"));
    let times: Vec<&str> = text.lines().filter_map(|line| line.get(..27)).collect();
    assert!(times.len() > 500);
}

#[test]
fn the_reason_of_a_refusal_is_the_last_line() {
    for arguments in [["--data-dir=/proc/none", "-vvv"], ["--name=a/b", "-v"]] {
        let (mut server, mut reader) = Piped::start(&arguments);
        let status = server.child.wait().expect("it is ours");
        assert_eq!(status.code(), Some(1));
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("lines are text");
        let last = text.lines().last().expect("there are lines");
        let told = last.contains("/proc/none") || last.contains("a/b");
        assert!(told, "{text}");
    }
}
