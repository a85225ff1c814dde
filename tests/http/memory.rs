//! Where memory comes from.

use std::fs;
use std::process::Command;

use super::node::{ask, connect, get};
use super::support::http::Request;
use super::support::server;

/// Server and engine have one allocator: the C library's own is not asked for a byte, and the libraries that are loaded
/// find the program's.
#[test]
fn one_allocator_serves_all() {
    let server = server::ours().start();
    let mut client = connect(&server);
    let form = format!("value={}", "v".repeat(1 << 20));
    for number in 0..16 {
        let put = Request::put(&format!("/v2/keys/m/{number}"), &form);
        assert_eq!(ask(&mut client, &put).status(), 201);
    }
    assert_eq!(get(&server, "/v2/keys/m").status(), 200);
    let pid = server.pid().expect("the server runs");
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("its mappings can be read");
    assert!(
        !maps.contains("[heap]"),
        "the C library has a heap of its own:\n{maps}"
    );
    let bound = Command::new(env!("CARGO_BIN_EXE_etcd"))
        .arg("--version")
        .env("LD_DEBUG", "bindings")
        .output()
        .expect("the server runs");
    let bindings = String::from_utf8_lossy(&bound.stderr).into_owned();
    let of_malloc: Vec<&str> = bindings
        .lines()
        .filter(|line| line.contains("symbol `malloc'"))
        .collect();
    assert!(
        of_malloc
            .iter()
            .any(|line| line.contains("binding file") && line.contains("libstdc++")),
        "{of_malloc:?}"
    );
    let foreign = of_malloc
        .iter()
        .filter(|line| !line.contains("/etcd [0]: normal"))
        .count();
    assert_eq!(foreign, 0, "{of_malloc:#?}");
}
