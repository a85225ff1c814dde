//! Readers beside the writer: every answer is one that the tree gave at the revision that comes
//! with it.

use std::sync::atomic::{AtomicBool, Ordering};

use storage::{KeyPath, Operation, Store};

use crate::support::{Tree, delete, path, set};

const KEYS: u64 = 8;

/// Every round sets all keys to the round's number in one batch; every fifth deletes the directory
/// and makes it again. So at revision R every key must hold what `wanted` says.
fn rounds(tree: &mut Tree, count: u64) -> Vec<Vec<Option<u64>>> {
    let mut wanted = vec![vec![None; KEYS as usize]];
    for round in 0..count {
        let mut operations = Vec::new();
        if round % 5 == 4 {
            operations.push(delete("/d"));
        }
        operations.extend((0..KEYS).map(|key| set(&format!("/d/{key}"), &round.to_string())));
        let mut state = wanted[wanted.len() - 1].clone();
        for operation in &operations {
            match operation {
                Operation::Set { path, .. } => {
                    let key = usize::from(path.name()[0] - b'0');
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
    let value = node.value.as_deref().expect("a file");
    std::str::from_utf8(value)
        .expect("digits")
        .parse()
        .expect("digits")
}

/// Reads until told to stop; gives (key, revision, value) and checks that revisions do not go back.
fn read(store: &Store, stop: &AtomicBool) -> Vec<(usize, u64, Option<u64>)> {
    let paths: Vec<KeyPath> = (0..KEYS).map(|key| path(&format!("/d/{key}"))).collect();
    let mut seen = Vec::new();
    let mut last = 0;
    let mut turn = 0usize;
    while !stop.load(Ordering::Relaxed) || turn < 1_000 {
        let key = turn % paths.len();
        turn += 1;
        let (answer, revision) = if turn.is_multiple_of(7) {
            let view = store.view();
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

fn check(options: storage::Options) {
    let mut tree = Tree::open("memory".as_ref(), options);
    let stop = AtomicBool::new(false);
    let store = tree.store.clone();
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| read(&store, &stop)))
            .collect();
        let wanted = rounds(&mut tree, 300);
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
    check(storage::Options {
        in_memory: true,
        ..crate::support::options()
    });
}

#[test]
fn without_a_node_cache() {
    check(storage::Options {
        in_memory: true,
        node_cache_bytes: 0,
        ..crate::support::options()
    });
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
                store.compact().expect("compacts");
            }
        });
        tree.one(Operation::Retain(storage::Retention {
            events: 50,
            bytes: u64::MAX,
        }));
        for _ in 0..5 {
            rounds(&mut tree, 60);
            tree.reclaim(20);
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
