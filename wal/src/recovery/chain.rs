//! Which files are the log. Guarantees a run of segments, each naming the one before it, that starts where
//! the log starts or was released, or an error that names the file.
//!
//! The newest segment is followed back by its `previous`. Files that this run does not touch are surplus:
//! older than the segment that starts the log, or replaced when an earlier open wrote them again. A file
//! that is older than one that is missing means damage, because segments are released oldest first.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::entry::{Identity, Place};
use crate::error::{Context, Damage, Error, Proof, Reason};
use crate::format::group::GroupHeader;
use crate::format::name::Name;
use crate::format::segment::{HEADER_BYTES, HeaderFault, SegmentHeader};
use crate::format::{FORMAT_VERSION, SECTOR};
use crate::fs::{File, Fs};
use crate::recovery::replay::last_index_of;
use crate::segment::Segment;

/// The files of a log.
pub(crate) struct Chain<F: Fs> {
    /// Oldest first, never empty.
    pub(crate) segments: Vec<Arc<Segment<F>>>,
    /// Segment files that do not count.
    pub(crate) surplus: Vec<PathBuf>,
    /// The newest file when it is cut inside its header.
    pub(crate) short: Option<Short>,
    /// Highest sequence number any file has.
    pub(crate) newest_sequence: u64,
}

impl<F: Fs> Chain<F> {
    pub(crate) fn oldest(&self) -> &Arc<Segment<F>> {
        &self.segments[0]
    }

    pub(crate) fn newest(&self) -> &Arc<Segment<F>> {
        &self.segments[self.segments.len() - 1]
    }
}

/// A file that ends inside its header: nothing in it proves that anything was in it.
pub(crate) struct Short {
    pub(crate) path: PathBuf,
    pub(crate) sequence: u64,
    pub(crate) bytes: u64,
}

#[derive(Clone, Copy)]
struct Named {
    sequence: u64,
    first_index: u64,
}

pub(crate) struct Loader<'a, F: Fs> {
    pub(crate) fs: &'a F,
    pub(crate) dir: &'a Path,
    pub(crate) expected: Option<Identity>,
    pub(crate) writable: bool,
}

impl<F: Fs> Loader<'_, F> {
    pub(crate) fn load(&self, names: &[Name]) -> Result<Chain<F>, Error> {
        let mut named: Vec<Named> = names
            .iter()
            .filter_map(|name| match *name {
                Name::Segment {
                    sequence,
                    first_index,
                } => Some(Named {
                    sequence,
                    first_index,
                }),
                _ => None,
            })
            .collect();
        named.sort_unstable_by_key(|name| (name.sequence, name.first_index));
        if let Some(pair) = named
            .windows(2)
            .find(|pair| pair[0].sequence == pair[1].sequence)
        {
            return Err(self.damage(&pair[1], Reason::Name, 0).into());
        }
        let Some(newest) = named.last().copied() else {
            return Err(Error::NoLog {
                path: self.dir.to_path_buf(),
            });
        };
        let short = self.short_head(&newest, named.len() > 1)?;
        if short.is_some() {
            named.pop();
        }
        let mut chain = self.follow(&named)?;
        chain.short = short;
        chain.newest_sequence = newest.sequence;
        Ok(chain)
    }

    fn path(&self, named: &Named) -> PathBuf {
        let Named {
            sequence,
            first_index,
        } = *named;
        self.dir.join(
            Name::Segment {
                sequence,
                first_index,
            }
            .to_string(),
        )
    }

    fn damage(&self, named: &Named, reason: Reason, last_index: u64) -> Damage {
        Damage {
            file: self.path(named),
            offset: 0,
            first_index: named.first_index,
            last_index,
            proof: Proof::Naming,
            reason,
        }
    }

    /// A cut may end anywhere, inside the newest header too. An empty file is no cut: no byte of a file
    /// with a segment's name was ever missing.
    fn short_head(&self, newest: &Named, has_older: bool) -> Result<Option<Short>, Error> {
        let path = self.path(newest);
        let bytes = self.fs.len(&path).context("measure", &path)?;
        let short = has_older && bytes > 0 && bytes < HEADER_BYTES;
        Ok(short.then_some(Short {
            path,
            sequence: newest.sequence,
            bytes,
        }))
    }

    /// `named` is not empty, so neither is the chain.
    fn follow(&self, named: &[Named]) -> Result<Chain<F>, Error> {
        let (mut segments, mut surplus) = (Vec::new(), Vec::new());
        let mut rest = named;
        let mut wanted = named.last().copied();
        let mut last_index = 0;
        while let Some(name) = wanted {
            let position = rest.partition_point(|other| other.sequence < name.sequence);
            surplus.extend(rest[position + 1..].iter().map(|other| self.path(other)));
            rest = &rest[..position];
            let segment = self.read(&name, last_index)?;
            let header = segment.header;
            segments.push(Arc::new(segment));
            if header.starts_log {
                surplus.extend(rest.iter().map(|other| self.path(other)));
                break;
            }
            last_index = header.base.index;
            wanted = rest
                .iter()
                .rev()
                .find(|other| other.sequence <= header.previous.sequence)
                .copied();
            if let Some(found) = wanted.filter(|found| found.sequence < header.previous.sequence) {
                return Err(self.missing(&found, &header).into());
            }
            if wanted.is_none() {
                surplus.extend(rest.iter().map(|other| self.path(other)));
            }
        }
        segments.reverse();
        Ok(Chain {
            segments,
            surplus,
            short: None,
            newest_sequence: 0,
        })
    }

    /// The segment before `header` is gone while `older` is there.
    fn missing(&self, older: &Named, header: &SegmentHeader) -> Damage {
        let readable = self.read(older, 0).ok();
        let last = readable.and_then(|segment| last_index_of(&segment).ok());
        Damage {
            file: self
                .dir
                .join(format!("{:016x}-*.wal", header.previous.sequence)),
            offset: 0,
            first_index: last.map_or(older.first_index, |last| last + 1),
            last_index: header.base.index,
            proof: Proof::NextSegment,
            reason: Reason::MissingSegment,
        }
    }

    /// Opens a segment and checks its header; `last_index` is the last entry it must hold, if known.
    fn read(&self, named: &Named, last_index: u64) -> Result<Segment<F>, Error> {
        let path = self.path(named);
        let opened = match self.writable {
            true => self.fs.open(&path),
            false => self.fs.open_read(&path),
        };
        let file = opened.context("open", &path)?;
        let mut sector = [0; HEADER_BYTES as usize];
        let filled = file.read_full_at(0, &mut sector).context("read", &path)?;
        let header = match SegmentHeader::decode(&sector[..filled]) {
            Ok(header) => header,
            Err(HeaderFault::NotALog) => return Err(Error::NotALog { path }),
            Err(HeaderFault::NewerVersion(found)) => {
                return Err(Error::NewerVersion {
                    path,
                    found,
                    known: FORMAT_VERSION,
                });
            }
            Err(HeaderFault::Damaged) => {
                let seen = last_index_of_headless(&file, named.sequence).context("read", &path)?;
                let last = last_index.max(seen);
                return Err(self.damage(named, Reason::SegmentHeader, last).into());
            }
        };
        let links_back = header.starts_log || header.previous.sequence < header.sequence;
        let bytes = file.len().context("measure", &path)?;
        let named_so =
            header.sequence == named.sequence && header.base.index + 1 == named.first_index;
        if !named_so || !links_back {
            return Err(self.damage(named, Reason::Name, last_index).into());
        }
        match self.expected {
            Some(expected) if expected != header.identity => Err(Error::Foreign {
                path,
                found: header.identity,
                expected,
            }),
            _ => Ok(Segment {
                header,
                path,
                file,
                bytes,
            }),
        }
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
