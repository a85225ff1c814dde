//! Watches that cost what they deliver: clients that read slowly, and clients that go away.

use std::fs;
use std::thread;

use super::node::{LIMIT, ask, connect, get, until, watchers};
use super::open_metrics;
use super::support::http::{Connection, Request};
use super::support::json::Raw;
use super::support::server::{self, Server};

const MEBIBYTE: usize = 1 << 20;

pub(crate) fn peak_of_memory(server: &Server) -> usize {
    let pid = server.pid().expect("the server runs");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it has a status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
    let kibibytes: usize = kibibytes
        .and_then(|number| number.trim().parse().ok())
        .unwrap_or_else(|| panic!("no peak in {status}"));
    kibibytes << 10
}

fn stream(server: &Server, key: &str) -> Connection {
    let mut client = connect(server);
    let target = format!("/v2/keys{key}?wait=true&stream=true");
    client
        .send(&Request::get(&target))
        .expect("the watch is sent");
    let head = client.read_head(LIMIT).expect("the head comes at once");
    assert_eq!(head.status, 200);
    client
}

fn write(writer: &mut Connection, key: &str, value: &str) -> u64 {
    let target = format!("/v2/keys{key}?noValueOnSuccess=true");
    let answer = ask(writer, &Request::put(&target, &format!("value={value}")));
    assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
    answer.etcd_index().expect("a write carries X-Etcd-Index")
}

/// Events that nobody takes: a queue of 128 of them for each stream would take 370 MiB.
#[test]
fn slow_streams_of_large_values_take_bounded_memory_and_lose_nothing() {
    const STREAMS: usize = 12;
    const VALUES: usize = 16;
    let server = server::ours().start();
    let key = |number: usize| format!("/large/{number}");
    let value = "v".repeat(MEBIBYTE);
    let mut writer = connect(&server);
    for _ in 0..VALUES {
        write(&mut writer, "/warm", &value);
    }
    let before = peak_of_memory(&server);
    let mut slow: Vec<Connection> = (0..STREAMS).map(|at| stream(&server, &key(at))).collect();
    let mut wanted = vec![Vec::new(); STREAMS];
    for _ in 0..VALUES {
        for (number, wanted) in wanted.iter_mut().enumerate() {
            wanted.push(write(&mut writer, &key(number), &value));
        }
    }
    let more = peak_of_memory(&server) - before;
    assert!(
        more < 220 * MEBIBYTE,
        "{} MiB for what waits",
        more / MEBIBYTE
    );
    for (client, wanted) in slow.iter_mut().zip(&wanted) {
        for index in wanted {
            let event = client.read_chunk(LIMIT).expect("the stream goes on");
            let event = event.expect("it has no end");
            let event = Raw::parse(event.trim_ascii_end()).expect("an event is JSON");
            let seen = event.at(&["node", "modifiedIndex"]).and_then(Raw::number);
            assert_eq!(seen, Some(*index));
        }
    }
}

/// Watches from the past whose clients go at once leave nothing behind, and a key that is rarely changed is found.
#[test]
fn abandoned_watches_from_the_past_leave_nothing_behind() {
    let server = server::ours().start();
    let mut writer = connect(&server);
    let rare = write(&mut writer, "/rare/key", "1");
    for number in 0..1_500 {
        write(&mut writer, &format!("/often/{}", number % 10), "v");
    }
    let targets = ["/rare/other?wait=true", "/never?wait=true&recursive=true"];
    for number in 0..200 {
        let mut client = connect(&server);
        let target = format!("/v2/keys{}&waitIndex={rare}", targets[number % 2]);
        client
            .send(&Request::get(&target))
            .expect("the watch is sent");
        client.read_head(LIMIT).expect("the head comes at once");
    }
    until("all of them are gone", || watchers(&server) == 0);
    let found = get(
        &server,
        &format!("/v2/keys/rare?wait=true&recursive=true&waitIndex={rare}"),
    );
    let found = Raw::parse(found.body.trim_ascii_end()).expect("an event is JSON");
    let seen = found.at(&["node", "modifiedIndex"]).and_then(Raw::number);
    assert_eq!(seen, Some(rare));
    let figures = open_metrics::parse(&get(&server, "/metrics").text());
    assert_eq!(figures.value("etcd2_watch_broken_total"), Some(0.0));
}

/// Events for many clients that take them late: what the kernel does not take, rendered for all of them at once, would be
/// 270 MiB.
#[test]
fn large_events_for_a_crowd_are_on_their_way_to_some_at_a_time() {
    const CROWD: usize = 90;
    const EVENTS: usize = 6;
    let server = server::ours().start();
    let value = "v".repeat(3 * MEBIBYTE / 2);
    let mut writer = connect(&server);
    write(&mut writer, "/big", &value);
    let crowd: Vec<Connection> = (0..CROWD).map(|_| stream(&server, "/big")).collect();
    let before = peak_of_memory(&server);
    let wanted: Vec<u64> = (0..EVENTS)
        .map(|_| write(&mut writer, "/big", &value))
        .collect();
    let readers: Vec<_> = crowd
        .into_iter()
        .map(|mut client| {
            let seen = move || {
                let event = client.read_chunk(LIMIT).expect("the stream goes on");
                let event = event.expect("it has no end");
                let event = Raw::parse(event.trim_ascii_end()).expect("an event is JSON");
                event.at(&["node", "modifiedIndex"]).and_then(Raw::number)
            };
            thread::spawn(move || std::iter::repeat_with(seen).take(EVENTS).collect())
        })
        .collect();
    for reader in readers {
        let seen: Vec<Option<u64>> = reader.join().expect("every client gets every event");
        assert!(seen.into_iter().flatten().eq(wanted.iter().copied()));
    }
    let more = peak_of_memory(&server) - before;
    assert!(
        more < 230 * MEBIBYTE,
        "{} MiB for what waits or is on its way",
        more / MEBIBYTE
    );
}

/// A crowd at the same events that reads nothing holds one copy of them, and nobody who reads has to wait until it is cut.
#[test]
fn who_reads_does_not_wait_for_those_who_do_not() {
    const CROWD: usize = 100;
    const EVENTS: usize = 30;
    let server = server::ours().start();
    let value = "v".repeat(MEBIBYTE);
    let mut writer = connect(&server);
    let silent: Vec<Connection> = (0..CROWD).map(|_| stream(&server, "/big")).collect();
    let mut reader = stream(&server, "/big");
    for _ in 0..EVENTS {
        let index = write(&mut writer, "/big", &value);
        let event = reader.read_chunk(LIMIT).expect("the stream goes on");
        let event = event.expect("it has no end");
        let event = Raw::parse(event.trim_ascii_end()).expect("an event is JSON");
        let seen = event.at(&["node", "modifiedIndex"]).and_then(Raw::number);
        assert_eq!(seen, Some(index));
    }
    // It did not wait for them: they are there still.
    assert_eq!(watchers(&server), CROWD as u64 + 1);
    drop((silent, reader));
}
