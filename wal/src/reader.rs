//! Reading entries back. Guarantees that what a reader returns was checked byte for byte on this read,
//! and that one call sees the log at one moment.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use crate::damage::{Defect, LogDamage, Lost, Proof};
use crate::entry::{Entry, Place};
use crate::error::{Context, Error};
use crate::format::record::Record;
use crate::fs::{Fs, OsFs};
use crate::index::{Index, POINT_BYTES, Span};
use crate::scan::{Group, Window};

/// The index, shared by the one appender and all readers. Readers hold the lock only to look up places,
/// never while they read files; the appender holds it only to note a group or a segment.
pub(crate) type SharedIndex<F> = Arc<RwLock<Index<F>>>;

/// A view of a log for any number of threads; clones are cheap. It sees what
/// [`write`](crate::Wal::write) or [`sync`](crate::Wal::sync) has written, not what is only buffered,
/// and goes on working after a failed sync and after the log is dropped.
pub struct Reader<F: Fs = OsFs> {
    index: SharedIndex<F>,
}

impl<F: Fs> Clone for Reader<F> {
    fn clone(&self) -> Self {
        Self {
            index: Arc::clone(&self.index),
        }
    }
}

impl<F: Fs> std::fmt::Debug for Reader<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let index = self.index();
        write!(f, "Reader({}..={})", index.first(), index.last())
    }
}

impl<F: Fs> Reader<F> {
    pub(crate) fn new(index: SharedIndex<F>) -> Self {
        Self { index }
    }

    fn index(&self) -> RwLockReadGuard<'_, Index<F>> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Index of the first entry of the log, or where it would be.
    #[must_use]
    pub fn first_index(&self) -> u64 {
        self.index().first()
    }

    /// Index of the last written entry, or of the base when there is none.
    #[must_use]
    pub fn last_index(&self) -> u64 {
        self.index().last()
    }

    /// Term of an entry, from memory. `None` past the end.
    ///
    /// # Errors
    /// [`Error::Compacted`] below the base, whose own term is known.
    pub fn term(&self, index: u64) -> Result<Option<u64>, Error> {
        let log = self.index();
        if index < log.base().index {
            return Err(Error::Compacted {
                index,
                first: log.first(),
            });
        }
        Ok(log.term(index))
    }

    /// The entries `[low, high)`: at least the first one, then as many as fit in `max_bytes` of payload.
    /// May return fewer than would fit. Payloads share the buffers they were read into (64 KiB, or one
    /// group if that is larger): copy what is kept for long.
    ///
    /// # Errors
    /// [`Error::Compacted`] and [`Error::Unavailable`] outside the log, [`Error::Damaged`] when the file
    /// no longer holds what was written, [`Error::Io`].
    pub fn entries(&self, low: u64, high: u64, max_bytes: usize) -> Result<Vec<Entry>, Error> {
        if low >= high {
            return Ok(Vec::new());
        }
        let spans = self.index().plan(low, high, max_bytes)?;
        let mut taken = Taken {
            entries: Vec::new(),
            bytes: 0,
            max_bytes,
            full: false,
        };
        for span in &spans {
            read_span(span, &mut taken)?;
            if taken.full {
                break;
            }
        }
        Ok(taken.entries)
    }
}

struct Taken {
    entries: Vec<Entry>,
    bytes: usize,
    max_bytes: usize,
    full: bool,
}

impl Taken {
    fn take(&mut self, entry: Entry) {
        let bytes = self.bytes.saturating_add(entry.payload.len());
        if self.full || (bytes > self.max_bytes && !self.entries.is_empty()) {
            self.full = true;
            return;
        }
        self.bytes = bytes;
        self.entries.push(entry);
    }
}

fn read_span<F: Fs>(span: &Span<F>, taken: &mut Taken) -> Result<(), Error> {
    let segment = &span.segment;
    let limit = segment.bytes;
    let mut window = Window::new(POINT_BYTES);
    let (mut offset, mut chain, mut next) = (span.offset, None, span.from);
    while next < span.until && !taken.full {
        let damaged = |reason| {
            Error::from(LogDamage {
                file: segment.path.clone(),
                offset,
                lost: Lost::Entries {
                    first: next,
                    last: span.until - 1,
                },
                shown: None,
                proof: Proof::EarlierRead,
                reason,
            })
        };
        let place = Place {
            sequence: segment.header.sequence,
            offset,
        };
        let group = Group::read(
            &mut window,
            &segment.file,
            place,
            segment.header.salt,
            limit,
        )
        .context("read", &segment.path)?
        .map_err(damaged)?;
        if chain.is_some_and(|chain| chain != group.header.chain_before) {
            return Err(damaged(Defect::Chain));
        }
        let mut following = next;
        let summary = group
            .walk(|record, payload| {
                if let Record::Entry { term, index, kind } = *record
                    && index == following
                    && index < span.until
                {
                    following += 1;
                    taken.take(Entry {
                        term,
                        index,
                        kind,
                        payload,
                    });
                }
            })
            .map_err(damaged)?;
        next = following;
        offset = summary.end;
        chain = Some(summary.chain);
    }
    Ok(())
}
