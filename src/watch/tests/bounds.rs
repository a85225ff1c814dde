//! What waits for slow clients is bounded in bytes, by watcher and in all, and nothing is lost by it.

use super::*;
use crate::watch::delivery::WAITING_BYTES;
use crate::watch::subscription::{QUEUE_BYTES, QUEUE_LIMIT};

fn set_to(text: &str, bytes: usize) -> Operation {
    Operation::Write(Write::new(
        path(text),
        WriteMode::Set,
        Content::File(vec![b'v'; bytes].into()),
    ))
}

#[tokio::test]
async fn a_queue_is_bounded_in_bytes() {
    let mut fixture = Fixture::new();
    let mut slow = fixture.watch("/a", false, 0);
    let mut wanted = Vec::new();
    let large = QUEUE_BYTES / 8;
    for _ in 0..QUEUE_LIMIT {
        wanted.push(fixture.apply(&[set_to("/a", large)]));
    }
    let used = fixture.hub.waiting_bytes().used();
    assert!(
        (large..=QUEUE_BYTES).contains(&used),
        "{used} bytes are queued"
    );
    // Larger than a queue may be: it is sent all the same.
    wanted.push(fixture.apply(&[set_to("/a", 2 * QUEUE_BYTES)]));
    for revision in wanted {
        assert_eq!(next(&mut slow).await.revision, revision);
    }
    assert!(drained(&mut slow).await.is_empty());
    drop(slow);
    assert_eq!(fixture.hub.waiting_bytes().used(), 0);
}

#[tokio::test]
async fn all_queues_and_pages_together_are_bounded() {
    const ROOM: usize = 256 << 10;
    const WATCHERS: usize = 40;
    const EVENTS: usize = 12;
    let mut fixture = Fixture::with_room(ROOM);
    let key = |number: usize| format!("/k{number}");
    let mut watchers: Vec<Watcher> = (0..WATCHERS)
        .map(|number| fixture.watch(&key(number), false, 0))
        .collect();
    let mut wanted = vec![Vec::new(); WATCHERS];
    let used = || fixture.hub.waiting_bytes().used();
    let hub = fixture.hub.clone();
    assert_eq!(used(), 0);
    for _ in 0..EVENTS {
        for (number, wanted) in wanted.iter_mut().enumerate() {
            wanted.push(fixture.apply(&[set_to(&key(number), 8 << 10)]));
            assert!(hub.waiting_bytes().used() <= ROOM);
        }
    }
    // They take one event each in turn, so that all of them hold pages of history at the same time.
    for round in 0..EVENTS {
        for (watcher, wanted) in watchers.iter_mut().zip(&wanted) {
            assert_eq!(next(watcher).await.revision, wanted[round]);
            assert!(hub.waiting_bytes().used() <= ROOM);
        }
    }
    drop(watchers);
    assert_eq!(hub.waiting_bytes().used(), 0);
}

#[tokio::test]
async fn an_event_for_many_watchers_is_counted_once() {
    let mut fixture = Fixture::new();
    let watchers: Vec<Watcher> = (0..500).map(|_| fixture.watch("/a", false, 0)).collect();
    fixture.apply(&[set_to("/a", 100 << 10)]);
    let used = fixture.hub.waiting_bytes().used();
    assert!(used < 110 << 10, "{used} bytes");
    drop(watchers);
    assert_eq!(fixture.hub.waiting_bytes().used(), 0);
}

#[tokio::test]
async fn what_a_watcher_holds_and_waits_for_goes_with_it() {
    let mut fixture = Fixture::new();
    let start = fixture.apply(&[set_to("/a", 1_000)]);
    for _ in 0..200 {
        fixture.apply(&[set_to("/a", 1_000)]);
    }
    let mut watcher = fixture.watch("/a", false, start);
    assert_eq!(next(&mut watcher).await.revision, start);
    assert!(
        fixture.hub.waiting_bytes().used() > 1_000,
        "a page was read ahead"
    );
    drop(watcher);
    assert_eq!(fixture.hub.waiting_bytes().used(), 0);
    // Without a thread that reads, all of them wait for their turn.
    let readers = readers::Readers::without_threads(fixture.hub.store().clone());
    let subscription = |number| {
        let target = Target {
            path: path("/a"),
            recursive: false,
        };
        Arc::new(subscription::Subscription::new(
            number, target, start, start, true,
        ))
    };
    let replays =
        (0..50).map(|number| replay::HistoryReplay::new(subscription(number), start, start + 200));
    let mut readings: Vec<_> = replays
        .map(|replay| readers.read(replay).expect("it waits"))
        .collect();
    assert_eq!(readers.waiting(), 50);
    readings.truncate(7);
    assert_eq!(readers.waiting(), 7);
    drop(readings);
    assert_eq!(readers.waiting(), 0);
    assert_eq!(fixture.hub.watchers(), 0);
}

#[tokio::test]
async fn who_finds_no_room_waits_for_it() {
    let mut fixture = Fixture::new();
    let start = fixture.apply(&[set_to("/a", 1_000)]);
    let budget = fixture.hub.waiting_bytes().clone();
    let others = budget.claim(WAITING_BYTES, 0).expect("they are alone");
    let mut past = fixture.watch("/a", false, start);
    let mut live = fixture.watch("/a", false, 0);
    let mut stopped = fixture.watch("/a", false, start);
    assert!(drained(&mut past).await.is_empty());
    let second = fixture.apply(&[set_to("/a", 1_000)]);
    assert!(drained(&mut live).await.is_empty());
    let told = tokio::spawn(async move {
        assert_eq!(next(&mut past).await.revision, start);
        assert_eq!(next(&mut past).await.revision, second);
        assert_eq!(next(&mut live).await.revision, second);
    });
    tokio::task::yield_now().await;
    drop(others);
    told.await.expect("both go on");
    let others = budget.claim(WAITING_BYTES, 0).expect("they are alone");
    assert!(drained(&mut stopped).await.is_empty());
    let ended = tokio::spawn(async move { poll_fn(|context| stopped.poll_next(context)).await });
    tokio::task::yield_now().await;
    fixture.hub.stop();
    let ended = ended.await.expect("no panic");
    assert!(matches!(ended, Err(Ended::Stopped)));
    drop(others);
    assert_eq!(budget.used(), 0);
}
