//! What surrounds the table of keys-api 5.1, asserted of the model itself: its notes, indexes (6),
//! TTLs (7), the server's paths (design 17), listings (2.5, 4.1) and retention (design 16).

use bytes::Bytes;
use storage::Action::{Create, Delete, Set};
use storage::{Content, Event, Lifetime, Operation, Outcome, Refusal, Retention, Write, WriteMode};

use super::Model;
use super::decision_table::{
    LIFETIME, compare_delete, condition, create, delete, file, fixture, path, post, run, set, swap,
    update,
};
use super::tree::Place;

fn done(model: &mut Model, operation: Operation) -> Event {
    match run(model, operation) {
        Outcome::Done(event) => (*event).clone(),
        other => panic!("refused: {other:?}"),
    }
}

#[test]
fn created_index_is_reset_by_set_and_kept_by_update_and_compare() {
    for (operation, created) in [
        (set("/file", file("n"), false), 4),
        (set("/file", file(""), true), 4),
        (update("/file", "n", false), 1),
        (update("/file", "", true), 1),
        (swap("/file", condition(None, 1), false), 1),
        (swap("/file", condition(None, 1), true), 1),
    ] {
        let mut model = fixture();
        let event = done(&mut model, operation.clone());
        assert_eq!(
            (event.node.created, event.node.modified),
            (created, 4),
            "{operation:?}"
        );
        assert_eq!(
            model.tree.node(&path("/file")).as_ref(),
            Ok(&event.node),
            "{operation:?}"
        );
        let prev = event.prev.expect("the file was there");
        assert_eq!(
            (prev.created, prev.modified, prev.value),
            (1, 1, Some("v".into()))
        );
    }
}

#[test]
fn a_refresh_keeps_the_value_and_replaces_the_ttl() {
    for operation in [
        set("/file", file(""), true),
        update("/file", "", true),
        swap("/file", condition(None, 1), true),
    ] {
        let event = done(&mut fixture(), operation);
        assert!(event.refresh);
        assert_eq!(
            (event.node.value, event.node.lifetime),
            (Some("v".into()), LIFETIME)
        );
    }
    let event = done(&mut fixture(), set("/file", Content::Directory, true));
    assert!(
        event.refresh && event.node.dir && event.node.value.is_none(),
        "a file becomes a directory"
    );
}

#[test]
fn a_write_without_ttl_makes_permanent_and_an_update_without_value_empties() {
    let mut model = fixture();
    run(&mut model, update("/file", "", true));
    let event = done(&mut model, update("/file", "", false));
    assert_eq!(
        (event.node.value, event.node.lifetime),
        (Some(Bytes::new()), None)
    );
    assert_eq!(event.prev.and_then(|prev| prev.lifetime), LIFETIME);
}

#[test]
fn the_ttl_of_a_directory_changes_without_its_stored_index() {
    let mut model = fixture();
    let event = done(&mut model, update("/full", "", true));
    assert_eq!(
        (event.node.created, event.node.modified, event.node.lifetime),
        (3, 4, LIFETIME)
    );
    let stored = model.tree.node(&path("/full")).expect("still there");
    assert_eq!(
        (stored.created, stored.modified, stored.lifetime),
        (3, 3, LIFETIME)
    );
    let event = done(&mut model, update("/full", "", false));
    assert_eq!(event.prev, Some(stored));
    assert_eq!((event.node.modified, event.node.lifetime), (5, None));
}

#[test]
fn parents_made_on_the_way_are_permanent_and_stay() {
    let mut model = fixture();
    let lasting = Operation::Write(Write {
        path: path("/p/q/r"),
        mode: WriteMode::Create,
        content: file("x"),
        lifetime: LIFETIME,
        refresh: false,
    });
    assert_eq!(done(&mut model, lasting).revision, 4);
    for parent in ["/p", "/p/q"] {
        let node = model.tree.node(&path(parent)).expect("made on the way");
        assert_eq!(
            (node.created, node.modified, node.lifetime, node.dir),
            (4, 4, None, true)
        );
    }
    assert_eq!(model.events.len(), 4, "no events of their own");
    done(&mut model, delete("/p/q/r", false, false));
    assert!(model.tree.node(&path("/p/q")).is_ok());
}

#[test]
fn a_removal_shows_the_node_without_value_and_ttl() {
    let mut model = fixture();
    run(&mut model, update("/full", "", true));
    let event = done(&mut model, delete("/full", false, true));
    let node = event.node;
    assert_eq!(
        (
            node.created,
            node.modified,
            node.dir,
            node.value,
            node.lifetime
        ),
        (3, 5, true, None, None)
    );
    assert_eq!(
        model.tree.node(&path("/full/child")),
        Err(Refusal::KeyNotFound(path("/full")))
    );
    assert_eq!(model.revision, 5, "one revision for the whole subtree");
}

#[test]
fn names_in_order_come_from_the_revision_and_never_replace() {
    let mut model = fixture();
    let event = done(&mut model, post("/q", file("n")));
    assert_eq!(event.node.path, path("/q/00000000000000000004"));
    run(
        &mut model,
        set("/q/00000000000000000006", file("early"), false),
    );
    let taken = path("/q/00000000000000000006");
    let expected = Outcome::Refused {
        refusal: Refusal::AlreadyExists(taken),
        revision: 5,
    };
    assert_eq!(run(&mut model, post("/q", file("n"))), expected);
}

#[test]
fn expiry_goes_by_deadline_then_key_and_takes_a_directory_whole() {
    let mut model = Model::new();
    let timed = |at: &str, deadline, content| {
        let lifetime = Some(Lifetime {
            expiration: 0,
            deadline,
        });
        Operation::Write(Write {
            path: path(at),
            mode: WriteMode::Create,
            content,
            lifetime,
            refresh: false,
        })
    };
    for operation in [
        timed("/z", 5, file("")),
        timed("/d", 6, Content::Directory),
        timed("/d/late", 7, file("")),
        timed("/d/early", 4, file("")),
        timed("/b", 6, file("")),
        timed("/later", 9, file("")),
    ] {
        run(&mut model, operation);
    }
    let mut waves = Vec::new();
    for limit in [2, 2, 2] {
        let Outcome::Expired { events, more } = run(
            &mut model,
            Operation::Expire {
                cutoff: 8,
                limit,
                bytes: None,
            },
        ) else {
            panic!("an expiry answers as one");
        };
        let paths: Vec<String> = events
            .iter()
            .map(|event| event.node.path.to_string())
            .collect();
        waves.push((paths.join(" "), more));
    }
    let expected = [("/d/early /z", true), ("/b /d", false), ("", false)]
        .map(|(paths, more)| (paths.into(), more));
    assert_eq!(waves, expected);
    assert_eq!((model.revision, model.tree.len()), (10, 1));
}

#[test]
fn the_server_alone_writes_its_own_paths() {
    let mut model = Model::new();
    let system = |at: &str, value: Option<&'static str>| Operation::System {
        path: path(at),
        value: value.map(Bytes::from),
    };
    let joined = done(&mut model, system("/_etcd/machines/n1", Some("u")));
    assert_eq!(
        (joined.revision, joined.action, joined.system),
        (1, Create, true)
    );
    assert_eq!(
        done(&mut model, system("/_etcd/config", Some("{}"))).action,
        Set
    );
    assert_eq!(
        run(&mut model, system("/_etcd/config", Some("{}"))),
        Outcome::Accepted
    );
    assert_eq!(
        run(&mut model, system("/_etcd/machines/n2", None)),
        Outcome::Accepted
    );
    for target in [
        "/_etcd",
        "/_etcd/machines",
        "/_etcd/machines/n1",
        "/_etcd/config",
        "/_etcd/config/x",
    ] {
        for operation in [
            set(target, file("x"), false),
            set(target, file(""), true),
            create(target, file("x")),
            update(target, "", false),
            swap(target, condition(None, 1), false),
            delete(target, true, true),
            compare_delete(target, condition(None, 1)),
        ] {
            let refused = Outcome::Refused {
                refusal: Refusal::ReadOnly(path(target)),
                revision: 2,
            };
            assert_eq!(run(&mut model, operation), refused);
        }
    }
    let refused = Outcome::Refused {
        refusal: Refusal::ReadOnly(path("/_etcd/machines")),
        revision: 2,
    };
    assert_eq!(run(&mut model, post("/_etcd/machines", file(""))), refused);
    assert_eq!(
        done(&mut model, post("/_etcd", file(""))).node.path,
        path("/_etcd/00000000000000000003")
    );
    assert_eq!(
        done(&mut model, set("/_etcd/machines2", file(""), false)).revision,
        4
    );
    let gone = done(&mut model, system("/_etcd/machines/n1", None));
    assert_eq!(
        (
            gone.action,
            gone.system,
            gone.prev.and_then(|prev| prev.value)
        ),
        (Delete, true, Some("u".into()))
    );
}

#[test]
fn listings_follow_tree_order_and_hide_underscores() {
    let mut model = Model::new();
    for name in ["/b", "/a-", "/a/_h/x", "/a/x_y", "/a/\u{0}", "/_top/seen"] {
        run(&mut model, set(name, file(""), false));
    }
    let list = |at: &str, recursive, hidden| {
        let rows = model.tree.list(&path(at), recursive, hidden);
        rows.iter()
            .map(|(depth, node)| format!("{depth}{}", node.path))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(list("/", false, false), "1/a 1/a- 1/b");
    assert_eq!(list("/", true, false), "1/a 2/a/\u{0} 2/a/x_y 1/a- 1/b");
    assert_eq!(list("/a", true, true), "1/a/\u{0} 1/a/_h 2/a/_h/x 1/a/x_y");
    assert_eq!(list("/_top", true, false), "1/_top/seen");
}

#[test]
fn the_oldest_event_keeps_as_many_events_as_asked_and_never_falls() {
    let mut model = fixture();
    let retain = |events| {
        Operation::Retain(Retention {
            events,
            bytes: u64::MAX,
        })
    };
    assert_eq!(model.oldest_event, 1);
    assert_eq!(run(&mut model, retain(2)), Outcome::Accepted);
    assert_eq!((model.oldest_event, model.revision), (2, 3));
    run(&mut model, retain(100));
    run(&mut model, set("/x", file(""), false));
    assert_eq!((model.oldest_event, model.events.len()), (2, 3));
    assert!(model.tree_at(1).entry(&Place::of(&path("/file"))).is_some());
}
