//! Format versions 1 and 2, byte for byte: version 2 is written as the files under `tests/golden/v2` say, both
//! are read from them.
//!
//! `first.hex` is a new log with two groups; `second.hex` is the segment that open begins after it, with
//! the second group, which nothing proved durable: always in version 1, in version 2 only when it could not be
//! written again in its place. A change of any of them is a new format.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use wal::fs::sim::SimFs;
use wal::fs::{File, Fs};
use wal::{
    Defect, Entry, Error, HardState, Identity, LogDamage, Lost, Options, Position, Proof, Recovery,
    Wal,
};

use crate::support::{dir, entries, read_all, segments};

const IDENTITY: Identity = Identity {
    cluster: 0x0102_0304_0506_0708,
    member: 0x1112_1314_1516_1718,
};
const OLD_FIRST: &str = include_str!("../golden/v1/first.hex");
const OLD_SECOND: &str = include_str!("../golden/v1/second.hex");
const FIRST: &str = include_str!("../golden/v2/first.hex");
const SECOND: &str = include_str!("../golden/v2/second.hex");

fn options() -> Options {
    Options {
        segment_bytes: 4096,
        background: false,
        ..Options::default()
    }
}

fn golden_entries() -> Vec<Entry> {
    let entry = |term, index, kind, payload: &'static [u8]| Entry {
        term,
        index,
        kind,
        payload: Bytes::from_static(payload),
    };
    vec![
        entry(2, 11, 0, b""),
        entry(2, 12, 1, b"PUT /message hello"),
        entry(3, 13, 255, &[0x5a; 300]),
    ]
}

const STATE: HardState = HardState {
    term: 3,
    vote: 9,
    commit: 12,
};

fn write_golden() -> SimFs {
    let disk = SimFs::new(2026);
    let base = Position { term: 1, index: 10 };
    let mut log = Wal::create(disk.clone(), &dir(), IDENTITY, base, options()).unwrap();
    let entries = golden_entries();
    log.append(&entries[..2], None).unwrap();
    log.sync().unwrap();
    log.append(&entries[2..], Some(&STATE)).unwrap();
    log.sync().unwrap();
    disk
}

fn first_path() -> PathBuf {
    dir().join("0000000000000001-000000000000000b.wal")
}

fn second_path() -> PathBuf {
    dir().join("0000000000000002-000000000000000d.wal")
}

/// Lines of 32 bytes in hexadecimal; zeros at the end of the file are left out.
fn hex_of(content: &[u8]) -> String {
    let len = content
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    let mut text = String::new();
    for line in content[..len].chunks(32) {
        line.iter()
            .for_each(|byte| text.push_str(&format!("{byte:02x}")));
        text.push('\n');
    }
    text
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let mut content: Vec<u8> = digits.chunks(2).map(pair).collect();
    content.resize(4096, 0);
    content
}

fn assert_golden(disk: &SimFs, path: &Path, golden: &str) {
    let found = hex_of(&disk.content(path).expect("the segment is there"));
    assert!(found == golden, "{} has become\n{found}", path.display());
}

#[test]
fn what_is_written_is_the_golden_bytes() {
    let disk = write_golden();
    assert_golden(&disk, &first_path(), FIRST);
    disk.restart();
    Wal::open(disk.clone(), &dir(), Some(IDENTITY), None, options()).unwrap();
    assert_golden(&disk, &first_path(), FIRST);
    assert_eq!(segments(&disk), [first_path()]);
    // The directory is synced, the segment cannot be.
    disk.restart();
    disk.fail_sync(2);
    Wal::open(disk.clone(), &dir(), Some(IDENTITY), None, options()).unwrap();
    assert_golden(&disk, &first_path(), FIRST);
    assert_golden(&disk, &second_path(), SECOND);
}

/// A disk with these files, each cut to a length.
fn disk_with(files: &[(PathBuf, &str, usize)]) -> SimFs {
    let disk = SimFs::new(1);
    disk.create_dir_all(&dir()).unwrap();
    for (path, golden, len) in files {
        let file = disk.create(path).unwrap();
        file.write_all_at(0, &bytes_of(golden)[..*len]).unwrap();
    }
    disk.settle();
    disk
}

#[test]
fn the_golden_bytes_are_read_as_what_was_written() {
    for files in [
        vec![(first_path(), OLD_FIRST, 4096)],
        vec![
            (first_path(), OLD_FIRST, 4096),
            (second_path(), OLD_SECOND, 4096),
        ],
        vec![(first_path(), FIRST, 4096)],
        vec![(first_path(), FIRST, 4096), (second_path(), SECOND, 4096)],
        vec![
            (first_path(), OLD_FIRST, 4096),
            (second_path(), SECOND, 4096),
        ],
    ] {
        let disk = disk_with(&files);
        let (mut log, recovery) = open(&disk).unwrap();
        assert_eq!(read_all(&log), golden_entries());
        assert_eq!(log.hard_state(), STATE);
        assert_eq!(recovery.base, Position { term: 1, index: 10 });
        assert_eq!(recovery.identity, IDENTITY);
        assert_eq!(recovery.torn_tail, None);
        assert_eq!(segments(&disk).len(), files.len(), "no file is added");
        // It goes on, in files of the new format.
        let more = entries(3, 14..=20, 900);
        log.append(&more, None).unwrap();
        log.sync().unwrap();
        let newest = segments(&disk).pop().unwrap();
        assert_eq!(disk.content(&newest).unwrap()[8], 2);
        disk.power_loss(1);
        let (log, _) = open(&disk).unwrap();
        assert_eq!(read_all(&log), [golden_entries(), more].concat());
    }
}

fn open(disk: &SimFs) -> Result<(Wal<SimFs>, Recovery), Error> {
    Wal::open(disk.clone(), &dir(), Some(IDENTITY), None, options())
}

#[test]
fn a_newest_file_of_the_first_format_opens_wherever_it_ends() {
    for len in 512..4096 {
        let disk = disk_with(&[(first_path(), OLD_FIRST, len)]);
        let (log, recovery) = open(&disk).unwrap();
        // A group is whole without its padding.
        let last = match len {
            ..674 => 10,
            674..1484 => 12,
            _ => 13,
        };
        assert_eq!(log.last_index(), last, "{len}");
        let torn = (513..674).contains(&len) || (1025..1484).contains(&len);
        assert_eq!(recovery.torn_tail.is_some(), torn, "{len}: {recovery:?}");
    }
}

#[test]
fn a_newest_file_that_ends_in_its_header_is_judged_by_the_format_it_must_have() {
    for len in 1..512 {
        let both_old = [
            (first_path(), OLD_FIRST, 4096),
            (second_path(), OLD_SECOND, len),
        ];
        let disk = disk_with(&both_old);
        let (log, recovery) = open(&disk).unwrap();
        assert_eq!(read_all(&log), golden_entries());
        let cut = recovery.torn_tail.unwrap();
        assert_eq!((cut.file, cut.bytes), (second_path(), len as u64));
        assert_eq!(segments(&disk), [first_path()]);
        drop(log);
        disk.restart();
        assert_eq!(open(&disk).unwrap().1.torn_tail, None, "it was cut once");

        let both_new = [(first_path(), FIRST, 4096), (second_path(), SECOND, len)];
        assert_headless(&disk_with(&both_new), len);
        // The first file of the new format after one of the old: its own first bytes tell.
        let mixed = disk_with(&[
            (first_path(), OLD_FIRST, 4096),
            (second_path(), SECOND, len),
        ]);
        match len < 12 {
            true => assert!(open(&mixed).unwrap().1.torn_tail.is_some()),
            false => assert_headless(&mixed, len),
        }
    }
}

fn assert_headless(disk: &SimFs, len: usize) {
    match open(disk).map(|opened| opened.1) {
        Err(Error::Damaged(damage)) => assert_eq!(
            *damage,
            LogDamage {
                file: second_path(),
                offset: len as u64,
                lost: Lost::Everything {
                    after: 12,
                    at_least: None
                },
                proof: Proof::Naming,
                reason: Defect::SegmentHeader,
                shown: None,
            }
        ),
        other => panic!("{len}: {other:?}"),
    }
}
