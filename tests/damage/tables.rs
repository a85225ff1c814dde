//! Which tables the MANIFEST names: its edits read by a reader of our own, so that a table that must not vanish is told
//! from one that a kill left unnamed.
//!
//! An edit is a list of fields, each a tag and what belongs to it; numbers are varints (v), texts have their length
//! before them (t). Tags that are not listed and have bit 13 set are one text.
//!
//! | tag | fields |
//! |---|---|
//! | 1, 201 | t |
//! | 2, 3, 4, 9, 10, 200, 203, 300 | v |
//! | 5 | v t |
//! | 6 | v v: level and number of a table that goes |
//! | 7 | v v v t t: level, number, size, smallest and largest key of a new table |
//! | 100 | as 7, then v v |
//! | 103 | as 100, then pairs of v and t up to a v of 1 |
//! | 202 | – |

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::format::{RECORD_HEAD, manifest_records};
use super::image::Image;

/// The tables that an image's MANIFEST names; `None` if it cannot be read.
pub(crate) fn named(image: &Image) -> Option<BTreeSet<PathBuf>> {
    let current = &image.0.get(Path::new("store/CURRENT"))?.bytes;
    let name = String::from_utf8_lossy(current).trim_end().to_owned();
    let bytes = &image.0.get(&Path::new("store").join(name))?.bytes;
    let mut numbers = BTreeSet::new();
    for edit in edits(bytes) {
        let (mut gone, mut new) = (Vec::new(), Vec::new());
        let mut reader = Reader(&edit);
        while !reader.0.is_empty() {
            reader.field(&mut gone, &mut new)?;
        }
        // A table that only changes its level goes and comes in one edit.
        numbers.retain(|number| !gone.contains(number));
        numbers.extend(new);
    }
    let path = |number: &u64| PathBuf::from(format!("store/{number:06}.sst"));
    Some(numbers.iter().map(path).collect())
}

/// The edits, put together from the records they were cut into.
fn edits(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut edits, mut edit) = (Vec::new(), Vec::new());
    for at in manifest_records(bytes) {
        let length = usize::from(bytes[at + 4]) | usize::from(bytes[at + 5]) << 8;
        let payload = &bytes[at + RECORD_HEAD..];
        // The file's last zeros are not kept.
        let payload = &payload[..length.min(payload.len())];
        edit.extend_from_slice(payload);
        edit.resize(edit.len() + length - payload.len(), 0);
        let (whole, last) = (1, 4);
        if [whole, last].contains(&bytes[at + 6]) {
            edits.push(std::mem::take(&mut edit));
        }
    }
    edits
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn text(&mut self) -> Option<()> {
        let length = usize::try_from(self.number()?).ok()?;
        self.0 = self.0.get(length..)?;
        Some(())
    }

    fn field(&mut self, gone: &mut Vec<u64>, new: &mut Vec<u64>) -> Option<()> {
        const IGNORABLE: u64 = 1 << 13;
        match self.number()? {
            1 | 201 => self.text()?,
            2 | 3 | 4 | 9 | 10 | 200 | 203 | 300 => {
                self.number()?;
            }
            5 => {
                self.number()?;
                self.text()?;
            }
            6 => {
                self.number()?;
                gone.push(self.number()?);
            }
            tag @ (7 | 100 | 103) => new.push(self.table(tag)?),
            202 => {}
            tag if tag & IGNORABLE != 0 => self.text()?,
            _ => return None,
        }
        Some(())
    }

    fn table(&mut self, tag: u64) -> Option<u64> {
        self.number()?;
        let table = self.number()?;
        self.number()?;
        self.text()?;
        self.text()?;
        if tag >= 100 {
            self.number()?;
            self.number()?;
        }
        while tag == 103 && self.number()? != 1 {
            self.text()?;
        }
        Some(table)
    }
}
