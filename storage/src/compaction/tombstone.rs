//! Compaction by deletion: tombstones and what they hide, and old events, are removed here, in bounded pieces, on the apply
//! thread.
//!
//! The compaction filter thins out the versions of paths that live. What it must keep, tombstones
//! and the last versions of subtrees that are gone, is removed here (store-layout 5.9): for
//! each removal at or below the compact revision, in the order of the events, every version of the path and of
//! what was below it up to the removal is dead at every revision that can still be read. Tombstones go
//! last or in the same write, so that nothing is uncovered by a stop in between. Events below the
//! compact revision go by range, in large steps.
//!
//! It is local: no member need do it at the same time, and neither hash nor answers depend on it.
//! It runs where the commands run, so that no command slips between the look and the deletion.

use rocksdb::WriteBatch;

use crate::bounds::Bounds;
use crate::engine::cursor::Source;
use crate::engine::database::Database;
use crate::error::Error;
use crate::format::column::Column;
use crate::format::event_row::{self, EventRow};
use crate::format::key;
use crate::format::meta::CompactionProgress;
use crate::format::node_row::NodeRow;

/// One write's worth of compaction. It ends with the budget, or with a removed directory, because
/// what it deleted is seen only after the write.
pub(crate) struct Piece<'a> {
    pub(crate) database: &'a Database,
    pub(crate) bounds: Bounds,
    pub(crate) batch: WriteBatch,
    pub(crate) position: CompactionProgress,
    pub(crate) compact_revision: u64,
    pub(crate) left: usize,
}

impl Piece<'_> {
    /// Fills the batch, and moves the position to where it leads.
    pub(crate) fn run(&mut self) -> Result<(), Error> {
        let mut events = self.database.cursor(Column::Events, None);
        events.seek(&(self.position.scanned + 1).to_be_bytes());
        while self.left > 0 && self.position.scanned < self.compact_revision {
            let Some((row, value)) = events.row()? else {
                return Err(self.missing(self.position.scanned + 1));
            };
            let wrong = |reason| events.damage(row, reason);
            let revision =
                event_row::revision(row).ok_or_else(|| wrong("the key is no revision"))?;
            let change = EventRow::decode(value).map_err(wrong)?;
            if revision != self.position.scanned + 1 {
                return Err(self.missing(self.position.scanned + 1));
            }
            self.left -= 1;
            let removal = change.action.is_removal();
            if removal && change.dir {
                if self.remove_directory(change.key, revision)? {
                    self.finish_event(revision);
                }
                break;
            }
            if removal {
                self.remove_own(change.key, revision)?;
            }
            self.finish_event(revision);
            events.step();
        }
        self.drop_events();
        Ok(())
    }

    fn missing(&self, revision: u64) -> Error {
        Error::row(
            Column::Events.name(),
            &revision.to_be_bytes(),
            "an event above the compact revision is missing",
        )
    }

    fn finish_event(&mut self, revision: u64) {
        self.position.scanned = revision;
        self.position.cut = 0;
        self.position.resume.clear();
    }

    /// Deletes the events below the compact revision, but not the one at it: retention counts bytes from it
    /// on.
    fn drop_events(&mut self) {
        let end = self.position.scanned;
        if end.saturating_sub(self.position.dropped) >= self.bounds.events_step {
            let family = self.database.family(Column::Events);
            self.batch.delete_range_cf(
                family,
                self.position.dropped.to_be_bytes(),
                end.to_be_bytes(),
            );
            self.position.dropped = end;
        }
    }

    /// Deletes the versions of one path up to `cut`.
    fn remove_own(&mut self, key: &[u8], cut: u64) -> Result<(), Error> {
        let (mut low, mut high) = (Vec::new(), Vec::new());
        key::version(key, cut, &mut low);
        key::descendants_start(key, &mut high);
        self.remove_range(&low, &high).map(drop)
    }

    /// Deletes `[low, high)` of `versions`: row by row if there are few, else as one range.
    fn remove_range(&mut self, low: &[u8], high: &[u8]) -> Result<(), Error> {
        let mut cursor = self.database.cursor(Column::Versions, Some(high.to_vec()));
        let mut rows = Vec::new();
        cursor.seek(low);
        while let Some((row, _)) = cursor
            .row()?
            .filter(|_| rows.len() <= self.bounds.point_deletes)
        {
            rows.push(row.to_vec());
            cursor.step();
        }
        self.left = self.left.saturating_sub(rows.len());
        let family = self.database.family(Column::Versions);
        if rows.len() > self.bounds.point_deletes {
            self.batch.delete_range_cf(family, low, high);
        } else {
            rows.iter()
                .for_each(|row| self.batch.delete_cf(family, row));
        }
        Ok(())
    }

    /// Works off the removal of a directory; gives whether that is finished.
    fn remove_directory(&mut self, key: &[u8], removal: u64) -> Result<bool, Error> {
        let Some(bound) = key::subtree_bound(key) else {
            return Ok(true);
        };
        if self.position.cut == 0 {
            match self.newest_life(key, removal)? {
                // An earlier walk of the same path has taken this removal along.
                Life::CompactionProgress => return Ok(true),
                // Nothing newer than the removal: the whole range is dead.
                Life::Over => return self.remove_range(key, &bound).map(|()| true),
                Life::Again { cut } => self.position.cut = cut,
            }
            key::descendants_start(key, &mut self.position.resume);
        }
        let cut = self.position.cut;
        let finished = self.remove_below(&bound, cut)?;
        if finished {
            self.remove_own(key, cut)?;
        }
        Ok(finished)
    }

    /// What became of a directory that was removed at `removal`, at or below the compact revision.
    fn newest_life(&self, key: &[u8], removal: u64) -> Result<Life, Error> {
        let (mut tombstone, mut high) = (Vec::new(), Vec::new());
        key::version(key, removal, &mut tombstone);
        key::descendants_start(key, &mut high);
        if self.database.get(Column::Versions, &tombstone)?.is_none() {
            return Ok(Life::CompactionProgress);
        }
        let mut cursor = self.database.cursor(Column::Versions, Some(high));
        let mut newest = Vec::new();
        key::version(key, u64::MAX, &mut newest);
        cursor.seek(&newest);
        let mut first = true;
        while let Some((row, value)) = cursor.row()? {
            let (_, revision) = key::split_version(row)
                .ok_or_else(|| cursor.damage(row, "the key is no path and revision"))?;
            let ends_life = NodeRow::is_tombstone(value) && revision <= self.compact_revision;
            if ends_life && first {
                return Ok(Life::Over);
            }
            if ends_life {
                return Ok(Life::Again { cut: revision });
            }
            first = false;
            cursor.step();
        }
        Ok(Life::CompactionProgress)
    }

    /// Deletes versions up to `cut` from `resume` to `bound`, and gets on by one row at least;
    /// gives whether it came to the end.
    fn remove_below(&mut self, bound: &[u8], cut: u64) -> Result<bool, Error> {
        let mut cursor = self.database.cursor(Column::Versions, Some(bound.to_vec()));
        let family = self.database.family(Column::Versions);
        cursor.seek(&self.position.resume);
        let mut moved = false;
        while let Some((row, _)) = cursor.row()? {
            if moved && self.left == 0 {
                self.position.resume.clear();
                self.position.resume.extend_from_slice(row);
                return Ok(false);
            }
            let (_, revision) = key::split_version(row)
                .ok_or_else(|| cursor.damage(row, "the key is no path and revision"))?;
            if revision <= cut {
                self.batch.delete_cf(family, row);
            }
            self.left = self.left.saturating_sub(1);
            moved = true;
            cursor.step();
        }
        Ok(true)
    }
}

/// What became of a directory after a removal that the compact revision has passed.
enum Life {
    /// Its tombstone has been removed already.
    CompactionProgress,
    /// Its newest row is a tombstone at or below the compact revision.
    Over,
    /// It was made again; `cut` is the newest removal at or below the compact revision.
    Again { cut: u64 },
}
