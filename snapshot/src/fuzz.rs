//! The decoder of a whole file, and those of its parts, under mutated bytes whose checksums were put right.

use std::io::Read;

use fuzz::Campaign;

use crate::format::{self, BLOCK_HEADER_LEN, BLOCK_MAGIC, HEADER_LEN, TRAILER_LEN, TRAILER_MAGIC};
use crate::{Error, FileReader, FileWriter, Meta, Section};

/// Every section, several blocks of some, one without pairs, and one that only a later version knows.
fn file(block: usize) -> Vec<u8> {
    let build = || -> Result<Vec<u8>, Error> {
        let mut writer =
            FileWriter::new(Vec::new(), "fuzz", Meta::default())?.with_block_bytes(block);
        for section in [Section::Meta, Section::Tree, Section::Auth] {
            writer.begin(section)?;
            for key in [&b""[..], b"key", b"/a/longer/key"] {
                writer.put(key, &key.repeat(3))?;
            }
        }
        writer.begin_id(77, false)?;
        writer.put(b"later", b"meaning")?;
        writer.begin(Section::History)?;
        Ok(writer.finish()?.0)
    };
    build().expect("memory takes every write")
}

fn number(bytes: &[u8], at: usize) -> usize {
    let field = bytes
        .get(at..at + 4)
        .and_then(|field| field.try_into().ok());
    field.map_or(0, |field| u32::from_le_bytes(field) as usize)
}

fn put(bytes: &mut [u8], at: usize, sum: u32) {
    if let Some(field) = bytes.get_mut(at..at + 4) {
        field.copy_from_slice(&sum.to_le_bytes());
    }
}

/// Puts every checksum right that can be found by following the lengths.
#[allow(clippy::ptr_arg)] // what a campaign mends may also change its length
fn mend(bytes: &mut Vec<u8>) {
    if bytes.len() < HEADER_LEN {
        return;
    }
    let mut chain = format::checksum(0, &bytes[..96]);
    put(bytes, 96, chain);
    let mut at = HEADER_LEN;
    while bytes.get(at..at + 4) == Some(&BLOCK_MAGIC) && bytes.len() >= at + BLOCK_HEADER_LEN {
        let end = at + BLOCK_HEADER_LEN + number(bytes, at + 8);
        if let Some(payload) = bytes.get(at + BLOCK_HEADER_LEN..end) {
            let sum = format::checksum(chain, payload);
            put(bytes, at + 24, sum);
        }
        chain = format::checksum(chain, &bytes[at..at + 28]);
        put(bytes, at + 28, chain);
        at = end.min(bytes.len());
    }
    if bytes.get(at..at + 4) == Some(&TRAILER_MAGIC) && bytes.len() >= at + TRAILER_LEN {
        let length = bytes.len() as u64;
        bytes[at + 32..at + 40].copy_from_slice(&length.to_le_bytes());
        put(bytes, at + 40, chain);
        let sum = format::checksum(chain, &bytes[at..at + 44]);
        put(bytes, at + 44, sum);
    }
}

/// Reads a file to its end; the pairs of all blocks.
fn pairs(bytes: impl Read) -> Result<usize, Error> {
    let mut reader = FileReader::new(bytes, "fuzz")?;
    let mut pairs = 0;
    while let Some(block) = reader.next_block()? {
        pairs += block.pairs().count();
    }
    Ok(pairs)
}

#[test]
fn whole_files() {
    Campaign::new("snapshot file")
        .corpus([file(64), file(16 << 10)])
        .words(&[&format::MAGIC, &BLOCK_MAGIC, &TRAILER_MAGIC])
        .mend(mend)
        // One block, whose length is believed up to the longest that a pair needs.
        .memory((format::PAYLOAD_MAX + (64 << 10)) as u64, 8)
        .run(|bytes| {
            let read = pairs(bytes);
            let verified = FileReader::new(bytes, "fuzz").and_then(FileReader::verify);
            assert_eq!(read.is_ok(), verified.is_ok(), "{read:?} {verified:?}");
            verified.is_ok()
        });
}

#[test]
fn parts_of_a_file() {
    let whole = file(64);
    let mut part = vec![0; BLOCK_HEADER_LEN];
    part.copy_from_slice(&whole[HEADER_LEN..HEADER_LEN + BLOCK_HEADER_LEN]);
    Campaign::new("snapshot parts")
        .corpus([whole, part])
        .mend(mend)
        .memory(4 << 10, 4)
        .run(|bytes| {
            if let Some((head, _)) = bytes.split_first_chunk()
                && let Ok((meta, _)) = format::decode_header(head)
            {
                // The filling behind the hash is not looked at, so bytes may differ there.
                let again = format::decode_header(&format::encode_header(&meta).0);
                assert_eq!(again.map(|(meta, _)| meta), Ok(meta));
            }
            if let Some((head, _)) = bytes.split_first_chunk() {
                let chain = format::checksum(0, &[]);
                if let Ok((header, _)) = format::decode_block_header(chain, head) {
                    assert_eq!(&format::encode_block_header(chain, &header).0, head);
                }
            }
            if let Some((_, tail)) = bytes.split_last_chunk() {
                let chain = number(tail, 40) as u32;
                if let Ok(trailer) = format::decode_trailer(chain, tail) {
                    assert_eq!(&format::encode_trailer(&trailer), tail);
                }
            }
            let mut rest = bytes;
            while let Some((key, value, after)) = format::decode_pair(rest) {
                assert_eq!(key.len() + value.len() + after.len() + 8, rest.len());
                rest = after;
            }
            true
        });
}
