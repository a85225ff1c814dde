//! Stores to judge, and hands that damage them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use storage::judge::{Effort, Fault, Inventory, StoreJudgement, judge_with_effort};
use storage::{Content, KeyPath, Operation, StoreOptions, Write, WriteMode};
use tempfile::TempDir;

pub(crate) const FAMILIES: [&str; 5] = ["default", "nodes", "versions", "events", "expiry"];
pub(crate) const BLOCK: u64 = 32 << 10;

/// A directory that goes away by itself.
pub(crate) struct Home {
    directory: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().expect("a directory"),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn copy(&self) -> Self {
        let copy = Self::new();
        for name in self.names() {
            fs::copy(self.file(&name), copy.file(&name)).expect("copies");
        }
        copy
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).expect("listed");
        let mut names: Vec<_> = entries
            .map(|entry| {
                let name = entry.expect("listed").file_name();
                name.into_string().expect("UTF-8")
            })
            .collect();
        names.sort();
        names
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.file(name)).expect("read")
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.file(name), content).expect("written");
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.file(name)).expect("removed");
    }

    pub(crate) fn judge(&self) -> StoreJudgement {
        self.judge_with_effort().0
    }

    pub(crate) fn judge_with_effort(&self) -> (StoreJudgement, Effort) {
        judge_with_effort(self.path()).expect("the directory can be read")
    }

    pub(crate) fn inventory(&self) -> Inventory {
        match self.judge() {
            StoreJudgement::Store(inventory) => inventory,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn unreadable(&self) -> Fault {
        match self.judge() {
            StoreJudgement::Unreadable(fault) => fault,
            other => panic!("{other:?}"),
        }
    }

    /// Names, contents and times.
    pub(crate) fn fingerprint(&self) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
        let print = |name: &String| {
            let data = fs::metadata(self.file(name)).expect("there");
            let time = data.modified().expect("the system keeps it");
            (name.clone(), (self.read(name), time))
        };
        self.names().iter().map(print).collect()
    }

    /// The MANIFEST that CURRENT names.
    pub(crate) fn manifest(&self) -> String {
        let current = String::from_utf8(self.read("CURRENT")).expect("UTF-8");
        current.trim_end().to_owned()
    }
}

pub(crate) fn options() -> StoreOptions {
    StoreOptions {
        cache_bytes: 1 << 20,
        memtable_bytes: 1 << 20,
        ..StoreOptions::default()
    }
}

/// Opens the store, sets keys, and flushes as often as asked for.
pub(crate) fn write(path: &Path, flushes: usize, keys: usize, compact: bool) {
    let (store, mut writer) = storage::open(path, options()).expect("opens");
    let mut index = store.applied().index;
    for flush in 0..flushes {
        for key in 0..keys {
            index += 1;
            let operation = Operation::Write(Write::new(
                KeyPath::new(format!("/{flush}/key-{key:04}")).expect("a path"),
                WriteMode::Set,
                Content::File(format!("value {index}").into()),
            ));
            let mut batch = writer.batch();
            batch.apply_one(index, 0, &operation).expect("applies");
            batch.commit().expect("commits");
        }
        store.flush().expect("flushes");
    }
    if compact {
        store.compact_tables().expect("compacts");
    }
}

/// Adds that many tables to a store, each flushed by itself and never compacted. Keys are `long`
/// bytes, so that the records of the MANIFEST can be made to cross its blocks.
pub(crate) fn widen(path: &Path, tables: usize, long: usize) {
    let mut options = rocksdb::Options::default();
    options.set_disable_auto_compactions(true);
    let mut rows = rocksdb::WriteOptions::default();
    rows.disable_wal(true);
    let families = FAMILIES.map(|name| (name, options.clone()));
    let db = rocksdb::DB::open_cf_with_opts(&options, path, families).expect("opens");
    let events = db.cf_handle("events").expect("there");
    for table in 0..tables {
        for row in 0..2 {
            let key = format!("{table:04}-{row}-{}", "k".repeat(long));
            db.put_cf_opt(events, key, b"value", &rows).expect("writes");
        }
        db.flush_cf(events).expect("flushes");
    }
}

/// A store with that many tables beside the first one.
pub(crate) fn wide(tables: usize, long: usize) -> Home {
    let home = Home::new();
    write(home.path(), 0, 0, false);
    widen(home.path(), tables, long);
    home
}

/// A physical record of a MANIFEST that is sound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    pub(crate) offset: u64,
    pub(crate) end: u64,
    pub(crate) kind: u8,
}

/// Every record, found by following the lengths.
pub(crate) fn records(manifest: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    let mut offset = 0;
    loop {
        let room = BLOCK - offset % BLOCK;
        if room < 7 {
            offset += room;
        }
        let Some(header) = manifest.get(offset as usize..offset as usize + 7) else {
            return records;
        };
        let length = u64::from(u16::from_le_bytes([header[4], header[5]]));
        let end = offset + 7 + length;
        let kind = header[6];
        records.push(Record { offset, end, kind });
        offset = end;
    }
}

/// A physical record with a checksum that fits.
pub(crate) fn framed(kind: u8, content: &[u8]) -> Vec<u8> {
    let sum = crc32c::crc32c(&[&[kind], content].concat());
    let stored = sum.rotate_right(15).wrapping_add(0xa282_ead8);
    let length = (content.len() as u16).to_le_bytes();
    [&stored.to_le_bytes()[..], &length, &[kind], content].concat()
}

/// The only source of chance: SplitMix64.
pub(crate) struct Random(u64);

impl Random {
    /// From `JUDGE_SEED`, or always the same; printed either way.
    pub(crate) fn new() -> Self {
        let seed = match std::env::var("JUDGE_SEED") {
            Ok(text) => text.parse().expect("JUDGE_SEED is a number"),
            Err(_) => 20_260_107,
        };
        println!("JUDGE_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}
