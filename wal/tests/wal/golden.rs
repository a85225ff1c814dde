//! Format version 1, byte for byte: written as the files under `tests/golden` say, and read from them.
//!
//! `first.hex` is a new log with two groups; `second.hex` is the segment that open begins after it, with
//! the second group, which nothing proved durable, written again. A change of either is a new format.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use wal::fs::sim::SimFs;
use wal::fs::{File, Fs};
use wal::{Entry, HardState, Identity, Options, Position, Wal};

use crate::support::{dir, read_all};

const IDENTITY: Identity = Identity {
    cluster: 0x0102_0304_0506_0708,
    member: 0x1112_1314_1516_1718,
};
const FIRST: &str = include_str!("../golden/first.hex");
const SECOND: &str = include_str!("../golden/second.hex");

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
    assert_golden(&disk, &second_path(), SECOND);
}

#[test]
fn the_golden_bytes_are_read_as_what_was_written() {
    for files in [
        vec![(first_path(), FIRST)],
        vec![(first_path(), FIRST), (second_path(), SECOND)],
    ] {
        let disk = SimFs::new(1);
        disk.create_dir_all(&dir()).unwrap();
        for (path, golden) in files {
            disk.create(&path)
                .unwrap()
                .write_all_at(0, &bytes_of(golden))
                .unwrap();
        }
        disk.settle();
        let (log, recovery) = Wal::open(disk, &dir(), Some(IDENTITY), None, options()).unwrap();
        assert_eq!(read_all(&log), golden_entries());
        assert_eq!(log.hard_state(), STATE);
        assert_eq!(recovery.base, Position { term: 1, index: 10 });
        assert_eq!(recovery.cut, None);
    }
}
