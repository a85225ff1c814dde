//! A drop without a flush is a crash: what opens is exactly what was durable, and the log replays
//! the rest.

use storage::{Applied, Operation, Outcome, Retention};

use crate::support::{Tree, create, delete, set, set_until, tree};

/// A mixed workload; command `index` is always the same.
fn command(index: u64) -> Vec<Operation> {
    let at = |number: u64| format!("/d{}/k{}", number % 3, number % 17);
    match index % 10 {
        0 => vec![delete("/d0"), set("/d0/again", "v"), set(&at(index), "w")],
        1 => vec![set_until(&at(index), "ttl", index + 5)],
        2 => vec![Operation::Expire {
            cutoff: index,
            limit: 3,
            bytes: None,
        }],
        3 => vec![create(&format!("/n/{index}"), None)],
        4 => vec![Operation::Record {
            key: "r".into(),
            value: Some(index.to_string().into()),
        }],
        5 => vec![Operation::Retain(Retention {
            events: 40 + index % 7,
            bytes: 3_000,
        })],
        _ => vec![set(&at(index * 7), &format!("value {index}"))],
    }
}

fn apply(
    tree: &mut Tree,
    commands: impl Iterator<Item = u64>,
    group: usize,
) -> Vec<(u64, Vec<Outcome>)> {
    let commands: Vec<_> = commands.collect();
    let mut outcomes = Vec::new();
    for group in commands.chunks(group) {
        let mut batch = tree.writer.batch();
        for index in group {
            outcomes.push((
                *index,
                batch
                    .apply(*index, index * 10, &command(*index))
                    .expect("applies"),
            ));
        }
        batch.set_marker(&group[0].to_le_bytes());
        batch.commit().expect("commits");
    }
    outcomes
}

#[test]
fn what_was_flushed_opens_and_the_rest_is_replayed() {
    let home = tempfile::tempdir().expect("a directory");
    let mut first = Tree::at(home.path());
    apply(&mut first, 1..=120, 8);
    let durable = first.store.flush().expect("flushes");
    assert_eq!(durable, first.store.applied());
    let state = tree(&first.store.lease().expect("open").view());
    let lost = apply(&mut first, 121..=200, 8);
    assert_eq!(first.store.durable(), durable, "nothing was flushed since");
    let (applied, at_the_end) = (
        first.store.applied(),
        tree(&first.store.lease().expect("open").view()),
    );
    assert!(applied.hash != durable.hash && applied.revision > durable.revision);
    drop(first);

    let mut second = Tree::at(home.path());
    assert_eq!(
        (second.store.applied(), second.store.durable()),
        (durable.clone(), durable)
    );
    assert_eq!(tree(&second.store.lease().expect("open").view()), state);
    second.verify();
    // Replayed in other batches: the same outcomes, rows and hash.
    let again = apply(&mut second, 121..=200, 3);
    assert_eq!(again, lost);
    assert_eq!(
        tree(&second.store.lease().expect("open").view()),
        at_the_end
    );
    assert_eq!(
        Applied {
            marker: applied.marker.clone(),
            ..second.store.applied()
        },
        applied
    );
    second.verify();
}

#[test]
fn automatic_flushes_keep_the_column_families_together() {
    let home = tempfile::tempdir().expect("a directory");
    let options = storage::StoreOptions {
        memtable_bytes: 256 << 10,
        ..crate::support::options()
    };
    let mut steady = Tree::in_memory();
    let mut crashing = Tree::open(home.path(), options.clone());
    let mut flushed = 0;
    for round in 0..4 {
        let upto = (round + 1) * 2_000;
        let from = crashing.store.applied().index;
        apply(&mut crashing, from + 1..=upto, 7);
        apply(&mut steady, round * 2_000 + 1..=upto, 16);
        assert_eq!(
            crashing.store.applied().hash,
            steady.store.applied().hash,
            "round {round}"
        );
        drop(crashing);
        crashing = Tree::open(home.path(), options.clone());
        assert!(
            crashing.store.applied().index >= flushed,
            "what was flushed stays"
        );
        flushed = crashing.store.applied().index;
        crashing.verify();
    }
    assert!(flushed > 0, "the memtables were filled several times");
}

#[test]
fn a_flush_waits_for_what_was_committed_and_for_nothing_later() {
    let mut tree = Tree::in_memory();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let store = tree.store.clone();
    std::thread::scope(|scope| {
        let flusher = scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let before = store.applied();
                let durable = store.flush().expect("flushes");
                assert!(
                    durable.marker >= before.marker,
                    "{durable:?} after {before:?}"
                );
            }
        });
        // Commits that move no index: only the marker tells them apart.
        for round in 0..3_000u32 {
            let mut batch = tree.writer.batch();
            batch.set_marker(&round.to_be_bytes());
            batch.commit().expect("commits");
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        flusher.join().expect("the flusher ends");
    });
}

#[test]
fn a_store_that_was_never_flushed_opens_empty() {
    let home = tempfile::tempdir().expect("a directory");
    let mut tree = Tree::at(home.path());
    apply(&mut tree, 1..=30, 4);
    drop(tree);
    let tree = Tree::at(home.path());
    assert_eq!(tree.store.applied(), Applied::default());
    assert_eq!(
        tree.store
            .lease()
            .expect("open")
            .view()
            .count()
            .expect("readable"),
        0
    );
}

#[test]
fn compaction_of_both_kinds_survives_a_crash() {
    let home = tempfile::tempdir().expect("a directory");
    let mut crashing = Tree::at(home.path());
    let mut steady = Tree::in_memory();
    for round in 0..6 {
        let commands = round * 40 + 1..=round * 40 + 40;
        apply(&mut steady, commands.clone(), 5);
        apply(&mut crashing, commands, 5);
        crashing.compact(50);
        if round % 2 == 0 {
            crashing.store.compact_tables().expect("compacts");
        }
        // Unflushed work on top of compacted history, then the crash.
        let tail = round * 40 + 41..=round * 40 + 60;
        apply(&mut crashing, tail.clone(), 1);
        crashing.compact(10);
        drop(crashing);
        crashing = Tree::at(home.path());
        let from = crashing.store.applied().index;
        apply(&mut crashing, from + 1..=round * 40 + 40, 2);
        assert_eq!(
            crashing.store.applied().hash,
            steady.store.applied().hash,
            "round {round}"
        );
        assert_eq!(
            tree(&crashing.store.lease().expect("open").view()),
            tree(&steady.store.lease().expect("open").view()),
            "round {round}"
        );
        crashing.verify();
        let leases = [&crashing, &steady].map(|tree| tree.store.lease().expect("open"));
        let [left, right] = leases.each_ref().map(storage::Lease::view);
        assert_eq!(left.oldest_event(), right.oldest_event());
        for revision in left.oldest_event() - 1..=left.revision() {
            let at = |view: &storage::View<'_>| crate::support::tree_at(view, revision);
            assert_eq!(at(&left), at(&right), "round {round}, revision {revision}");
        }
    }
}

#[test]
fn batches_do_not_show_in_hash_or_rows() {
    let mut whole = Tree::in_memory();
    let outcomes = apply(&mut whole, 1..=150, 150);
    for group in [1, 2, 7, 64] {
        let mut other = Tree::in_memory();
        assert_eq!(apply(&mut other, 1..=150, group), outcomes);
        assert_eq!(
            other.store.applied().hash,
            whole.store.applied().hash,
            "batches of {group}"
        );
        assert_eq!(
            tree(&other.store.lease().expect("open").view()),
            tree(&whole.store.lease().expect("open").view())
        );
        assert_eq!(
            other.store.lease().expect("open").view().oldest_event(),
            whole.store.lease().expect("open").view().oldest_event()
        );
        other.verify();
    }
}

#[test]
fn the_hash_tells_histories_apart() {
    let hash = |operations: &[Operation]| {
        let mut tree = Tree::in_memory();
        tree.run(operations);
        tree.store.applied().hash
    };
    let base = hash(&[set("/a", "1"), set("/b", "2")]);
    for other in [
        hash(&[set("/b", "2"), set("/a", "1")]),
        hash(&[set("/a", "1"), set("/b", "3")]),
        hash(&[set("/a", "1")]),
        hash(&[set("/a", "1"), set_until("/b", "2", 9)]),
        hash(&[
            set("/a", "1"),
            set("/b", "2"),
            Operation::Record {
                key: "k".into(),
                value: None,
            },
        ]),
    ] {
        assert_ne!(other, base);
    }
}

#[test]
fn what_is_not_committed_leaves_no_trace() {
    let mut tree = Tree::in_memory();
    tree.set("/a", "1");
    let before = tree.store.applied();
    let mut batch = tree.writer.batch();
    batch.apply_one(2, 0, &set("/a", "2")).expect("applies");
    drop(batch);
    assert_eq!(tree.store.applied(), before);
    tree.index = 1;
    assert_eq!(tree.set("/a", "3"), 2);
    tree.verify();
}

#[test]
fn commands_come_in_order() {
    let mut tree = Tree::in_memory();
    let mut batch = tree.writer.batch();
    batch.skip(5);
    batch
        .apply(7, 100, &[set("/a", "1")])
        .expect("gaps are the caller's");
    for index in [7, 6, 0] {
        let error = batch
            .apply(index, 0, &[set("/a", "2")])
            .expect_err("applied already");
        assert!(
            matches!(error, storage::Error::OutOfOrder { applied: 7, .. }),
            "{error}"
        );
    }
    batch.apply(8, 50, &[]).expect("an empty command");
    batch.skip(3);
    let committed = batch.commit().expect("commits");
    assert_eq!((committed.index, committed.revision), (8, 1));
    assert_eq!(
        tree.store.applied().cluster_time,
        100,
        "time does not run backwards"
    );
}
