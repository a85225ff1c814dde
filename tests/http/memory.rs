//! Where memory comes from.

use std::fs;
use std::process::Command;

use super::node::{ask, connect, get, sent};
use super::slow_watches::peak_of_memory;
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

/// A value of control characters is six times as long in JSON. Clients that ask for it and read nothing would have 8 MiB
/// each; they share what large answers may take, and give way to who reads.
#[test]
fn large_answers_that_nobody_reads_take_bounded_memory() {
    const CLIENTS: usize = 80;
    let server = server::ours().start();
    let form = format!("value={}", "%01".repeat(1_400_000));
    let mut client = connect(&server);
    for key in ["/v2/keys/file", "/v2/keys/dir/file"] {
        let put = Request::put(&format!("{key}?noValueOnSuccess=true"), &form);
        assert_eq!(ask(&mut client, &put).status(), 201);
    }
    let before = peak_of_memory(&server);
    // Of a listing the value that is being written is held as well, 48 of them for one address.
    for (target, most) in [("/v2/keys/file", 350), ("/v2/keys/dir", 900)] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
        let silent: Vec<_> = (0..CLIENTS)
            .map(|_| sent(&server, request.as_bytes()))
            .collect();
        // Others are served, at once or when some of those have been cut off.
        let mut served = 0;
        while served < 5 {
            let answer = get(&server, target);
            match answer.status() {
                200 => served += 1,
                status => assert_eq!(status, 500, "{}", answer.head.status),
            }
        }
        let more = (peak_of_memory(&server) - before) >> 20;
        assert!(more < most, "{target}: {more} MiB for {CLIENTS} clients");
        drop(silent);
    }
}
