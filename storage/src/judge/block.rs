//! The blocks of a table that say what the table is, with their checksums.
//!
//! | bytes | what |
//! |---|---|
//! | … | entries: bytes shared with the key before, bytes of its own, bytes of the value (varint32 each), the key's own bytes, the value |
//! | 4 each | restart points, which only a search needs |
//! | 4 | number of restart points, and in the upper bits what else the block has |
//! | 1 | compression: 0 in these blocks |
//! | 4 | checksum of everything before, for this place in this file |

use super::bytes::Bytes;
use super::counted_file::Effort;

pub(super) const TRAILER: usize = 5;
/// Bit 29 speaks about searching, and changes no byte.
const UNIFORM: u32 = 1 << 29;

/// How the blocks of a file are summed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums {
    /// 0 none, 1 CRC-32C, 2 to 4 kinds of xxHash.
    pub(super) kind: u8,
    /// A number of this file alone; 0 in files of formats below 6.
    pub(super) base: u32,
}

impl Sums {
    /// What a checksum has added to it at this offset, so that no block is valid elsewhere.
    pub(super) fn modifier(self, offset: u64) -> u32 {
        if self.base == 0 {
            return 0;
        }
        self.base ^ (offset as u32).wrapping_add((offset >> 32) as u32)
    }

    /// `None` for a kind that nobody knows.
    pub(super) fn sum(self, bytes: &[u8], effort: &mut Effort) -> Option<u32> {
        effort.bytes_summed += bytes.len() as u64;
        match self.kind {
            0 => Some(0),
            1 => Some(super::framing::masked(crc32c::crc32c(bytes))),
            2 => Some(twox_hash::XxHash32::oneshot(0, bytes)),
            3 => Some(twox_hash::XxHash64::oneshot(0, bytes) as u32),
            4 => Some(xxh3(bytes)),
            _ => None,
        }
    }
}

/// The last byte, which is the compression, is mixed in behind the hash of the others.
fn xxh3(bytes: &[u8]) -> u32 {
    match bytes.split_last() {
        Some((last, others)) => {
            let hash = twox_hash::XxHash3_64::oneshot(others) as u32;
            hash ^ u32::from(*last).wrapping_mul(0x6b90_83d9)
        }
        None => 0,
    }
}

/// The entries of the block that stands at `offset` and is followed by its trailer.
pub(super) fn verified<'a>(
    block: &'a [u8],
    offset: u64,
    sums: Sums,
    effort: &mut Effort,
) -> Option<&'a [u8]> {
    let (summed, stored) = block.split_at_checked(block.len().checked_sub(4)?)?;
    let stored = Bytes(stored).fixed32()?;
    let sum = sums.sum(summed, effort)?;
    let (compression, content) = summed.split_last()?;
    let fits = sums.kind == 0 || stored.wrapping_sub(sums.modifier(offset)) == sum;
    (fits && *compression == 0).then_some(())?;
    let (body, count) = content.split_at_checked(content.len().checked_sub(4)?)?;
    // Other bits stand for layouts that these blocks do not have; they make the number too large.
    let restarts = Bytes(count).fixed32()? & !UNIFORM;
    let entries = body
        .len()
        .checked_sub((restarts as usize).checked_mul(4)?)?;
    Some(&body[..entries])
}

/// Goes through key and value of every entry. `None` if one is not well formed.
pub(super) fn each(entries: &[u8], mut visit: impl FnMut(&[u8], &[u8])) -> Option<()> {
    let mut input = Bytes(entries);
    let mut key = Vec::new();
    while !input.is_empty() {
        let shared = input.varint32()? as usize;
        let own = input.varint32()? as usize;
        let length = input.varint32()? as usize;
        if shared > key.len() {
            return None;
        }
        key.truncate(shared);
        key.extend_from_slice(input.take(own)?);
        visit(&key, input.take(length)?);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_share_the_start_of_their_keys() {
        let mut found = Vec::new();
        let entries = b"\0\x03\x01abcx\x02\x01\x02dyz";
        each(entries, |key, value| {
            found.push((key.to_vec(), value.to_vec()));
        })
        .expect("well formed");
        let wanted = [
            (b"abc".to_vec(), b"x".to_vec()),
            (b"abd".to_vec(), b"yz".to_vec()),
        ];
        assert_eq!(found, wanted);
        for end in (1..entries.len()).filter(|end| *end != 7) {
            assert_eq!(each(&entries[..end], |_, _| {}), None, "cut at {end}");
        }
        assert_eq!(each(b"\x01\x01\x00a", |_, _| {}), None, "shares too much");
    }

    #[test]
    fn every_kind_of_checksum_finds_a_changed_block() {
        let mut effort = Effort::default();
        // One restart point, no entry, no compression.
        let content = [0, 0, 0, 0, 1, 0, 0, 0, 0];
        for kind in 1..=4 {
            for base in [0, 77] {
                let sums = Sums { kind, base };
                let sum = sums.sum(&content, &mut effort).expect("known");
                let stored = sum.wrapping_add(sums.modifier(1 << 33));
                let mut block = [&content[..], &stored.to_le_bytes()].concat();
                assert_eq!(verified(&block, 1 << 33, sums, &mut effort), Some(&[][..]));
                let moved = verified(&block, 0, sums, &mut effort);
                assert_eq!(moved.is_none(), base != 0, "no block is valid elsewhere");
                for bit in 0..block.len() * 8 {
                    block[bit / 8] ^= 1 << (bit % 8);
                    assert_eq!(verified(&block, 1 << 33, sums, &mut effort), None);
                    block[bit / 8] ^= 1 << (bit % 8);
                }
            }
        }
        let unknown = Sums { kind: 5, base: 0 };
        assert_eq!(verified(&[0; 13], 0, unknown, &mut effort), None);
        for length in 0..13 {
            let none = Sums { kind: 0, base: 0 };
            verified(&vec![0; length], 0, none, &mut effort);
        }
    }
}
