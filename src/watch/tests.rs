//! Watches against a real store: no event missed, none twice, whatever the timing.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use storage::operation::{Content, Event, Operation, Outcome, Retention, Write, WriteMode};
use storage::path::KeyPath;

use super::delivery::WAITING_BYTES;
use super::hub::TooManyWatchers;
use super::subscription::QUEUE_LIMIT;
use super::*;
use crate::clock::Clock;
use crate::metrics::Metrics;

mod bounds;
mod crowds;

struct Fixture {
    hub: Arc<Hub>,
    writer: storage::Writer,
    index: u64,
    _directory: tempfile::TempDir,
}

fn path(text: &str) -> KeyPath {
    KeyPath::new(text.as_bytes().to_vec()).expect("a canonical path")
}

fn set(text: &str) -> Operation {
    let content = Content::File(Bytes::from_static(b"v"));
    Operation::Write(Write::new(path(text), WriteMode::Set, content))
}

fn remove(text: &str) -> Operation {
    Operation::Delete {
        path: path(text),
        dir: true,
        recursive: true,
    }
}

impl Fixture {
    fn new() -> Self {
        Self::with_room(WAITING_BYTES)
    }

    /// With so many bytes for events that wait.
    fn with_room(bytes: usize) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (store, writer) = storage::open(
            &directory.path().join("store"),
            storage::StoreOptions::default(),
        )
        .expect("opened");
        let hub = Arc::new(Hub::with_room(
            Clock::system(),
            store,
            1_000,
            Metrics::new("test"),
            bytes,
        ));
        Self {
            hub,
            writer,
            index: 0,
            _directory: directory,
        }
    }

    /// Applies one command, publishes its events and returns the revision.
    fn apply(&mut self, operations: &[Operation]) -> u64 {
        self.index += 1;
        let mut batch = self.writer.batch();
        let outcomes = batch.apply(self.index, 0, operations).expect("applied");
        let committed = batch.commit().expect("committed");
        let events: Vec<Arc<Event>> = outcomes
            .into_iter()
            .filter_map(|outcome| match outcome {
                Outcome::Done(event) => Some(event),
                _ => None,
            })
            .collect();
        self.hub.publish(&events, committed.revision);
        committed.revision
    }

    fn watch(&self, text: &str, recursive: bool, from: u64) -> Watcher {
        let target = Target {
            path: path(text),
            recursive,
        };
        self.hub
            .register(target, from, false)
            .expect("below the limit")
            .0
    }
}

async fn next(watcher: &mut Watcher) -> Arc<Delivery> {
    poll_fn(|context| watcher.poll_next(context))
        .await
        .expect("an event")
}

/// What is there without waiting.
async fn drained(watcher: &mut Watcher) -> Vec<u64> {
    let mut revisions = Vec::new();
    poll_fn(|context| {
        while let std::task::Poll::Ready(event) = watcher.poll_next(context) {
            revisions.push(event.expect("an event").revision);
        }
        std::task::Poll::Ready(())
    })
    .await;
    revisions
}

#[tokio::test]
async fn history_then_live_without_a_gap() {
    let mut fixture = Fixture::new();
    let first = fixture.apply(&[set("/a")]);
    fixture.apply(&[set("/b")]);
    let mut watcher = fixture.watch("/a", false, first);
    let third = fixture.apply(&[set("/a")]);
    assert_eq!(next(&mut watcher).await.revision, first);
    assert_eq!(next(&mut watcher).await.revision, third);
    let fourth = fixture.apply(&[set("/a")]);
    assert_eq!(next(&mut watcher).await.revision, fourth);
    assert!(drained(&mut watcher).await.is_empty());
}

#[tokio::test]
async fn a_future_index_ignores_earlier_matches() {
    let mut fixture = Fixture::new();
    let now = fixture.apply(&[set("/a")]);
    let mut watcher = fixture.watch("/a", false, now + 3);
    for _ in 0..4 {
        fixture.apply(&[set("/a")]);
    }
    assert_eq!(drained(&mut watcher).await, [now + 3, now + 4]);
}

#[tokio::test]
async fn hidden_changes_show_in_history_and_not_live() {
    let mut fixture = Fixture::new();
    let hidden = fixture.apply(&[set("/d/_h/x")]);
    let mut past = fixture.watch("/d", true, hidden);
    let mut live = fixture.watch("/d", true, 0);
    let mut inside = fixture.watch("/d/_h", true, 0);
    let again = fixture.apply(&[set("/d/_h/x")]);
    assert_eq!(drained(&mut past).await, [hidden]);
    assert!(drained(&mut live).await.is_empty());
    assert_eq!(drained(&mut inside).await, [again]);
}

#[tokio::test]
async fn a_removed_directory_tells_watches_on_what_was_in_it() {
    let mut fixture = Fixture::new();
    let start = fixture.apply(&[set("/d/a/b")]);
    let mut below = fixture.watch("/d/a/b", false, 0);
    let mut never = fixture.watch("/d/zzz", true, 0);
    let mut past_never = fixture.watch("/d/zzz", false, start);
    let mut sibling = fixture.watch("/dx", true, start);
    let removal = fixture.apply(&[remove("/d")]);
    let event = next(&mut below).await;
    assert_eq!(
        (event.revision, event.node.path.clone()),
        (removal, path("/d"))
    );
    assert!(drained(&mut never).await.is_empty());
    assert!(
        drained(&mut past_never).await.is_empty(),
        "live rules count above the registration"
    );
    let mut history = fixture.watch("/d/zzz", false, start);
    assert_eq!(
        drained(&mut history).await,
        [removal],
        "history asks only for the path"
    );
    assert!(
        drained(&mut sibling).await.is_empty(),
        "a name that only starts alike is not concerned"
    );
}

#[tokio::test]
async fn the_servers_own_writes_reach_only_those_who_look() {
    let mut fixture = Fixture::new();
    let system = Operation::System {
        path: path("/_etcd/config"),
        value: Some(Bytes::from_static(b"{}")),
    };
    let revision = fixture.apply(&[system]);
    let mut root = fixture.watch("/", true, 1);
    let mut inside = fixture.watch("/_etcd", true, 1);
    assert!(drained(&mut root).await.is_empty());
    assert_eq!(drained(&mut inside).await, [revision]);
}

#[tokio::test]
async fn a_slow_watcher_goes_on_from_the_store() {
    let mut fixture = Fixture::new();
    let mut watcher = fixture.watch("/", true, 0);
    let mut expected = Vec::new();
    for _ in 0..QUEUE_LIMIT * 5 {
        expected.push(fixture.apply(&[set("/k")]));
    }
    let mut seen = Vec::new();
    for _ in 0..expected.len() {
        seen.push(next(&mut watcher).await.revision);
    }
    assert_eq!(seen, expected);
    let last = fixture.apply(&[set("/k")]);
    assert_eq!(next(&mut watcher).await.revision, last, "live again");
}

#[tokio::test]
async fn a_watcher_below_the_floor_ends() {
    let mut fixture = Fixture::new();
    fixture.apply(&[Operation::Retain(Retention {
        events: 10,
        bytes: u64::MAX,
    })]);
    let mut watcher = fixture.watch("/", true, 0);
    for _ in 0..QUEUE_LIMIT + 50 {
        fixture.apply(&[set("/k")]);
    }
    let end = loop {
        match poll_fn(|context| watcher.poll_next(context)).await {
            Ok(_) => {}
            Err(end) => break end,
        }
    };
    assert!(
        matches!(end, Ended::Compacted { oldest, requested } if requested < oldest),
        "{end}"
    );
}

#[tokio::test]
async fn registered_watches_are_counted_and_bounded() {
    let fixture = Fixture::new();
    let watchers: Vec<Watcher> = (0..1_000).map(|_| fixture.watch("/a", false, 0)).collect();
    assert_eq!(fixture.hub.watchers(), 1_000);
    let target = Target {
        path: path("/a"),
        recursive: false,
    };
    assert_eq!(
        fixture.hub.register(target, 0, true).err(),
        Some(TooManyWatchers { limit: 1_000 })
    );
    drop(watchers);
    assert_eq!(fixture.hub.watchers(), 0);
}

#[tokio::test]
async fn stopping_ends_all_watches() {
    let fixture = Fixture::new();
    let mut before = fixture.watch("/a", false, 0);
    fixture.hub.stop();
    let mut after = fixture.watch("/a", false, 0);
    for watcher in [&mut before, &mut after] {
        let ended = poll_fn(|context| watcher.poll_next(context)).await;
        assert!(matches!(ended, Err(Ended::Stopped)));
    }
}

/// Writers and watchers at full speed on several threads: every watcher sees every revision from its start, once, in
/// order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_registrations_miss_nothing() {
    const EVENTS: u64 = 3_000;
    let mut fixture = Fixture::new();
    let start = fixture.apply(&[set("/k")]);
    let end = start + EVENTS;
    let hub = fixture.hub.clone();
    let shared = Arc::new(Mutex::new(fixture));
    let writer = {
        let shared = shared.clone();
        std::thread::spawn(move || {
            for _ in 0..EVENTS {
                shared.lock().expect("no writer panics").apply(&[set("/k")]);
            }
        })
    };
    let watch = |from: u64| {
        let hub = hub.clone();
        tokio::spawn(async move {
            let target = Target {
                path: path("/"),
                recursive: true,
            };
            let (mut watcher, published) =
                hub.register(target, from, false).expect("below the limit");
            let first = if from == 0 { published + 1 } else { from };
            for expected in first..=end {
                assert_eq!(next(&mut watcher).await.revision, expected);
            }
        })
    };
    let mut tasks = Vec::new();
    for round in 0..40 {
        tasks.push(watch(0));
        tasks.push(watch(start + round * 50));
        tokio::task::yield_now().await;
    }
    for task in tasks {
        task.await.expect("every watcher saw every event");
    }
    writer.join().expect("the writer finished");
}

/// Groups larger than a queue, drained while they are published: the position of a watcher never goes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn large_groups_are_delivered_once() {
    const GROUPS: usize = 40;
    let mut fixture = Fixture::new();
    let start = fixture.apply(&[set("/k")]);
    let group: Vec<Operation> = (0..QUEUE_LIMIT * 2 + 20).map(|_| set("/k")).collect();
    let end = start + (GROUPS * group.len()) as u64;
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let mut watcher = fixture.watch("/", true, 0);
            tokio::spawn(async move {
                for expected in start + 1..=end {
                    assert_eq!(next(&mut watcher).await.revision, expected);
                }
            })
        })
        .collect();
    let writer = std::thread::spawn(move || {
        for _ in 0..GROUPS {
            fixture.apply(&group);
        }
        fixture
    });
    for task in tasks {
        task.await.expect("every watcher saw every event once");
    }
    writer.join().expect("the writer finished");
}

#[tokio::test]
async fn where_nothing_is_applied_any_more_watches_deliver_what_is_there_and_end() {
    let mut fixture = Fixture::new();
    let first = fixture.apply(&[set("/a")]);
    let mut past = fixture.watch("/a", false, first);
    let mut live = fixture.watch("/a", false, 0);
    let mut future = fixture.watch("/a", false, first + 10);
    let second = fixture.apply(&[set("/a")]);
    fixture.hub.mute("the store is damaged");
    fixture.hub.mute("a second reason");
    let mut late = fixture.watch("/a", false, 0);
    let mut history = fixture.watch("/a", false, second);
    assert_eq!(next(&mut past).await.revision, first);
    assert_eq!(next(&mut past).await.revision, second);
    assert_eq!(next(&mut live).await.revision, second);
    assert_eq!(next(&mut history).await.revision, second);
    for watcher in [&mut past, &mut live, &mut future, &mut late, &mut history] {
        let ended = poll_fn(|context| watcher.poll_next(context)).await;
        assert!(matches!(ended, Err(Ended::Mute(reason)) if &*reason == "the store is damaged"));
    }
}

fn event(revision: u64) -> Arc<Event> {
    let node = storage::operation::Node {
        path: path("/a"),
        value: Some(Bytes::from_static(b"v")),
        dir: false,
        created: revision,
        modified: revision,
        lifetime: None,
    };
    Arc::new(Event {
        revision,
        action: storage::operation::Action::Set,
        node,
        prev: None,
        refresh: false,
        system: false,
        time: None,
    })
}

#[tokio::test]
#[should_panic(expected = "invariant watch-order")]
async fn an_event_that_is_handed_out_twice_is_caught() {
    let fixture = Fixture::new();
    let mut watcher = fixture.watch("/a", false, 0);
    fixture.hub.publish(&[event(5), event(5)], 5);
    drained(&mut watcher).await;
}

#[test]
#[should_panic(expected = "invariant watch-behind")]
fn a_watcher_that_is_live_and_reads_history_is_caught() {
    let fixture = Fixture::new();
    let target = Target {
        path: path("/a"),
        recursive: false,
    };
    let subscription = subscription::Subscription::new(1, target, 0, 0, false);
    fixture.hub.catch_up(&subscription, 1);
}
