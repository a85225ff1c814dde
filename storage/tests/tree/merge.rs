//! Tables that flushes leave where keys only rise.

use std::fs;
use std::path::Path;

use storage::EventFilter;

use super::support::{Tree, set};

const FLUSHES: u64 = 120;

fn tables(home: &Path) -> usize {
    let entries = fs::read_dir(home).expect("listed");
    let names = entries.map(|entry| entry.expect("listed").file_name());
    let is_table = |name: &std::ffi::OsString| name.to_string_lossy().ends_with(".sst");
    names.filter(is_table).count()
}

/// One key written and flushed over and over; gives the tables that are left when it is open again.
fn after_many_flushes(merging: bool) -> usize {
    let home = tempfile::tempdir().expect("a directory");
    let mut tree = Tree::at(home.path());
    let mut merged = 0;
    for number in 0..FLUSHES {
        tree.done(set("/hot", &number.to_string()));
        tree.store.flush().expect("flushes");
        if merging {
            merged += tree.store.merge_small_tables().expect("merges");
        }
    }
    assert_eq!(merged > 0, merging);
    let hash = tree.store.applied().hash;
    drop(tree);
    let tree = Tree::at(home.path());
    assert_eq!(tree.store.applied().hash, hash);
    let lease = tree.store.lease().expect("open");
    let view = lease.view();
    let events = view.events(1, EventFilter::all());
    let read: Vec<u64> = events.map(|event| event.expect("read").revision).collect();
    assert_eq!(read, Vec::from_iter(1..=FLUSHES));
    tree.verify();
    tables(home.path())
}

#[test]
fn many_small_flushes_leave_few_tables() {
    let (without, with) = (after_many_flushes(false), after_many_flushes(true));
    // RocksDB alone keeps one of `events` for each flush.
    assert!(without > FLUSHES as usize, "{without}");
    assert!(with < 60, "{with} tables, without merging {without}");
}
