//! python-etcd and Patroni with all members as endpoints, while leaders are killed under them.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::node;
use super::python::interpreter;
use super::support::place;

/// Longer than any check takes between two lines.
const QUIET: Duration = Duration::from_secs(150);

#[test]
fn clients_of_three_members_outlive_leaders() {
    let python = interpreter();
    let mut cluster = node::start_three();
    let path = place::file("tests/clients/fail_over.py");
    let source = fs::read_to_string(&path).expect("the script is part of the repository");
    let endpoints: Vec<String> = cluster
        .addresses()
        .iter()
        .map(ToString::to_string)
        .collect();
    let mut child = Command::new(&python)
        .arg(&path)
        .arg(format!("--endpoints={}", endpoints.join(",")))
        .env("NO_PROXY", "*")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{python} cannot be started: {error}"));
    let mut answers = child.stdin.take().expect("its input is a pipe");
    let output = child.stdout.take().expect("its output is a pipe");
    let (sender, lines) = mpsc::sync_channel(1_000);
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let (mut passed, mut lost) = (0, None);
    loop {
        let line = match lines.recv_timeout(QUIET) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                let _ = child.kill();
                panic!("fail_over.py says nothing any more after {passed} checks");
            }
        };
        match line.as_str() {
            "lose" => {
                let leader = cluster.leader();
                cluster[leader].kill();
                lost = Some(leader);
            }
            "restore" => {
                let away = lost.take().expect("one was lost");
                cluster[away].restart();
            }
            _ => {
                passed += usize::from(line.starts_with("ok "));
                println!("{line}");
                continue;
            }
        }
        // Where it has ended, its status says so.
        let _ = writeln!(answers, "done");
    }
    let status = child.wait().expect("it is our child");
    let written = source.lines().filter(|line| *line == "@check").count();
    assert!(
        status.success() && passed == written,
        "fail_over.py: {passed} of {written} checks passed, {status}"
    );
}
