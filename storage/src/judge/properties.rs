//! What a table says about itself, found through its footer with three reads, whatever its size.

use std::io;

use super::block::{self, TRAILER};
use super::bytes::Bytes;
use super::counted_file::CountedFile;
use super::footer::{BlockPlace, FOOTER, Footer};

/// More than these blocks ever have; RocksDB writes about 2 KiB.
const BLOCK_MAX: u64 = 1 << 20;

/// The store that a table made outside any store names as its maker.
const OUTSIDE: &[u8] = b"SST Writer";

/// What of a table's properties tells it from others.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Properties {
    /// The number under which it was written.
    pub(super) number: Option<u64>,
    /// Of the process that wrote it.
    pub(super) session: Option<Vec<u8>>,
    /// Whether it was made outside a store, and taken over.
    pub(super) outside: bool,
    pub(super) family: Option<u64>,
    pub(super) rows: Option<u64>,
    pub(super) last_sequence: Option<u64>,
}

/// Why there are no properties.
#[derive(Debug)]
pub(super) enum Flawed {
    Io(io::Error),
    /// Damage at this offset.
    Content(u64, &'static str),
}

impl From<io::Error> for Flawed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

pub(super) fn read(source: &mut CountedFile<'_>, size: u64) -> Result<Properties, Flawed> {
    let offset = size
        .checked_sub(FOOTER as u64)
        .ok_or(Flawed::Content(0, "it is too short for a table"))?;
    let mut bytes = [0; FOOTER];
    if source.read(offset, &mut bytes)? < FOOTER {
        return Err(Flawed::Content(offset, "the footer is cut short"));
    }
    let footer = Footer::decode(&bytes, offset, source.effort)
        .map_err(|what| Flawed::Content(offset, what))?;
    let mut place = None;
    let index = entries(source, footer.metaindex, footer, offset)?;
    block::each(&index, |key, value| {
        if key == b"rocksdb.properties" {
            place = BlockPlace::decode(&mut Bytes(value));
        }
    })
    .zip(place)
    .ok_or(Flawed::Content(
        footer.metaindex.offset,
        "it does not say where its properties are",
    ))
    .and_then(|((), place)| {
        let block = entries(source, place, footer, offset)?;
        understood(&block).ok_or(Flawed::Content(
            place.offset,
            "its properties are not well formed",
        ))
    })
}

/// Reads and verifies a block, which ends before `limit`.
fn entries(
    source: &mut CountedFile<'_>,
    place: BlockPlace,
    footer: Footer,
    limit: u64,
) -> Result<Vec<u8>, Flawed> {
    let flawed = |what| Flawed::Content(place.offset, what);
    let end = place
        .offset
        .checked_add(place.size)
        .and_then(|end| end.checked_add(TRAILER as u64));
    if place.size > BLOCK_MAX || end.is_none_or(|end| end > limit) {
        return Err(flawed(
            "a block of its description cannot be where it should be",
        ));
    }
    let mut bytes = vec![0; place.size as usize + TRAILER];
    if source.read(place.offset, &mut bytes)? < bytes.len() {
        return Err(flawed("a block of its description is cut short"));
    }
    block::verified(&bytes, place.offset, footer.sums, source.effort)
        .map(<[u8]>::to_vec)
        .ok_or_else(|| flawed("a block of its description fails its checksum"))
}

fn understood(entries: &[u8]) -> Option<Properties> {
    let mut found = Properties::default();
    block::each(entries, |key, value| {
        let number = || Bytes(value).varint64();
        match key {
            b"rocksdb.original.file.number" => found.number = number(),
            b"rocksdb.creating.session.identity" => found.session = Some(value.to_vec()),
            b"rocksdb.creating.db.identity" => found.outside = value == OUTSIDE,
            b"rocksdb.column.family.id" => found.family = number(),
            b"rocksdb.num.entries" => found.rows = number(),
            b"rocksdb.key.largest.seqno" => found.last_sequence = number(),
            _ => {}
        }
    })?;
    Some(found)
}

/// How many digits of a session's name stand for its lower half.
const LOWER_DIGITS: usize = 12;

/// The lower half of a session, which is the first word of the unique id of each of its tables.
///
/// The name has 13 to 24 digits in base 36. The last twelve give the lower 62 bits, the others the
/// upper half and, in their lowest two bits, the two bits that lack. RocksDB keeps this half as it
/// is, because it is what makes sessions of one process different; the rest is hashed.
pub(super) fn session_word(session: &[u8]) -> Option<u64> {
    if !(LOWER_DIGITS + 1..=24).contains(&session.len()) {
        return None;
    }
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_u64, |number, digit| {
            let digit = char::from(*digit).to_digit(36)?;
            Some(number.wrapping_mul(36).wrapping_add(u64::from(digit)))
        })
    };
    let (upper, lower) = session.split_at_checked(session.len() - LOWER_DIGITS)?;
    Some((number(lower)? & (u64::MAX >> 2)) | (number(upper)? << 62))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_half_of_a_session() {
        assert_eq!(session_word(b"00000001000000000000"), Some(1 << 62));
        assert_eq!(session_word(b"0000000500000000000Z"), Some((1 << 62) | 35));
        assert_eq!(session_word(b"0000000z00000000000z"), Some((3 << 62) | 35));
        assert_eq!(session_word(b"000000000000"), None, "too short");
        assert_eq!(session_word(&[b'0'; 25]), None, "too long");
        assert_eq!(session_word(b"0000000-000000000000"), None, "no digit");
    }
}
