//! Whole records of a MANIFEST, and where it ends: cleanly, torn, or in damage.
//!
//! | found | judged |
//! |---|---|
//! | the file ends behind a record, or inside filling | end |
//! | a first part, and the file ends before the last one | torn from the first part on |
//! | a bad record, and no valid record begins anywhere behind it | torn from it, or from its first part, on |
//! | a bad record, and a valid one behind it | damage |
//! | parts out of order, or an unknown type, under a valid checksum | damage |
//!
//! RocksDB syncs a record before anything relies on it, so a torn end was never relied on. Zeros
//! are judged like other bad records: RocksDB reserves space for a MANIFEST, but without changing
//! its length, so they only stand where a file system kept a length and lost the content.

use std::path::{Path, PathBuf};

use super::counted_file::CountedFile;
use super::ending::{Ending, unreadable};
use super::fault::{Fault, Reason};
use super::framing::{Flaw, Frame, Framing};
use super::inventory::Torn;

/// More than any MANIFEST needs: a record describes the tables of one column family in some hundred
/// bytes each.
const RECORD_MAX: usize = 256 << 20;

const WHOLE: u8 = 1;
const FIRST: u8 = 2;
const MIDDLE: u8 = 3;
const LAST: u8 = 4;

pub(super) enum ManifestItem<'a> {
    /// A record, and where it begins.
    Record { offset: u64, content: &'a [u8] },
    /// Nothing more. Torn if bytes are left over.
    End(Option<Torn>),
}

pub(super) struct Records<'e> {
    framing: Framing<'e>,
    path: PathBuf,
    size: u64,
    /// The parts read so far.
    parts: Vec<u8>,
    parts_max: usize,
}

impl<'e> Records<'e> {
    pub(super) fn new(path: &Path, size: u64, source: CountedFile<'e>) -> Result<Self, Ending> {
        Ok(Self {
            framing: Framing::new(source).map_err(unreadable("read", path))?,
            path: path.to_owned(),
            size,
            parts: Vec::new(),
            parts_max: RECORD_MAX,
        })
    }

    /// Damage at this offset.
    pub(super) fn fault(&self, offset: u64, reason: Reason) -> Ending {
        Ending::Fault(Fault {
            path: self.path.clone(),
            offset: Some(offset),
            table: None,
            reason,
        })
    }

    fn disorder(&self, offset: u64, what: &str) -> Ending {
        self.fault(offset, Reason::Meaning(what.to_owned()))
    }

    /// The next record. Each call moves on by at least a header, or is the last one.
    pub(super) fn advance(&mut self) -> Result<ManifestItem<'_>, Ending> {
        // Where the record begins whose parts are being read.
        let mut first = None;
        loop {
            let frame = self
                .framing
                .advance()
                .map_err(unreadable("read", &self.path))?;
            let (offset, kind) = match frame {
                Frame::Record { offset, kind } => (offset, kind),
                Frame::End => {
                    let torn = first.map(|offset| self.torn(offset, true));
                    return Ok(ManifestItem::End(torn));
                }
                Frame::Bad { offset, flaw } => return self.end_in(offset, flaw, first),
            };
            match (kind, first) {
                // Old writers left empty first parts behind.
                (WHOLE | FIRST, Some(begun)) if !self.parts.is_empty() => {
                    return Err(self.disorder(begun, "its last part is missing"));
                }
                (WHOLE, _) => {
                    return Ok(ManifestItem::Record {
                        offset,
                        content: self.framing.payload(),
                    });
                }
                (FIRST, _) => {
                    first = Some(offset);
                    self.parts.clear();
                    self.parts.extend_from_slice(self.framing.payload());
                }
                (MIDDLE | LAST, None) => {
                    return Err(self.disorder(offset, "its first part is missing"));
                }
                (MIDDLE | LAST, Some(begun)) => {
                    if self.parts.len() + self.framing.payload().len() > self.parts_max {
                        return Err(self.disorder(begun, "it is too long"));
                    }
                    self.parts.extend_from_slice(self.framing.payload());
                    if kind == LAST {
                        return Ok(ManifestItem::Record {
                            offset: begun,
                            content: &self.parts,
                        });
                    }
                }
                (other, _) => {
                    let what = format!("a MANIFEST has no records of type {other}");
                    return Err(self.disorder(offset, &what));
                }
            }
        }
    }

    fn torn(&self, offset: u64, rocksdb_drops: bool) -> Torn {
        Torn {
            offset,
            bytes: self.size.saturating_sub(offset),
            rocksdb_drops,
        }
    }

    /// Decides between a torn end and damage.
    fn end_in(
        &mut self,
        offset: u64,
        flaw: Flaw,
        first: Option<u64>,
    ) -> Result<ManifestItem<'_>, Ending> {
        let failed = unreadable("read", &self.path);
        let drops = self
            .framing
            .rocksdb_stops_here(first.is_some())
            .map_err(&failed)?;
        match self.framing.search().map_err(&failed)? {
            Some(next) => Err(self.fault(offset, Reason::Record { flaw, next })),
            None => Ok(ManifestItem::End(Some(
                self.torn(first.unwrap_or(offset), drops),
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::counted_file::Effort;
    use super::super::framing::{BLOCK, HEADER, masked};
    use super::*;

    fn framed(kind: u8, payload: &[u8]) -> Vec<u8> {
        let sum = masked(crc32c::crc32c(&[&[kind], payload].concat()));
        let length = (payload.len() as u16).to_le_bytes();
        [&sum.to_le_bytes()[..], &length, &[kind], payload].concat()
    }

    type End = Result<Option<Torn>, Reason>;

    /// Every record's offset and content, and how it ends.
    fn read(bytes: &[u8], parts_max: usize) -> (Vec<(u64, Vec<u8>)>, End) {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("MANIFEST-000001");
        std::fs::write(&path, bytes).expect("writes");
        let mut effort = Effort::default();
        let source = CountedFile::open(&path, &mut effort).expect("opens");
        let mut records = Records::new(&path, bytes.len() as u64, source).expect("readable");
        records.parts_max = parts_max;
        let mut found = Vec::new();
        loop {
            match records.advance() {
                Ok(ManifestItem::Record {
                    offset, content, ..
                }) => found.push((offset, content.to_vec())),
                Ok(ManifestItem::End(torn)) => return (found, Ok(torn)),
                Err(Ending::Fault(fault)) => return (found, Err(fault.reason)),
                Err(Ending::Error(error)) => panic!("{error}"),
            }
        }
    }

    /// A record that leaves `room` bytes in the first block.
    fn up_to(room: usize) -> Vec<u8> {
        framed(WHOLE, &vec![7; BLOCK - HEADER - room])
    }

    #[test]
    fn records_go_on_in_the_next_block() {
        // A first part without payload, and filling that nobody reads.
        for (room, parts) in [
            (7, vec![framed(FIRST, b""), framed(LAST, b"abc")]),
            (9, vec![framed(FIRST, b"ab"), framed(LAST, b"c")]),
            (6, vec![b"garbag".to_vec(), framed(WHOLE, b"abc")]),
            (0, vec![framed(WHOLE, b"abc")]),
        ] {
            let bytes = [up_to(room), parts.concat()].concat();
            let (found, end) = read(&bytes, RECORD_MAX);
            assert_eq!(found.len(), 2, "{room}");
            assert_eq!(found[1].1, b"abc", "{room}");
            assert_eq!(end, Ok(None), "{room}");
        }
    }

    #[test]
    fn a_part_that_lacks_others_is_damage_in_the_middle_and_torn_at_the_end() {
        let whole = framed(WHOLE, b"x");
        let first = framed(FIRST, b"abc");
        let meaning = |what: &str| Err(Reason::Meaning(what.to_owned()));
        let torn = |offset, bytes| {
            Ok(Some(Torn {
                offset,
                bytes,
                rocksdb_drops: true,
            }))
        };
        let end_of = |parts: &[&Vec<u8>]| {
            let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
            read(&bytes, RECORD_MAX).1
        };
        assert_eq!(end_of(&[&whole, &first]), torn(8, 10));
        assert_eq!(
            end_of(&[&whole, &first, &framed(MIDDLE, b"d")]),
            torn(8, 18)
        );
        assert_eq!(
            end_of(&[&whole, &first, &whole]),
            meaning("its last part is missing")
        );
        for kind in [MIDDLE, LAST] {
            let part = framed(kind, b"d");
            assert_eq!(
                end_of(&[&whole, &part]),
                meaning("its first part is missing")
            );
        }
        assert_eq!(end_of(&[&framed(FIRST, b""), &whole]), Ok(None));
    }

    #[test]
    fn types_that_a_manifest_does_not_have_are_damage_even_at_the_end() {
        for kind in [0, 5, 8, 9, 10, 11, 12, 130, 131, 132, 255] {
            let bytes = [framed(WHOLE, b"x"), framed(kind, b"recycled")].concat();
            let (found, end) = read(&bytes, RECORD_MAX);
            assert_eq!(found.len(), 1);
            let what = format!("a MANIFEST has no records of type {kind}");
            assert_eq!(end, Err(Reason::Meaning(what)));
        }
    }

    #[test]
    fn zeros_are_torn_only_up_to_the_end() {
        let whole = framed(WHOLE, b"x");
        for zeros in [1, 6, 7, 100, BLOCK, 3 * BLOCK - 8, 3 * BLOCK] {
            let bytes = [&whole[..], &vec![0; zeros]].concat();
            let torn = Torn {
                offset: 8,
                bytes: zeros as u64,
                rocksdb_drops: true,
            };
            assert_eq!(read(&bytes, RECORD_MAX).1, Ok(Some(torn)), "{zeros}");
            let bytes = [&bytes[..], &whole].concat();
            let damage = Reason::Record {
                flaw: Flaw::Zeros,
                next: 8 + zeros as u64,
            };
            // Less than a header of zeros is taken for the start of one.
            let found = read(&bytes, RECORD_MAX).1;
            assert!(found == Err(damage) || zeros < HEADER, "{zeros}: {found:?}");
            assert!(found.is_err(), "{zeros}");
        }
        let begun = [framed(FIRST, b"abc"), vec![0; 50]].concat();
        let torn = Torn {
            offset: 0,
            bytes: 60,
            rocksdb_drops: false,
        };
        assert_eq!(read(&begun, RECORD_MAX).1, Ok(Some(torn)));
    }

    #[test]
    fn a_chain_of_parts_cannot_fill_the_memory() {
        let part = vec![7; 1000];
        let mut bytes = framed(FIRST, &part);
        for _ in 0..9 {
            bytes.extend(framed(MIDDLE, &part));
        }
        bytes.extend(framed(LAST, &part));
        assert_eq!(read(&bytes, 11_000).1, Ok(None));
        let too_long = Reason::Meaning("it is too long".to_owned());
        assert_eq!(read(&bytes, 10_999).1, Err(too_long));
    }

    #[test]
    fn random_bytes_end_in_bounded_work() {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .take(5 * BLOCK / 2)
        .collect();
        let (found, end) = read(&bytes, RECORD_MAX);
        assert!(found.is_empty());
        assert!(matches!(end, Ok(Some(Torn { offset: 0, .. }))), "{end:?}");
    }
}
