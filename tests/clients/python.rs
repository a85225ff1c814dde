//! python-etcd and Patroni, each as a program of named checks that must all report success.

use std::fs;
use std::process::Command;

use super::node;
use super::support::place;

#[test]
fn python_etcd() {
    run("python_etcd.py");
}

#[test]
fn patroni() {
    run("patroni_dcs.py");
}

/// Runs `tests/clients/SCRIPT` in the pinned environment against a fresh server.
fn run(script: &str) {
    let python = interpreter();
    let server = node::start();
    let path = place::file(&format!("tests/clients/{script}"));
    let source = fs::read_to_string(&path).expect("the script is part of the repository");
    let output = Command::new(&python)
        .arg(&path)
        .args(["--host", &server.addr().ip().to_string()])
        .args(["--port", &server.addr().port().to_string()])
        .args(["--history", &node::HISTORY.to_string()])
        .env("NO_PROXY", "*")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap_or_else(|error| panic!("{python} cannot be started: {error}"));
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let passed = stdout
        .lines()
        .filter(|line| line.starts_with("ok "))
        .count();
    // A script that stops before its last check must not count as a success: each check has to report.
    let written = source.lines().filter(|line| *line == "@check").count();
    assert!(
        output.status.success() && passed == written,
        "{script}: {passed} of {written} checks passed, {}\n{stdout}\n{stderr}\n{}",
        output.status,
        server.log_tail()
    );
}

pub(crate) fn interpreter() -> String {
    let tool = place::file("tools/python-venv.sh");
    let output = Command::new(&tool)
        .output()
        .unwrap_or_else(|error| panic!("{} cannot be started: {error}", tool.display()));
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(
        output.status.success() && !text.is_empty(),
        "the Python clients are not installed; `make test` installs them\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}
