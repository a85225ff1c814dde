//! The records of a MANIFEST, one after the other, each with its checksum verified; and the search
//! for a record behind a bad one. One block is in memory at a time.
//!
//! The file is a sequence of blocks of 32 KiB. No record crosses a block's end; where less than a
//! header fits, the rest of the block is filling.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | CRC-32C of type and payload, rotated right by 15 bits, plus `a282ead8` |
//! | 2 | length of the payload |
//! | 1 | type: 1 whole, 2 first, 3 middle, 4 last part |
//! | … | payload |
//!
//! Type 0 with length 0 is what a file system shows where nothing was written. RocksDB knows more
//! types, all for its write-ahead log: 5 to 8 and 11 (recycled files, headers of 11 bytes), 9
//! (compression), 10, 130 and 131. It writes none of them to a MANIFEST, whose writer is made
//! without recycling and compression; a reader of RocksDB that meets a recycled type behind others
//! does not move on and never ends. Here they are damage.

use std::io;
use std::ops::Range;

use super::counted_file::CountedFile;

pub(super) const BLOCK: usize = 32 << 10;
pub(super) const HEADER: usize = 7;
/// Types with which RocksDB's reader stands still or takes the record for an older file's.
const RECYCLED: [u8; 6] = [5, 6, 7, 8, 11, 131];

/// What is wrong with a record's frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// The file ends within the header.
    Header,
    /// The record reaches beyond its block, or beyond the end of the file.
    Length {
        /// What its header says.
        length: u16,
    },
    /// Type or payload are not what was written.
    Checksum,
    /// Zeros where a record should begin.
    Zeros,
}

/// What stands at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame {
    /// A record with a valid checksum; its payload is [`Framing::payload`].
    Record { offset: u64, kind: u8 },
    /// No record.
    Bad { offset: u64, flaw: Flaw },
    /// The file ends where a record ended.
    End,
}

pub(super) struct Framing<'e> {
    source: CountedFile<'e>,
    /// The block in memory, shorter than a block only at the end of the file.
    block: Vec<u8>,
    /// Where it begins.
    start: u64,
    /// Where the next record begins.
    position: u64,
    payload: Range<usize>,
}

impl<'e> Framing<'e> {
    pub(super) fn new(source: CountedFile<'e>) -> io::Result<Self> {
        let mut framing = Self {
            source,
            block: Vec::new(),
            start: 0,
            position: 0,
            payload: 0..0,
        };
        framing.load(0)?;
        Ok(framing)
    }

    pub(super) fn payload(&self) -> &[u8] {
        &self.block[self.payload.clone()]
    }

    fn load(&mut self, start: u64) -> io::Result<()> {
        self.block.resize(BLOCK, 0);
        let filled = self.source.read(start, &mut self.block)?;
        self.block.truncate(filled);
        self.start = start;
        Ok(())
    }

    fn is_last_block(&self) -> bool {
        self.block.len() < BLOCK
    }

    /// Has the block of the position in memory, and says where in it the position is.
    fn within(&mut self) -> io::Result<usize> {
        let within = (self.position % BLOCK as u64) as usize;
        let start = self.position - within as u64;
        if self.start != start {
            self.load(start)?;
        }
        Ok(within)
    }

    /// Reads the next record. After anything but a record, it stays where it is.
    pub(super) fn advance(&mut self) -> io::Result<Frame> {
        let mut within = self.within()?;
        if within + HEADER > BLOCK {
            self.position = self.start + BLOCK as u64;
            within = self.within()?;
        }
        let offset = self.position;
        if within >= self.block.len() {
            return Ok(Frame::End);
        }
        match frame(&self.block[within..], &mut self.source.effort.bytes_summed) {
            Ok((kind, length)) => {
                self.payload = within + HEADER..within + HEADER + length;
                self.position = self.start + self.payload.end as u64;
                Ok(Frame::Record { offset, kind })
            }
            Err(flaw) => Ok(Frame::Bad { offset, flaw }),
        }
    }

    /// The first place behind the position at which a valid record begins, tried at every byte: the
    /// length of a bad record says nothing.
    ///
    /// What a user chose as a key stands in payloads and could be made to look like a record; a
    /// tail torn just there would be called damage. That errs on the side that loses nothing.
    pub(super) fn search(&mut self) -> io::Result<Option<u64>> {
        let mut within = self.within()? + 1;
        loop {
            while within + HEADER <= self.block.len() {
                let rest = &self.block[within..];
                if matches!(rest[6], 1..=4)
                    && frame(rest, &mut self.source.effort.bytes_summed).is_ok()
                {
                    return Ok(Some(self.start + within as u64));
                }
                within += 1;
            }
            if self.is_last_block() {
                return Ok(None);
            }
            self.load(self.start + BLOCK as u64)?;
            within = 0;
        }
    }

    /// Whether RocksDB takes the bad record at the position for the end of the file. Otherwise it
    /// refuses the file, or never stops reading it. `inside` says that a first part came before.
    pub(super) fn rocksdb_stops_here(&mut self, inside: bool) -> io::Result<bool> {
        let within = self.within()?;
        let rest = self.block.get(within..).unwrap_or_default();
        if rest.len() < HEADER {
            return Ok(true);
        }
        let length = usize::from(u16::from_le_bytes([rest[4], rest[5]]));
        if RECYCLED.contains(&rest[6]) {
            return Ok(false);
        }
        // It knows the last block by being short.
        if HEADER + length > rest.len() {
            return Ok(self.is_last_block());
        }
        // It skips what is zero, a block at a time, unless a record has begun.
        if inside || rest.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        while !self.is_last_block() {
            self.load(self.start + BLOCK as u64)?;
            if self.block.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Type and length of the record at the start of `rest`, which ends where the block ends.
fn frame(rest: &[u8], summed: &mut u64) -> Result<(u8, usize), Flaw> {
    let Some((header, payload)) = rest.split_at_checked(HEADER) else {
        return Err(Flaw::Header);
    };
    let stored = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
    let length = u16::from_le_bytes([header[4], header[5]]);
    let kind = header[6];
    if kind == 0 && length == 0 {
        return Err(Flaw::Zeros);
    }
    let end = usize::from(length);
    if end > payload.len() {
        return Err(Flaw::Length { length });
    }
    *summed += end as u64 + 1;
    if masked(crc32c::crc32c(&rest[6..HEADER + end])) != stored {
        return Err(Flaw::Checksum);
    }
    Ok((kind, end))
}

/// A checksum of bytes that hold checksums is weak; RocksDB stores it changed.
pub(super) fn masked(sum: u32) -> u32 {
    sum.rotate_right(15).wrapping_add(0xa282_ead8)
}
