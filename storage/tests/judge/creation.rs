//! Creation cut short, directories of somebody else, and what must not be taken for either.

use std::fs;
use std::os::unix::fs::symlink;

use storage::judge::{Reason, StoreJudgement, judge};

use crate::support::{FAMILIES, Home, framed, records, wide, widen, write};

fn unfinished(manifest: Option<String>) -> StoreJudgement {
    StoreJudgement::Unfinished {
        manifest,
        torn: None,
    }
}

fn raw(home: &Home, families: &[&str]) -> rocksdb::DB {
    let mut options = rocksdb::Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    rocksdb::DB::open_cf(&options, home.path(), families).expect("opens")
}

#[test]
fn nothing_there() {
    let home = Home::new();
    assert_eq!(home.judge(), StoreJudgement::Absent);
    let absent = judge(&home.file("not/yet")).expect("judged");
    assert_eq!(absent, StoreJudgement::Absent);
    assert!(home.names().is_empty(), "nothing was created");
    home.write("file", b"");
    judge(&home.file("file")).expect_err("no directory");
}

#[test]
fn creation_cut_short_before_current() {
    let home = Home::new();
    for name in ["LOCK", "LOG", "IDENTITY"] {
        home.write(name, b"");
        assert_eq!(home.judge(), unfinished(None));
    }
    // Identity, log number 0, next file 2, last sequence 0: what RocksDB writes first.
    let first = framed(1, b"\x81\x40\x04some\x02\x00\x03\x02\x04\x00");
    for length in 0..=first.len() {
        home.write("MANIFEST-000001", &first[..length]);
        assert_eq!(home.judge(), unfinished(None), "{length}");
    }
    home.write("000001.dbtmp", b"MANIFEST-0");
    assert_eq!(home.judge(), unfinished(None));
    // With CURRENT it is a database, and a torn end is told.
    home.write("CURRENT", b"MANIFEST-000001\n");
    let manifest = Some("MANIFEST-000001".to_owned());
    assert_eq!(home.judge(), unfinished(manifest.clone()));
    home.write("MANIFEST-000001", &[&first[..], b"\x01\x02"].concat());
    let judgement = home.judge();
    let StoreJudgement::Unfinished { torn, .. } = judgement else {
        panic!("{judgement:?}");
    };
    assert_eq!(
        torn.map(|torn| (torn.offset, torn.bytes)),
        Some((first.len() as u64, 2))
    );
}

#[test]
fn without_current_anything_more_is_damage() {
    let more: [(&str, &[u8]); 6] = [
        ("000004.sst", b""),
        ("000004.blob", b""),
        ("000004.log", b"rows"),
        ("OPTIONS-000007", b""),
        ("MANIFEST-000005", b""),
        ("MANIFEST-000001", &framed(1, b"\x02\x00\x03\x02\x04\x07")),
    ];
    for (name, content) in more {
        let home = Home::new();
        home.write("LOCK", b"");
        home.write(name, content);
        let fault = home.unreadable();
        assert!(
            matches!(fault.reason, Reason::Current { found: None, .. }),
            "{fault}"
        );
    }
}

#[test]
fn creation_cut_short_between_column_families() {
    for count in 1..=FAMILIES.len() {
        let home = Home::new();
        drop(raw(&home, &FAMILIES[..count]));
        assert_eq!(home.judge(), unfinished(Some(home.manifest())), "{count}");
    }
}

/// The MANIFEST as it was before it named any table, over what lies there.
fn forgetful(home: &Home) {
    let name = home.manifest();
    let content = home.read(&name);
    let total = home
        .names()
        .iter()
        .filter(|name| name.ends_with(".sst"))
        .count();
    let names_none = |end: &u64| {
        home.write(&name, &content[..*end as usize]);
        match home.judge() {
            StoreJudgement::Unfinished { .. } => true,
            StoreJudgement::Unreadable(fault) => match fault.reason {
                Reason::Behind { tables } => tables == total,
                Reason::Incomplete(_) => true,
                other => panic!("{other}"),
            },
            _ => false,
        }
    };
    let ends = records(&content).into_iter().map(|record| record.end);
    let last = ends.take_while(names_none).last();
    let end = last.expect("the first records name no table") as usize;
    home.write(&name, &content[..end]);
}

#[test]
fn the_first_table_may_lie_there_unnamed_and_nothing_else() {
    let home = Home::new();
    write(home.path(), 0, 0, false);
    let table = home.inventory().tables[0].file_name();
    forgetful(&home);
    let expected = unfinished(Some(home.manifest()));
    assert_eq!(home.judge(), expected);
    let content = home.read(&table);
    home.write(&table, &content[..content.len() - 1]);
    assert_eq!(home.judge(), expected, "not complete");
    home.write(&table, b"");
    assert_eq!(home.judge(), expected, "not begun");
    home.write("000800.sst", b"");
    assert_eq!(home.unreadable().reason, Reason::Behind { tables: 2 });
}

#[test]
fn a_manifest_that_forgot_every_table_is_damage() {
    for tables in [1, 25] {
        let home = Home::new();
        drop(raw(&home, &FAMILIES));
        widen(home.path(), tables, 10);
        let name = home.manifest();
        forgetful(&home);
        let before = home.fingerprint();
        let fault = home.unreadable();
        assert_eq!(fault.reason, Reason::Behind { tables });
        assert_eq!(fault.path, home.file(&name));
        assert!(before == home.fingerprint());
    }
}

#[test]
fn files_and_databases_of_somebody_else() {
    let foreign = |home: &Home, wanted: &str, is_rocksdb: bool| {
        let before = home.fingerprint();
        let judgement = home.judge();
        let StoreJudgement::Foreign { found, rocksdb } = &judgement else {
            panic!("{judgement:?}");
        };
        assert!(found.contains(wanted), "{found}");
        assert_eq!(*rocksdb, is_rocksdb);
        assert!(before == home.fingerprint());
    };
    let home = wide(1, 10);
    home.write("000900.sst.trash", b"RocksDB would remove it");
    foreign(&home, "000900.sst.trash", false);
    home.remove("000900.sst.trash");
    let bare = Home::new();
    bare.write("notes.txt", b"mine");
    foreign(&bare, "\"notes.txt\"", false);
    fs::create_dir(home.file("000900.sst")).expect("created");
    let judgement = home.judge();
    assert!(
        matches!(judgement, StoreJudgement::Foreign { .. }),
        "{judgement:?}"
    );
    fs::remove_dir(home.file("000900.sst")).expect("removed");
    symlink("nowhere", home.file("000900.sst")).expect("made");
    let judgement = home.judge();
    assert!(
        matches!(judgement, StoreJudgement::Foreign { .. }),
        "{judgement:?}"
    );

    // Rows that wait in RocksDB's own log count as written.
    let home = Home::new();
    let db = raw(&home, &["default"]);
    db.put(b"their", b"data").expect("writes");
    drop(db);
    foreign(&home, "a RocksDB with default", true);
    let home = Home::new();
    drop(raw(&home, &["default", "theirs"]));
    foreign(&home, "a RocksDB with default, theirs", true);

    // A store of a later release may have one column family more.
    let home = wide(1, 10);
    drop(raw(&home, &[&FAMILIES[..], &["zone"]].concat()));
    foreign(&home, "versions, zone", true);
    // If the end of its MANIFEST is torn, it may also be ours, and be damaged.
    let name = home.manifest();
    home.write(&name, &[&home.read(&name)[..], b"torn"].concat());
    let fault = home.unreadable();
    assert!(matches!(fault.reason, Reason::Incomplete(_)), "{fault}");
}
