//! What the byte tables of the two formats say about a healthy image: where the log's groups are and what they claim,
//! where the records of the engine's MANIFEST are. Read from the documents of the formats alone: nothing here is the server's code.

use std::path::{Path, PathBuf};

use super::image::{Image, is};

const SECTOR: usize = 512;
const GROUP_HEAD: usize = 80;
const GROUP_MAGIC: &[u8] = b"WGRP";
const SALT_AT: usize = 40;
const SEQUENCE_AT: usize = 32;
/// The sequence of the segment before, and behind it where that one ends.
const BEFORE_AT: usize = 56;

/// The engine's log format: blocks, and records inside that do not cross them.
const BLOCK: usize = 32 << 10;
/// Checksum (4), length (2), type (1).
pub(crate) const RECORD_HEAD: usize = 7;

/// One group of the log.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// The segment, below the data directory.
    pub(crate) file: PathBuf,
    /// Its sequence.
    pub(crate) sequence: u64,
    /// Its first byte.
    pub(crate) begin: usize,
    /// After its last byte, the padding not counted.
    pub(crate) end: usize,
    /// What was known durable when it was written: sequence, offset, entry.
    pub(crate) durable: (u64, u64, u64),
}

/// Every group of every segment, in the order of the log.
pub(crate) fn groups(image: &Image) -> Vec<Group> {
    let segments = image.0.iter().filter(|(path, _)| is(path, "wal"));
    let mut groups: Vec<Group> = segments
        .flat_map(|(path, content)| groups_of(path, &content.bytes))
        .collect();
    groups.sort_by_key(|group| (group.sequence, group.begin));
    groups
}

fn groups_of(file: &Path, bytes: &[u8]) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut at = SECTOR;
    while at + GROUP_HEAD <= bytes.len() {
        let word = |offset: usize| number(&bytes[at + offset..at + offset + 8]);
        let ours = bytes[at..].starts_with(GROUP_MAGIC)
            && bytes[at + 8..at + 16] == bytes[SALT_AT..SALT_AT + 8]
            && word(24) == at as u64;
        if !ours {
            at += SECTOR;
            continue;
        }
        let end = at + GROUP_HEAD + number(&bytes[at + 72..at + 76]) as usize;
        groups.push(Group {
            file: file.to_owned(),
            sequence: word(16),
            begin: at,
            end,
            durable: (word(32), word(40), word(48)),
        });
        at = end.next_multiple_of(SECTOR);
    }
    groups
}

/// Whether the byte is part of a segment's header or of a group, and not padding behind one.
pub(crate) fn is_live_in_segment(bytes: &[u8], offset: usize) -> bool {
    let inside = |group: &Group| (group.begin..group.end).contains(&offset);
    offset < SECTOR || groups_of(Path::new(""), bytes).iter().any(inside)
}

/// Whether the next segment says that this one ends before the byte: open writes what was not proved to be synced again,
/// into a new segment.
pub(crate) fn is_superseded(image: &Image, file: &Path, offset: usize) -> bool {
    let header = |path: &Path, at: usize| {
        let bytes = &image.0.get(path)?.bytes;
        bytes.get(at..at + 8).map(number)
    };
    let sequence = header(file, SEQUENCE_AT);
    image.0.keys().filter(|path| is(path, "wal")).any(|path| {
        header(path, BEFORE_AT) == sequence
            && header(path, BEFORE_AT + 8).is_some_and(|end| offset as u64 >= end)
    })
}

/// Where the headers of a MANIFEST's records begin.
pub(crate) fn manifest_records(bytes: &[u8]) -> Vec<usize> {
    let (mut records, mut at) = (Vec::new(), 0);
    while at + RECORD_HEAD <= bytes.len() {
        if BLOCK - at % BLOCK < RECORD_HEAD {
            at = at.next_multiple_of(BLOCK); // The rest of a block that holds no header is filled with zeros.
            continue;
        }
        let length = number(&bytes[at + 4..at + 6]) as usize;
        if length == 0 && bytes[at + 6] == 0 {
            break;
        }
        records.push(at);
        at += RECORD_HEAD + length;
    }
    records
}

/// A little-endian number.
fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}
