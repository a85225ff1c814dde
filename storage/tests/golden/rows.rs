//! The rows of a store as RocksDB gives them, without a word of the crate under test.

use std::path::Path;

use rocksdb::{DB, IteratorMode};

/// Their names on disk, in the order of the dump.
const FAMILIES: [&str; 5] = ["default", "nodes", "versions", "events", "expiry"];

/// Column family, key, value.
pub(crate) type RawRow = (&'static str, Vec<u8>, Vec<u8>);

pub(crate) fn read(home: &Path) -> Vec<RawRow> {
    let options = rocksdb::Options::default();
    let db = DB::open_cf_for_read_only(&options, home, FAMILIES, false).expect("a store");
    let mut rows = Vec::new();
    for family in FAMILIES {
        let handle = db.cf_handle(family).expect("opened");
        for row in db.iterator_cf(handle, IteratorMode::Start) {
            let (key, value) = row.expect("readable");
            rows.push((family, key.into_vec(), value.into_vec()));
        }
    }
    rows
}

/// One row a line.
pub(crate) fn dump(home: &Path) -> String {
    let mut text = String::new();
    for (family, key, value) in read(home) {
        text += &format!(
            "{family} \"{}\" \"{}\"\n",
            key.escape_ascii(),
            value.escape_ascii()
        );
    }
    text
}
