//! Stores of every format there has been, kept as they were made: each row is read, byte for byte and by its meaning.
//! `README.md` beside them says how they were made. They are never made again.

mod content;
mod kind;
mod maker;
mod rows;
mod support;

use std::collections::BTreeSet;

use storage::{Applied, StoreJudgement};

const FORMATS: [&str; 2] = ["format-1", "format-2"];

#[test]
fn every_row_is_there_byte_for_byte() {
    for format in FORMATS {
        let copy = support::copy(format);
        let found = rows::dump(&copy.path().join("store"));
        support::assert_same(format, "rows.txt", &found);
    }
}

#[test]
fn every_kind_of_row_is_among_them() {
    for format in FORMATS {
        let copy = support::copy(format);
        let found = kind::found(&rows::read(&copy.path().join("store")));
        let mut wanted: BTreeSet<_> = kind::ALL.into_iter().collect();
        if format == "format-1" {
            wanted.remove("event with time");
        }
        assert_eq!(found, wanted, "{format}");
    }
}

/// Nodes, older trees, events, versions, deadlines, records and state, as they were told when the store was made.
#[test]
fn every_row_means_what_it_meant() {
    for format in FORMATS {
        let copy = support::copy(format);
        let home = copy.path().join("store");
        let judged = storage::judge(&home).expect("readable");
        assert!(
            matches!(&judged, StoreJudgement::Store(inventory) if inventory.faults.is_empty()),
            "{format}: {judged:?}"
        );
        let (store, _writer) = storage::open(&home, maker::options()).expect("opened");
        support::assert_same(format, "content.txt", &content::tell(&store));
        store
            .lease()
            .and_then(|lease| lease.view().verify())
            .unwrap_or_else(|error| panic!("{format}: {error}"));
    }
}

/// The compaction that was under way goes on, writes are taken, and all of it outlives a flush.
#[test]
fn it_is_written_on() {
    for format in FORMATS {
        let copy = support::copy(format);
        let home = copy.path().join("store");
        let (store, mut writer) = storage::open(&home, maker::options()).expect("opened");
        while writer.compact(3).expect("compacts").more {}
        let before = store.applied();
        let mut batch = writer.batch();
        batch
            .apply_one(before.index + 1, 0, &maker::set("/written/on", "x"))
            .expect("applied");
        batch.commit().expect("written");
        let wanted = content::tell(&store);
        store.flush().expect("flushed");
        drop((store, writer));
        let (store, _writer) = storage::open(&home, maker::options()).expect("opened again");
        assert_eq!(content::tell(&store), wanted, "{format}");
        let view = store.lease().expect("open");
        view.view().verify().expect("whole");
        let Applied {
            index, revision, ..
        } = view.applied();
        assert_eq!((index, revision), (before.index + 1, before.revision + 1));
    }
}

/// What is written today has the bytes that the newest format has had from its beginning, and the hash that members compare.
#[test]
fn the_same_commands_make_the_same_rows_today() {
    let scratch = tempfile::tempdir().expect("a directory");
    let home = scratch.path().join("store");
    maker::make(&home);
    let [.., newest] = FORMATS;
    support::assert_same(newest, "rows.txt", &rows::dump(&home));
}

/// The format row aside, and the times of events, the formats hold the same.
#[test]
fn both_formats_have_the_same_hash() {
    let hash = |format| {
        let copy = support::copy(format);
        let (store, _writer) =
            storage::open(&copy.path().join("store"), maker::options()).expect("opened");
        store.applied().hash
    };
    assert_eq!(hash("format-1"), hash("format-2"));
}
