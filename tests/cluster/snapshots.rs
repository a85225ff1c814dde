//! A member that was away for longer than the others remember: it takes the state of another, and goes on.

use std::ffi::OsString;
use std::fs;
use std::thread;

use super::support::cluster::{self, Cluster};
use super::support::http::{Connection, Request};
use super::support::server::{Launch, Server};
use super::support::wait::{until, until_or};

/// Several segments of the log, which keeps some for members that are a little behind.
const WRITES: usize = 208;
const VALUE: usize = 1_300_000;
const WRITERS: usize = 4;

/// The name of the oldest segment of a log.
fn first_segment(member: &Server) -> Option<OsString> {
    let segments = fs::read_dir(member.data_dir().join("wal")).expect("a log");
    let names = segments.filter_map(|segment| Some(segment.ok()?.file_name()));
    names
        .filter(|name| name.to_string_lossy().ends_with(".wal"))
        .min()
}

/// Writes more than the log remembers.
fn outrun(member: &Server) {
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || {
                let form = format!("value={}", "x".repeat(VALUE));
                let mut connection = Connection::open(member.addr()).expect("it listens");
                for number in 0..WRITES / WRITERS {
                    let key = format!("/v2/keys/large/{writer}?turn={number}");
                    let answer = connection
                        .exchange(&Request::put(&key, &form))
                        .expect("an answer");
                    assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
                }
            });
        }
    });
}

#[test]
fn a_member_that_was_away_too_long_takes_the_state_of_another() {
    let often = |launch: Launch| launch.arg("--snapshot-count=50");
    let launches = cluster::launches(3).into_iter().map(often).collect();
    let mut cluster = Cluster::of(launches);
    let leader = cluster.leader();
    let away = cluster.others(leader)[0];
    let put = Request::put("/v2/keys/early", "value=1");
    assert_eq!(cluster[away].exchange(&put).status(), 201);
    cluster[away].kill();
    let first = first_segment(&cluster[leader]);
    outrun(&cluster[leader]);
    // How soon a log lets go of what the store holds is a matter of its flushes.
    until("the log keeps everything", || {
        let more = Request::put("/v2/keys/more", &format!("value={}", "x".repeat(VALUE)));
        cluster[leader].exchange(&more);
        first_segment(&cluster[leader]) != first
    });
    cluster[away].restart();
    cluster.wait_said(away, "takes the state of another");
    let (tree, index) = cluster.agreed();
    assert!(tree.contains("/early") && tree.contains("/large/3"));
    // What is said of it holds after a crash as well.
    for at_once in [false, true] {
        if at_once {
            cluster[away].kill();
            cluster[away].restart();
            cluster.wait_healthy();
        }
        let own = cluster[away].exchange(&Request::get("/v2/keys/early"));
        assert_eq!((own.status(), own.etcd_index()), (200, Some(index)));
        let watched = cluster[away].exchange(&Request::get(&format!(
            "/v2/keys/?wait=true&recursive=true&waitIndex={index}"
        )));
        assert!(
            watched
                .text()
                .contains(&format!("\"modifiedIndex\":{index},"))
        );
    }
    // Without the old leader it is one of the two that write.
    cluster[leader].kill();
    let put = Request::put("/v2/keys/late", "value=2");
    let answer = until_or("no write is taken", || {
        let answer = cluster[away].exchange(&put);
        match answer.status() {
            200 | 201 => Ok(answer),
            _ => Err(answer.dump()),
        }
    });
    assert!(answer.etcd_index() > Some(index));
    cluster[leader].restart();
    cluster.wait_healthy();
    cluster.agreed();
}
