//! RocksDB behind typed errors: opening, batches, flushes and figures, with the place in every
//! failure. Reading is in module `cursor`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rocksdb::{
    Cache, ColumnFamily, DB, ErrorKind, FlushOptions, IngestExternalFileOptions, ReadOptions,
    ReadTier, Snapshot, WriteBatch, WriteOptions,
};

use crate::damage::Damage;
use crate::engine::attribution::Attribution;
use crate::engine::damage_report::{self, DamageReport};
use crate::engine::home::Home;
use crate::engine::info_log::InfoLog;
use crate::engine::mode::EngineMode;
use crate::engine::mode::Mode;
use crate::engine::setup::{self, EngineConfig};
use crate::error::Error;
use crate::format::column::Column;
use crate::judge::{self, Fault, StoreJudgement};

/// Between two looks at what RocksDB does in the background, where it cannot be waited for.
pub(crate) const LOOK: Duration = Duration::from_millis(1);

/// An open RocksDB with our column families.
pub(crate) struct Database {
    /// `None` after [`Self::close`], when nothing reads or writes here any more.
    db: Option<DB>,
    /// Dropped after it: the path that RocksDB has leads somewhere else then.
    _home: Home,
    pub(crate) path: PathBuf,
    unlogged: WriteOptions,
    cache: Cache,
    pub(crate) engine_mode: EngineMode,
    pub(crate) notices: Arc<InfoLog>,
    attribution: Attribution,
}

impl Database {
    /// Opens or creates; the caller has made sure that the directory is ours. Strict first: only if
    /// a table of a family that rests stands in the way, without RocksDB's paranoid checks.
    pub(crate) fn open(config: &EngineConfig, mode: &Mode) -> Result<Self, Error> {
        let path = config.home.shown();
        let engine_mode = mode.engine_mode()?;
        let source = match Self::try_open(config, engine_mode.clone()) {
            Ok(database) => return Ok(database),
            Err(source) => source,
        };
        let failed = |source| Error::RocksDb {
            operation: "open",
            path: path.to_owned(),
            source,
        };
        let Some(report) = damage_report::report(&source) else {
            return Err(failed(source));
        };
        let rests = |column: &str| engine_mode.resting.iter().any(|it| it.name() == column);
        let damage = Self::attribute(config, report, engine_mode.read_only, rests);
        if !rests(damage.column) || engine_mode.lenient {
            return Err(Error::Damaged(Box::new(damage)));
        }
        tracing::error!("{damage}; opening around it");
        let lenient = EngineMode {
            lenient: true,
            ..engine_mode
        };
        Self::try_open(config, lenient).map_err(|source| match damage_report::report(&source) {
            Some(report) => {
                let report = report.shown(path);
                let unknown = Attribution::default().damage(report, None, Vec::new);
                Error::Damaged(Box::new(unknown))
            }
            None => failed(source),
        })
    }

    /// Finds the place of damage that stopped an opening.
    ///
    /// RocksDB stops at the first table, and of some damage (properties that are not in order, a block
    /// that is no block) it says only which MANIFEST names the table. So our own reader looks at all
    /// of them: a table of a family that does not rest comes first, because no lenient opening may
    /// pass over it. Where it finds nothing, RocksDB's word counts; a read-only opening lists the
    /// tables.
    fn attribute(
        config: &EngineConfig,
        report: DamageReport,
        read_only: bool,
        rests: impl Fn(&str) -> bool,
    ) -> Damage {
        let mut seen = Self::seen(config, read_only);
        if let Some(at) = seen.iter().position(|damage| !rests(damage.column)) {
            return seen.swap_remove(at);
        }
        let of_table = report.file.as_ref().is_some_and(|it| it.ends_with(".sst"));
        if !of_table && !seen.is_empty() {
            return seen.swap_remove(0);
        }
        let reader = EngineMode {
            read_only: true,
            lenient: true,
            resting: Vec::new(),
        };
        match Self::try_open(config, reader) {
            Ok(database) => database.damage(report, None),
            Err(_) => {
                let report = report.shown(config.home.shown());
                Attribution::default().damage(report, None, Vec::new)
            }
        }
    }

    /// The tables in which our own reader finds damage. None of them stops an opening for reading.
    fn seen(config: &EngineConfig, read_only: bool) -> Vec<Damage> {
        if read_only || config.memory.is_some() {
            return Vec::new();
        }
        match judge::judge(config.home.path()) {
            Ok(StoreJudgement::Store(inventory)) => {
                inventory.faults.iter().map(Fault::damage).collect()
            }
            _ => Vec::new(),
        }
    }

    fn try_open(config: &EngineConfig, engine_mode: EngineMode) -> Result<Self, rocksdb::Error> {
        let path = config.home.path();
        let notices = Arc::new(InfoLog::of(config.home.shown()));
        let setup = setup::setup(config, &engine_mode, &notices)?;
        let db = if engine_mode.read_only {
            DB::open_cf_descriptors_read_only(&setup.database, path, setup.families, false)?
        } else {
            DB::open_cf_descriptors(&setup.database, path, setup.families)?
        };
        let mut unlogged = WriteOptions::default();
        unlogged.disable_wal(true);
        // A failed flush does not end a stall of writes in this mode: see Self::write.
        unlogged.set_no_slowdown(engine_mode.lenient);
        Ok(Self {
            db: Some(db),
            _home: config.home.clone(),
            path: config.home.shown().to_owned(),
            unlogged,
            cache: setup.cache,
            engine_mode,
            notices,
            attribution: Attribution::default(),
        })
    }

    /// Closes the files and gives up the lock. Waits for background work. The owner alone can do
    /// this, so no read is under way; and what it keeps refuses every write.
    pub(crate) fn close(&mut self) {
        self.db = None;
    }

    /// No flush and no compaction begins any more. Waits for none: who asks for this cannot mend what
    /// they do, and they may hang. Nothing is flushed by it, see `avoid_flush_during_shutdown`.
    pub(crate) fn end_background_work(&self) {
        self.db().cancel_all_background_work(false);
    }

    pub(crate) fn db(&self) -> &DB {
        self.db
            .as_ref()
            .expect("a closed database is held by a broken writer alone, which never asks it")
    }

    pub(crate) fn family(&self, column: Column) -> &ColumnFamily {
        self.db()
            .cf_handle(column.name())
            .expect("all column families are opened together and never dropped")
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn fault(&self, operation: &'static str, source: rocksdb::Error) -> Error {
        match damage_report::report(&source).and_then(|report| self.lost(report)) {
            Some(damage) => Error::Damaged(Box::new(damage)),
            None => Error::RocksDb {
                operation,
                path: self.path.clone(),
                source,
            },
        }
    }

    /// A failure of a look for `key`.
    pub(crate) fn read_fault(&self, column: Column, key: &[u8], source: rocksdb::Error) -> Error {
        match damage_report::report(&source) {
            Some(report) => Error::Damaged(Box::new(self.damage(report, Some((column, key))))),
            None => self.fault("read", source),
        }
    }

    pub(crate) fn damage(&self, report: DamageReport, asked: Option<(Column, &[u8])>) -> Damage {
        let live = || self.db().live_files().unwrap_or_default();
        self.attribution
            .damage(report.shown(&self.path), asked, live)
    }

    /// Damage that writes, flushes and compactions met. A table that is gone and not live was being
    /// made: the directory is at fault, not the store.
    pub(crate) fn lost(&self, report: DamageReport) -> Option<Damage> {
        let gone = report.gone;
        let damage = self.damage(report, None);
        (!gone || damage.level.is_some() || damage.column == "all").then_some(damage)
    }

    pub(crate) fn refuse_if_read_only(&self) -> Result<(), Error> {
        if self.engine_mode.read_only {
            return Err(Error::ReadOnly {
                path: self.path.clone(),
            });
        }
        Ok(())
    }

    /// One unlogged, atomic write.
    pub(crate) fn write(&self, batch: WriteBatch) -> Result<(), Error> {
        self.refuse_if_read_only()?;
        let write = |batch| self.db().write_opt(batch, &self.unlogged);
        if !self.engine_mode.lenient {
            return write(batch).map_err(|source| self.fault("write", source));
        }
        // A stalled write waits for flushes. One that failed is not tried again in this mode, so
        // the wait must be ours. Nothing of a stalled batch was written.
        let rows = batch.data().to_vec();
        let mut batch = batch;
        loop {
            self.refuse_after_failed_flush()?;
            match write(batch) {
                Err(source) if source.kind() == ErrorKind::Incomplete => std::thread::sleep(LOOK),
                other => return other.map_err(|source| self.fault("write", source)),
            }
            batch = WriteBatch::from_data(&rows);
        }
    }

    /// Takes over tables that were made outside, in the order of their keys; nothing may be in the family yet. They are
    /// synced, and so is the manifest that names them.
    pub(crate) fn ingest(&self, column: Column, tables: &[PathBuf]) -> Result<(), Error> {
        if tables.is_empty() {
            return Ok(());
        }
        let mut options = IngestExternalFileOptions::default();
        options.set_move_files(true);
        self.db()
            .ingest_external_file_cf_opts(self.family(column), &options, tables.to_vec())
            .map_err(|source| self.fault("take over a table", source))
    }

    /// Reads only what a crash would keep.
    pub(crate) fn get_persisted(
        &self,
        column: Column,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, Error> {
        let mut options = ReadOptions::default();
        options.set_read_tier(ReadTier::Persisted);
        self.db()
            .get_cf_opt(self.family(column), key, &options)
            .map_err(|source| self.read_fault(column, key, source))
    }

    /// Flushes all column families to one revision, and waits.
    pub(crate) fn flush(&self) -> Result<(), Error> {
        self.refuse_if_read_only()?;
        let families: Vec<&ColumnFamily> = Column::ALL
            .into_iter()
            .map(|column| self.family(column))
            .collect();
        // Leniently opened, RocksDB would wait for ever for a flush that failed: for its own, and
        // before that for earlier ones if many memtables wait.
        self.await_flushes(1)?;
        let mut options = FlushOptions::default();
        options.set_wait(!self.engine_mode.lenient);
        self.db()
            .flush_cfs_opt(&families, &options)
            .map_err(|source| self.fault("flush", source))?;
        self.await_flushes(0)
    }

    /// Where a failed flush is ours to notice: waits until no family has more than `most` memtables
    /// that wait for theirs, or one has failed.
    fn await_flushes(&self, most: u64) -> Result<(), Error> {
        let more = || {
            let pending = c"rocksdb.num-immutable-mem-table";
            let mut columns = Column::ALL.into_iter();
            columns.any(|column| self.property(column, pending) > most)
        };
        self.refuse_after_failed_flush()?;
        while self.engine_mode.lenient && more() {
            self.refuse_after_failed_flush()?;
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    pub(crate) fn snapshot(&self) -> Snapshot<'_> {
        self.db().snapshot()
    }

    /// Counts the rows ever written; moves with every write and with nothing else.
    pub(crate) fn sequence(&self) -> u64 {
        self.db().latest_sequence_number()
    }

    /// A number that RocksDB keeps about a column family; 0 if it keeps none.
    pub(crate) fn property(&self, column: Column, name: &'static std::ffi::CStr) -> u64 {
        let value = self
            .db()
            .property_value_cf(self.family(column), name)
            .ok()
            .flatten();
        value.and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn block_cache(&self) -> &Cache {
        &self.cache
    }
}
