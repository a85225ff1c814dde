//! RocksDB's opinion of a directory, asked through an opening that writes nothing.

use rocksdb::DB;
use storage::judge::{Inventory, Table};

use crate::support::{FAMILIES, Home};

fn opened(home: &Home) -> Result<DB, rocksdb::Error> {
    DB::open_cf_for_read_only(&rocksdb::Options::default(), home.path(), FAMILIES, false)
}

/// RocksDB reads the same tables and the same last sequence number out of the directory.
pub(crate) fn rocksdb_agrees(home: &Home, inventory: &Inventory) {
    let db = opened(home).unwrap_or_else(|error| panic!("{error} on {inventory:?}"));
    assert_eq!(db.latest_sequence_number(), inventory.last_sequence);
    let mut live: Vec<_> = db
        .live_files()
        .expect("known")
        .into_iter()
        .map(|file| {
            let number = file.name.trim_start_matches('/').trim_end_matches(".sst");
            Table {
                family: file.column_family_name,
                number: number.parse().expect("a number"),
                level: file.level as u32,
                bytes: file.size as u64,
                smallest: file.start_key.unwrap_or_default(),
                largest: file.end_key.unwrap_or_default(),
                unique_id: None,
            }
        })
        .collect();
    live.sort_by(|a, b| (&a.family, a.number).cmp(&(&b.family, b.number)));
    let ours: Vec<_> = inventory
        .tables
        .iter()
        .map(|table| Table {
            unique_id: None,
            ..table.clone()
        })
        .collect();
    assert_eq!(live, ours);
}

pub(crate) fn rocksdb_refuses(home: &Home) {
    assert!(opened(home).is_err(), "RocksDB opens it");
}
