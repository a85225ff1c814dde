//! Every decoder of rows and keys under mutated bytes. What decodes is what an encoder writes: it encodes
//! to the same bytes.

use bytes::Bytes;
use fuzz::Campaign;

use crate::format::event_row::{self, EventRow};
use crate::format::key;
use crate::format::meta::{self, Applied, CompactionProgress, StoreState};
use crate::format::node_row::NodeRow;
use crate::operation::{Action, Lifetime, Retention};
use crate::path::KeyPath;

/// A row that an encoder writes.
fn written(encode: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out);
    out
}

fn record(value: &[u8]) -> NodeRow<'_> {
    NodeRow {
        revision: 5,
        created: 3,
        modified: 5,
        dir: false,
        removed: false,
        lifetime: None,
        value,
    }
}

#[test]
fn rows_of_nodes_and_versions() {
    let lifetime = Some(Lifetime {
        expiration: 0x0102,
        deadline: 0x0304,
    });
    let directory = NodeRow {
        dir: true,
        modified: 4,
        lifetime,
        ..record(b"")
    };
    let removal = NodeRow {
        removed: true,
        ..record(b"")
    };
    let rows = [record(b"value"), directory, removal];
    Campaign::new("storage record")
        .corpus(rows.map(|record| written(|out| record.encode(out))))
        .memory(4 << 10, 4)
        .run(|bytes| {
            let Ok(record) = NodeRow::decode(bytes) else {
                return false;
            };
            assert_eq!(NodeRow::is_tombstone(bytes), record.removed);
            // A modifiedIndex of its own that is the revision is not written, and read all the same.
            let again = written(|out| record.encode(out));
            assert_eq!(NodeRow::decode(&again), Ok(record));
            let explicit = bytes[0] & 8 != 0 && record.modified == record.revision;
            assert!(again == bytes || explicit);
            true
        });
}

#[test]
fn rows_of_events() {
    let change = EventRow {
        action: Action::CompareAndSwap,
        dir: false,
        refresh: true,
        system: false,
        continues: true,
        previous: 4,
        bytes: 1 << 33,
        time: None,
        key: b"a\0b\0",
    };
    let timed = EventRow {
        time: Some(7),
        ..change
    };
    Campaign::new("storage change")
        .corpus([change, timed].map(|change| written(|out| change.encode(out))))
        .memory(4 << 10, 4)
        .run(|bytes| {
            event_row::revision(bytes);
            let Ok(change) = EventRow::decode(bytes) else {
                return false;
            };
            assert_eq!(written(|out| change.encode(out)), bytes);
            written(|out| change.encode_for_hash(out));
            true
        });
}

#[test]
fn the_row_of_the_state() {
    let state = StoreState {
        applied: Applied {
            index: 9,
            marker: Bytes::from_static(b"marker"),
            cluster_time: 8,
            revision: 7,
            hash: 6,
        },
        oldest_event: 5,
        retention: Retention {
            events: 4,
            bytes: 3,
        },
        bytes: 2,
        commits: 1,
    };
    Campaign::new("storage state")
        .corpus([written(|out| state.encode(out))])
        .memory(4 << 10, 4)
        .run(|bytes| {
            let Ok(state) = StoreState::decode(bytes) else {
                return false;
            };
            assert!(state.compact_revision() <= state.applied.revision);
            assert_eq!(written(|out| state.encode(out)), bytes);
            true
        });
}

#[test]
fn the_other_rows_beside_the_tree() {
    let begun = CompactionProgress {
        scanned: 1,
        dropped: 2,
        cut: 3,
        resume: b"a\0\0\xff".to_vec(),
    };
    Campaign::new("storage compaction progress")
        .corpus([begun.encode()])
        .memory(4 << 10, 4)
        .run(|bytes| {
            let Ok(progress) = CompactionProgress::decode(bytes) else {
                return false;
            };
            assert_eq!(progress.encode(), bytes);
            true
        });
    Campaign::new("storage format row")
        .corpus([meta::format_row()])
        .memory(4 << 10, 4)
        .run(|bytes| {
            let version = meta::format_version(bytes);
            let ours = version == Some(meta::FORMAT_VERSION);
            assert_eq!(ours, bytes == meta::format_row());
            version.is_some()
        });
    Campaign::new("storage record name")
        .corpus([meta::record_key(b"member/1")])
        .words(&[b"record/", b"state", b"reclaimed"])
        .memory(4 << 10, 4)
        .run(|bytes| {
            let name = meta::record_name(bytes);
            name.is_some_and(|name| meta::record_key(name) == bytes)
        });
}

#[test]
fn keys_and_paths() {
    let paths = ["/a/.-0/_hidden", "/0", "/"];
    let keys = paths.map(|path| key::encoded(&KeyPath::new(path).expect("canonical")));
    Campaign::new("storage key")
        .corpus(keys)
        .words(&[b"\0", b"\0\0", b"/", b"\x01", b"_"])
        .memory(4 << 10, 8)
        .run(|bytes| {
            key::depth(bytes);
            let Some(path) = key::path(bytes) else {
                return false;
            };
            assert_eq!(key::encoded(&path), bytes, "each path has one key");
            assert_eq!(path.components().count(), key::depth(bytes));
            true
        });
    Campaign::new("storage path")
        .corpus(paths.map(|path| path.as_bytes().to_vec()))
        .words(&[b"/", b"//", b"\0"])
        .memory(4 << 10, 8)
        .run(|bytes| {
            let Ok(path) = KeyPath::new(bytes.to_vec()) else {
                return false;
            };
            assert_eq!(key::path(&key::encoded(&path)), Some(path));
            true
        });
}

#[test]
fn keys_of_versions_and_deadlines() {
    let version = written(|out| key::version(b"a\0b\0", 7, out));
    Campaign::new("storage version key")
        .corpus([version])
        .words(&[b"\0", &[0xff; 8]])
        .memory(4 << 10, 4)
        .run(|bytes| {
            let Some((name, revision)) = key::split_version(bytes) else {
                return false;
            };
            assert_eq!(written(|out| key::version(name, revision, out)), bytes);
            true
        });
    Campaign::new("storage expiry key")
        .corpus([written(|out| key::expiry(9, b"a\0", out))])
        .memory(4 << 10, 4)
        .run(|bytes| {
            let Some((deadline, name)) = key::split_expiry(bytes) else {
                return false;
            };
            assert_eq!(written(|out| key::expiry(deadline, name, out)), bytes);
            true
        });
}
