//! Entries of a store's directory that are no files of RocksDB, or no files at all.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use storage::judge::{Reason, StoreJudgement};
use storage::{Error, Mode};

use crate::support::{Home, options, wide, write};

const STRAYS: [&str; 8] = [
    ".000012.sst.swp",
    ".nfs0000000000000001",
    "000012.sst.bak",
    "000012.sst~",
    "CURRENT.bak",
    "IDENTITY.orig",
    "notes.txt",
    "tables.old",
];

/// What people and file systems leave there is told, and nothing takes it away.
#[test]
fn entries_of_others_are_told_and_left_alone() {
    let home = Home::new();
    write(home.path(), 2, 20, true);
    for stray in STRAYS {
        home.write(stray, stray.as_bytes());
    }
    fs::create_dir(home.file("lost+found")).expect("made");
    let mut wanted: Vec<&str> = STRAYS.into_iter().chain(["lost+found"]).collect();
    wanted.sort_unstable();
    assert_eq!(home.inventory().strays, wanted);
    // Flushes, compactions and openings remove what RocksDB does not need any more.
    write(home.path(), 4, 20, true);
    write(home.path(), 1, 1, false);
    for stray in STRAYS {
        assert_eq!(home.read(stray), stray.as_bytes());
    }
    assert_eq!(home.inventory().strays, wanted);
    let read = storage::open_with(home.path(), options(), &Mode::ReadOnly);
    drop(read.expect("opens"));
}

/// Names are shown as one word of one line, whatever is in them.
#[test]
fn a_name_is_no_line_of_the_log() {
    let home = Home::new();
    home.write("a\nERROR b", b"");
    let StoreJudgement::Foreign { found, .. } = home.judge() else {
        panic!("it is no store");
    };
    let error = storage::open(home.path(), options()).expect_err("refused");
    for text in [found, error.to_string()] {
        assert!(text.contains(r#""a\nERROR b""#), "{text}");
        assert!(!text.contains('\n'), "{text}");
    }
}

/// Where no store was finished, nothing is made beside what is somebody else's.
#[test]
fn beside_entries_of_others_no_store_is_made() {
    let home = Home::new();
    let mut half = rocksdb::Options::default();
    half.create_if_missing(true);
    drop(rocksdb::DB::open_cf(&half, home.path(), ["default"]).expect("opens"));
    assert!(matches!(home.judge(), StoreJudgement::Unfinished { .. }));
    home.write("notes.txt", b"mine");
    let judgement = home.judge();
    assert!(
        matches!(&judgement, StoreJudgement::Foreign { found, .. } if found.contains("\"notes.txt\"")),
        "{judgement:?}"
    );
    let error = storage::open(home.path(), options()).expect_err("refused");
    assert!(matches!(error, Error::NotOurs { .. }), "{error}");
    assert!(error.to_string().contains("\"notes.txt\""), "{error}");
}

/// A table in whose place something else stands is damage of that table, as one that is missing.
#[test]
fn a_table_that_is_no_file_is_a_fault_of_that_table() {
    let home = wide(1, 10);
    let inventory = home.inventory();
    let table = inventory.tables.last().expect("there");
    assert_eq!(table.family, "events");
    let path = home.file(&table.file_name());
    let content = fs::read(&path).expect("read");
    for what in ["a link that leads nowhere", "a directory", "a socket"] {
        fs::remove_file(&path).expect("removed");
        let mut socket = None;
        match what {
            "a directory" => fs::create_dir(&path).expect("made"),
            "a socket" => socket = Some(UnixListener::bind(&path).expect("made")),
            _ => symlink("nowhere", &path).expect("made"),
        }
        let faults = home.inventory().faults;
        let [fault] = &faults[..] else {
            panic!("{faults:?}");
        };
        assert_eq!(fault.reason, Reason::Odd(what));
        assert_eq!(fault.table.as_deref(), Some(table));
        let read = storage::open_with(home.path(), options(), &Mode::ReadOnly);
        drop(read.expect("reads the rest"));
        let error = storage::open(home.path(), options()).expect_err("it is not whole");
        let damage = error.damage().expect("it is damage");
        assert_eq!(damage.column, "events", "{damage}");
        assert_eq!(damage.file, Some(table.file_name()), "{damage}");
        let resting = Mode::WithoutCompaction(vec!["events"]);
        drop(storage::open_with(home.path(), options(), &resting).expect("opens around it"));
        drop(socket);
        match what {
            "a directory" => fs::remove_dir(&path).expect("removed"),
            _ => fs::remove_file(&path).expect("removed"),
        }
        fs::write(&path, &content).expect("written");
    }
    assert!(home.inventory().faults.is_empty());
}

/// A hole of any size costs nothing.
#[test]
fn a_manifest_larger_than_any_is_not_read() {
    let home = wide(1, 10);
    let manifest = fs::File::options()
        .write(true)
        .open(home.file(&home.manifest()));
    manifest.expect("opens").set_len(10 << 30).expect("grows");
    let (judgement, effort) = home.judge_with_effort();
    let StoreJudgement::Unreadable(fault) = judgement else {
        panic!("{judgement:?}");
    };
    assert_eq!(fault.path, home.file(&home.manifest()));
    assert_eq!(fault.reason, Reason::Huge { found: 10 << 30 });
    assert!(effort.bytes_read < 1 << 20, "{effort:?}");
}
