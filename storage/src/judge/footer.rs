//! The last 53 bytes of a table.
//!
//! | bytes | format below 6 | format 6 and 7 |
//! |---|---|---|
//! | 1 | kind of checksum | kind of checksum |
//! | 40 | place of the index of meta blocks (offset, size: varint64), place of the index, filling | `3e 00 7a 00`, checksum of the footer (4), base of all checksums (4), size of the index of meta blocks (4), reserved (24, the last 8 zero) |
//! | 4 | format | format |
//! | 8 | `88e241b785f4cff7` | the same |
//!
//! From format 6 on, the index of meta blocks stands directly before the footer. All numbers are
//! little-endian.

use std::ops::RangeInclusive;

use super::block::{Sums, TRAILER};
use super::bytes::Bytes;
use super::counted_file::Effort;

pub(super) const FOOTER: usize = 53;
const MAGIC: u64 = 0x88e2_41b7_85f4_cff7;
const EXTENDED_MAGIC: [u8; 4] = [0x3e, 0x00, 0x7a, 0x00];
/// What RocksDB 11.8 reads.
const FORMATS: RangeInclusive<u32> = 2..=7;
const SUMMED: u32 = 6;

/// A block's place in its file, without its trailer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockPlace {
    pub(super) offset: u64,
    pub(super) size: u64,
}

impl BlockPlace {
    pub(super) fn decode(input: &mut Bytes<'_>) -> Option<Self> {
        let offset = input.varint64()?;
        let size = input.varint64()?;
        Some(Self { offset, size })
    }
}

/// Where the meta blocks are listed, and how blocks are summed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Footer {
    pub(super) sums: Sums,
    pub(super) metaindex: BlockPlace,
}

impl Footer {
    /// `offset` is the footer's place in the file.
    pub(super) fn decode(
        footer: &[u8; FOOTER],
        offset: u64,
        effort: &mut Effort,
    ) -> Result<Self, &'static str> {
        const SHORT: &str = "the footer is cut short";
        let mut tail = Bytes(&footer[41..]);
        let format = tail.fixed32().ok_or(SHORT)?;
        if tail.fixed64() != Some(MAGIC) {
            return Err("it does not end like a table");
        }
        if !FORMATS.contains(&format) {
            return Err("its footer is damaged: no such format");
        }
        let kind = footer[0];
        let mut middle = Bytes(&footer[1..41]);
        if format < SUMMED {
            let metaindex =
                BlockPlace::decode(&mut middle).ok_or("its footer is damaged: it leads nowhere")?;
            let sums = Sums { kind, base: 0 };
            return Ok(Self { sums, metaindex });
        }
        if middle.take(4) != Some(&EXTENDED_MAGIC) {
            return Err("its footer is damaged: it does not begin like one");
        }
        let stored = middle.fixed32().ok_or(SHORT)?;
        let base = middle.fixed32().ok_or(SHORT)?;
        let size = u64::from(middle.fixed32().ok_or(SHORT)?);
        let sums = Sums { kind, base };
        let mut blank = *footer;
        blank[5..9].fill(0);
        let sum = sums
            .sum(&blank, effort)
            .ok_or("its footer is damaged: no such checksum")?;
        if base == 0 || sum.wrapping_add(sums.modifier(offset)) != stored {
            return Err("its footer fails its checksum");
        }
        if footer[33..41] != [0; 8] {
            return Err("its footer belongs to a later release");
        }
        let end = offset.saturating_sub(TRAILER as u64);
        let start = end
            .checked_sub(size)
            .ok_or("its footer is damaged: it leads nowhere")?;
        let metaindex = BlockPlace {
            offset: start,
            size,
        };
        Ok(Self { sums, metaindex })
    }
}
