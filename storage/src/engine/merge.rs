//! Merging small tables. Each flush makes one table of a family, however few rows it has; and where
//! keys only ever rise, as in `events`, RocksDB moves such a table down as it is: nothing overlaps
//! it, so no compaction ever takes it up. A quiet node would gain a table with each hourly flush,
//! 8,000 a year, and every start looks at each.
//!
//! So runs of neighbours that are all small are rewritten as one. A byte is rewritten until its
//! table is no longer small, at most [`SMALL`] / (bytes of [`RUN`] flushes) times: below a MiB for
//! each run.

use rocksdb::LiveFile;

use crate::engine::database::Database;
use crate::error::Error;
use crate::format::column::Column;

/// Bytes below which a table is small.
const SMALL: usize = 1 << 20;
/// So many small neighbours are worth a merge.
const RUN: usize = 16;
/// Bytes that one merge reads at most, whatever else lies in the same range.
const MOST: usize = 32 << 20;

/// Neighbours to be merged.
struct Run {
    column: Column,
    first: Vec<u8>,
    last: Vec<u8>,
    tables: usize,
}

impl Database {
    /// See [`crate::Store::merge_small_tables`].
    pub(crate) fn merge_small_tables(&self) -> Result<usize, Error> {
        self.refuse_if_read_only()?;
        let tables = self
            .db()
            .live_files()
            .map_err(|source| self.fault("list the tables", source))?;
        let mut merged = 0;
        for run in runs(&tables) {
            if !self.engine_mode.resting.contains(&run.column) {
                self.merge(run.column, &run.first, &run.last)?;
                merged += run.tables;
            }
        }
        Ok(merged)
    }
}

/// The runs that are worth it, each within the bounds.
fn runs(tables: &[LiveFile]) -> Vec<Run> {
    let mut sorted: Vec<&LiveFile> = tables.iter().collect();
    sorted.sort_by(|a, b| {
        let place = |table: &&LiveFile| (table.column_family_name.clone(), table.level);
        (place(a), &a.start_key).cmp(&(place(b), &b.start_key))
    });
    let neighbours = |a: &&LiveFile, b: &&LiveFile| {
        a.column_family_name == b.column_family_name && a.level == b.level && small(a) && small(b)
    };
    sorted
        .chunk_by(neighbours)
        // Level 0 is RocksDB's own affair: it is merged by number.
        .filter(|run| run.len() >= RUN && run.iter().all(|table| table.level > 0))
        .flat_map(bounded)
        .filter(|run| run.len() >= RUN)
        .filter_map(run)
        .filter(|run| bytes_within(tables, run) <= MOST)
        .collect()
}

fn small(table: &LiveFile) -> bool {
    table.size < SMALL
}

/// Pieces of a run that stay below half of what one merge may read.
fn bounded<'a>(run: &'a [&'a LiveFile]) -> impl Iterator<Item = &'a [&'a LiveFile]> {
    run.chunks(MOST / 2 / SMALL)
}

fn run(tables: &[&LiveFile]) -> Option<Run> {
    let (first, last) = (tables.first()?, tables.last()?);
    Some(Run {
        column: Column::named(&first.column_family_name)?,
        first: first.start_key.clone()?,
        last: last.end_key.clone()?,
        tables: tables.len(),
    })
}

/// What a compaction of the range would read, of all levels.
fn bytes_within(tables: &[LiveFile], run: &Run) -> usize {
    let within = |table: &&LiveFile| {
        table.column_family_name == run.column.name()
            && table.start_key.as_ref().is_some_and(|key| *key <= run.last)
            && table.end_key.as_ref().is_some_and(|key| *key >= run.first)
    };
    tables.iter().filter(within).map(|table| table.size).sum()
}
