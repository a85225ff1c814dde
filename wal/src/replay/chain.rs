//! Which files are the log. Guarantees a run of segments, each naming the one before it, that starts where
//! the log starts or was released, or an error that names the file. Nothing is opened for writing.
//!
//! The newest segment is followed back by its `previous`. Files that this run does not touch are surplus:
//! older than the segment that starts the log, or replaced when an earlier open wrote them again. Those
//! older than a segment that took the place of a whole log are that log, and are kept. A file that is
//! older than one that is missing means damage, because segments are released oldest first.

use std::path::PathBuf;
use std::sync::Arc;

use crate::damage::{Defect, LogDamage, Lost, Proof};
use crate::directory::Named;
use crate::error::{Context, Error};
use crate::format::segment::{HEADER_BYTES, SegmentHeader};
use crate::fs::{File, Fs};
use crate::replay::group::last_index_of;
use crate::replay::head::{BrokenSegment, Loader, Unloadable};
use crate::segment::Segment;

/// The files of a log.
pub(crate) struct Chain<F: Fs> {
    /// Oldest first, never empty.
    pub(crate) segments: Vec<Arc<Segment<F>>>,
    /// Segment files that do not count.
    pub(crate) surplus: Vec<PathBuf>,
    /// Segment files of a log that this one replaced.
    pub(crate) replaced: Vec<Named>,
    /// The newest file when it ends inside its header.
    pub(crate) short: Option<Short>,
    /// Highest sequence number any segment file has.
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

impl<F: Fs> Loader<'_, F> {
    /// Finds the log among files sorted by number.
    pub(crate) fn load(&self, named: &[Named]) -> Result<Chain<F>, Unloadable> {
        let Some((newest, older)) = named.split_last() else {
            let path = self.dir.to_path_buf();
            return Err(Error::NoLog { path }.into());
        };
        let mut chain = match self.short_head(newest)?.filter(|_| !older.is_empty()) {
            Some((short, head)) => {
                let mut chain = self.follow(older)?;
                // In a format that says how long files are, a file had all its bytes before its name.
                // Before a format there was none that is later, so the file before this one tells.
                if chain.newest().header.length.is_some()
                    || SegmentHeader::begins_with_length_format(&head)
                {
                    return Err(self.headless(newest, short.bytes, 0));
                }
                chain.short = Some(short);
                chain
            }
            None => self.follow(named)?,
        };
        chain.newest_sequence = newest.sequence;
        Ok(chain)
    }

    /// The newest file, and its bytes, if it ends inside its header. An empty file is not torn: no byte of a
    /// file with a segment's name was ever missing.
    fn short_head(&self, newest: &Named) -> Result<Option<(Short, Vec<u8>)>, Error> {
        let path = newest.path(self.dir);
        let bytes = self.fs.len(&path).context("measure", &path)?;
        if bytes == 0 || bytes >= HEADER_BYTES {
            return Ok(None);
        }
        let mut head = vec![0; bytes as usize];
        let file = self.fs.open_read(&path).context("open", &path)?;
        let filled = file.read_full_at(0, &mut head).context("read", &path)?;
        head.truncate(filled);
        let short = Short {
            path,
            sequence: newest.sequence,
            bytes,
        };
        Ok(Some((short, head)))
    }

    /// `named` is not empty, so neither is the chain.
    fn follow(&self, named: &[Named]) -> Result<Chain<F>, Unloadable> {
        let (mut segments, mut surplus, mut replaced) = (Vec::new(), Vec::new(), Vec::new());
        let mut rest = named;
        let mut wanted = named.last().copied();
        let mut last_index = 0;
        while let Some(name) = wanted {
            let position = rest.partition_point(|other| other.sequence < name.sequence);
            let newer = &rest[position + 1..];
            if newer
                .first()
                .is_some_and(|other| other.sequence == name.sequence)
            {
                return Err(self.broken(&newer[0], Defect::Name, 0, 0));
            }
            surplus.extend(newer.iter().map(|other| other.path(self.dir)));
            rest = &rest[..position];
            let segment = self.read(&name, last_index)?;
            let header = segment.header;
            segments.push(Arc::new(segment));
            last_index = header.base.index;
            wanted = match header.starts_log {
                true => None,
                false => self.before(rest, &header)?,
            };
            if wanted.is_none() && header.replaces {
                replaced.extend_from_slice(rest);
            } else if wanted.is_none() {
                surplus.extend(rest.iter().map(|other| other.path(self.dir)));
            }
        }
        segments.reverse();
        Ok(Chain {
            segments,
            surplus,
            replaced,
            short: None,
            newest_sequence: 0,
        })
    }

    /// The segment before `header` in `rest`; `None` when it was released.
    fn before(&self, rest: &[Named], header: &SegmentHeader) -> Result<Option<Named>, Unloadable> {
        let previous = header.previous.sequence;
        let found = rest.iter().rev().find(|other| other.sequence <= previous);
        match found {
            Some(found) if found.sequence < previous => Err(self.missing(found, header)),
            found => Ok(found.copied()),
        }
    }

    /// The segment before `header` is gone while `older` is there.
    fn missing(&self, older: &Named, header: &SegmentHeader) -> Unloadable {
        let sequence = header.previous.sequence;
        let readable = self.read(older, 0).ok();
        let last = readable.and_then(|segment| last_index_of(&segment).ok());
        let first = last.map_or(older.first_index, |last| last + 1);
        let damage = LogDamage {
            file: self.dir.join(format!("{sequence:016x}-*.wal")),
            offset: 0,
            lost: Lost::up_to(first, header.base.index),
            shown: None,
            proof: Proof::NextSegment,
            reason: Defect::MissingSegment,
        };
        Unloadable::Broken(BrokenSegment {
            damage,
            sequence,
            first_lost: first,
        })
    }
}
