//! What a listing passes over costs no more than what it shows: hidden nodes, and what was removed.

use std::time::{Duration, Instant};

use storage::{KeyPath, Operation};

use crate::support::{Tree, delete, path, set};

/// The children of `top` that a walk of at most `moves` shows; `None` if it was cut.
fn children(tree: &Tree, top: &str, recursive: bool, moves: usize) -> Option<Vec<String>> {
    let lease = tree.store.lease().expect("open");
    let view = lease.view();
    let mut walk = view.quick_walk(&path(top), recursive, false, moves);
    let mut names = Vec::new();
    while let Some(item) = walk.next().expect("readable") {
        names.push(String::from_utf8_lossy(item.path).into_owned());
    }
    (!walk.is_cut()).then_some(names)
}

fn fill(tree: &mut Tree, names: impl Iterator<Item = String>) {
    let all: Vec<Operation> = names.map(|name| set(&name, "v")).collect();
    all.chunks(1_000).for_each(|some| drop(tree.run(some)));
}

#[test]
fn hidden_siblings_are_passed_in_one_go() {
    let mut tree = Tree::in_memory();
    let hidden = (0..5_000).map(|number| match number % 3 {
        0 => format!("/d/_{number}"),
        1 => format!("/d/_{number}/below/it"),
        _ => format!("/d/s/_{number}"),
    });
    fill(&mut tree, hidden);
    // The neighbours of the underscore, and names that begin like hidden ones.
    for name in ["^", "`", "_", "_\u{ff}", "a_", "s/x", "s/`/y", "~"] {
        tree.set(&format!("/d/{name}"), "v");
    }
    let shown = ["/d/^", "/d/`", "/d/a_", "/d/s", "/d/~"].map(String::from);
    assert_eq!(children(&tree, "/d", false, 64), Some(shown.to_vec()));
    let below = [
        "/d/^", "/d/`", "/d/a_", "/d/s", "/d/s/`", "/d/s/`/y", "/d/s/x", "/d/~",
    ];
    let wanted = Some(below.map(String::from).to_vec());
    assert_eq!(children(&tree, "/d", true, 64), wanted);
    let lease = tree.store.lease().expect("open");
    let view = lease.view();
    let everything = count(view.walk(&KeyPath::root(), true, true));
    assert_eq!(
        everything,
        5_000 + 2 * 1_667 + 8 + 3,
        "files, hidden directories, others"
    );
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}

fn count(mut walk: storage::Walk<'_>) -> usize {
    let mut count = 0;
    while walk.next().expect("readable").is_some() {
        count += 1;
    }
    count
}

#[test]
fn a_quick_walk_ends_where_it_becomes_long() {
    let mut tree = Tree::in_memory();
    fill(
        &mut tree,
        (0..1_000).map(|number| format!("/d/{number:04}")),
    );
    assert_eq!(children(&tree, "/d", false, 900), None, "rows");
    assert_eq!(
        children(&tree, "/d", false, 1_100).map(|all| all.len()),
        Some(1_000)
    );
    let gone: Vec<_> = (0..999)
        .map(|number| delete(&format!("/d/{number:04}")))
        .collect();
    tree.run(&gone);
    assert_eq!(
        children(&tree, "/d", false, 1_100),
        None,
        "removed rows, in one step"
    );
    let lease = tree.store.lease().expect("open");
    let view = lease.view();
    assert_eq!(count(view.walk(&path("/d"), false, false)), 1);
}

/// RocksDB keeps a removed row until a compaction takes it to the lowest level: a directory that was emptied key by key
/// would be slow to list until then, and nothing else says when that is.
#[test]
fn a_directory_that_was_emptied_key_by_key_becomes_quick_again() {
    let home = tempfile::tempdir().expect("a temporary directory");
    // So large that nothing is flushed for its size.
    let options = storage::StoreOptions {
        memtable_bytes: 256 << 20,
        ..crate::support::options()
    };
    let mut tree = Tree::open(home.path(), options);
    const KEYS: u32 = 20_000;
    // Two tables become one on a lower level, so that a third is by itself no reason for a compaction.
    for half in [0, 1] {
        let half = (half..KEYS).step_by(2);
        fill(&mut tree, half.map(|number| format!("/d/{number:05}")));
        tree.store.flush().expect("flushes");
    }
    until("the keys lie on a lower level", || {
        tree.store.level0_files("nodes") == Some(0)
    });
    tree.set("/d/last", "v");
    let gone: Vec<_> = (0..KEYS)
        .map(|number| delete(&format!("/d/{number:05}")))
        .collect();
    gone.chunks(1_000).for_each(|some| drop(tree.run(some)));
    assert_eq!(
        children(&tree, "/d", false, 100),
        None,
        "removed rows are in the way"
    );
    // Whoever walks them all makes RocksDB look whether to flush at the next write, and flush before the one after it; the
    // table then tells that it wants a compaction.
    let lease = tree.store.lease().expect("open");
    assert_eq!(count(lease.view().walk(&path("/d"), false, false)), 1);
    drop(lease);
    tree.set("/other", "v");
    tree.set("/other", "v");
    until("the removed rows are gone", || {
        children(&tree, "/d", false, 100).is_some_and(|names| names == ["/d/last"])
    });
    tree.verify();
}
