//! A process with few descriptors: it works within what it has, and a want of them is never a failed disk.

use std::fs;
use std::net::TcpStream;
use std::thread;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::support::http::{Connection, Request, Response};
use super::support::server::{self, Server};
use super::support::wait::{LIMIT, until, until_or};

fn put(connection: &mut Connection, key: &str, bytes: usize) -> Response {
    let form = format!("value={}", "x".repeat(bytes));
    let request = Request::put(&format!("/v2/keys/{key}"), &form);
    connection.exchange(&request).expect("the server answers")
}

fn connect(server: &Server) -> Connection {
    Connection::open(server.addr()).expect("the server accepts connections")
}

fn pid(server: &Server) -> Pid {
    let pid = server.pid().and_then(|pid| i32::try_from(pid).ok());
    pid.and_then(Pid::from_raw).expect("the server is running")
}

/// Descriptors that the process has.
fn open(server: &Server) -> Vec<u64> {
    let listed = fs::read_dir(format!("/proc/{}/fd", pid(server).as_raw_nonzero()));
    let names = listed.expect("a process of ours").flatten();
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    names.filter_map(number).collect()
}

fn limit(server: &Server, files: Option<u64>) {
    let of = |maximum| Rlimit {
        current: files.or(maximum),
        maximum,
    };
    let own = rustix::process::getrlimit(Resource::Nofile).maximum;
    prlimit(Some(pid(server)), Resource::Nofile, of(own)).expect("a process of ours");
}

/// From now on the server can open nothing: the limit is the lowest number that is free, and clients wait for what it
/// closes.
fn starve(server: &Server) -> Vec<TcpStream> {
    let open = open(server);
    let free = (0..).find(|number| !open.contains(number));
    limit(server, free);
    (0..64)
        .map(|_| TcpStream::connect(server.addr()).expect("the system queues it"))
        .collect()
}

/// Four ordinary writers, and as many idle clients as connect, under limits from the least on.
#[test]
fn writers_go_on_beside_all_the_clients_that_a_limit_allows() {
    for files in [128, 256, 1_024] {
        let mut server = server::ours()
            .open_files(files)
            .arg("--snapshot-count=50")
            .start();
        let mut writers: Vec<Connection> = (0..4).map(|_| connect(&server)).collect();
        for (number, writer) in writers.iter_mut().enumerate() {
            assert_eq!(put(writer, &format!("first{number}"), 1).status(), 201);
        }
        let idle: Vec<_> = (0..files + 64)
            .map(|_| TcpStream::connect(server.addr()))
            .collect();
        assert!(idle.iter().filter(|client| client.is_ok()).count() as u32 > files / 8);
        thread::scope(|scope| {
            for (number, writer) in writers.iter_mut().enumerate() {
                scope.spawn(move || {
                    for round in 0..150 {
                        let answer = put(writer, &format!("{number}/{round}"), 40_000);
                        assert_eq!(answer.status(), 201, "limit {files}: {}", answer.dump());
                    }
                    assert_eq!(writer.opened(), 1);
                });
            }
        });
        let log = server.log();
        assert!(log.contains(&format!("of {files} files")), "{log}");
        assert!(!log.contains("Too many open files"), "{log}");
        drop((idle, writers));
        assert_eq!(
            server.terminate(LIMIT).code(),
            Some(0),
            "{}",
            server.log_tail()
        );
        server.restart();
        let answer = server.exchange(&Request::get("/v2/keys/3/149"));
        assert_eq!(answer.status(), 200, "limit {files}");
    }
}

#[test]
fn fewer_than_128_are_refused_with_the_number() {
    let mut server = server::ours().open_files(127).spawn();
    let status = server.wait_exit(LIMIT);
    let log = server.log();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(
        log.contains("may open 127 files, and a node needs 128"),
        "{log}"
    );
    assert!(!server.data_dir().exists(), "something was written");
}

/// A want of descriptors while the server runs: writes are refused with the reason, reads go on, and all of it passes.
fn passes(argument: &str, bytes: usize, reason: &str) {
    let mut server = server::ours().arg(argument).start();
    let mut client = connect(&server);
    assert_eq!(put(&mut client, "before", 1).status(), 201);
    let waiting = starve(&server);
    let mut written = 0;
    until_or("writes are refused", || {
        let answer = put(&mut client, &format!("k{written}"), bytes);
        written += u32::from(answer.status() == 201);
        let text = answer.text();
        text.contains(reason)
            .then_some(())
            .ok_or_else(|| text.chars().take(300).collect())
    });
    let read = client.exchange(&Request::get("/v2/keys/before?local=true"));
    assert_eq!(read.expect("reads go on").status(), 200);
    limit(&server, None);
    until("writes go on", || {
        put(&mut client, "after", 1).status() < 300
    });
    drop(waiting);
    let log = server.log();
    assert!(log.contains("no longer a reason to refuse writes"), "{log}");
    assert_eq!(
        server.terminate(LIMIT).code(),
        Some(0),
        "{}",
        server.log_tail()
    );
    server.restart();
    for key in (0..written)
        .map(|key| format!("k{key}"))
        .chain(["before".into(), "after".into()])
    {
        let answer = server.exchange(&Request::get(&format!("/v2/keys/{key}")));
        assert_eq!(answer.status(), 200, "{key}: {}", server.log_tail());
    }
}

#[test]
fn a_log_that_cannot_open_its_next_segment_waits() {
    passes("--snapshot-count=1000000", 900_000, "no file descriptors: ");
}

#[test]
fn a_store_that_cannot_open_its_next_table_waits() {
    passes("--snapshot-count=10", 100, "the store cannot write: ");
}
