//! RocksDB behind typed errors: point reads, cursors, batches and flushes, with the place in every
//! failure.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rocksdb::{
    Cache, ColumnFamily, DB, DBPinnableSlice, DBRawIterator, FlushOptions, ReadOptions, ReadTier,
    Snapshot, WriteBatch, WriteOptions,
};

use crate::columns::{self, Column, Options};
use crate::error::Error;
use crate::pin::Pins;

/// An open RocksDB with our column families.
pub(crate) struct Database {
    db: DB,
    path: PathBuf,
    unlogged: WriteOptions,
    cache: Cache,
}

impl Database {
    /// Opens or creates; the caller has made sure that the directory is ours.
    pub(crate) fn open(path: &Path, options: &Options, pins: &Arc<Pins>) -> Result<Self, Error> {
        let fault = |source| Error::RocksDb {
            operation: "open",
            path: path.to_owned(),
            source,
        };
        let setup = columns::setup(options, pins, fault)?;
        let db = DB::open_cf_descriptors(&setup.database, path, setup.families).map_err(fault)?;
        let mut unlogged = WriteOptions::default();
        unlogged.disable_wal(true);
        Ok(Self {
            db,
            path: path.to_owned(),
            unlogged,
            cache: setup.cache,
        })
    }

    pub(crate) fn family(&self, column: Column) -> &ColumnFamily {
        self.db
            .cf_handle(column.name())
            .expect("all column families are opened together and never dropped")
    }

    pub(crate) fn fault(&self, operation: &'static str, source: rocksdb::Error) -> Error {
        Error::RocksDb {
            operation,
            path: self.path.clone(),
            source,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// One unlogged, atomic write.
    pub(crate) fn write(&self, batch: WriteBatch) -> Result<(), Error> {
        self.db
            .write_opt(batch, &self.unlogged)
            .map_err(|source| self.fault("write", source))
    }

    /// Reads only what a crash would keep.
    pub(crate) fn get_persisted(
        &self,
        column: Column,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, Error> {
        let mut options = ReadOptions::default();
        options.set_read_tier(ReadTier::Persisted);
        self.db
            .get_cf_opt(self.family(column), key, &options)
            .map_err(|source| self.fault("read", source))
    }

    /// Flushes all column families to one revision, and waits.
    pub(crate) fn flush(&self) -> Result<(), Error> {
        let families: Vec<&ColumnFamily> = Column::ALL
            .into_iter()
            .map(|column| self.family(column))
            .collect();
        let options = FlushOptions::default();
        self.db
            .flush_cfs_opt(&families, &options)
            .map_err(|source| self.fault("flush", source))
    }

    pub(crate) fn compact(&self, column: Column) {
        self.db
            .compact_range_cf(self.family(column), None::<&[u8]>, None::<&[u8]>);
    }

    pub(crate) fn snapshot(&self) -> Snapshot<'_> {
        self.db.snapshot()
    }

    /// Counts the rows ever written; moves with every write and with nothing else.
    pub(crate) fn sequence(&self) -> u64 {
        self.db.latest_sequence_number()
    }

    /// A number that RocksDB keeps about a column family; 0 if it keeps none.
    pub(crate) fn property(&self, column: Column, name: &'static std::ffi::CStr) -> u64 {
        self.db
            .property_int_value_cf(self.family(column), name)
            .ok()
            .flatten()
            .unwrap_or(0)
    }

    pub(crate) fn block_cache(&self) -> &Cache {
        &self.cache
    }
}

/// Something rows can be read from: the newest state, or a snapshot.
pub(crate) trait Source {
    fn database(&self) -> &Database;
    fn get(&self, column: Column, key: &[u8]) -> Result<Option<DBPinnableSlice<'_>>, Error>;
    fn raw(&self, column: Column, options: ReadOptions) -> DBRawIterator<'_>;

    /// A cursor over `[first seek, upper)`, not yet placed.
    fn cursor(&self, column: Column, upper: Option<Vec<u8>>) -> Cursor<'_> {
        let mut options = ReadOptions::default();
        if let Some(upper) = upper {
            options.set_iterate_upper_bound(upper);
        }
        Cursor {
            rows: self.raw(column, options),
            database: self.database(),
            column,
            far: 0,
        }
    }
}

impl Source for Database {
    fn database(&self) -> &Database {
        self
    }

    fn get(&self, column: Column, key: &[u8]) -> Result<Option<DBPinnableSlice<'_>>, Error> {
        self.db
            .get_pinned_cf(self.family(column), key)
            .map_err(|source| self.fault("read", source))
    }

    fn raw(&self, column: Column, options: ReadOptions) -> DBRawIterator<'_> {
        self.db.raw_iterator_cf_opt(self.family(column), options)
    }
}

/// The rows as they were when the snapshot was taken.
pub(crate) struct Frozen<'a> {
    pub(crate) snapshot: Snapshot<'a>,
    pub(crate) database: &'a Database,
}

impl Source for Frozen<'_> {
    fn database(&self) -> &Database {
        self.database
    }

    fn get(&self, column: Column, key: &[u8]) -> Result<Option<DBPinnableSlice<'_>>, Error> {
        let family = self.database.family(column);
        self.snapshot
            .get_pinned_cf(family, key)
            .map_err(|source| self.database.fault("read", source))
    }

    fn raw(&self, column: Column, options: ReadOptions) -> DBRawIterator<'_> {
        self.snapshot
            .raw_iterator_cf_opt(self.database.family(column), options)
    }
}

/// Key and value.
pub(crate) type Row<'r> = (&'r [u8], &'r [u8]);

/// Steps tried before a cursor seeks.
const NEAR: usize = 8;
/// How often a cursor seeks at once after steps did not suffice, before it tries steps again.
const FAR: u32 = 16;

/// An iterator that moves forward by steps where the target is near and by seeks where it is not.
pub(crate) struct Cursor<'a> {
    rows: DBRawIterator<'a>,
    database: &'a Database,
    column: Column,
    /// Seeks to do at once before steps are tried again.
    far: u32,
}

impl Cursor<'_> {
    pub(crate) fn seek(&mut self, key: &[u8]) {
        self.rows.seek(key);
    }

    pub(crate) fn step(&mut self) {
        if self.rows.valid() {
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
            self.rows.seek(target);
            return;
        }
        for _ in 0..NEAR {
            self.rows.next();
            if !before(&self.rows) {
                return;
            }
        }
        self.far = FAR;
        self.rows.seek(target);
    }

    /// The row under the cursor; `None` at the end.
    pub(crate) fn row(&self) -> Result<Option<Row<'_>>, Error> {
        match self.rows.item() {
            Some(row) => Ok(Some(row)),
            None => self
                .rows
                .status()
                .map(|()| None)
                .map_err(|source| self.database.fault("read", source)),
        }
    }

    /// Damage in the row with this key.
    pub(crate) fn damage(&self, key: &[u8], reason: &'static str) -> Error {
        Error::row(self.column.name(), key, reason)
    }
}
