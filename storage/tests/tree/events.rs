//! History as watchers read it: order, filters, nodes before and after (keys-api 8.3).

use storage::{Action, EventFilter, KeyPath, Operation, Write, WriteMode};

use crate::support::{Tree, create, delete, path, set, set_until, show, until, update};

fn revisions(tree: &Tree, from: u64, at: &str, recursive: bool) -> Vec<u64> {
    let filter = EventFilter::new(&path(at), recursive);
    tree.store
        .lease()
        .expect("open")
        .view()
        .events(from, filter)
        .map(|event| event.expect("readable").revision)
        .collect()
}

#[test]
fn events_come_back_as_they_were_returned() {
    let mut tree = Tree::in_memory();
    let mut returned = Vec::new();
    for operation in [
        set("/a/f", "1"),
        set("/a/f", "2"),
        update("/a/f", "3", Some(90)),
        create("/a/d", None),
        update("/a/d", "", Some(95)),
        Operation::Write(Write::new(
            path("/a"),
            WriteMode::CreateInOrder,
            crate::support::file("x"),
        )),
        Operation::Write(Write {
            path: path("/a/f"),
            mode: WriteMode::Set,
            content: crate::support::file(""),
            lifetime: until(99),
            refresh: true,
        }),
        Operation::System {
            path: path("/_etcd/config"),
            value: Some("{}".into()),
        },
        delete("/a/f"),
        set("/a/f", "again"),
        delete("/a"),
        set_until("/t", "v", 5),
    ] {
        returned.push((*tree.done(operation)).clone());
    }
    returned.extend(tree.expire(50, 9).0.iter().map(|event| (**event).clone()));
    let lease = tree.store.lease().expect("open");
    let view = lease.view();
    let stored: Vec<_> = view
        .events(1, EventFilter::all())
        .map(|event| event.expect("readable"))
        .collect();
    assert_eq!(stored, returned);
    let kinds: Vec<_> = stored.iter().map(|event| event.action).collect();
    assert_eq!(
        kinds[9..],
        [Action::Set, Action::Delete, Action::Set, Action::Expire]
    );
    assert_eq!(
        stored[9].prev, None,
        "an earlier life of the path is not the node before"
    );
    let unrefreshed = view
        .events(1, EventFilter::all().without_refreshes())
        .count();
    assert_eq!(unrefreshed, stored.len() - 1);
}

/// A TTL in an event is what was left of it then, whenever the event is read.
#[test]
fn events_keep_the_time_of_their_command_where_they_show_a_ttl() {
    let mut tree = Tree::in_memory();
    for (time, operations) in [
        (100, vec![set("/plain", "1"), set_until("/t", "1", 1_000)]),
        (200, vec![set("/t", "2")]),
        (150, vec![set_until("/t", "3", 900), delete("/t")]),
        (
            300,
            vec![
                set("/plain", "2"),
                create("/d", None),
                update("/d", "", Some(999)),
            ],
        ),
        (400, vec![update("/d", "", None), delete("/d")]),
    ] {
        tree.run_at(time, &operations);
    }
    let lease = tree.store.lease().expect("open");
    let view = lease.view();
    let events = view.events(1, EventFilter::all()).map(|event| {
        let event = event.expect("readable");
        (event.revision, event.time)
    });
    // Cluster time never falls, so the command that was stamped with 150 counts as of 200.
    let wanted = [
        (1, None),
        (2, Some(100)),
        (3, Some(200)),
        (4, Some(200)),
        (5, Some(200)),
        (6, None),
        (7, None),
        (8, Some(300)),
        (9, Some(400)),
        (10, None),
    ];
    assert_eq!(events.collect::<Vec<_>>(), wanted);
}

#[test]
fn filters_follow_the_history_rules() {
    let mut tree = Tree::in_memory();
    for at in ["/od/a", "/od/a/b", "/odx", "/od/_h"] {
        // /od/a is a directory from the second write on, so write the deeper one first.
        let at = if at == "/od/a" { "/od/a/c" } else { at };
        tree.set(at, "v");
    }
    let last = tree.delete("/od");
    assert_eq!(last, 5);
    assert_eq!(revisions(&tree, 1, "/od", false), [5]);
    assert_eq!(revisions(&tree, 1, "/od", true), [1, 2, 4, 5]);
    assert_eq!(revisions(&tree, 1, "/od/a/b", false), [2, 5]);
    assert_eq!(
        revisions(&tree, 1, "/od/zzz", false),
        [5],
        "the removal of a directory above, whatever was there"
    );
    assert_eq!(
        revisions(&tree, 1, "/odx", true),
        [3],
        "names end at a slash"
    );
    assert_eq!(revisions(&tree, 3, "/", true), [3, 4, 5]);
    assert_eq!(revisions(&tree, 1, "/", false), Vec::<u64>::new());
    assert_eq!(revisions(&tree, 6, "/", true), Vec::<u64>::new());
    let lease = tree.store.lease().expect("open");
    let view = lease.view();
    assert!(
        view.existed(&path("/od/a/b"), 4).expect("kept")
            && !view.existed(&path("/od/zzz"), 4).expect("kept")
    );
}

#[test]
fn a_view_ends_at_its_revision() {
    let mut tree = Tree::in_memory();
    tree.set("/a", "1");
    let store = tree.store.clone();
    let lease = store.lease().expect("open");
    let view = lease.view();
    tree.set("/a", "2");
    let events: Vec<_> = view
        .events(1, EventFilter::all())
        .map(|event| event.expect("readable").revision)
        .collect();
    assert_eq!((events, view.revision()), (vec![1], 1));
    let node = view
        .node(&KeyPath::new("/a").expect("canonical"))
        .expect("readable")
        .expect("there");
    assert_eq!(show(&node), "/a=1 c1 m1");
}
