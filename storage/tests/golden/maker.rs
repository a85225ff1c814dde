//! The commands that a golden store was made with. Adding to them would not change the stores that are kept: a new kind of
//! row gets a store of a new format.

use std::path::Path;

use bytes::Bytes;
use storage::{
    Bounds, Condition, Content, KeyPath, Lifetime, Operation, Retention, StoreOptions, Write,
    WriteMode,
};

/// Low bounds, so that few commands meet each way of working. `bytes_period` is that of a server.
pub(crate) fn options() -> StoreOptions {
    let mut options = StoreOptions::default();
    options.bounds = Bounds {
        point_deletes: 3,
        stale_rows: 50,
        events_step: 2,
        ..options.bounds
    };
    options
}

pub(crate) fn path(text: &str) -> KeyPath {
    KeyPath::new(text.as_bytes().to_vec()).expect("canonical")
}

fn file(value: &str) -> Content {
    Content::File(Bytes::copy_from_slice(value.as_bytes()))
}

pub(crate) fn set(key: &str, value: &str) -> Operation {
    set_until(key, file(value), None)
}

fn write(key: &str, mode: WriteMode, content: Content) -> Write {
    Write::new(path(key), mode, content)
}

fn set_until(key: &str, content: Content, deadline: Option<u64>) -> Operation {
    Operation::Write(Write {
        lifetime: deadline.map(lifetime),
        ..write(key, WriteMode::Set, content)
    })
}

/// The wall clock of the makers is a million seconds ahead of cluster time.
fn lifetime(deadline: u64) -> Lifetime {
    Lifetime {
        expiration: deadline + 1_000_000_000_000_000,
        deadline,
    }
}

fn create(key: &str, content: Content) -> Operation {
    Operation::Write(write(key, WriteMode::Create, content))
}

fn in_order(parent: &str, value: &str) -> Operation {
    Operation::Write(write(parent, WriteMode::CreateInOrder, file(value)))
}

fn update(key: &str, value: &str, deadline: Option<u64>, refresh: bool) -> Operation {
    Operation::Write(Write {
        lifetime: deadline.map(lifetime),
        refresh,
        ..write(key, WriteMode::Update, file(value))
    })
}

fn delete(key: &str, dir: bool, recursive: bool) -> Operation {
    Operation::Delete {
        path: path(key),
        dir,
        recursive,
    }
}

fn value_is(value: &str) -> Condition {
    Condition {
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
        index: 0,
    }
}

fn record(key: &str, value: Option<&str>) -> Operation {
    Operation::Record {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: value.map(|value| Bytes::copy_from_slice(value.as_bytes())),
    }
}

/// What compaction gives up: a directory that is removed as one range and made again, and a file.
fn given_up() -> Vec<Vec<Operation>> {
    vec![
        vec![set("/old/a", "1")],
        vec![set("/old/b", "1")],
        vec![set("/old/c/d", "1")],
        vec![set("/gone", "x")],
        vec![delete("/gone", false, false)],
        vec![delete("/old", true, true)],
        vec![set("/old/a", "2")],
    ]
}

/// Every action, without times.
fn plain() -> Vec<Vec<Operation>> {
    vec![
        vec![set("/file", "first")],
        vec![set("/file", "second")],
        vec![update("/file", "third", None, false)],
        vec![Operation::Write(write(
            "/file",
            WriteMode::CompareAndSwap(value_is("third")),
            file("fourth"),
        ))],
        vec![create("/file", file("refused"))],
        vec![create("/directory", Content::Directory)],
        vec![create("/directory/empty", file(""))],
        vec![set("/a/b/c/d", "deep"), set("/a/b/c-d", "beside")],
        vec![in_order("/queue", "one"), in_order("/queue", "two")],
        vec![
            set("/removed/file", "x"),
            delete("/removed/file", false, false),
        ],
        vec![delete("/removed", true, false)],
        vec![set("/compared", "x")],
        vec![Operation::CompareAndDelete {
            path: path("/compared"),
            condition: value_is("x"),
        }],
        vec![set("/_hidden/x", "x")],
        vec![set("/odd/\u{20ac} \u{1}", "one\ntwo\0\u{7f}")],
        vec![set("/odd/long", &"long ".repeat(600))],
        vec![Operation::System {
            path: path("/_etcd/machines/golden"),
            value: Some(Bytes::from_static(b"raft=http://127.0.0.1:2380")),
        }],
        vec![record("member/1", Some("golden"))],
        vec![
            record("auth/enabled", Some("false")),
            record("member/2", Some("x")),
        ],
        vec![record("member/2", None)],
    ]
}

/// Nodes that end: at their time, later than first said, never, or with a directory that leaves their expiry rows behind.
fn ending() -> Vec<Vec<Operation>> {
    let until = |key: &str, deadline| set_until(key, file("x"), Some(deadline));
    let directory = |key: &str, deadline| set_until(key, Content::Directory, Some(deadline));
    vec![
        vec![until("/ends/file", 9_000_000)],
        vec![directory("/ends/whole", 9_050_000)],
        vec![directory("/ends/directory", 9_100_000)],
        vec![set("/ends/directory/child", "x")],
        vec![update("/ends/directory", "", Some(9_200_000), false)],
        vec![until("/ends/refreshed", 100_000)],
        vec![update("/ends/refreshed", "", Some(9_300_000), true)],
        vec![until("/ends/never", 9_400_000), set("/ends/never", "y")],
        vec![
            until("/lapsed/file", 50_000),
            directory("/lapsed/directory", 50_000),
        ],
        vec![set("/lapsed/directory/child", "x")],
        vec![
            until("/left/1", 9_500_000),
            until("/left/2", 9_500_000),
            until("/left/3", 9_500_001),
            until("/left/4", 9_500_001),
        ],
        vec![delete("/left", true, true)],
        vec![Operation::Expire {
            cutoff: 60_000,
            limit: 10,
            bytes: None,
        }],
    ]
}

/// The store as it is kept: flushed, with a compaction that has not come to its end.
pub(crate) fn make(home: &Path) {
    let (store, mut writer) = storage::open(home, options()).expect("a new store");
    let (given_up, rest) = (given_up(), [plain(), ending()].concat());
    let mut index = 0;
    let mut run = |writer: &mut storage::Writer, operations: &[Operation]| {
        index += 1;
        let mut batch = writer.batch();
        batch
            .apply(index, 1_000 * index, operations)
            .expect("applied");
        batch.set_marker(format!("golden {index}").as_bytes());
        batch.commit().expect("written");
    };
    for operations in given_up.iter().chain(&rest) {
        run(&mut writer, operations);
    }
    store.flush().expect("flushed");
    // All but what was to be given up.
    let events = store.revision() - given_up.len() as u64;
    let retention = Retention {
        events,
        bytes: 1 << 20,
    };
    run(&mut writer, &[Operation::Retain(retention)]);
    store.flush().expect("flushed");
    writer.compact(BUDGET).expect("compacts");
    store.flush().expect("flushed");
}

/// So many rows end the compaction within the directory that was made again.
const BUDGET: usize = 10;
