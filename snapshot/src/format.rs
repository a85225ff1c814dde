//! The bytes of a snapshot file, format version 1: constants, encoder and decoder, and nothing
//! else.
//!
//! A file is one header, any number of blocks, and one trailer; nothing may follow the trailer. All
//! numbers are little-endian. Every checksum is CRC-32 (IEEE), seeded as the tables say.
//!
//! # Header, 100 bytes
//!
//! | offset | bytes | field |
//! |-------:|------:|-------|
//! | 0 | 8 | magic, `89 "ETCD2S" 0A`: the first byte is no ASCII, so a mailer or editor that rewrites text is noticed |
//! | 8 | 2 | format version, 1 |
//! | 10 | 2 | length of this header, 100 |
//! | 12 | 4 | length of the hash, 0 to 32 |
//! | 16 | 8 | id, unique for each file written |
//! | 24 | 8 | cluster |
//! | 32 | 8 | member |
//! | 40 | 8 | revision |
//! | 48 | 8 | term |
//! | 56 | 8 | index |
//! | 64 | 32 | hash, filled up with zeros |
//! | 96 | 4 | checksum of bytes 0 to 95, seed 0: **the first chain value** |
//!
//! # Block, 32 bytes and the payload
//!
//! | offset | bytes | field |
//! |-------:|------:|-------|
//! | 0 | 4 | `"SBLK"` |
//! | 4 | 2 | section |
//! | 6 | 2 | flags; bit 0: the section is required. The others are zero |
//! | 8 | 4 | length of the payload |
//! | 12 | 4 | pairs in the payload |
//! | 16 | 8 | number of this block, from 0 |
//! | 24 | 4 | checksum of the payload, seeded by the chain value before |
//! | 28 | 4 | checksum of bytes 0 to 27, seeded by the chain value before: **the chain value after** |
//! | 32 | n | payload: pairs, each 4 bytes key length, 4 bytes value length, key, value |
//!
//! The header has a checksum of its own so that a length is believed only once it is proven, and
//! the payload's checksum lies inside it, so that one chain value stands for everything before. A
//! block moved, repeated, left out, or taken from another file does not fit the chain.
//!
//! # Trailer, 48 bytes
//!
//! | offset | bytes | field |
//! |-------:|------:|-------|
//! | 0 | 4 | `"SEND"` |
//! | 4 | 4 | sections |
//! | 8 | 8 | blocks |
//! | 16 | 8 | pairs |
//! | 24 | 8 | bytes of all keys and values |
//! | 32 | 8 | length of the file, trailer included |
//! | 40 | 4 | the last chain value |
//! | 44 | 4 | checksum of bytes 0 to 43, seeded by the last chain value |

use crc32fast::Hasher;

use crate::meta::{HASH_MAX, Meta};

/// The version this code writes, and the newest it reads.
pub const VERSION: u16 = 1;
/// Bytes of the longest key that a pair may have.
pub const KEY_MAX: usize = 1 << 20;
/// Bytes of the longest value that a pair may have.
pub const VALUE_MAX: usize = 16 << 20;
/// Sections that one file may hold: what a reader remembers of them is bounded.
pub const SECTIONS_MAX: usize = 64;

pub(crate) const MAGIC: [u8; 8] = *b"\x89ETCD2S\n";
pub(crate) const BLOCK_MAGIC: [u8; 4] = *b"SBLK";
pub(crate) const TRAILER_MAGIC: [u8; 4] = *b"SEND";
pub(crate) const HEADER_LEN: usize = 100;
pub(crate) const BLOCK_HEADER_LEN: usize = 32;
pub(crate) const TRAILER_LEN: usize = 48;
pub(crate) const PAIR_HEADER_LEN: usize = 8;
pub(crate) const PAYLOAD_MAX: usize = PAIR_HEADER_LEN + KEY_MAX + VALUE_MAX;
pub(crate) const FLAG_REQUIRED: u16 = 1;

/// What is wrong with bytes that do not decode. The caller adds the path and the offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FormatError {
    Magic,
    Version(u16),
    Reason(&'static str),
}

/// The fields of a block's header that are not implied by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockHeader {
    pub(crate) section: u16,
    pub(crate) flags: u16,
    pub(crate) payload_len: u32,
    pub(crate) pairs: u32,
    pub(crate) number: u64,
    pub(crate) payload_crc: u32,
}

/// The counts that close a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trailer {
    pub(crate) sections: u32,
    pub(crate) blocks: u64,
    pub(crate) pairs: u64,
    pub(crate) bytes: u64,
    pub(crate) file_len: u64,
    pub(crate) chain: u32,
}

/// The checksum of `bytes`, seeded by `seed`.
pub(crate) fn checksum(seed: u32, bytes: &[u8]) -> u32 {
    let mut hasher = Hasher::new_with_initial(seed);
    hasher.update(bytes);
    hasher.finalize()
}

/// The header of a file, and the first chain value.
pub(crate) fn encode_header(meta: &Meta) -> ([u8; HEADER_LEN], u32) {
    let mut out = [0; HEADER_LEN];
    let hash = meta.hash.as_bytes();
    out[..8].copy_from_slice(&MAGIC);
    out[8..10].copy_from_slice(&VERSION.to_le_bytes());
    out[10..12].copy_from_slice(&(HEADER_LEN as u16).to_le_bytes());
    out[12..16].copy_from_slice(&(hash.len() as u32).to_le_bytes());
    let numbers = [
        meta.id,
        meta.cluster,
        meta.member,
        meta.revision,
        meta.term,
        meta.index,
    ];
    for (place, number) in out[16..64].chunks_exact_mut(8).zip(numbers) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    out[64..64 + hash.len()].copy_from_slice(hash);
    let chain = checksum(0, &out[..96]);
    out[96..].copy_from_slice(&chain.to_le_bytes());
    (out, chain)
}

/// What [`encode_header`] wrote, and the first chain value.
pub(crate) fn decode_header(bytes: &[u8; HEADER_LEN]) -> Result<(Meta, u32), FormatError> {
    if bytes[..8] != MAGIC {
        return Err(FormatError::Magic);
    }
    // The version comes before the checksum: a later format may keep it elsewhere.
    let version = u16_at(bytes, 8);
    if version == 0 || version > VERSION {
        return Err(FormatError::Version(version));
    }
    let chain = checksum(0, &bytes[..96]);
    if u32_at(bytes, 96) != chain {
        return Err(FormatError::Reason(
            "the header does not match its checksum",
        ));
    }
    let hash_len = u32_at(bytes, 12) as usize;
    if usize::from(u16_at(bytes, 10)) != HEADER_LEN || hash_len > HASH_MAX {
        return Err(FormatError::Reason("the header names an impossible length"));
    }
    let Some(hash) = crate::meta::Hash::new(&bytes[64..64 + hash_len]) else {
        return Err(FormatError::Reason("the header names an impossible length"));
    };
    let meta = Meta {
        id: u64_at(bytes, 16),
        cluster: u64_at(bytes, 24),
        member: u64_at(bytes, 32),
        revision: u64_at(bytes, 40),
        term: u64_at(bytes, 48),
        index: u64_at(bytes, 56),
        hash,
    };
    Ok((meta, chain))
}

/// A block's header behind `chain`, and the chain value after it.
pub(crate) fn encode_block_header(
    chain: u32,
    header: &BlockHeader,
) -> ([u8; BLOCK_HEADER_LEN], u32) {
    let mut out = [0; BLOCK_HEADER_LEN];
    out[..4].copy_from_slice(&BLOCK_MAGIC);
    out[4..6].copy_from_slice(&header.section.to_le_bytes());
    out[6..8].copy_from_slice(&header.flags.to_le_bytes());
    out[8..12].copy_from_slice(&header.payload_len.to_le_bytes());
    out[12..16].copy_from_slice(&header.pairs.to_le_bytes());
    out[16..24].copy_from_slice(&header.number.to_le_bytes());
    out[24..28].copy_from_slice(&header.payload_crc.to_le_bytes());
    let after = checksum(chain, &out[..28]);
    out[28..].copy_from_slice(&after.to_le_bytes());
    (out, after)
}

/// What [`encode_block_header`] wrote behind the same `chain`, and the chain value after it.
pub(crate) fn decode_block_header(
    chain: u32,
    bytes: &[u8; BLOCK_HEADER_LEN],
) -> Result<(BlockHeader, u32), FormatError> {
    if bytes[..4] != BLOCK_MAGIC {
        return Err(FormatError::Reason(
            "neither a block nor the trailer begins here",
        ));
    }
    let after = checksum(chain, &bytes[..28]);
    if u32_at(bytes, 28) != after {
        return Err(FormatError::Reason(
            "the block's header does not match its checksum",
        ));
    }
    let header = BlockHeader {
        section: u16_at(bytes, 4),
        flags: u16_at(bytes, 6),
        payload_len: u32_at(bytes, 8),
        pairs: u32_at(bytes, 12),
        number: u64_at(bytes, 16),
        payload_crc: u32_at(bytes, 24),
    };
    if header.flags & !FLAG_REQUIRED != 0 {
        return Err(FormatError::Reason(
            "the block carries a flag that this version does not know",
        ));
    }
    if header.payload_len as usize > PAYLOAD_MAX {
        return Err(FormatError::Reason(
            "the block is longer than any block may be",
        ));
    }
    Ok((header, after))
}

/// The trailer.
pub(crate) fn encode_trailer(trailer: &Trailer) -> [u8; TRAILER_LEN] {
    let mut out = [0; TRAILER_LEN];
    out[..4].copy_from_slice(&TRAILER_MAGIC);
    out[4..8].copy_from_slice(&trailer.sections.to_le_bytes());
    let numbers = [
        trailer.blocks,
        trailer.pairs,
        trailer.bytes,
        trailer.file_len,
    ];
    for (place, number) in out[8..40].chunks_exact_mut(8).zip(numbers) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    out[40..44].copy_from_slice(&trailer.chain.to_le_bytes());
    let crc = checksum(trailer.chain, &out[..44]);
    out[44..].copy_from_slice(&crc.to_le_bytes());
    out
}

/// What [`encode_trailer`] wrote; `chain` is the chain value after the last block.
pub(crate) fn decode_trailer(
    chain: u32,
    bytes: &[u8; TRAILER_LEN],
) -> Result<Trailer, FormatError> {
    if bytes[..4] != TRAILER_MAGIC || u32_at(bytes, 44) != checksum(chain, &bytes[..44]) {
        return Err(FormatError::Reason(
            "the trailer does not match its checksum",
        ));
    }
    Ok(Trailer {
        sections: u32_at(bytes, 4),
        blocks: u64_at(bytes, 8),
        pairs: u64_at(bytes, 16),
        bytes: u64_at(bytes, 24),
        file_len: u64_at(bytes, 32),
        chain: u32_at(bytes, 40),
    })
}

/// Appends one pair to a payload. The caller has checked both lengths.
pub(crate) fn encode_pair(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    out.extend_from_slice(&(key.len() as u32).to_le_bytes());
    out.extend_from_slice(&(value.len() as u32).to_le_bytes());
    out.extend_from_slice(key);
    out.extend_from_slice(value);
}

/// The first pair of `payload`, and what follows it; `None` when the lengths point outside.
pub(crate) fn decode_pair(payload: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (lengths, rest) = payload.split_first_chunk::<PAIR_HEADER_LEN>()?;
    let key_len = u32_at(lengths, 0) as usize;
    let value_len = u32_at(lengths, 4) as usize;
    if key_len > KEY_MAX || value_len > VALUE_MAX {
        return None;
    }
    let (key, rest) = rest.split_at_checked(key_len)?;
    let (value, rest) = rest.split_at_checked(value_len)?;
    Some((key, value, rest))
}

/// Whether `payload` is exactly `pairs` pairs.
pub(crate) fn holds_pairs(mut payload: &[u8], pairs: u32) -> bool {
    for _ in 0..pairs {
        match decode_pair(payload) {
            Some((_, _, rest)) => payload = rest,
            None => return false,
        }
    }
    payload.is_empty()
}

fn u16_at<const N: usize>(bytes: &[u8; N], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at<const N: usize>(bytes: &[u8; N], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at<const N: usize>(bytes: &[u8; N], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
