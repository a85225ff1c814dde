//! How far history reaches: by events exactly, by bytes as documented, and never back.

use storage::{BYTES_PERIOD, Error, EventFilter, Operation, Retention};

use crate::support::{Tree, set};

fn retain(events: u64, bytes: u64) -> Operation {
    Operation::Retain(Retention { events, bytes })
}

#[test]
fn the_newest_events_stay() {
    let mut tree = Tree::in_memory();
    assert_eq!(tree.store.retention(), Retention::default());
    tree.one(retain(10, u64::MAX));
    for number in 1..=30u64 {
        tree.set("/a", &number.to_string());
        let lease = tree.store.lease().expect("open");
        let view = lease.view();
        assert_eq!(view.oldest_event(), number.saturating_sub(9).max(1));
        assert_eq!(
            view.events(view.oldest_event(), EventFilter::all()).count() as u64,
            number.min(10)
        );
    }
    let store = tree.store.clone();
    let lease = store.lease().expect("open");
    let view = lease.view();
    assert!(matches!(
        view.at(19),
        Err(Error::Compacted {
            oldest_event: 21,
            revision: 19
        })
    ));
    assert!(view.at(20).is_ok(), "the state before the oldest event");
    assert!(matches!(
        view.at(31),
        Err(Error::Future {
            revision: 31,
            newest: 30
        })
    ));
    let first = view
        .events(20, EventFilter::all())
        .next()
        .expect("an error is an item");
    assert!(matches!(
        first,
        Err(Error::Compacted {
            oldest_event: 21,
            revision: 20
        })
    ));
    tree.one(retain(100, u64::MAX));
    assert_eq!(
        tree.store.lease().expect("open").view().oldest_event(),
        21,
        "it never goes back"
    );
    tree.one(retain(0, u64::MAX));
    assert_eq!(
        (
            tree.store.lease().expect("open").view().oldest_event(),
            tree.store.retention().events
        ),
        (30, 1),
        "one event always stays"
    );
}

#[test]
fn bytes_bound_it_in_steps() {
    let mut tree = Tree::in_memory();
    // "/k" and 98 bytes of value: 100 bytes each.
    tree.one(retain(u64::MAX, 10_000));
    let value = "v".repeat(98);
    for number in 1..=1_000u64 {
        tree.done(set("/k", &value));
        let looked = number / BYTES_PERIOD * BYTES_PERIOD;
        assert_eq!(
            tree.store.lease().expect("open").view().oldest_event(),
            looked.saturating_sub(99).max(1),
            "after {number}"
        );
    }
    tree.one(retain(u64::MAX, 550));
    assert_eq!(
        tree.store.lease().expect("open").view().oldest_event(),
        996,
        "five events of 100 bytes"
    );
    tree.one(retain(u64::MAX, 0));
    assert_eq!(
        tree.store.lease().expect("open").view().oldest_event(),
        1_000,
        "one event always stays"
    );
    tree.verify();
}

#[test]
fn bytes_are_counted_within_a_batch_as_between_batches() {
    let mut batched = Tree::in_memory();
    let mut single = Tree::in_memory();
    let operations: Vec<_> = (0..500)
        .map(|number| set("/k", &"v".repeat(number % 90)))
        .collect();
    let limit = retain(u64::MAX, 2_000);
    let mut batch = batched.writer.batch();
    batch.apply_one(1, 0, &limit).expect("applies");
    single.one(limit);
    for (number, operation) in operations.iter().enumerate() {
        batch
            .apply_one(number as u64 + 2, 0, operation)
            .expect("applies");
        single.done(operation.clone());
    }
    batch.commit().expect("commits");
    assert_eq!(
        batched.store.lease().expect("open").view().oldest_event(),
        single.store.lease().expect("open").view().oldest_event()
    );
    assert_eq!(batched.store.applied(), single.store.applied());
    assert!(single.store.lease().expect("open").view().oldest_event() > 400);
}
