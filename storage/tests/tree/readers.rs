//! Readers beside the writer: every answer is one that the tree gave at the revision that comes
//! with it.

use std::sync::atomic::{AtomicBool, Ordering};

use storage::{KeyPath, Operation, Store, StoreOptions, Write};

use crate::support::{Tree, delete, path, set};

/// Every round sets all keys to the round's number in one batch; every fifth deletes the directory
/// and makes it again. So at revision R every key must hold what `wanted` says.
fn rounds(tree: &mut Tree, keys: u64, count: u64) -> Vec<Vec<Option<u64>>> {
    let mut wanted = vec![vec![None; keys as usize]];
    for round in 0..count {
        let mut operations = Vec::new();
        if round % 5 == 4 {
            operations.push(delete("/d"));
        }
        operations.extend((0..keys).map(|key| set(&format!("/d/{key}"), &round.to_string())));
        let mut state = wanted[wanted.len() - 1].clone();
        for operation in &operations {
            match operation {
                Operation::Write(Write { path, .. }) => {
                    let key = digits(path.name()) as usize;
                    state[key] = Some(round);
                }
                _ => state.fill(None),
            }
            wanted.push(state.clone());
        }
        tree.run(&operations);
    }
    wanted
}

fn number(node: &storage::Node) -> u64 {
    digits(node.value.as_deref().expect("a file"))
}

fn digits(text: &[u8]) -> u64 {
    std::str::from_utf8(text)
        .expect("digits")
        .parse()
        .expect("digits")
}

/// Reads until told to stop; gives (key, revision, value) and checks that revisions do not go back.
fn read(store: &Store, keys: u64, stop: &AtomicBool) -> Vec<(usize, u64, Option<u64>)> {
    let paths: Vec<KeyPath> = (0..keys).map(|key| path(&format!("/d/{key}"))).collect();
    let mut seen = Vec::new();
    let mut last = 0;
    let mut turn = 0usize;
    while !stop.load(Ordering::Relaxed) || turn < 1_000 {
        let key = turn % paths.len();
        turn += 1;
        let (answer, revision) = if turn.is_multiple_of(7) {
            let lease = store.lease().expect("open");
            let view = lease.view();
            (view.node(&paths[key]).expect("readable"), view.revision())
        } else {
            store.get(&paths[key]).expect("readable")
        };
        assert!(revision >= last, "went back from {last} to {revision}");
        last = revision;
        seen.push((key, revision, answer.ok().as_ref().map(number)));
    }
    seen
}

fn check(options: storage::StoreOptions, keys: u64, count: u64) {
    let mut tree = Tree::open("memory".as_ref(), options);
    let stop = AtomicBool::new(false);
    let store = tree.store.clone();
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| read(&store, keys, &stop)))
            .collect();
        let wanted = rounds(&mut tree, keys, count);
        stop.store(true, Ordering::Relaxed);
        for reader in readers {
            for (key, revision, value) in reader.join().expect("the reader ends") {
                assert_eq!(
                    value, wanted[revision as usize][key],
                    "/d/{key} at {revision}"
                );
            }
        }
    });
    tree.verify();
}

#[test]
fn halves_may_live_on_any_thread() {
    fn shared<T: Send + Sync + Clone + 'static>() {}
    fn moved<T: Send + 'static>() {}
    shared::<Store>();
    moved::<storage::Writer>();
    moved::<storage::Error>();
}

#[test]
fn through_the_node_cache() {
    check(
        StoreOptions {
            in_memory: true,
            ..crate::support::options()
        },
        8,
        300,
    );
}

#[test]
fn through_a_node_cache_that_holds_a_part() {
    // Room for a few nodes in each shard: readers fetch, and put back, beside every commit.
    let options = StoreOptions {
        in_memory: true,
        node_cache_bytes: 48 << 10,
        ..crate::support::options()
    };
    check(options, 400, 100);
}

#[test]
fn without_a_node_cache() {
    let options = StoreOptions {
        in_memory: true,
        node_cache_bytes: 0,
        ..crate::support::options()
    };
    check(options, 8, 300);
}

#[test]
fn flushes_and_compactions_beside_the_writer() {
    let home = tempfile::tempdir().expect("a directory");
    let mut tree = Tree::at(home.path());
    let stop = AtomicBool::new(false);
    let store = tree.store.clone();
    std::thread::scope(|scope| {
        let flusher = scope.spawn(|| {
            let mut last = 0;
            while !stop.load(Ordering::Relaxed) {
                let durable = store.flush().expect("flushes");
                assert!(durable.index >= last, "durable went back");
                last = durable.index;
                store.compact_tables().expect("compacts");
            }
        });
        tree.one(Operation::Retain(storage::Retention {
            events: 50,
            bytes: u64::MAX,
        }));
        for _ in 0..5 {
            rounds(&mut tree, 8, 60);
            tree.compact(20);
        }
        stop.store(true, Ordering::Relaxed);
        flusher.join().expect("the flusher ends");
    });
    tree.verify();
    let (durable, applied) = (store.flush().expect("flushes"), store.applied());
    assert_eq!(durable, applied);
    let statistics = store.statistics();
    assert!(
        statistics.disk_bytes > 0 && statistics.nodes > 0,
        "{statistics:?}"
    );
}
