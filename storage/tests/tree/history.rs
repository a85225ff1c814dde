//! The versions of one path.

use storage::{Operation, Retention};

use crate::support::{Tree, path, set, show, update};

fn versions(tree: &Tree, at: &str) -> Vec<String> {
    let lease = tree.store.lease().expect("open");
    let view = lease.view();
    let line = |version: storage::Version| match version.node {
        Some(node) => format!("{} {}", version.revision, show(&node)),
        None => format!("{} gone", version.revision),
    };
    view.history(&path(at))
        .map(|version| line(version.expect("readable")))
        .collect()
}

#[test]
fn newest_first_with_removals() {
    let mut tree = Tree::in_memory();
    tree.set("/d/a", "1");
    tree.set("/d/b", "other");
    tree.set("/d/a", "2");
    tree.delete("/d/a");
    tree.set("/d/a", "3");
    tree.done(update("/d", "", Some(9)));
    assert_eq!(
        versions(&tree, "/d/a"),
        [
            "5 /d/a=3 c5 m5",
            "4 gone",
            "3 /d/a=2 c3 m3",
            "1 /d/a=1 c1 m1"
        ]
    );
    assert_eq!(versions(&tree, "/d"), ["6 /d/ c1 m1 t9", "1 /d/ c1 m1"]);
    assert_eq!(versions(&tree, "/"), Vec::<String>::new());
    assert_eq!(versions(&tree, "/never"), Vec::<String>::new());
}

#[test]
fn it_ends_with_what_was_current_before_the_oldest_event() {
    let mut tree = Tree::in_memory();
    for number in 1..=9 {
        tree.done(set("/a", &number.to_string()));
    }
    tree.set("/d/x", "dead with its directory");
    tree.delete("/d");
    tree.one(Operation::Retain(Retention {
        events: 5,
        bytes: u64::MAX,
    }));
    assert_eq!(tree.store.lease().expect("open").view().oldest_event(), 7);
    assert_eq!(
        versions(&tree, "/a"),
        [
            "9 /a=9 c9 m9",
            "8 /a=8 c8 m8",
            "7 /a=7 c7 m7",
            "6 /a=6 c6 m6"
        ]
    );
    assert_eq!(
        versions(&tree, "/d/x"),
        ["10 /d/x=dead with its directory c10 m10"]
    );
    for _ in 0..6 {
        tree.set("/other", "v");
    }
    assert_eq!(
        versions(&tree, "/d/x"),
        Vec::<String>::new(),
        "dead at the oldest revision that can be read"
    );
    assert_eq!(versions(&tree, "/a"), ["9 /a=9 c9 m9"]);
}
