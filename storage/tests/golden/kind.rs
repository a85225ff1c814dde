//! Which kinds of row there are, by their bytes alone: the byte tables of `storage/src/format/` read once more.

use std::collections::BTreeSet;

use crate::rows::RawRow;

pub(crate) const ALL: [&str; 32] = [
    "format",
    "state with marker",
    "compaction under way",
    "record",
    "node: file",
    "node: directory",
    "node: file that ends",
    "node: directory that ends",
    "node: directory that ends, own modifiedIndex",
    "version: file",
    "version: directory",
    "version: file that ends",
    "version: directory that ends",
    "version: directory that ends, own modifiedIndex",
    "version: file gone",
    "version: directory gone",
    "event: set",
    "event: create",
    "event: update",
    "event: compareAndSwap",
    "event: delete",
    "event: compareAndDelete",
    "event: expire",
    "event of a directory",
    "event that refreshes",
    "event of the server",
    "event that goes on",
    "event with time",
    "event of a new node",
    "event with a node before",
    "expiry of a node",
    "expiry left behind",
];

pub(crate) fn found(rows: &[RawRow]) -> BTreeSet<&'static str> {
    let ends: BTreeSet<Vec<u8>> = rows
        .iter()
        .filter(|(family, _, value)| *family == "nodes" && value[0] & 2 != 0)
        .map(|(_, key, value)| {
            // The deadline is the second of the two times, which stand before the value.
            let at = if value[0] & 8 == 0 { 17 } else { 25 } + 8;
            let deadline = u64::from_le_bytes(value[at..at + 8].try_into().expect("8 bytes"));
            [&deadline.to_be_bytes(), key.as_slice()].concat()
        })
        .collect();
    let mut kinds = BTreeSet::new();
    for (family, key, value) in rows {
        match *family {
            "default" => kinds.extend(meta(key, value)),
            "nodes" => kinds.extend(node(value[0])),
            "versions" => kinds.extend(version(value[0])),
            "events" => kinds.extend(event(value)),
            "expiry" if ends.contains(key) => kinds.extend(["expiry of a node"]),
            "expiry" => kinds.extend(["expiry left behind"]),
            other => panic!("{other} is no column family"),
        }
    }
    kinds
}

fn meta(key: &[u8], value: &[u8]) -> Option<&'static str> {
    match key {
        b"format" => Some("format"),
        b"state" if value.len() > 73 => Some("state with marker"),
        // The walk's bound is not 0, and where it goes on is not empty.
        b"reclaimed" if value.len() > 24 && value[16..24] != [0; 8] => Some("compaction under way"),
        _ => key.starts_with(b"record/").then_some("record"),
    }
}

fn node(flags: u8) -> Option<&'static str> {
    Some(match flags {
        0x10 => "node: file",
        0x11 => "node: directory",
        0x12 => "node: file that ends",
        0x13 => "node: directory that ends",
        0x1B => "node: directory that ends, own modifiedIndex",
        _ => return None,
    })
}

fn version(flags: u8) -> Option<&'static str> {
    Some(match flags {
        0x10 => "version: file",
        0x11 => "version: directory",
        0x12 => "version: file that ends",
        0x13 => "version: directory that ends",
        0x1B => "version: directory that ends, own modifiedIndex",
        0x14 => "version: file gone",
        0x15 => "version: directory gone",
        _ => return None,
    })
}

fn event(value: &[u8]) -> Vec<&'static str> {
    let action = match value[0] {
        0x11 => "event: set",
        0x12 => "event: create",
        0x13 => "event: update",
        0x14 => "event: compareAndSwap",
        0x15 => "event: delete",
        0x16 => "event: compareAndDelete",
        0x17 => "event: expire",
        other => panic!("{other:#x} is no action"),
    };
    let flags = [
        (1, "event of a directory"),
        (2, "event that refreshes"),
        (4, "event of the server"),
        (8, "event that goes on"),
        (16, "event with time"),
    ];
    let mut kinds = vec![action];
    kinds.extend(
        flags
            .into_iter()
            .filter(|(flag, _)| value[1] & flag != 0)
            .map(|(_, kind)| kind),
    );
    kinds.push(match value[2..10] == [0; 8] {
        true => "event of a new node",
        false => "event with a node before",
    });
    kinds
}
