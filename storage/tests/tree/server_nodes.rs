//! The server's own nodes below `/_etcd`: who may write them, and what a write is called (design
//! 17).

use bytes::Bytes;
use storage::{Action, Content, Operation, Outcome, Refusal, Write, WriteMode};

use crate::support::{Tree, condition, create, delete, file, path, set, update};

fn system(at: &str, value: Option<&'static str>) -> Operation {
    Operation::System {
        path: path(at),
        value: value.map(|value| Bytes::from_static(value.as_bytes())),
    }
}

fn founded() -> Tree {
    let mut tree = Tree::in_memory();
    tree.done(system("/_etcd/machines/n1", Some("etcd=a&raft=b")));
    tree.done(system("/_etcd/config", Some("{}")));
    tree
}

#[test]
fn the_first_user_write_is_revision_three() {
    let mut tree = founded();
    assert_eq!(tree.set("/a", "v"), 3);
    assert_eq!(tree.store.revision(), 3);
    tree.verify();
}

#[test]
fn only_a_difference_is_written() {
    let mut tree = founded();
    for unchanged in [
        system("/_etcd/machines/n1", Some("etcd=a&raft=b")),
        system("/_etcd/config", Some("{}")),
        system("/_etcd/machines/n2", None),
    ] {
        assert_eq!(tree.one(unchanged), Outcome::Accepted);
    }
    assert_eq!(tree.store.revision(), 2);
}

#[test]
fn a_machine_is_created_and_updated_and_the_configuration_is_set() {
    let mut tree = founded();
    let mut verbs = Vec::new();
    for operation in [
        system("/_etcd/machines/n2", Some("x")),
        system("/_etcd/machines/n2", Some("y")),
        system("/_etcd/config", Some("{1}")),
        system("/_etcd/machines/n2", None),
    ] {
        let event = tree.done(operation);
        assert!(event.system);
        verbs.push((event.action, event.node.created));
    }
    assert_eq!(
        verbs,
        [
            (Action::Create, 3),
            (Action::Update, 3),
            (Action::Set, 5),
            (Action::Delete, 3)
        ]
    );
    let lease = tree.store.lease().expect("open");
    let view = lease.view();
    assert!(
        view.events(1, storage::EventFilter::all())
            .all(|event| event.expect("readable").system)
    );
}

#[test]
fn clients_are_refused_there_and_welcome_beside_it() {
    let mut tree = founded();
    let reserved = [
        "/_etcd",
        "/_etcd/config",
        "/_etcd/machines",
        "/_etcd/machines/n1",
        "/_etcd/machines/a/b",
        "/_etcd/config/x",
    ];
    for at in reserved {
        let operations = [
            set(at, "v"),
            create(at, None),
            update(at, "", None),
            delete(at),
            Operation::Write(Write::new(
                path(at),
                WriteMode::CompareAndSwap(condition(None, 0)),
                Content::File(Bytes::new()),
            )),
            Operation::CompareAndDelete {
                path: path(at),
                condition: condition(None, 2),
            },
        ];
        for operation in operations {
            assert_eq!(
                tree.refused(operation.clone()),
                Refusal::ReadOnly(path(at)),
                "{operation:?}"
            );
        }
    }
    let post =
        |at: &str| Operation::Write(Write::new(path(at), WriteMode::CreateInOrder, file("v")));
    for at in ["/_etcd/machines", "/_etcd/config", "/_etcd/machines/n1"] {
        assert_eq!(tree.refused(post(at)), Refusal::ReadOnly(path(at)));
    }
    assert_eq!(
        tree.done(post("/_etcd")).node.path,
        path("/_etcd/00000000000000000003")
    );
    assert_eq!(tree.set("/_etcd/registry/token/1", "v"), 4);
    assert_eq!(tree.delete("/_etcd/registry"), 5);
    assert_eq!(tree.refused(delete("/")), Refusal::ReadOnly(path("/")));
}

fn record(key: &'static str, value: Option<&'static str>) -> Operation {
    Operation::Record {
        key: Bytes::from_static(key.as_bytes()),
        value: value.map(|value| Bytes::from_static(value.as_bytes())),
    }
}

#[test]
fn records_take_no_revision_and_are_found_by_prefix() {
    let mut tree = Tree::in_memory();
    let outcomes = tree.run(&[
        record("m/1", Some("a")),
        record("m/2", Some("b")),
        record("n", Some("c")),
    ]);
    assert_eq!(
        outcomes,
        [Outcome::Accepted, Outcome::Accepted, Outcome::Accepted]
    );
    tree.run(&[
        record("m/2", None),
        record("m/2", Some("d")),
        record("n", None),
    ]);
    assert_eq!(
        tree.store.record(b"m/1").expect("readable").as_deref(),
        Some(&b"a"[..])
    );
    assert_eq!(tree.store.record(b"n").expect("readable"), None);
    let rows = tree.store.records(b"m/").expect("readable");
    assert_eq!(
        rows,
        [("m/1".into(), "a".into()), ("m/2".into(), "d".into())]
    );
    assert_eq!(tree.store.revision(), 0);
    assert_eq!(tree.store.applied().index, 2);
}

#[test]
fn what_is_done_once_is_ended_by_the_row_that_it_leaves() {
    let mut tree = Tree::in_memory();
    let once = |value: &'static str| {
        [
            Operation::Unless {
                key: Bytes::from_static(b"done"),
            },
            record("done", Some(value)),
            system("/_etcd/config", Some(value)),
        ]
    };
    let first = tree.run(&once("one"));
    assert_eq!(first[..2], [Outcome::Accepted, Outcome::Accepted]);
    assert!(matches!(first[2], Outcome::Done(_)), "{first:?}");
    assert_eq!(tree.run(&once("two")), [Outcome::Ended]);
    let row = |tree: &Tree| tree.store.record(b"done").expect("readable");
    assert_eq!(row(&tree).as_deref(), Some(&b"one"[..]));
    assert_eq!(tree.store.revision(), 1);
    // The row of an operation before counts, and so does its removal.
    let mut again = vec![record("done", None)];
    again.extend(once("three"));
    again.extend(once("four"));
    let outcomes = tree.run(&again);
    assert_eq!(outcomes.len(), 5);
    assert_eq!(outcomes[4], Outcome::Ended);
    assert_eq!(row(&tree).as_deref(), Some(&b"three"[..]));
    assert_eq!(tree.store.revision(), 2);
}

#[test]
fn a_batch_sees_the_rows_of_the_commands_before() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (store, mut writer) = storage::open(
        &directory.path().join("store"),
        storage::StoreOptions::default(),
    )
    .expect("opened");
    let once = |value: &'static str| {
        let key = Bytes::from_static(b"done");
        [Operation::Unless { key }, record("done", Some(value))]
    };
    let mut batch = writer.batch();
    let first = batch.apply(1, 0, &once("one")).expect("applies");
    let second = batch.apply(2, 0, &once("two")).expect("applies");
    assert_eq!(first, [Outcome::Accepted, Outcome::Accepted]);
    assert_eq!(second, [Outcome::Ended]);
    batch.commit().expect("committed");
    let row = store.record(b"done").expect("readable");
    assert_eq!(row.as_deref(), Some(&b"one"[..]));
}
