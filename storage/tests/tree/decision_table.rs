//! Every cell of the decision table (keys-api 5.1), and the indexes of section 6.
//!
//! The targets: `/x` absent, `/f` a file, `/e` an empty directory, `/d` a directory with a child,
//! `/f/x` under a file, and the root. A cell is what comes out: the event, or the refusal.

use bytes::Bytes;
use storage::{Action, Content, KeyPath, Operation, Outcome, Refusal, Write, WriteMode};

use crate::support::{
    Tree, condition, create, delete, file, path, set, set_until, show, until, update,
};

const TARGETS: [&str; 6] = ["/x", "/f", "/e", "/d", "/f/x", "/"];

/// `/f` is written at 1 and again at 2, `/e` at 3, `/d` with its child at 4.
fn planted() -> Tree {
    let mut tree = Tree::in_memory();
    for operation in [
        set("/f", "old"),
        set("/f", "now"),
        create("/e", None),
        set("/d/c", "child"),
    ] {
        tree.done(operation);
    }
    tree
}

/// What an operation does, in a few words; the next revision is 5.
fn cell(operation: Operation) -> String {
    let mut tree = planted();
    match tree.one(operation.clone()) {
        Outcome::Done(event) => {
            assert_eq!(
                (event.revision, tree.store.revision()),
                (5, 5),
                "{operation:?}"
            );
            let prev = event
                .prev
                .as_ref()
                .map(|prev| format!(" after {}", show(prev)))
                .unwrap_or_default();
            tree.verify();
            format!("{:?} {}{prev}", event.action, show(&event.node))
        }
        Outcome::Refused { refusal, revision } => {
            assert_eq!((revision, tree.store.revision()), (4, 4), "{operation:?}");
            assert_eq!(
                crate::support::tree(&tree.store.lease().expect("open").view()),
                crate::support::tree(&planted().store.lease().expect("open").view())
            );
            word(&refusal)
        }
        other => panic!("{operation:?} gave {other:?}"),
    }
}

fn word(refusal: &Refusal) -> String {
    match refusal {
        Refusal::KeyNotFound(path) => format!("100 {path}"),
        Refusal::CompareFailed {
            condition,
            value,
            index,
        } => {
            let wanted = condition
                .value
                .as_ref()
                .map(|value| value.escape_ascii().to_string())
                .unwrap_or_default();
            format!(
                "101 {wanted}/{} {}/{index}",
                condition.index,
                value.escape_ascii()
            )
        }
        Refusal::NotFile(Some(path)) => format!("102 {path}"),
        Refusal::NotFile(None) => "102".to_owned(),
        Refusal::NotDirectory(path) => format!("104 {path}"),
        Refusal::AlreadyExists(path) => format!("105 {path}"),
        Refusal::ReadOnly(path) => format!("107 {path}"),
        Refusal::DirectoryNotEmpty(path) => format!("108 {path}"),
    }
}

/// One row: the operation for each target, and what is wanted for each.
fn row(operation: impl Fn(KeyPath) -> Operation, wanted: [&str; 6]) {
    for (target, wanted) in TARGETS.into_iter().zip(wanted) {
        assert_eq!(
            cell(operation(path(target))),
            wanted,
            "{:?}",
            operation(path(target))
        );
    }
}

fn value(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

#[test]
fn set_of_a_value() {
    row(
        |path| Operation::Write(Write::new(path, WriteMode::Set, file("v"))),
        [
            "Set /x=v c5 m5",
            "Set /f=v c5 m5 after /f=now c2 m2",
            "102 /e",
            "102 /d",
            "104 /f",
            "107 /",
        ],
    );
}

#[test]
fn set_of_a_directory() {
    row(
        |path| Operation::Write(Write::new(path, WriteMode::Set, Content::Directory)),
        [
            "Set /x/ c5 m5",
            "Set /f/ c5 m5 after /f=now c2 m2",
            "102 /e",
            "102 /d",
            "104 /f",
            "107 /",
        ],
    );
}

#[test]
fn create_of_a_file_or_directory() {
    row(
        |path| {
            Operation::Write(Write {
                path,
                mode: WriteMode::Create,
                content: file("v"),
                lifetime: until(9),
                refresh: false,
            })
        },
        [
            "Create /x=v c5 m5 t9",
            "105 /f",
            "105 /e",
            "105 /d",
            "104 /f",
            "107 /",
        ],
    );
    row(
        |path| Operation::Write(Write::new(path, WriteMode::Create, Content::Directory)),
        [
            "Create /x/ c5 m5",
            "105 /f",
            "105 /e",
            "105 /d",
            "104 /f",
            "107 /",
        ],
    );
}

#[test]
fn update_with_a_value() {
    row(
        |path| {
            Operation::Write(Write::new(
                path,
                WriteMode::Update,
                Content::File(value("v")),
            ))
        },
        [
            "100 /x",
            "Update /f=v c2 m5 after /f=now c2 m2",
            "102 /e",
            "102 /d",
            "104 /f",
            "107 /",
        ],
    );
}

#[test]
fn update_without_a_value() {
    row(
        |path| {
            Operation::Write(Write {
                path,
                mode: WriteMode::Update,
                content: Content::File(value("")),
                lifetime: until(9),
                refresh: false,
            })
        },
        [
            "100 /x",
            "Update /f= c2 m5 t9 after /f=now c2 m2",
            "Update /e/ c3 m5 t9 after /e/ c3 m3",
            "Update /d/ c4 m5 t9 after /d/ c4 m4",
            "104 /f",
            "107 /",
        ],
    );
}

#[test]
fn compare_and_swap() {
    let swap = |condition: storage::Condition| {
        move |path| {
            Operation::Write(Write::new(
                path,
                WriteMode::CompareAndSwap(condition.clone()),
                Content::File(value("v")),
            ))
        }
    };
    let done = "CompareAndSwap /f=v c2 m5 after /f=now c2 m2";
    let others = |file| ["100 /x", file, "102 /e", "102 /d", "104 /f", "107 /"];
    row(swap(condition(Some("now"), 0)), others(done));
    row(swap(condition(None, 2)), others(done));
    row(swap(condition(Some("now"), 2)), others(done));
    row(swap(condition(None, 0)), others(done));
    row(swap(condition(Some("old"), 0)), others("101 old/0 now/2"));
    row(swap(condition(None, 1)), others("101 /1 now/2"));
    row(swap(condition(Some("now"), 1)), others("101 now/1 now/2"));
    row(swap(condition(Some("old"), 2)), others("101 old/2 now/2"));
}

#[test]
fn refreshes() {
    row(
        |path| {
            Operation::Write(Write {
                path,
                mode: WriteMode::Set,
                content: file(""),
                lifetime: until(9),
                refresh: true,
            })
        },
        [
            "100 /x",
            "Set /f=now c5 m5 t9 after /f=now c2 m2",
            "102 /e",
            "102 /d",
            "104 /f",
            "107 /",
        ],
    );
    row(
        |path| {
            Operation::Write(Write {
                path,
                mode: WriteMode::Set,
                content: Content::Directory,
                lifetime: until(9),
                refresh: true,
            })
        },
        [
            "100 /x",
            "Set /f/ c5 m5 t9 after /f=now c2 m2",
            "102 /e",
            "102 /d",
            "104 /f",
            "107 /",
        ],
    );
    row(
        |path| {
            Operation::Write(Write {
                path,
                mode: WriteMode::Update,
                content: Content::File(value("")),
                lifetime: until(9),
                refresh: true,
            })
        },
        [
            "100 /x",
            "Update /f=now c2 m5 t9 after /f=now c2 m2",
            "Update /e/ c3 m5 t9 after /e/ c3 m3",
            "Update /d/ c4 m5 t9 after /d/ c4 m4",
            "104 /f",
            "107 /",
        ],
    );
    row(
        |path| {
            Operation::Write(Write {
                path,
                mode: WriteMode::CompareAndSwap(condition(None, 2)),
                content: Content::File(value("")),
                lifetime: until(9),
                refresh: true,
            })
        },
        [
            "100 /x",
            "CompareAndSwap /f=now c2 m5 t9 after /f=now c2 m2",
            "102 /e",
            "102 /d",
            "104 /f",
            "107 /",
        ],
    );
}

#[test]
fn create_in_order() {
    let child = |parent: &str| format!("Create {parent}/00000000000000000005=v c5 m5");
    let cells = [
        child("/x"),
        "104 /f".into(),
        child("/e"),
        child("/d"),
        "104 /f".into(),
        child(""),
    ];
    row(
        |parent| Operation::Write(Write::new(parent, WriteMode::CreateInOrder, file("v"))),
        cells.each_ref().map(String::as_str),
    );
}

#[test]
fn delete_with_each_flag() {
    let delete = |dir, recursive| {
        move |path| Operation::Delete {
            path,
            dir,
            recursive,
        }
    };
    let file = "Delete /f c2 m5 after /f=now c2 m2";
    let directory =
        |path: &str, at: u64| format!("Delete {path}/ c{at} m5 after {path}/ c{at} m{at}");
    let (empty, full) = (directory("/e", 3), directory("/d", 4));
    row(
        delete(false, false),
        ["100 /x", file, "102 /e", "102 /d", "104 /f", "107 /"],
    );
    row(
        delete(true, false),
        ["100 /x", file, &empty, "108 /d", "104 /f", "107 /"],
    );
    row(
        delete(false, true),
        ["100 /x", file, &empty, &full, "104 /f", "107 /"],
    );
    row(
        delete(true, true),
        ["100 /x", file, &empty, &full, "104 /f", "107 /"],
    );
}

#[test]
fn compare_and_delete() {
    let delete = |condition: storage::Condition| {
        move |path| Operation::CompareAndDelete {
            path,
            condition: condition.clone(),
        }
    };
    let done = "CompareAndDelete /f c2 m5 after /f=now c2 m2";
    let others = |file| ["100 /x", file, "102 /e", "102 /d", "104 /f", "102"];
    row(delete(condition(Some("now"), 2)), others(done));
    row(delete(condition(None, 2)), others(done));
    row(delete(condition(Some("no"), 0)), others("101 no/0 now/2"));
    row(delete(condition(None, 3)), others("101 /3 now/2"));
}

#[test]
fn the_first_missing_path_or_the_file_in_the_way_is_named() {
    let mut tree = planted();
    assert_eq!(
        word(&tree.refused(update("/d/p/q/r", "v", None))),
        "100 /d/p"
    );
    assert_eq!(
        word(&tree.refused(update("/d/c/q/r", "v", None))),
        "104 /d/c"
    );
    for (at, wanted) in [
        ("/no/such", "100 /no"),
        ("/d/p", "100 /d/p"),
        ("/f/x/y", "104 /f"),
    ] {
        let (answer, revision) = tree.store.get(&path(at)).expect("readable");
        assert_eq!(
            (word(&answer.expect_err("missing")), revision),
            (wanted.to_owned(), 4)
        );
        let refusal = tree
            .store
            .lease()
            .expect("open")
            .view()
            .node(&path(at))
            .expect("readable")
            .expect_err("missing");
        assert_eq!(word(&refusal), wanted);
    }
}

#[test]
fn parents_are_made_permanent_and_without_events() {
    let mut tree = Tree::in_memory();
    tree.done(set_until("/a/b/c", "v", 50));
    assert_eq!(
        crate::support::tree(&tree.store.lease().expect("open").view()),
        ["/a/ c1 m1", "/a/b/ c1 m1", "/a/b/c=v c1 m1 t50"]
    );
    tree.delete("/a/b/c");
    assert_eq!(
        crate::support::tree(&tree.store.lease().expect("open").view()),
        ["/a/ c1 m1", "/a/b/ c1 m1"]
    );
    let events = tree
        .store
        .lease()
        .expect("open")
        .view()
        .events(1, storage::EventFilter::all())
        .count();
    assert_eq!(events, 2);
    tree.verify();
}

#[test]
fn the_ttl_of_a_directory_takes_a_revision_and_leaves_its_index() {
    let mut tree = planted();
    let event = tree.done(update("/d", "", Some(70)));
    assert_eq!(
        (event.action, show(&event.node)),
        (Action::Update, "/d/ c4 m5 t70".to_owned())
    );
    let (node, revision) = tree.store.get(&path("/d")).expect("readable");
    assert_eq!(
        (show(&node.expect("there")), revision),
        ("/d/ c4 m4 t70".to_owned(), 5)
    );
    let event = tree.done(update("/d", "", None));
    assert_eq!(
        event.prev.as_ref().map(show).as_deref(),
        Some("/d/ c4 m4 t70")
    );
    assert_eq!(tree.expire(100, 9).0.len(), 0, "the TTL was cleared");
    tree.verify();
}

#[test]
fn operations_of_one_command_see_each_other() {
    let mut tree = Tree::in_memory();
    let outcomes = tree.run(&[
        set("/d/a", "1"),
        create("/d/a", Some("2")),
        delete("/d"),
        update("/d/a", "3", None),
        set("/d/a", "4"),
        Operation::Write(Write::new(path("/d"), WriteMode::CreateInOrder, file("5"))),
        Operation::Delete {
            path: path("/d"),
            dir: true,
            recursive: false,
        },
    ]);
    let words: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Done(event) => format!("{} {}", event.revision, show(&event.node)),
            Outcome::Refused { refusal, revision } => format!("{revision} {}", word(refusal)),
            other => panic!("{other:?}"),
        })
        .collect();
    let wanted = [
        "1 /d/a=1 c1 m1",
        "1 105 /d/a",
        "2 /d/ c1 m2",
        "2 100 /d",
        "3 /d/a=4 c3 m3",
        "4 /d/00000000000000000004=5 c4 m4",
        "4 108 /d",
    ];
    assert_eq!(words, wanted);
    tree.verify();
}

#[test]
fn a_name_in_order_that_exists_is_refused() {
    let mut tree = Tree::in_memory();
    tree.set("/q/00000000000000000002", "taken");
    let refusal = tree.refused(Operation::Write(Write::new(
        path("/q"),
        WriteMode::CreateInOrder,
        file(""),
    )));
    assert_eq!(word(&refusal), "105 /q/00000000000000000002");
}

#[test]
fn hidden_nodes_are_ordinary_and_only_listings_skip_them() {
    let mut tree = Tree::in_memory();
    for at in ["/d/_h/a", "/d/_f", "/d/a_b/_x/y", "/d/z"] {
        tree.set(at, "v");
    }
    let list = |top: &str, recursive| {
        let lease = tree.store.lease().expect("open");
        let view = lease.view();
        let mut walk = view.walk(&path(top), recursive, false);
        let mut names = Vec::new();
        while let Some(item) = walk.next().expect("readable") {
            names.push(String::from_utf8_lossy(item.path).into_owned());
        }
        names
    };
    assert_eq!(list("/", true), ["/d", "/d/a_b", "/d/z"]);
    assert_eq!(list("/d", false), ["/d/a_b", "/d/z"]);
    assert_eq!(list("/d/_h", true), ["/d/_h/a"]);
    assert_eq!(list("/d/a_b", true), Vec::<String>::new());
    let refusal = tree.refused(Operation::Delete {
        path: path("/d/a_b"),
        dir: true,
        recursive: false,
    });
    assert_eq!(word(&refusal), "108 /d/a_b");
}
