//! A directory that is moved away under its store, and another one in its place.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use super::support::{Tree, set};

fn content(home: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let entries = fs::read_dir(home).expect("listed");
    let entries = entries.map(|entry| entry.expect("listed"));
    let read = |entry: fs::DirEntry| {
        let bytes = fs::read(entry.path()).expect("readable");
        (entry.file_name(), bytes)
    };
    entries.map(read).collect()
}

fn write_and_flush(tree: &mut Tree, rounds: u64) {
    for round in 0..rounds {
        for number in 0..50 {
            let value = format!("{round}:{number}");
            tree.done(set(&format!("/{number}"), &value));
        }
        tree.store.flush().expect("flushes");
    }
}

#[test]
fn flushes_and_compactions_stay_in_the_directory_and_leave_its_successor_alone() {
    let outer = tempfile::tempdir().expect("a directory");
    let (here, away) = (outer.path().join("store"), outer.path().join("away"));
    let mut tree = Tree::at(&here);
    write_and_flush(&mut tree, 5);
    drop(tree);
    // Its copy has the same names for what is about to be replaced.
    let copy = content(&here);
    let mut tree = Tree::at(&here);
    write_and_flush(&mut tree, 1);
    fs::rename(&here, &away).expect("moved");
    fs::create_dir(&here).expect("made");
    for (name, bytes) in &copy {
        fs::write(here.join(name), bytes).expect("written");
    }
    write_and_flush(&mut tree, 5);
    tree.store.compact_tables().expect("compacts");
    tree.store.merge_small_tables().expect("merges");
    let hash = tree.store.applied().hash;
    drop(tree);
    assert_eq!(content(&here), copy);
    let tree = Tree::at(&away);
    assert_eq!(tree.store.applied().hash, hash);
    tree.verify();
}
