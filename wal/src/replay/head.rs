//! One segment file as it is found. Guarantees that a segment is taken only when its header, its name and its
//! owner agree, and that a file without a readable header still says which entries it held, if it can.

use std::path::Path;

use crate::damage::{Defect, LogDamage, Lost, Proof};
use crate::directory::Named;
use crate::entry::{Identity, Place};
use crate::error::{Context, Error};
use crate::format::group::GroupHeader;
use crate::format::segment::{HEADER_BYTES, HeaderFault, SegmentHeader};
use crate::format::{FORMAT_VERSION, SECTOR};
use crate::fs::{File, Fs};
use crate::segment::Segment;

/// Where the files of a log lie, and whose it must be.
pub(crate) struct Loader<'a, F: Fs> {
    pub(crate) fs: &'a F,
    pub(crate) dir: &'a Path,
    pub(crate) expected: Option<Identity>,
}

/// A file that is broken or missing; those of a lower sequence may still be a log.
#[derive(Clone, Debug)]
pub(crate) struct BrokenSegment {
    pub(crate) damage: LogDamage,
    pub(crate) sequence: u64,
    pub(crate) first_lost: u64,
}

/// Why files are no log.
pub(crate) enum Unloadable {
    Broken(BrokenSegment),
    /// Anything else.
    Other(Error),
}

impl From<Error> for Unloadable {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl<F: Fs> Loader<'_, F> {
    /// Opens a segment for reading and checks its header; `last_index` is the last entry it must hold, if
    /// known.
    pub(super) fn read(&self, named: &Named, last_index: u64) -> Result<Segment<F>, Unloadable> {
        let path = named.path(self.dir);
        let file = self.fs.open_read(&path).context("open", &path)?;
        let mut sector = [0; HEADER_BYTES as usize];
        let filled = file.read_full_at(0, &mut sector).context("read", &path)?;
        let header = match SegmentHeader::decode(&sector[..filled]) {
            Ok(header) => header,
            Err(HeaderFault::NewerVersion(found)) => {
                let known = FORMAT_VERSION;
                return Err(Error::NewerVersion { path, found, known }.into());
            }
            Err(HeaderFault::Damaged) => {
                let seen = last_index_of_headless(&file, named.sequence).context("read", &path)?;
                return Err(self.headless(named, 0, last_index.max(seen)));
            }
        };
        let links_back = header.starts_log || header.previous.sequence < header.sequence;
        let named_so =
            header.sequence == named.sequence && header.base.index + 1 == named.first_index;
        if !links_back {
            return Err(self.broken(named, Defect::Name, 0, last_index));
        }
        if !named_so {
            let other = Defect::OtherSegment {
                sequence: header.sequence,
                first_index: header.base.index.saturating_add(1),
            };
            return Err(self.broken(named, other, 0, last_index));
        }
        let bytes = file.len().context("measure", &path)?;
        match self.expected {
            Some(expected) if expected != header.identity => Err(Error::Foreign {
                path,
                found: header.identity,
                expected,
            }
            .into()),
            _ => Ok(Segment::new(header, path, file, bytes)),
        }
    }

    /// A segment that cannot be used; `last_index` is the last entry it held, as far as is known.
    pub(super) fn broken(
        &self,
        named: &Named,
        reason: Defect,
        offset: u64,
        last_index: u64,
    ) -> Unloadable {
        let damage = LogDamage {
            file: named.path(self.dir),
            offset,
            lost: Lost::up_to(named.first_index, last_index),
            shown: None,
            proof: Proof::Naming,
            reason,
        };
        Unloadable::Broken(BrokenSegment {
            damage,
            sequence: named.sequence,
            first_lost: named.first_index,
        })
    }

    /// A segment whose header cannot be read.
    pub(super) fn headless(&self, named: &Named, offset: u64, last_index: u64) -> Unloadable {
        self.broken(named, Defect::SegmentHeader, offset, last_index)
    }
}

/// Last index that groups in a file without a readable header speak of, to name the range lost.
fn last_index_of_headless<F: File>(file: &F, sequence: u64) -> std::io::Result<u64> {
    let len = file.len()?;
    let (mut last, mut offset) = (0, HEADER_BYTES);
    let mut sector = [0; SECTOR as usize];
    while offset < len {
        let filled = file.read_full_at(offset, &mut sector)?;
        let place = Place { sequence, offset };
        if let Some((header, _)) = GroupHeader::decode_any_salt(&sector[..filled], place) {
            last = last.max(header.last_index());
        }
        offset += SECTOR;
    }
    Ok(last)
}
