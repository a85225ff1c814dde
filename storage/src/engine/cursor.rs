//! Reading rows: points and cursors, over the newest state or over a snapshot.

use rocksdb::{DBPinnableSlice, DBRawIterator, ErrorKind, ReadOptions, Snapshot};

use crate::engine::database::Database;
use crate::error::Error;
use crate::format::column::Column;

/// Something rows can be read from: the newest state, or a snapshot.
pub(crate) trait Source {
    fn database(&self) -> &Database;
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<DBPinnableSlice<'_>>, Error>;
    fn raw(&self, column: Column, options: ReadOptions) -> DBRawIterator<'_>;

    /// A cursor over `[first seek, upper)`, not yet placed.
    fn cursor(&self, column: Column, upper: Option<Vec<u8>>) -> Cursor<'_> {
        self.cursor_with(column, upper, ReadOptions::default())
    }

    /// The same for who must not be held up: it gives up ([`Cursor::gave_up`]) in a field of removed rows
    /// that RocksDB has not cleared away yet, see [`REMOVED_ROWS`].
    fn quick_cursor(&self, column: Column, upper: Option<Vec<u8>>) -> Cursor<'_> {
        let mut options = ReadOptions::default();
        options.set_max_skippable_internal_keys(REMOVED_ROWS);
        self.cursor_with(column, upper, options)
    }

    fn cursor_with(
        &self,
        column: Column,
        upper: Option<Vec<u8>>,
        mut options: ReadOptions,
    ) -> Cursor<'_> {
        if let Some(upper) = upper {
            options.set_iterate_upper_bound(upper);
        }
        Cursor {
            rows: self.raw(column, options),
            database: self.database(),
            column,
            sought: Vec::new(),
            far: 0,
            moves: 0,
        }
    }
}

impl Source for Database {
    fn database(&self) -> &Database {
        self
    }

    fn get(&self, column: Column, key: &[u8]) -> Result<Option<DBPinnableSlice<'_>>, Error> {
        self.db()
            .get_pinned_cf(self.family(column), key)
            .map_err(|source| self.read_fault(column, key, source))
    }

    fn raw(&self, column: Column, options: ReadOptions) -> DBRawIterator<'_> {
        self.db().raw_iterator_cf_opt(self.family(column), options)
    }
}

/// The rows as they were when the snapshot was taken.
pub(crate) struct SnapshotRows<'a> {
    pub(crate) snapshot: Snapshot<'a>,
    pub(crate) database: &'a Database,
}

impl Source for SnapshotRows<'_> {
    fn database(&self) -> &Database {
        self.database
    }

    fn get(&self, column: Column, key: &[u8]) -> Result<Option<DBPinnableSlice<'_>>, Error> {
        let family = self.database.family(column);
        self.snapshot
            .get_pinned_cf(family, key)
            .map_err(|source| self.database.read_fault(column, key, source))
    }

    fn raw(&self, column: Column, options: ReadOptions) -> DBRawIterator<'_> {
        self.snapshot
            .raw_iterator_cf_opt(self.database.family(column), options)
    }
}

/// One row under a cursor.
pub(crate) type KeyValue<'r> = (&'r [u8], &'r [u8]);

/// Removed rows that a quick cursor passes in one move: a step over so many costs a few microseconds.
const REMOVED_ROWS: u64 = 64;
/// Steps tried before a cursor seeks.
const NEAR: usize = 8;
/// How often a cursor seeks at once after steps did not suffice, before it tries steps again.
const FAR: u32 = 16;

/// An iterator that moves forward by steps where the target is near and by seeks where it is not.
pub(crate) struct Cursor<'a> {
    rows: DBRawIterator<'a>,
    database: &'a Database,
    column: Column,
    /// The key of the last seek: where an error is if RocksDB does not say.
    sought: Vec<u8>,
    /// Seeks to do at once before steps are tried again.
    far: u32,
    /// Steps and seeks so far.
    moves: usize,
}

impl Cursor<'_> {
    pub(crate) fn seek(&mut self, key: &[u8]) {
        self.sought.clear();
        self.sought.extend_from_slice(key);
        self.moves += 1;
        self.rows.seek(key);
    }

    /// Moves to the last row at or before `key`.
    pub(crate) fn seek_back(&mut self, key: &[u8]) {
        self.sought.clear();
        self.sought.extend_from_slice(key);
        self.rows.seek_for_prev(key);
    }

    pub(crate) fn step_back(&mut self) {
        if self.rows.valid() {
            self.rows.prev();
        }
    }

    pub(crate) fn step(&mut self) {
        if self.rows.valid() {
            self.moves += 1;
            self.rows.next();
        }
    }

    /// Moves to the first row at or behind `target`; stays if it is there already. It never steps
    /// after a seek, so no row can be jumped over (store-layout 5.17).
    pub(crate) fn skip_to(&mut self, target: &[u8]) {
        let before = |rows: &DBRawIterator<'_>| rows.key().is_some_and(|key| key < target);
        if !before(&self.rows) {
            return;
        }
        if self.far > 0 {
            self.far -= 1;
            self.seek(target);
            return;
        }
        for _ in 0..NEAR {
            self.moves += 1;
            self.rows.next();
            if !before(&self.rows) {
                return;
            }
        }
        self.far = FAR;
        self.seek(target);
    }

    /// Steps and seeks so far: about what the cursor has cost.
    pub(crate) fn moves(&self) -> usize {
        self.moves
    }

    /// Whether a quick cursor has given up. It has no row then, and no other move helps.
    pub(crate) fn gave_up(&self) -> bool {
        let incomplete = |error: &rocksdb::Error| error.kind() == ErrorKind::Incomplete;
        !self.rows.valid() && self.rows.status().as_ref().is_err_and(incomplete)
    }

    /// The row under the cursor; `None` at the end.
    pub(crate) fn row(&self) -> Result<Option<KeyValue<'_>>, Error> {
        match self.rows.item() {
            Some(row) => Ok(Some(row)),
            None => self
                .rows
                .status()
                .map(|()| None)
                .map_err(|source| self.database.read_fault(self.column, &self.sought, source)),
        }
    }

    /// Damage in the row with this key.
    pub(crate) fn damage(&self, key: &[u8], reason: &'static str) -> Error {
        Error::row(self.column.name(), key, reason)
    }
}
