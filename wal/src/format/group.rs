//! Groups: what one write stored. Guarantees that a header can be judged without anything before it, so
//! that what follows damaged bytes can testify against them.
//!
//! | offset | bytes | field |
//! | --- | --- | --- |
//! | 0 | 4 | magic `WGRP` |
//! | 4 | 4 | checksum of bytes 8..80, seeded by the checksum of the salt; seeds the first record |
//! | 8 | 8 | salt of the segment |
//! | 16 | 8 | sequence of the segment |
//! | 24 | 8 | offset of this header in the file |
//! | 32 | 8 | known durable when this was written: sequence |
//! | 40 | 8 | known durable: offset, the end of the synced groups |
//! | 48 | 8 | known durable: index of the last synced entry |
//! | 56 | 8 | index of the first entry; without entries, the last index of the log + 1 |
//! | 64 | 4 | number of entries; their indexes follow one another |
//! | 68 | 4 | number of records, entries and hard states |
//! | 72 | 4 | bytes of the records, at most 16 MiB + 32 |
//! | 76 | 4 | chain value before this group |
//! | 80 | n | records |
//! | | | zeros to the next sector boundary |

use super::record::encoded_len;
use super::{PAYLOAD_BYTES_MAX, SECTOR, align, checksum, put, u32_at, u64_at};
use crate::entry::Place;

const MAGIC: [u8; 4] = *b"WGRP";
const CHECKSUM: usize = 4;
const SALT: usize = 8;
const SEQUENCE: usize = 16;
const OFFSET: usize = 24;
const DURABLE_SEQUENCE: usize = 32;
const DURABLE_OFFSET: usize = 40;
const DURABLE_INDEX: usize = 48;
const FIRST_INDEX: usize = 56;
const ENTRIES: usize = 64;
const RECORDS: usize = 68;
const BODY: usize = 72;
const CHAIN: usize = 76;

/// Bytes of a group before its records.
pub(crate) const GROUP_HEADER_BYTES: usize = 80;

/// Most bytes of records in one group: the largest record alone. It bounds what a reader holds.
pub(crate) const BODY_BYTES_MAX: usize = encoded_len(PAYLOAD_BYTES_MAX);

/// The head of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupHeader {
    pub(crate) salt: u64,
    pub(crate) place: Place,
    pub(crate) durable: Place,
    pub(crate) durable_index: u64,
    pub(crate) first_index: u64,
    pub(crate) entries: u32,
    pub(crate) records: u32,
    pub(crate) body_bytes: u32,
    pub(crate) chain_before: u32,
}

impl GroupHeader {
    /// Offset just after the group and its padding.
    pub(crate) fn end(&self) -> u64 {
        align(self.place.offset + GROUP_HEADER_BYTES as u64 + u64::from(self.body_bytes))
    }

    /// Index of the last entry, or of the entry before when the group has none.
    pub(crate) fn last_index(&self) -> u64 {
        (self.first_index + u64::from(self.entries)).saturating_sub(1)
    }

    /// Writes the header over the first bytes of `buffer`; returns its checksum, the seed of the records.
    pub(crate) fn encode_into(&self, buffer: &mut [u8]) -> u32 {
        let bytes = &mut buffer[..GROUP_HEADER_BYTES];
        put(bytes, 0, &MAGIC);
        for (at, number) in [
            (SALT, self.salt),
            (SEQUENCE, self.place.sequence),
            (OFFSET, self.place.offset),
            (DURABLE_SEQUENCE, self.durable.sequence),
            (DURABLE_OFFSET, self.durable.offset),
            (DURABLE_INDEX, self.durable_index),
            (FIRST_INDEX, self.first_index),
        ] {
            put(bytes, at, &number.to_le_bytes());
        }
        for (at, number) in [
            (ENTRIES, self.entries),
            (RECORDS, self.records),
            (BODY, self.body_bytes),
            (CHAIN, self.chain_before),
        ] {
            put(bytes, at, &number.to_le_bytes());
        }
        let sum = header_checksum(bytes);
        put(bytes, CHECKSUM, &sum.to_le_bytes());
        sum
    }

    /// Decodes the header at `place` of the segment with this salt, and its checksum. `None` for anything
    /// else: zeros, stale groups of an earlier use, groups of another place, damage.
    pub(crate) fn decode(bytes: &[u8], place: Place, salt: u64) -> Option<(Self, u32)> {
        let (header, sum) = Self::decode_any_salt(bytes, place)?;
        (header.salt == salt).then_some((header, sum))
    }

    /// As [`GroupHeader::decode`] for a segment whose salt is lost with its header.
    pub(crate) fn decode_any_salt(bytes: &[u8], place: Place) -> Option<(Self, u32)> {
        if bytes.len() < GROUP_HEADER_BYTES || bytes[..4] != MAGIC {
            return None;
        }
        let bytes = &bytes[..GROUP_HEADER_BYTES];
        let sum = header_checksum(bytes);
        if sum != u32_at(bytes, CHECKSUM) {
            return None;
        }
        let header = Self::fields(bytes);
        let sane = header.place == place && header.durable <= place && header.has_room();
        sane.then_some((header, sum))
    }

    /// Lengths and counts that no encoder writes are refused, so that sums over them cannot overflow.
    fn has_room(&self) -> bool {
        self.entries <= self.records
            && self.body_bytes as usize <= BODY_BYTES_MAX
            && self
                .first_index
                .checked_add(u64::from(self.entries))
                .is_some()
            && self.place.offset <= u64::MAX / 2
    }

    fn fields(bytes: &[u8]) -> Self {
        Self {
            salt: u64_at(bytes, SALT),
            place: Place {
                sequence: u64_at(bytes, SEQUENCE),
                offset: u64_at(bytes, OFFSET),
            },
            durable: Place {
                sequence: u64_at(bytes, DURABLE_SEQUENCE),
                offset: u64_at(bytes, DURABLE_OFFSET),
            },
            durable_index: u64_at(bytes, DURABLE_INDEX),
            first_index: u64_at(bytes, FIRST_INDEX),
            entries: u32_at(bytes, ENTRIES),
            records: u32_at(bytes, RECORDS),
            body_bytes: u32_at(bytes, BODY),
            chain_before: u32_at(bytes, CHAIN),
        }
    }
}

/// Whether a sector holds the header of a group that this use of the file wrote at `place` and that is broken: torn
/// or damaged. The file's uses before left groups too, where the file is reused.
///
/// One damaged field must not pass a group of this use for one of theirs: three of the four fields that tell them
/// apart are enough. Theirs agree in two at most, the magic and by chance the offset: no sequence is used twice, but
/// where a segment was made and lost before its header was synced. A group left by such a use is whole under the
/// salt of its own, and is told by that.
pub(crate) fn is_broken_group(bytes: &[u8], place: Place, salt: u64) -> bool {
    if bytes.len() < OFFSET + 8 || GroupHeader::decode_any_salt(bytes, place).is_some() {
        return false;
    }
    let agree = [
        bytes[..4] == MAGIC,
        u64_at(bytes, SALT) == salt,
        u64_at(bytes, SEQUENCE) == place.sequence,
        u64_at(bytes, OFFSET) == place.offset,
    ];
    agree.into_iter().filter(|same| *same).count() >= 3
}

/// Bytes a group with this many bytes of records takes in the file.
pub(crate) const fn padded_len(body: usize) -> u64 {
    align(GROUP_HEADER_BYTES as u64 + body as u64)
}

fn header_checksum(bytes: &[u8]) -> u32 {
    let seed = checksum(0, &bytes[SALT..SALT + 8]);
    checksum(seed, &bytes[SALT..GROUP_HEADER_BYTES])
}

const _: () = assert!(
    GROUP_HEADER_BYTES < SECTOR as usize,
    "a header never straddles sectors"
);
