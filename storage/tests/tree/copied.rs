//! A store made of the rows of another one, and what makes none.

use std::fs;
use std::path::Path;

use storage::{Error, Import, Operation, Retention, StoreJudgement, View};

use super::support::{Tree, delete, options, set, set_until, tree_at};

type Row = (&'static str, Vec<u8>, Vec<u8>);

fn rows(view: &View<'_>) -> Vec<Row> {
    let mut export = view.export();
    let mut rows = Vec::new();
    while let Some(row) = export.next().expect("readable") {
        rows.push((row.family, row.key.to_vec(), row.value.to_vec()));
    }
    rows
}

fn all_rows(tree: &Tree) -> Vec<Row> {
    rows(&tree.store.lease().expect("open").view())
}

fn imported(path: &Path, rows: &[Row]) -> Result<Import, Error> {
    let mut import = storage::import(path, options())?;
    for (family, key, value) in rows {
        import.put(family, key, value)?;
    }
    Ok(import)
}

/// A history with removals, deadlines, records, dropped events and ranges that were removed.
fn lived(home: &Path) -> Tree {
    let mut tree = Tree::at(home);
    let retention = Retention {
        events: 40,
        bytes: 1 << 30,
    };
    tree.one(Operation::Retain(retention));
    for round in 0..3 {
        for number in 0..60 {
            tree.set(&format!("/d/{number:03}/leaf"), &format!("{round}"));
        }
        tree.delete("/d");
        tree.store.flush().expect("flushes");
        tree.compact(1_000);
    }
    for number in 0..30 {
        tree.done(set_until(&format!("/t{number}"), "v", 1_000 + number));
    }
    tree.one(Operation::Record {
        key: "member".into(),
        value: Some("row".into()),
    });
    tree.compact(1_000);
    tree
}

#[test]
fn a_copy_is_the_store_again() {
    let home = tempfile::tempdir().expect("a directory");
    let (here, there) = (home.path().join("here"), home.path().join("there"));
    let mut tree = lived(&here);
    let lease = tree.store.lease().expect("open");
    let view = lease.view();
    let before = view.applied().clone();
    // Neither what is written meanwhile nor a compaction shows in it.
    tree.delete("/t3");
    tree.store.compact_tables().expect("compacts");
    let rows = rows(&view);
    let applied = imported(&there, &rows)
        .and_then(|import| import.finish(Some(b"mine")))
        .expect("made");
    assert_eq!(
        (
            applied.index,
            applied.revision,
            applied.hash,
            &applied.marker[..]
        ),
        (before.index, before.revision, before.hash, &b"mine"[..])
    );
    match storage::judge(&there).expect("readable") {
        StoreJudgement::Store(inventory) => {
            assert!(inventory.faults.is_empty(), "{:?}", inventory.faults);
            assert!(inventory.strays.is_empty(), "{:?}", inventory.strays);
            assert_eq!(
                storage::peek(&there, &inventory).expect("readable"),
                applied
            );
        }
        other => panic!("{other:?}"),
    }
    let mut copy = Tree::at(&there);
    copy.verify();
    assert_eq!(copy.store.next_deadline(), Some(1_000));
    assert_eq!(copy.store.retention(), tree.store.retention());
    assert_eq!(
        copy.store.record(b"member").expect("read"),
        Some("row".into())
    );
    {
        let lease = copy.store.lease().expect("open");
        let copied = lease.view();
        let mut twin = self::rows(&copied);
        // The marker alone differs.
        let state =
            |rows: &mut Vec<Row>| rows.retain(|row| (row.0, &row.1[..]) != ("default", b"state"));
        let mut rows = rows.clone();
        state(&mut twin);
        state(&mut rows);
        assert_eq!(twin, rows);
        for revision in view.oldest_event() - 1..=view.revision() {
            assert_eq!(tree_at(&copied, revision), tree_at(&view, revision));
        }
    }
    // The same commands do the same to both.
    let more = [set("/t5", "w"), delete("/t7"), set("/d/x", "v")];
    copy.delete("/t3");
    tree.index = tree.store.applied().index;
    for operation in more {
        assert_eq!(copy.one(operation.clone()), tree.one(operation));
    }
    assert_eq!(copy.expire(1_010, 100), tree.expire(1_010, 100));
    copy.compact(10);
    copy.store.compact_tables().expect("compacts");
    copy.verify();
    let (copied, applied) = (copy.store.applied(), tree.store.applied());
    assert_eq!((copied.hash, copied.index), (applied.hash, applied.index));
}

#[test]
fn an_empty_store_has_a_copy_too() {
    let home = tempfile::tempdir().expect("a directory");
    let tree = Tree::at(&home.path().join("here"));
    let there = home.path().join("there");
    let import = imported(&there, &all_rows(&tree)).expect("taken");
    assert_eq!(import.finish(None).expect("made"), tree.store.applied());
    Tree::at(&there).set("/a", "v");
}

#[test]
fn rows_that_make_no_store_are_refused() {
    let home = tempfile::tempdir().expect("a directory");
    let mut tree = Tree::at(&home.path().join("here"));
    for number in 0..5 {
        tree.set(&format!("/{number}"), "v");
    }
    let rows = all_rows(&tree);
    let refused = |rows: &[Row], name: &str| {
        let path = home.path().join(name);
        let ended = imported(&path, rows).and_then(|import| import.finish(None));
        let error = ended.expect_err("it is no store");
        // What is left is no store either, and nothing holds it.
        assert!(storage::open(&path, options()).is_err(), "{name}");
        fs::remove_dir_all(&path).expect("removable");
        error
    };
    let mut unknown = rows.clone();
    unknown[0].0 = "other";
    let error = refused(&unknown, "unknown");
    assert!(matches!(error, Error::NoFamily { .. }), "{error}");
    let mut disordered = rows.clone();
    let first = rows.iter().position(|row| row.0 == "nodes").expect("nodes");
    disordered.swap(first, first + 1);
    let mut doubled = rows.clone();
    doubled.insert(first, rows[first].clone());
    let without = |key: &[u8]| {
        let keeps = |row: &&Row| row.0 != "default" || row.1 != key;
        rows.iter().filter(keeps).cloned().collect::<Vec<_>>()
    };
    let events: Vec<usize> = (0..rows.len())
        .filter(|at| rows[*at].0 == "events")
        .collect();
    let mut headless = rows.clone();
    headless.remove(events[0]);
    for (name, rows, says) in [
        ("disordered", &disordered[..], "larger key"),
        ("doubled", &doubled, "larger key"),
        ("formless", &without(b"format"), "its format row is missing"),
        ("stateless", &without(b"state"), "its state row is missing"),
        (
            "cut",
            &rows[..*events.last().expect("events")],
            "newest event",
        ),
        ("headless", &headless, "oldest event"),
    ] {
        let error = refused(rows, name);
        assert!(matches!(error, Error::Import { .. }), "{name}: {error}");
        assert!(error.to_string().contains(says), "{name}: {error}");
    }
    let mut newer = rows.clone();
    let at = rows.iter().position(|row| row.1 == b"format").expect("one");
    newer[at].2 = b"etcd2 tree\0\xff\0\0\0".to_vec();
    assert!(matches!(
        refused(&newer, "newer"),
        Error::NewerFormat { found: 255, .. }
    ));
}

#[test]
fn a_copy_is_made_where_nothing_is() {
    let home = tempfile::tempdir().expect("a directory");
    fs::write(home.path().join("notes"), "mine").expect("written");
    let error = storage::import(home.path(), options()).expect_err("not empty");
    assert!(matches!(error, Error::NotOurs { .. }), "{error}");
    assert_eq!(fs::read_dir(home.path()).expect("listed").count(), 1);
}

/// A kill at any moment of an import leaves no store, and what it leaves is judged without a panic.
#[test]
fn an_unfinished_copy_never_opens() {
    let home = tempfile::tempdir().expect("a directory");
    let tree = lived(&home.path().join("here"));
    let rows = all_rows(&tree);
    for taken in [0, 1, rows.len() / 2, rows.len()] {
        let path = home.path().join(taken.to_string());
        drop(imported(&path, &rows[..taken]).expect("taken"));
        let error = storage::open(&path, options()).expect_err("it is no store");
        assert!(matches!(error, Error::NotOurs { .. }), "{error}");
        storage::judge(&path).expect("judged");
        fs::remove_dir_all(&path).expect("removable");
    }
}
