//! What a directory holds decides what opening does.

use std::fs;

use storage::Error;

use crate::support::{Tree, options};

#[test]
fn an_absent_or_empty_directory_becomes_a_store() {
    let home = tempfile::tempdir().expect("a directory");
    let deep = home.path().join("not/yet");
    let mut tree = Tree::at(&deep);
    tree.set("/a", "v");
    tree.store.flush().expect("flushes");
    drop(tree);
    let tree = Tree::at(&deep);
    assert_eq!((tree.store.revision(), tree.store.applied().index), (1, 1));
}

#[test]
fn files_of_somebody_else_are_left_alone() {
    let home = tempfile::tempdir().expect("a directory");
    fs::write(home.path().join("notes.txt"), "mine").expect("writes");
    let error = storage::open(home.path(), options()).expect_err("not ours");
    assert!(matches!(error, Error::NotOurs { .. }), "{error}");
    assert!(error.to_string().contains("notes.txt"), "{error}");
    assert_eq!(
        fs::read_dir(home.path()).expect("readable").count(),
        1,
        "nothing was created"
    );
}

#[test]
fn another_rocksdb_is_refused() {
    let home = tempfile::tempdir().expect("a directory");
    let mut foreign = rocksdb::Options::default();
    foreign.create_if_missing(true);
    let db = rocksdb::DB::open(&foreign, home.path()).expect("opens");
    db.put(b"their", b"data").expect("writes");
    drop(db);
    let error = storage::open(home.path(), options()).expect_err("not ours");
    assert!(matches!(error, Error::NotOurs { .. }), "{error}");
    let families = rocksdb::DB::list_cf(&foreign, home.path()).expect("readable");
    assert_eq!(families, ["default"], "nothing was added to it");
}

#[test]
fn a_newer_format_is_refused_by_number() {
    let home = tempfile::tempdir().expect("a directory");
    drop(Tree::at(home.path()));
    let families = ["default", "nodes", "versions", "events", "expiry"];
    let db =
        rocksdb::DB::open_cf(&rocksdb::Options::default(), home.path(), families).expect("opens");
    db.put(b"format", b"etcd2 tree\0\x09\0\0\0")
        .expect("writes");
    drop(db);
    let error = storage::open(home.path(), options()).expect_err("newer");
    assert!(
        matches!(
            error,
            Error::NewerFormat {
                found: 9,
                known: 2,
                ..
            }
        ),
        "{error}"
    );
    // The next release may add a column family.
    let mut more = rocksdb::Options::default();
    more.create_missing_column_families(true);
    drop(
        rocksdb::DB::open_cf(&more, home.path(), [&families[..], &["more"]].concat())
            .expect("opens"),
    );
    let error = storage::open(home.path(), options()).expect_err("newer");
    assert!(
        matches!(
            error,
            Error::NewerFormat {
                found: 9,
                known: 2,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn an_interrupted_creation_is_finished() {
    let home = tempfile::tempdir().expect("a directory");
    let mut half = rocksdb::Options::default();
    half.create_if_missing(true);
    half.create_missing_column_families(true);
    drop(rocksdb::DB::open_cf(&half, home.path(), ["default", "nodes"]).expect("opens"));
    let mut tree = Tree::at(home.path());
    tree.set("/a", "v");
    tree.verify();
}

#[test]
fn a_damaged_row_is_reported_with_its_place() {
    let home = tempfile::tempdir().expect("a directory");
    let mut tree = Tree::at(home.path());
    tree.set("/a", "v");
    tree.set("/b", "v");
    tree.store.flush().expect("flushes");
    drop(tree);
    let families = ["default", "nodes", "versions", "events", "expiry"];
    let db =
        rocksdb::DB::open_cf(&rocksdb::Options::default(), home.path(), families).expect("opens");
    db.put_cf(db.cf_handle("nodes").expect("there"), b"a\0", b"\x10short")
        .expect("writes");
    drop(db);
    let tree = Tree::at(home.path());
    let error = tree
        .store
        .get(&crate::support::path("/a"))
        .expect_err("damaged");
    assert!(
        error
            .to_string()
            .contains("the row /a of column family nodes"),
        "{error}"
    );
    assert!(tree.store.lease().expect("open").view().verify().is_err());
    assert!(
        tree.store
            .get(&crate::support::path("/b"))
            .expect("readable")
            .0
            .is_ok()
    );
}

#[test]
fn verify_finds_a_node_that_history_does_not_have() {
    let home = tempfile::tempdir().expect("a directory");
    let mut tree = Tree::at(home.path());
    tree.set("/a", "v");
    tree.set("/b", "v");
    tree.store.flush().expect("flushes");
    drop(tree);
    let families = ["default", "nodes", "versions", "events", "expiry"];
    let db =
        rocksdb::DB::open_cf(&rocksdb::Options::default(), home.path(), families).expect("opens");
    let nodes = db.cf_handle("nodes").expect("there");
    let row = db.get_cf(nodes, b"b\0").expect("readable").expect("there");
    db.put_cf(nodes, b"b\0", [&row[..row.len() - 1], b"w"].concat())
        .expect("writes");
    drop(db);
    let error = Tree::at(home.path())
        .store
        .lease()
        .expect("open")
        .view()
        .verify()
        .expect_err("they differ");
    assert!(error.to_string().contains("/b"), "{error}");
}

#[test]
fn one_process_at_a_time() {
    let home = tempfile::tempdir().expect("a directory");
    let tree = Tree::at(home.path());
    let error = storage::open(home.path(), options()).expect_err("locked");
    assert!(matches!(error, Error::InUse { .. }), "{error}");
    drop(tree);
    Tree::at(home.path());
}

/// The first flush that may hold what the older release would misread says so; without one nothing has changed.
#[test]
fn an_older_format_becomes_todays_with_the_next_flush() {
    let home = tempfile::tempdir().expect("a directory");
    drop(Tree::at(home.path()));
    let families = ["default", "nodes", "versions", "events", "expiry"];
    let raw = || {
        rocksdb::DB::open_cf(&rocksdb::Options::default(), home.path(), families).expect("opens")
    };
    raw()
        .put(b"format", b"etcd2 tree\0\x01\0\0\0")
        .expect("writes");
    let format = || raw().get(b"format").expect("reads").expect("there");
    drop(Tree::at(home.path()));
    assert_eq!(format(), b"etcd2 tree\0\x01\0\0\0", "nothing was flushed");
    let tree = Tree::at(home.path());
    tree.store.flush().expect("flushes");
    drop(tree);
    assert_eq!(format(), b"etcd2 tree\0\x02\0\0\0");
}
