//! Reading alone leaves no trace in the directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use storage::{Error, Mode, StoreJudgement};

use crate::support::{FILES, Part, Reads, Table, command, home, open, options, path, run};

/// Every file: its content and when it was written.
fn content(home: &Path) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    let entries = fs::read_dir(home).expect("listed");
    entries
        .map(|entry| {
            let entry = entry.expect("listed");
            let written = entry.metadata().expect("there").modified().expect("kept");
            let bytes = fs::read(entry.path()).expect("readable");
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, (bytes, written))
        })
        .collect()
}

#[test]
fn nothing_is_written_created_or_deleted() {
    let home = home();
    let [versions, nodes] = ["versions", "nodes"].map(|family| Table::of(home.path(), family));
    versions.hurt(Part::Gone);
    nodes.hurt(Part::Data);
    // What a kill during a compaction leaves: an opening for writing would remove it.
    fs::write(home.path().join("000999.sst"), "unnamed").expect("written");
    let before = content(home.path());
    {
        let (store, mut writer) = open(home.path(), &Mode::ReadOnly);
        assert_eq!((store.revision(), store.durable().index), (FILES, FILES));
        assert_eq!(store.next_deadline(), None, "nothing lapses here");
        assert!(store.get(&path(FILES - 1)).expect("readable").0.is_ok());
        assert!(Reads::of(&store.lease().expect("open")).history.is_some());
        for error in [
            run(&mut writer, &command(1)).expect_err("read-only"),
            run(&mut writer, &command(FILES)).expect_err("still read-only"),
            writer.compact(10).expect_err("read-only"),
            store.flush().expect_err("read-only"),
            store.compact_tables().expect_err("read-only"),
        ] {
            let damaged = error.damage().is_some();
            assert!(
                damaged || matches!(error, Error::ReadOnly { .. }),
                "{error}"
            );
        }
        assert_eq!(store.background_damage(), None);
        store.statistics();
    }
    assert_eq!(content(home.path()), before);
}

/// RocksDB refuses a last record that fails its checksum, where a power loss may have left it: the judgement says that it
/// does not count, and then reading goes on without it, and the file stays.
#[test]
fn a_torn_end_that_rocksdb_refuses_is_not_in_the_way() {
    let home = home();
    {
        // The record of this flush is the last one, and no compaction takes away what stood there before it.
        let without = Mode::WithoutCompaction(vec!["nodes"]);
        let (store, mut writer) = open(home.path(), &without);
        run(&mut writer, &command(1)).expect("applies");
        store.flush().expect("flushes");
    }
    Table::of(home.path(), "nodes").hurt(Part::Data);
    let current = fs::read_to_string(home.path().join("CURRENT")).expect("readable");
    let manifest = home.path().join(current.trim_end());
    let mut bytes = fs::read(&manifest).expect("readable");
    *bytes.last_mut().expect("not empty") ^= 1;
    fs::write(&manifest, bytes).expect("written");
    let StoreJudgement::Store(inventory) = storage::judge(home.path()).expect("readable") else {
        panic!("no store");
    };
    assert!(inventory.torn.is_some_and(|torn| !torn.rocksdb_drops));
    let left = |name: &str, age: u64| {
        let path = std::env::temp_dir().join(format!("etcd2-peek-{}-{name}", std::process::id()));
        fs::create_dir(&path).expect("made");
        fs::write(path.join("CURRENT"), "left").expect("written");
        let directory = fs::File::open(&path).expect("opens");
        let then = SystemTime::now() - Duration::from_secs(age);
        directory.set_modified(then).expect("set");
        (path, directory)
    };
    let killed = left("killed", 3_600).0;
    let [(used, lock), (new, _)] = [left("used", 3_600), left("new", 0)];
    lock.try_lock().expect("nobody's yet");
    storage::open_with(home.path(), options(), &Mode::ReadOnly).expect_err("RocksDB alone");
    let before = content(home.path());
    let (store, _writer) =
        storage::open_judged(home.path(), options(), &Mode::ReadOnly, &inventory).expect("opens");
    assert_eq!(store.revision(), FILES, "as before the last flush");
    let there = [&killed, &used, &new].map(|path| path.exists());
    assert_eq!(there, [false, true, true], "what a killed reader left goes");
    for path in [used, new] {
        fs::remove_dir_all(path).expect("removed");
    }
    // The links lead to this directory, wherever it is.
    let moved = home.path().with_extension("moved");
    fs::rename(home.path(), &moved).expect("moved");
    assert!(store.get(&path(FILES - 1)).expect("readable").0.is_ok());
    fs::rename(&moved, home.path()).expect("moved back");
    let peeked = storage::peek(home.path(), &inventory).expect("readable");
    assert_eq!(peeked.index, FILES);
    let error = store.get(&path(0)).expect_err("its block is hurt");
    let shown = home.path().display().to_string();
    assert!(
        error.to_string().contains(&shown) || error.damage().is_some(),
        "{error}"
    );
    assert!(store.get(&path(FILES - 1)).expect("readable").0.is_ok());
    assert_eq!(content(home.path()), before);
}

#[test]
fn what_is_not_there_is_not_made() {
    let home = tempfile::tempdir().expect("a directory");
    let absent = home.path().join("absent");
    let error = storage::open_with(&absent, options(), &Mode::ReadOnly).expect_err("absent");
    assert!(matches!(error, Error::Io { .. }), "{error}");
    let error = storage::open_with(home.path(), options(), &Mode::ReadOnly).expect_err("empty");
    assert!(matches!(error, Error::NotOurs { .. }), "{error}");
    assert_eq!(fs::read_dir(home.path()).expect("listed").count(), 0);
}

#[test]
fn a_store_that_readers_have_seen_is_not_shown_older() {
    let home = home();
    let (store, mut writer) = open(home.path(), &Mode::Normal);
    run(&mut writer, &command(1)).expect("applies");
    let patience = crate::support::PATIENCE;
    writer.reopen(&Mode::ReadOnly, patience).expect("reopens");
    let error = writer.show().expect_err("the last write is not on disk");
    assert!(matches!(error, Error::Behind { .. }), "{error}");
    writer.reopen(&Mode::Normal, patience).expect("reopens");
    run(&mut writer, &command(1)).expect("applies");
    writer.show().expect("has caught up");
    store.flush().expect("flushes");
    writer.reopen(&Mode::ReadOnly, patience).expect("reopens");
    writer.show().expect("all is on disk");
    assert_eq!(store.revision(), FILES + 1);
}
