//! One record of a MANIFEST: a change of the set of live tables.
//!
//! It is a sequence of fields, each a tag (varint) and what the tag says. An unknown tag with bit
//! 13 is followed by a length and can be skipped; any other unknown tag ends the reading. What a
//! field says is kept only where it decides which tables live; all fields are read through.
//!
//! | tag | field | content |
//! |---|---|---|
//! | 1 | comparator | string |
//! | 2, 3, 9, 10 | log number, next file number, previous log number, oldest log to keep | varint64 |
//! | 4 | last sequence number | varint64 |
//! | 5 | compaction cursor | level (varint32), internal key |
//! | 6 | removed table | level (varint32), number (varint64) |
//! | 7, 100, 102, 103 | new table | see `new_table` |
//! | 200 | column family of this record (0 if absent) | varint32 |
//! | 201 | this record adds the column family | string |
//! | 202 | this record drops the column family | – |
//! | 203 | largest column family number | varint32 |
//! | 300 | member of an atomic group | records that follow in it (varint32) |
//! | 400, 8194 | new blob file | three varint64, two strings, custom fields |
//! | 401, 8195 | garbage in a blob file | three varint64, custom fields |
//! | 8193 | identity of the database | string |
//! | 8196 | new log | varint64, then tags: 2 size (varint64), 1 end |
//! | 8197 | removed logs | varint64 |
//! | 8198 | lower bound of timestamps | string, not empty |
//! | 8199, 8200 | 8196, 8197 with a length before them | string |
//! | 8201 | whether timestamps are kept | string of one byte |
//! | 8202 | progress of a compaction (never in a MANIFEST) | string |
//! | 8203 | size of the MANIFEST so far: ends the description that it begins with | string with a varint64 |

use super::bytes::{Bytes, Undecodable};
use super::new_table::{self, NewTable, internal_key};

const IGNORABLE: u32 = 1 << 13;

/// What of a record decides about tables.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) family: u32,
    pub(super) comparator: Option<Vec<u8>>,
    pub(super) log_number: bool,
    pub(super) next_file: bool,
    pub(super) last_sequence: Option<u64>,
    pub(super) adds_family: Option<Vec<u8>>,
    pub(super) drops_family: bool,
    /// It is about the write-ahead log, and RocksDB reads nothing else of it.
    pub(super) about_log: bool,
    /// Level and number.
    pub(super) removed: Vec<(u32, u64)>,
    pub(super) added: Vec<NewTable>,
    /// All that was live when the MANIFEST was begun stands before it.
    pub(super) ends_description: bool,
    /// How many records follow in its atomic group, if it belongs to one.
    pub(super) group: Option<u32>,
}

impl Edit {
    pub(super) fn decode(record: &[u8]) -> Result<Self, Undecodable> {
        let mut edit = Self::default();
        let mut input = Bytes(record);
        while !input.is_empty() {
            let tag = input.varint32().ok_or("its tag")?;
            edit.field(tag, &mut input)?;
        }
        Ok(edit)
    }

    fn field(&mut self, tag: u32, input: &mut Bytes<'_>) -> Result<(), Undecodable> {
        match tag {
            1 => self.comparator = Some(input.string().ok_or("the comparator")?.to_vec()),
            2 => {
                input.varint64().ok_or("the log number")?;
                self.log_number = true;
            }
            3 => {
                input.varint64().ok_or("the next file number")?;
                self.next_file = true;
            }
            4 => self.last_sequence = Some(input.varint64().ok_or("the last sequence number")?),
            5 => {
                input.varint32().ok_or("the level of a cursor")?;
                internal_key(input).ok_or("the key of a cursor")?;
            }
            6 => {
                let level = input.varint32().ok_or("the level of a removed table")?;
                let number = input.varint64().ok_or("the number of a removed table")?;
                self.removed.push((level, number));
            }
            7 | 100 | 102 | 103 => self.added.push(new_table::decode(tag, input)?),
            200 => self.family = input.varint32().ok_or("the column family")?,
            201 => {
                let name = input.string().ok_or("the name of a column family")?;
                self.adds_family = Some(name.to_vec());
            }
            202 => self.drops_family = true,
            300 => self.group = Some(input.varint32().ok_or("the length of a group")?),
            _ => return self.unused_field(tag, input),
        }
        Ok(())
    }

    /// Fields that say nothing about tables, and yet have to be read through to find the next one.
    fn unused_field(&mut self, tag: u32, input: &mut Bytes<'_>) -> Result<(), Undecodable> {
        match tag {
            9 | 10 => {
                input.varint64().ok_or("a log number")?;
            }
            203 => {
                input.varint32().ok_or("the largest column family")?;
            }
            400 | 8194 => blob_file(input).ok_or("a blob file")?,
            401 | 8195 => blob_garbage(input).ok_or("the garbage of a blob file")?,
            8196 => {
                self.about_log = true;
                new_log(input).ok_or("a new log")?;
            }
            8197 => {
                self.about_log = true;
                input.varint64().ok_or("the removed logs")?;
            }
            8199 => {
                self.about_log = true;
                let mut inner = Bytes(input.string().ok_or("a new log")?);
                new_log(&mut inner).ok_or("a new log")?;
            }
            8200 => {
                self.about_log = true;
                let mut inner = Bytes(input.string().ok_or("the removed logs")?);
                inner.varint64().ok_or("the removed logs")?;
            }
            8198 => {
                let bound = input.string().filter(|bound| !bound.is_empty());
                bound.ok_or("the bound of timestamps")?;
            }
            8201 => {
                let kept = input.string().filter(|kept| kept.len() == 1);
                kept.ok_or("whether timestamps are kept")?;
            }
            8203 => {
                let mut inner = Bytes(input.string().ok_or("the size of the MANIFEST")?);
                inner.varint64().ok_or("the size of the MANIFEST")?;
                self.ends_description = true;
            }
            // 8193, 8202, and what a later release adds.
            _ if tag & IGNORABLE != 0 => {
                input.string().ok_or("a field that can be ignored")?;
            }
            _ => return Err("an unknown field"),
        }
        Ok(())
    }
}

fn new_log(input: &mut Bytes<'_>) -> Option<()> {
    input.varint64()?;
    loop {
        match input.varint32()? {
            1 => return Some(()),
            2 => input.varint64()?,
            _ => return None,
        };
    }
}

fn blob_file(input: &mut Bytes<'_>) -> Option<()> {
    for _ in 0..3 {
        input.varint64()?;
    }
    input.string()?;
    input.string()?;
    blob_fields(input)
}

fn blob_garbage(input: &mut Bytes<'_>) -> Option<()> {
    for _ in 0..3 {
        input.varint64()?;
    }
    blob_fields(input)
}

/// Tag and string each, up to tag 0. Bit 6 says that the field must be understood.
fn blob_fields(input: &mut Bytes<'_>) -> Option<()> {
    loop {
        match input.varint32()? {
            0 => return Some(()),
            tag if tag & (1 << 6) != 0 => return None,
            _ => input.string()?,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_later_release_are_skipped_only_if_they_may_be() {
        let edit = Edit::decode(b"\xff\x7f\x03abc\x04\x07").expect("decodes");
        assert_eq!(edit.last_sequence, Some(7), "tag 16383 has bit 13");
        assert_eq!(Edit::decode(b"\x0b\x01"), Err("an unknown field"));
        assert_eq!(Edit::decode(b"\x80"), Err("its tag"));
    }

    #[test]
    fn fields_that_say_nothing_about_tables_are_read_through() {
        let fields: [&[u8]; 14] = [
            b"\x09\x01",
            b"\x0a\x01",
            b"\xcb\x01\x04",
            b"\x90\x03\x01\x02\x03\x01m\x01v\x05\x01x\x00",
            b"\x83\x40\x01\x02\x03\x00",
            b"\x81\x40\x02id",
            b"\x84\x40\x05\x02\x09\x01",
            b"\x85\x40\x05",
            b"\x87\x40\x02\x05\x01",
            b"\x88\x40\x01\x05",
            b"\x86\x40\x01t",
            b"\x89\x40\x01\x01",
            b"\x8a\x40\x01\x01",
            b"\x8b\x40\x01\x09",
        ];
        for field in fields {
            let record = [field, b"\x04\x07"].concat();
            let edit = Edit::decode(&record).expect("decodes");
            assert_eq!(edit.last_sequence, Some(7), "{field:?}");
            for end in 1..field.len() {
                let cut = Edit::decode(&field[..end]);
                assert!(cut.is_err(), "{field:?} cut at {end}");
            }
        }
    }

    #[test]
    fn what_must_be_understood_is_an_error() {
        for record in [
            &b"\x90\x03\x01\x02\x03\x00\x00\x41\x01x\x00"[..],
            b"\x84\x40\x05\x03\x09\x01",
            b"\x86\x40\x00",
            b"\x89\x40\x02\x01\x01",
        ] {
            assert!(Edit::decode(record).is_err(), "{record:?}");
        }
    }
}
