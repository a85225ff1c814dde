//! The field of a MANIFEST record that adds a table.
//!
//! | part | tag 7 | 100 | 102 | 103 |
//! |---|---|---|---|---|
//! | level (varint32), number (varint64) | x | x | x | x |
//! | number of the directory (varint32) | | | x | |
//! | size (varint64), smallest and largest internal key (strings) | x | x | x | x |
//! | smallest and largest sequence number (varint64) | | x | x | x |
//! | custom fields, each tag (varint32) and string, up to tag 1 | | | | x |
//!
//! Custom fields: 2 wants compaction (1 byte), 3 oldest log (fixed64), 4 oldest blob file, 5 oldest
//! ancestor, 6 creation time (varint64), 7 and 8 checksum and its name, 9 temperature (1 byte), 10
//! and 11 timestamps, 12 unique id (16 bytes, two little-endian words), 13 epoch, 14 size of range
//! removals, 15 size of the tail (varint64), 16 whether timestamps are kept (1 byte), 17 data for
//! opening, 65 directory (1 byte, at most 3). Another with bit 6 ends the reading; others are
//! skipped. Version 11.8 writes tag 103 alone.
//!
//! An internal key is the user's key and eight bytes: sequence number (7 bytes, the higher ones)
//! and kind.

use super::bytes::{Bytes, Undecodable};

/// A table that a record adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewTable {
    pub(super) level: u32,
    pub(super) number: u64,
    pub(super) bytes: u64,
    pub(super) smallest: Vec<u8>,
    pub(super) largest: Vec<u8>,
    pub(super) unique_id: Option<[u64; 2]>,
}

/// Kinds of rows that a table's bounds may have; the last one is only ever a bound.
const KINDS: [u8; 10] = [0x00, 0x01, 0x02, 0x07, 0x0f, 0x11, 0x14, 0x16, 0x18, 0x1a];
const KIND_BYTES: usize = 8;
/// The upper two bits of a table's number are no part of it: they choose a directory.
const NUMBER_BITS: u64 = 0x3fff_ffff_ffff_ffff;

/// The user's part of an internal key that is valid.
pub(super) fn internal_key<'a>(input: &mut Bytes<'a>) -> Option<&'a [u8]> {
    let key = input.string()?;
    let (user, tail) = key.split_at_checked(key.len().checked_sub(KIND_BYTES)?)?;
    KINDS.contains(&tail[0]).then_some(user)
}

pub(super) fn decode(tag: u32, input: &mut Bytes<'_>) -> Result<NewTable, Undecodable> {
    let mut table = fixed_part(tag, input).ok_or("the description of a new table")?;
    if tag == 103 {
        loop {
            let field = input.varint32().ok_or("the tag of a table's field")?;
            if field == 1 {
                break;
            }
            let content = input.string().ok_or("a field of a table")?;
            custom_field(field, content, &mut table)?;
        }
    }
    Ok(table)
}

fn fixed_part(tag: u32, input: &mut Bytes<'_>) -> Option<NewTable> {
    let level = input.varint32()?;
    let number = input.varint64()? & NUMBER_BITS;
    if tag == 102 {
        input.varint32()?;
    }
    let bytes = input.varint64()?;
    let smallest = internal_key(input)?.to_vec();
    let largest = internal_key(input)?.to_vec();
    if tag != 7 {
        input.varint64()?;
        input.varint64()?;
    }
    Some(NewTable {
        level,
        number,
        bytes,
        smallest,
        largest,
        unique_id: None,
    })
}

fn custom_field(field: u32, content: &[u8], table: &mut NewTable) -> Result<(), Undecodable> {
    let mut input = Bytes(content);
    let whole = match field {
        2 | 9 | 16 => content.len() == 1,
        3 => input.fixed64().is_some(),
        4 | 5 | 6 | 13 | 14 | 15 => input.varint64().is_some(),
        12 => {
            let words = input.fixed64().zip(input.fixed64());
            // All zeros say that there is none.
            table.unique_id = words.map(|(a, b)| [a, b]).filter(|id| *id != [0, 0]);
            content.len() == 16
        }
        65 => matches!(content, [0..=3]),
        7 | 8 | 10 | 11 | 17 => true,
        _ if field & (1 << 6) != 0 => return Err("a field of a table that must be understood"),
        _ => true,
    };
    if whole {
        Ok(())
    } else {
        Err("the content of a table's field")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"\x09k\x01\0\0\0\0\0\0\0";

    fn described(fields: &[u8]) -> Result<NewTable, Undecodable> {
        let record = [b"\x06\x0c\x64", KEY, KEY, b"\x01\x02", fields].concat();
        decode(103, &mut Bytes(&record))
    }

    #[test]
    fn the_fields_of_a_table() {
        let id = b"\x0c\x10\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x05\x01\x07\x32\x02xx\x01";
        let table = described(id).expect("decodes");
        let whole = NewTable {
            level: 6,
            number: 12,
            bytes: 100,
            smallest: b"k".to_vec(),
            largest: b"k".to_vec(),
            unique_id: Some([1, 2]),
        };
        assert_eq!(table, whole);
        for end in 0..id.len() {
            assert!(described(&id[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn fields_that_cannot_be() {
        for fields in [
            &b"\x0c\x0f\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\x01"[..],
            b"\x41\x01\x04\x01",
            b"\x42\x01\x00\x01",
            b"\x02\x02\x01\x01\x01",
            b"\x06\x01\x80\x01",
            b"\x03\x07\0\0\0\0\0\0\0\x01",
        ] {
            assert!(described(fields).is_err(), "{fields:?}");
        }
    }

    #[test]
    fn older_descriptions_are_read() {
        for (tag, numbers, sequences) in [
            (7, &b"\x00\x0c\x64"[..], &b""[..]),
            (100, b"\x00\x0c\x64", b"\x01\x02"),
            (102, b"\x00\x0c\x00\x64", b"\x01\x02"),
        ] {
            let record = [numbers, KEY, KEY, sequences].concat();
            let table = decode(tag, &mut Bytes(&record)).expect("decodes");
            assert_eq!((table.number, table.bytes), (12, 100));
        }
        let bad = b"\x09k\x03\0\0\0\0\0\0\0";
        assert_eq!(
            internal_key(&mut Bytes(bad)),
            None,
            "a kind of the log alone"
        );
        assert_eq!(internal_key(&mut Bytes(b"\x07short\0\0")), None);
    }
}
