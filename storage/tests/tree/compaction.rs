//! What the oldest event has passed goes, by filter and by compaction, and nothing that can still be read
//! changes.

use storage::{Operation, Retention};

use crate::support::{Tree, delete, set, tree_at};

fn retain(events: u64) -> Operation {
    Operation::Retain(Retention {
        events,
        bytes: u64::MAX,
    })
}

/// Rows of `versions` as RocksDB estimates them, exact after a full compaction of settled data.
fn versions(tree: &Tree) -> u64 {
    tree.store.compact_tables().expect("compacts");
    tree.store.statistics().versions
}

fn all_kept(tree: &Tree) -> Vec<Vec<String>> {
    let lease = tree.store.lease().expect("open");
    let view = lease.view();
    (view.oldest_event() - 1..=view.revision())
        .map(|revision| tree_at(&view, revision))
        .collect()
}

#[test]
fn the_filter_keeps_what_can_be_read() {
    let mut tree = Tree::in_memory();
    for round in 0..50 {
        for key in 0..20 {
            tree.set(&format!("/k{key}"), &round.to_string());
        }
    }
    assert_eq!(
        versions(&tree),
        1_000,
        "nothing is below the oldest event yet"
    );
    tree.one(retain(100));
    let kept = all_kept(&tree);
    assert_eq!(versions(&tree), 120, "100 events and the state before them");
    assert_eq!(all_kept(&tree), kept);
    tree.verify();
}

#[test]
fn dead_subtrees_and_removal_marks_go() {
    for (children, budget) in [(3, 1_000), (3, 1), (300, 1_000), (300, 7)] {
        let mut tree = Tree::in_memory();
        for child in 0..children {
            tree.set(&format!("/dead/s/{child}"), "v");
            tree.set(&format!("/again/s/{child}"), "v");
            tree.set(&format!("/file{child}"), "v");
        }
        for child in 0..children {
            tree.delete(&format!("/file{child}"));
        }
        tree.delete("/dead");
        tree.delete("/again");
        tree.set("/again/s/0", "new");
        tree.set("/file0", "new");
        tree.one(retain(2));
        let kept = all_kept(&tree);
        tree.compact(budget);
        assert_eq!(all_kept(&tree), kept);
        tree.verify();
        // What lives: /again, /again/s, /again/s/0, /file0.
        assert_eq!(versions(&tree), 4, "{children} children, budget {budget}");
        assert_eq!(all_kept(&tree), kept);
        tree.verify();
    }
}

#[test]
fn a_directory_that_was_made_again_many_times_is_walked_once() {
    let mut tree = Tree::in_memory();
    for round in 0..20 {
        for child in 0..10 {
            tree.set(&format!("/d/{child}"), &round.to_string());
        }
        tree.delete("/d");
    }
    tree.set("/d/x", "alive");
    tree.one(retain(1));
    let done = tree.writer.compact(100_000).expect("compacts");
    assert!(!done.more);
    // 221 events, one walk over 241 rows, and the directory's own.
    assert!(done.rows < 600, "{done:?}");
    assert_eq!(versions(&tree), 2);
    tree.verify();
}

#[test]
fn pieces_and_commands_may_alternate() {
    let mut tree = Tree::in_memory();
    tree.one(retain(5));
    for round in 0..60u64 {
        for child in 0..6 {
            tree.set(&format!("/d/{child}/{}", round % 4), &round.to_string());
        }
        if round % 3 == 0 {
            tree.delete(if round % 2 == 0 { "/d" } else { "/d/3" });
        }
        let kept = all_kept(&tree);
        tree.writer
            .compact(3 + round as usize % 9)
            .expect("compacts");
        if round % 7 == 0 {
            tree.store.compact_tables().expect("compacts");
        }
        assert_eq!(all_kept(&tree), kept, "round {round}");
    }
    tree.compact(100);
    tree.verify();
}

#[test]
fn old_events_are_deleted_in_large_steps() {
    let mut tree = Tree::in_memory();
    tree.one(retain(10));
    for chunk in 0..20 {
        let sets: Vec<_> = (0..1_000)
            .map(|number| set(&format!("/k{}", number % 5), &chunk.to_string()))
            .collect();
        tree.run(&sets);
    }
    tree.compact(1_000);
    tree.store.compact_tables().expect("compacts");
    let left = tree.store.statistics().events;
    assert!(left < 9_000, "{left} events are left of 20,000");
    assert_eq!(versions(&tree), 5 + 10);
    tree.verify();
}

#[test]
fn a_pin_and_a_view_keep_what_they_can_see() {
    let mut tree = Tree::in_memory();
    for number in 0..30 {
        tree.set("/a", &number.to_string());
        tree.set("/d/x", &number.to_string());
    }
    tree.run(&[delete("/d")]);
    let store = tree.store.clone();
    let pin = store.pin(20);
    let lease = store.lease().expect("open");
    let view = lease.view();
    let (wanted, early) = (tree_at(&view, 20), tree_at(&view, 10));
    tree.one(retain(1));
    store.compact_tables().expect("compacts");
    tree.compact(100);
    store.compact_tables().expect("compacts");
    assert_eq!(tree_at(&view, 20), wanted, "the view pinned it");
    assert_eq!(tree_at(&view, 10), early, "the view pinned it");
    drop(view);
    store.compact_tables().expect("compacts");
    tree.compact(100);
    store.compact_tables().expect("compacts");
    let lease = store.lease().expect("open");
    let view = lease.view();
    assert!(view.at(20).is_err(), "below the oldest event");
    let past = view.at_pin(&pin).expect("pinned in time");
    let mut walk = past.walk(&storage::KeyPath::root(), true, true);
    let mut lines = Vec::new();
    while let Some(item) = walk.next().expect("readable") {
        lines.push(crate::support::show(&item.to_node()));
    }
    assert_eq!(lines, wanted);
    assert!(view.at_pin(&store.pin(5)).is_err(), "too late");
    drop(walk);
    drop(view);
    drop(pin);
    store.compact_tables().expect("compacts");
    tree.compact(100);
    assert_eq!(
        versions(&tree),
        4,
        "the deletion is the oldest event: /a, /d and /d/x before it, and its mark"
    );
}
