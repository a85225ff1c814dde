//! Watches on real servers of both kinds that are killed and come back: every acknowledged write is delivered exactly
//! once and in order, or the watcher is told why it cannot be.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use etcd2::client::{
    Client, ClientOptions, Endpoint, Error, GetOptions, Interruption, Key, KeyEvent, KeyWatcher,
    PutOptions, WatchOptions,
};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::support::fake::LIMIT;
use super::support::http::{Connection, EXCHANGE_TIMEOUT, Request};
use super::support::json::Raw;
use super::support::seed::{self, Rng};
use super::support::server::{self, Launch, Server};

/// Numbers written in one run.
const WRITES: u64 = 150;

/// How often the server is killed meanwhile.
const KILLS: usize = 4;

fn client(server: &Server) -> Client {
    Client::new(ClientOptions {
        endpoints: vec![Endpoint::parse(&server.url()).unwrap()],
        header_timeout: Some(LIMIT),
        ..ClientOptions::default()
    })
}

fn index(runtime: &Runtime, client: &Client) -> u64 {
    let root = Key::from("/");
    let listing = runtime.block_on(client.get(&root, GetOptions::default()));
    listing.unwrap().etcd_index
}

/// Waits until so many watches are registered with the server.
fn wait_for_watchers(server: &Server, wanted: u64) {
    let deadline = Instant::now() + LIMIT;
    loop {
        let stats = server.exchange(&Request::get("/v2/stats/store"));
        let stats = Raw::parse(stats.text().trim_end().as_bytes()).unwrap();
        if stats.get("watchers").and_then(Raw::number) == Some(wanted) {
            return;
        }
        assert!(Instant::now() < deadline, "never {wanted} watchers");
        std::thread::yield_now();
    }
}

/// What became of the numbers.
#[derive(Default)]
struct Ledger {
    acknowledged: BTreeSet<u64>,
    /// Unanswered: they may be there once.
    unknown: BTreeSet<u64>,
}

/// Writes the numbers to `/n/NUMBER`, and kills the server when it comes to those in `kills`: before, or while, the
/// number is written.
fn write_and_kill(server: &mut Server, rng: &mut Rng, kills: &BTreeSet<u64>) -> Ledger {
    let mut ledger = Ledger::default();
    let mut connection = Connection::open(server.addr()).unwrap();
    for number in 1..=WRITES {
        let request = Request::put(&format!("/v2/keys/n/{number}"), &format!("value={number}"));
        let written = if kills.contains(&number) {
            connection.send(&request).unwrap();
            // Between nothing and a whole write may happen before the kill.
            let instant = Instant::now() + Duration::from_micros(rng.below(4_000));
            while Instant::now() < instant {
                std::hint::spin_loop();
            }
            server.kill();
            let answer = connection.read_response(EXCHANGE_TIMEOUT);
            server.restart();
            connection = Connection::open(server.addr()).unwrap();
            answer.is_ok_and(|answer| answer.status() == 201)
        } else {
            let answer = connection.exchange(&request).unwrap();
            assert_eq!(answer.status(), 201, "{}", answer.dump());
            true
        };
        let account = if written {
            &mut ledger.acknowledged
        } else {
            &mut ledger.unknown
        };
        account.insert(number);
    }
    let end = connection.exchange(&Request::put("/v2/keys/n/end", "value=end"));
    assert_eq!(end.unwrap().status(), 201);
    ledger
}

/// All events up to the one whose value is `end`.
async fn collect(mut watcher: KeyWatcher) -> Result<Vec<KeyEvent>, Error> {
    let mut events = Vec::new();
    loop {
        let event = watcher.next().await?;
        if event.node.value == "end" {
            return Ok(events);
        }
        events.push(event);
    }
}

fn check(ledger: &Ledger, events: &[KeyEvent]) {
    let mut last_index = 0;
    let mut last = 0;
    let mut delivered = BTreeSet::new();
    for event in events {
        let number: u64 = event.node.value.parse().unwrap();
        assert_eq!(event.action, "set");
        assert_eq!(event.node.key, format!("/n/{number}"));
        assert!(number > last, "{number} after {last}");
        assert!(event.node.modified_index > last_index, "{event:?}");
        (last, last_index) = (number, event.node.modified_index);
        delivered.insert(number);
    }
    let missing: Vec<_> = ledger.acknowledged.difference(&delivered).collect();
    assert!(
        missing.is_empty(),
        "acknowledged, not delivered: {missing:?}"
    );
    let known: BTreeSet<u64> = ledger
        .acknowledged
        .union(&ledger.unknown)
        .copied()
        .collect();
    let invented: Vec<_> = delivered.difference(&known).collect();
    assert!(
        invented.is_empty(),
        "delivered, never written: {invented:?}"
    );
}

fn survives(name: &str, launch: Launch) {
    let seed = seed::from_env("CLIENT_SEED");
    println!("replay: CLIENT_SEED={seed} cargo test --test client {name}");
    let mut rng = Rng::new(seed);
    let mut kills = BTreeSet::new();
    while kills.len() < KILLS {
        kills.insert(rng.between(2, WRITES));
    }
    let mut server = launch.start();
    let runtime = Runtime::new().unwrap();
    let client = client(&server);
    let after_index = Some(index(&runtime, &client));
    let options = WatchOptions {
        recursive: true,
        after_index,
        reconnect: true,
    };
    // Two words for each outage at most, and as many for each of its failed polls: the listener never waits.
    let (tell, mut told) = mpsc::channel(1_000);
    let watcher = client
        .watch(Key::from("/n"), options)
        .on_interruption(move |interruption| {
            let lost = matches!(interruption, Interruption::Lost(_));
            tell.try_send(lost).expect("there is room for every word");
        });
    let watch = runtime.spawn(collect(watcher));
    wait_for_watchers(&server, 1);
    let ledger = write_and_kill(&mut server, &mut rng, &kills);
    let events = runtime
        .block_on(async { tokio::time::timeout(LIMIT, watch).await })
        .expect("the last write is never delivered")
        .unwrap()
        .unwrap();
    check(&ledger, &events);
    let mut words = Vec::new();
    while let Ok(lost) = told.try_recv() {
        words.push(lost);
    }
    // The first watch was under way when the first kill came; a later one may fall into the pause after an earlier.
    assert!(
        words.len() >= 2 && words.len().is_multiple_of(2),
        "{words:?}"
    );
    for (place, lost) in words.into_iter().enumerate() {
        assert_eq!(lost, place % 2 == 0, "lost and resumed take turns");
    }
}

#[test]
fn no_write_is_missed_or_repeated_over_kills_of_our_server() {
    survives(
        "no_write_is_missed_or_repeated_over_kills_of_our_server",
        server::ours(),
    );
}

#[test]
fn no_write_is_missed_or_repeated_over_kills_of_debians_server() {
    survives(
        "no_write_is_missed_or_repeated_over_kills_of_debians_server",
        server::debian(),
    );
}

fn ends_without_leave_to_go_on(launch: Launch) {
    let mut server = launch.start();
    let runtime = Runtime::new().unwrap();
    let mut watcher = client(&server).watch(Key::from("/n"), WatchOptions::default());
    let watch = runtime.spawn(async move { watcher.next().await });
    wait_for_watchers(&server, 1);
    server.kill();
    let outcome = runtime.block_on(async { tokio::time::timeout(LIMIT, watch).await });
    let error = outcome.expect("the watch ends").unwrap().unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    let [attempt] = error.attempts() else {
        panic!("{error:?}");
    };
    assert!(attempt.sent);
    // Whether the head had left the server before the kill is open.
    let words = attempt.to_string();
    assert!(
        ["unexpected EOF", "EOF"].contains(&words.as_str()),
        "{words}"
    );
}

#[test]
fn without_leave_to_go_on_the_kill_is_told() {
    ends_without_leave_to_go_on(server::ours());
    ends_without_leave_to_go_on(server::debian());
}

/// More writes than the server's history has room for, behind the back of a watcher.
fn forgets(launch: Launch, history: u64) {
    let mut server = launch.start();
    let runtime = Runtime::new().unwrap();
    let client = client(&server);
    let (first, other) = (Key::from("/n"), Key::from("/other"));
    let put = |key, value| runtime.block_on(client.put(key, value, PutOptions::default()));
    let before = index(&runtime, &client);
    put(&first, b"seen").unwrap();
    let options = WatchOptions {
        after_index: Some(before),
        reconnect: true,
        ..WatchOptions::default()
    };
    let mut watcher = client.watch(first.clone(), options);
    let event = runtime.block_on(watcher.next()).unwrap();
    assert_eq!(event.node.value, "seen");
    put(&first, b"missed").unwrap();
    for _ in 0..=history {
        put(&other, b"x").unwrap();
    }
    server.restart();
    let next = async { tokio::time::timeout(LIMIT, watcher.next()).await };
    let error = runtime.block_on(next).unwrap().unwrap_err();
    assert_eq!(error.api_code(), Some(401), "{error}");
    assert_eq!(watcher.position(), Some(event.node.modified_index));
}

#[test]
fn a_watcher_that_slept_longer_than_history_is_told() {
    forgets(server::ours().arg("--retention-events=20"), 20);
    forgets(server::debian(), 1_000);
}

/// A store of the same name and id that knows nothing of what the watch has seen.
fn tells_a_replaced_store(launch: Launch) {
    let data = tempfile::tempdir().unwrap();
    let place = data.path().join("node");
    let mut server = launch.data_dir(&place).start();
    let runtime = Runtime::new().unwrap();
    let client = client(&server);
    let put = |value: &str| {
        let key = Key::from("/n/k");
        let written = runtime.block_on(client.put(&key, value.as_bytes(), PutOptions::default()));
        written.unwrap()
    };
    let first = put("0").node.modified_index;
    for number in 1..20 {
        put(&number.to_string());
    }
    let options = WatchOptions {
        recursive: true,
        after_index: Some(first),
        reconnect: true,
    };
    let mut watcher = client.watch(Key::from("/n"), options);
    for number in 1..20 {
        let event = runtime.block_on(watcher.next()).unwrap();
        assert_eq!(event.node.value, number.to_string());
    }
    server.kill();
    std::fs::remove_dir_all(&place).unwrap();
    server.restart();
    let outcome = runtime.block_on(async { tokio::time::timeout(LIMIT, watcher.next()).await });
    let error = outcome.expect("the watch ends").unwrap_err();
    assert!(
        matches!(error, Error::WentBack { expected, found } if found < expected),
        "{error:?}"
    );
}

#[test]
fn a_replaced_store_of_our_server_ends_the_watch() {
    tells_a_replaced_store(server::ours());
}

#[test]
fn a_replaced_store_of_debians_server_ends_the_watch() {
    tells_a_replaced_store(server::debian());
}
