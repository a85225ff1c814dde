//! Expiry (keys-api 7.3): order, directories, slices, and rows that nothing matches any more.

use storage::{Action, Content, Operation, Write, WriteMode};

use crate::support::{Tree, create, delete, path, set, set_until, show, tree, until, update};

fn shown(events: &[std::sync::Arc<storage::Event>]) -> Vec<String> {
    events
        .iter()
        .map(|event| format!("{} {}", event.revision, event.node.path))
        .collect()
}

#[test]
fn it_goes_by_deadline_then_key() {
    let mut store = Tree::in_memory();
    for (at, deadline) in [
        ("/c", 20),
        ("/b", 10),
        ("/a/x", 20),
        ("/a-", 20),
        ("/d", 21),
    ] {
        store.done(set_until(at, "v", deadline));
    }
    assert_eq!(store.store.next_deadline(), Some(10));
    let (events, more) = store.expire(20, 100);
    assert_eq!(
        (shown(&events), more),
        (
            vec![
                "6 /b".into(),
                "7 /a/x".into(),
                "8 /a-".into(),
                "9 /c".into()
            ],
            false
        )
    );
    assert!(events.iter().all(|event| event.action == Action::Expire));
    let prev = events[0].prev.as_ref().map(show);
    assert_eq!(
        (show(&events[0].node), prev.as_deref()),
        ("/b c2 m6".into(), Some("/b=v c2 m2 t10"))
    );
    assert_eq!(store.store.next_deadline(), Some(21));
    store.verify();
}

#[test]
fn a_directory_goes_with_all_below_it_in_one_event() {
    let mut store = Tree::in_memory();
    store.done(create("/d", None));
    store.done(update("/d", "", Some(10)));
    store.done(set_until("/d/early", "v", 5));
    store.done(set_until("/d/late", "v", 10));
    store.done(set_until("/d/later", "v", 90));
    let (events, more) = store.expire(50, 100);
    assert_eq!(
        (shown(&events), more),
        (vec!["6 /d/early".into(), "7 /d".into()], false)
    );
    assert_eq!(
        tree(&store.store.lease().expect("open").view()),
        Vec::<String>::new()
    );
    assert_eq!(
        store.expire(100, 100),
        (vec![], false),
        "the child's row is dropped"
    );
    assert_eq!(store.store.next_deadline(), None);
}

#[test]
fn a_wave_is_cut_into_slices() {
    let mut store = Tree::in_memory();
    for number in 0..10 {
        store.done(set_until(&format!("/{number}"), "v", 10 + number));
    }
    assert_eq!(store.expire(15, 0), (vec![], true));
    let (events, more) = store.expire(15, 4);
    assert_eq!(
        (events.len(), more, store.store.next_deadline()),
        (4, true, Some(14))
    );
    let (events, more) = store.expire(15, 2);
    assert_eq!(
        (events.len(), more, store.store.next_deadline()),
        (2, false, Some(16))
    );
    assert_eq!(store.expire(15, 2), (vec![], false));
}

#[test]
fn rows_that_no_node_matches_are_dropped() {
    let mut store = Tree::in_memory();
    store.done(set_until("/a", "v", 10));
    store.done(set_until("/a", "w", 30));
    store.done(set_until("/b", "v", 10));
    store.done(set("/b", "permanent"));
    store.done(set_until("/c", "v", 10));
    store.done(delete("/c"));
    assert_eq!(
        store.store.next_deadline(),
        Some(30),
        "rows of one node go with its record"
    );
    assert_eq!(store.expire(29, 9), (vec![], false));
    assert_eq!(store.expire(30, 9).0.len(), 1);
    assert_eq!(
        tree(&store.store.lease().expect("open").view()),
        ["/b=permanent c4 m4"]
    );
}

#[test]
fn deadlines_left_by_a_large_subtree_do_not_fire() {
    let mut store = Tree::in_memory();
    for number in 0..600 {
        store.done(set_until(&format!("/d/{number:03}"), "v", 10));
    }
    store.delete("/d");
    store.done(set_until("/d/007", "again", 20));
    store.done(set_until("/d/008", "again", 10));
    assert!(store.store.next_deadline() <= Some(10));
    let (events, more) = store.expire(15, 1);
    assert_eq!((shown(&events), more), (vec!["604 /d/008".into()], false));
    assert_eq!(store.store.next_deadline(), Some(20));
    assert_eq!(
        store
            .store
            .lease()
            .expect("open")
            .view()
            .expiring(u64::MAX, 9)
            .expect("readable"),
        [(20, path("/d/007"))]
    );
    store.verify();
}

/// The events of an expiry hold the values that went: they must not all be held at once.
#[test]
fn an_expiry_ends_before_its_values_are_too_many_bytes() {
    let mut store = Tree::in_memory();
    let value = "v".repeat(98);
    for (at, deadline) in [("/a", 3), ("/b", 3), ("/c", 4), ("/e", 6)] {
        store.done(set_until(at, &value, deadline));
    }
    // A directory takes its subtree along: its own name counts before it goes, and the nine paths of four bytes below it
    // for what follows.
    for child in 0..9 {
        store.done(set_until(&format!("/d/{child}"), &value, 9));
    }
    store.done(update("/d", "", Some(5)));
    let mut expire = |bytes| {
        let outcome = store.one(Operation::Expire {
            cutoff: 10,
            limit: 1_000,
            bytes: Some(bytes),
        });
        match outcome {
            storage::Outcome::Expired { events, more } => {
                let names = events.iter().map(|event| event.node.path.to_string());
                (names.collect::<Vec<_>>().join(" "), more)
            }
            other => panic!("{other:?}"),
        }
    };
    let cut = |names: &str| (names.to_owned(), true);
    assert_eq!(expire(0), cut("/a"), "the first goes whatever it holds");
    assert_eq!(
        expire(201),
        cut("/b /c"),
        "two of 100 bytes and /d do not fit"
    );
    assert_eq!(expire(137), cut("/d"), "2 + 9 * 4 + 100");
    assert_eq!(expire(100), ("/e".to_owned(), false));
    store.verify();
}

#[test]
fn what_one_command_writes_it_can_also_expire() {
    let mut store = Tree::in_memory();
    store.done(set_until("/stored", "v", 10));
    let outcomes = store.run(&[
        set_until("/added", "v", 10),
        set_until("/gone", "v", 5),
        delete("/gone"),
        set_until("/stored", "w", 40),
        set_until("/moved", "v", 8),
        set_until("/moved", "v", 9),
        Operation::Expire {
            cutoff: 10,
            limit: 9,
            bytes: None,
        },
        set_until("/new", "v", 3),
        Operation::Expire {
            cutoff: 3,
            limit: 9,
            bytes: None,
        },
    ]);
    let expired: Vec<_> = outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            storage::Outcome::Expired { events, more } => Some((shown(events), *more)),
            _ => None,
        })
        .collect();
    assert_eq!(
        expired,
        [
            (vec!["8 /moved".into(), "9 /added".into()], false),
            (vec!["11 /new".into()], false)
        ]
    );
    assert_eq!(
        tree(&store.store.lease().expect("open").view()),
        ["/stored=w c5 m5 t40"]
    );
    assert_eq!(store.store.next_deadline(), Some(40));
    store.verify();
}

#[test]
fn what_expires_soon_can_be_asked_for() {
    let mut store = Tree::in_memory();
    for (at, deadline) in [("/b", 20), ("/a", 20), ("/c", 10), ("/d", 30)] {
        store.done(set_until(at, "v", deadline));
    }
    store.done(set("/c", "permanent"));
    let soon = |before, limit| {
        store
            .store
            .lease()
            .expect("open")
            .view()
            .expiring(before, limit)
            .expect("readable")
    };
    assert_eq!(soon(30, 9), [(20, path("/a")), (20, path("/b"))]);
    assert_eq!(soon(31, 9).len(), 3);
    assert_eq!(soon(31, 1), [(20, path("/a"))]);
    assert_eq!(soon(20, 9), []);
}

#[test]
fn a_refresh_moves_the_deadline_and_nothing_else() {
    let mut store = Tree::in_memory();
    store.done(set_until("/a", "v", 10));
    let event = store.done(Operation::Write(Write {
        path: path("/a"),
        mode: WriteMode::Update,
        content: Content::File("".into()),
        lifetime: until(50),
        refresh: true,
    }));
    assert!(event.refresh);
    assert_eq!(show(&event.node), "/a=v c1 m2 t50");
    assert_eq!(store.store.next_deadline(), Some(50));
    assert_eq!(store.expire(49, 9), (vec![], false));
    assert_eq!(store.expire(50, 9).0.len(), 1);
}
