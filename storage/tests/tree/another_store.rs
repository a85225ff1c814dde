//! Another store under the same handles: readers of before, readers of after, and what is left of the old one.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use storage::{Error, EventFilter, KeyPath, Operation, Retention, Store};

use super::support::{Tree, options, path, set, set_until, show};

/// A copy at `there` of the store, which went on to `until` first.
fn ahead(here: &Path, there: &Path, until: u64) {
    let mut tree = Tree::at(here);
    while tree.index < until {
        let number = tree.index % 50;
        tree.done(set(&format!("/k{number}"), &format!("{}", tree.index)));
    }
    copy(&tree.store, there);
}

fn copy(store: &Store, there: &Path) {
    let lease = store.lease().expect("open");
    let view = lease.view();
    let mut export = view.export();
    let mut import = storage::import(there, options()).expect("begun");
    while let Some(row) = export.next().expect("readable") {
        import.put(row.family, row.key, row.value).expect("taken");
    }
    import.finish(None).expect("made");
}

#[test]
fn what_began_before_a_move_ends_on_the_old_store() {
    let home = tempfile::tempdir().expect("a directory");
    let at = |name: &str| home.path().join(name);
    ahead(&at("leader"), &at("new"), 400);
    let mut tree = Tree::at(&at("old"));
    for number in 0..200 {
        tree.set(&format!("/k{number:03}"), "old");
    }
    tree.done(set_until("/t", "v", 77));
    let lease = tree.store.lease().expect("open");
    let view = lease.view();
    let mut listing = view.walk(&KeyPath::root(), false, false);
    listing.next().expect("readable").expect("the first");
    let mut events = view.events(1, EventFilter::all());
    events.next().expect("the first").expect("readable");
    let pin = tree.store.pin(view.revision());

    let retired = tree.writer.move_to(&at("new")).expect("moved");
    assert_eq!(retired.path(), at("old"));
    assert_eq!(
        (tree.store.revision(), tree.store.applied().index),
        (400, 400)
    );
    assert_eq!(
        (tree.store.path(), tree.store.next_deadline()),
        (at("new"), None)
    );
    assert_eq!(tree.store.durable().index, 400);
    let (node, revision) = tree.store.get(&path("/k49")).expect("readable");
    assert_eq!((show(&node.expect("there")), revision).1, 400);
    assert!(tree.store.get(&path("/k100")).expect("readable").0.is_err());
    let now = tree.store.lease().expect("open");
    assert!(matches!(
        now.view().at_pin(&pin),
        Err(Error::Compacted { .. })
    ));
    view.at_pin(&pin).expect("of its own store");
    // Those of before are not hurried, and see nothing of it.
    assert!(!lease.is_recalled() && !tree.store.is_reopening());
    let mut listed = 1;
    while let Some(item) = listing.next().expect("readable") {
        assert_eq!(
            item.value,
            Some(&b"old"[..]).filter(|_| listed < 200).or(Some(b"v"))
        );
        listed += 1;
    }
    assert_eq!((listed, events.count()), (201, 200));
    drop(pin);
    assert!(!retired.is_closed() && !retired.wait(Duration::ZERO));
    let waits = thread::spawn(move || retired.wait(Duration::from_secs(60)));
    drop(listing);
    drop(view);
    drop(lease);
    assert!(waits.join().expect("ended"), "closed with its last reader");
    std::fs::remove_dir_all(at("old")).expect("removable");
    // It is a store like any other.
    tree.index = 400;
    tree.set("/k100", "new");
    tree.store.flush().expect("flushes");
    tree.verify();
    drop(now);
    drop(tree);
    let tree = Tree::at(&at("new"));
    assert_eq!(tree.store.revision(), 401);
}

#[test]
fn a_store_that_is_behind_takes_nobodys_place() {
    let home = tempfile::tempdir().expect("a directory");
    let at = |name: &str| home.path().join(name);
    ahead(&at("leader"), &at("new"), 10);
    let mut tree = Tree::at(&at("old"));
    for number in 0..11 {
        tree.set(&format!("/{number}"), "v");
    }
    let error = tree.writer.move_to(&at("new")).expect_err("it is behind");
    assert!(
        matches!(
            error,
            Error::Backward {
                index: 10,
                shown_index: 11,
                ..
            }
        ),
        "{error}"
    );
    tree.set("/goes", "on");
    let error = tree.writer.move_to(&at("gone")).expect_err("nothing there");
    assert!(
        matches!(error, Error::Io { .. } | Error::NotOurs { .. }),
        "{error}"
    );
    tree.set("/goes", "on");
    // Nothing holds it.
    Tree::at(&at("new")).verify();
}

/// Point reads, views, watchers of history beside some moves: nobody sees the store go back, and no event is skipped.
#[test]
fn nobody_sees_the_store_go_back() {
    let home = tempfile::tempdir().expect("a directory");
    let at = |name: &str| home.path().join(name);
    let mut tree = Tree::at(&at("0"));
    tree.one(Operation::Retain(Retention {
        events: 1_000_000,
        bytes: 1 << 30,
    }));
    tree.set("/k", "0");
    let (stop, seen) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for reader in 0..3 {
            let (store, stop, seen) = (tree.store.clone(), &stop, &seen);
            scope.spawn(move || {
                let mut next = 1;
                while !stop.load(Ordering::SeqCst) {
                    let before = seen.load(Ordering::SeqCst);
                    let revision = match reader {
                        0 => store.get(&path("/k")).expect("readable").1,
                        1 => store.lease().expect("open").view().revision(),
                        _ => {
                            let lease = store.lease().expect("open");
                            for event in lease.view().events(next, EventFilter::all()) {
                                assert_eq!(event.expect("kept").revision, next);
                                next += 1;
                            }
                            next - 1
                        }
                    };
                    assert!(revision >= before, "{revision} after {before}");
                    seen.fetch_max(revision, Ordering::SeqCst);
                }
            });
        }
        for round in 1..=4_u64 {
            // A leader that has gone on from the same state.
            let (leader, there) = (at(&format!("leader{round}")), at(&round.to_string()));
            copy(&tree.store, &leader);
            ahead(&leader, &there, tree.index + 20);
            std::fs::remove_dir_all(&leader).expect("removed");
            let retired = tree.writer.move_to(&there).expect("moved");
            tree.index += 20;
            tree.set("/k", &round.to_string());
            assert!(retired.wait(Duration::from_secs(60)), "no reader stays");
            std::fs::remove_dir_all(retired.path()).expect("removable");
        }
        stop.store(true, Ordering::SeqCst);
    });
    tree.verify();
}

#[test]
fn a_writer_that_refused_to_write_writes_again_after_a_move() {
    let home = tempfile::tempdir().expect("a directory");
    let at = |name: &str| home.path().join(name);
    ahead(&at("leader"), &at("new"), 10);
    let mut tree = Tree::at(&at("old"));
    tree.set("/a", "v");
    // The directory is gone when it is opened again: the store stays closed.
    std::fs::remove_dir_all(at("old")).expect("removed");
    let reopened = tree.writer.reopen(&storage::Mode::Normal, Duration::ZERO);
    assert!(reopened.is_err() && tree.store.is_reopening());
    let retired = tree.writer.move_to(&at("new")).expect("moved");
    assert!(retired.is_closed() && !tree.store.is_reopening());
    tree.index = 10;
    assert_eq!(tree.set("/a", "v"), 11);
}
