//! A store made of the rows of another one: see [`crate::View::export`].
//!
//! The rows become sorted tables outside RocksDB, one after the other, and are taken over when all of them are there: no
//! memtable, no compaction, and nothing of RocksDB's is written twice.
//!
//! | step | process or power fails before it | after it |
//! |---|---|---|
//! | 1 directory with `ingest/` made, an empty RocksDB in it, tables written to `ingest/` | nothing, or part of this | no store |
//! | 2 tables taken over, family by family, each synced | as after 1 | the same, with every row but two |
//! | 3 format row and state row written in one flush | as after 2 | the same, with every row |
//! | 4 RocksDB closed, `ingest/` removed, the directory and the one above it synced | as after 3 | a whole store, which a power loss leaves alone |
//!
//! An unfinished one never opens: what holds `ingest/` is no store ([`Error::NotOurs`]). Nothing of anybody else's is in
//! such a directory, so it may be removed as it is.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rocksdb::{SstFileWriter, WriteBatch};

use crate::compaction::filter;
use crate::compaction::pin::Pins;
use crate::engine::database::Database;
use crate::engine::directory::check_version;
use crate::engine::home::Home;
use crate::engine::mode::Mode;
use crate::engine::options::StoreOptions;
use crate::engine::setup::{self, EngineConfig};
use crate::error::Error;
use crate::format::column::Column;
use crate::format::file_name::INGEST;
use crate::format::meta::{self, Applied, StoreState};

/// Rows that are held until they become a table: what an import costs in memory.
const TABLE_BYTES: usize = 16 << 20;

/// A store being made. Dropped unfinished, it leaves a directory that is no store.
pub struct Import {
    path: PathBuf,
    config: EngineConfig,
    database: Database,
    ingest: PathBuf,
    /// For each family, in the order of [`Column::ALL`].
    families: [ImportedFamily; Column::ALL.len()],
    /// Held back until everything else is there.
    format: Option<Vec<u8>>,
    state: Option<StoreState>,
    rows: HeldRows,
    table_bytes: usize,
}

/// What has come of one family.
#[derive(Default)]
struct ImportedFamily {
    /// The key of the last row, once there is one.
    last: Option<Vec<u8>>,
    first: Option<Vec<u8>>,
    tables: Vec<PathBuf>,
}

/// The rows of the next table.
#[derive(Default)]
struct HeldRows {
    column: Option<Column>,
    bytes: Vec<u8>,
    /// For each row: the length of its key, and of its value.
    lengths: Vec<(usize, usize)>,
}

/// Begins a store at `path`, where nothing may be but an empty directory. Of `options` those of RocksDB count.
///
/// Errors: [`Error::NotOurs`] if something is there, [`Error::Io`], [`Error::RocksDb`].
pub fn import(path: &Path, options: StoreOptions) -> Result<Import, Error> {
    let options = StoreOptions {
        in_memory: false,
        ..options
    };
    fs::create_dir_all(path).map_err(failed("create", path))?;
    let mut entries = fs::read_dir(path).map_err(failed("list", path))?;
    if let Some(entry) = entries.next() {
        let name = entry.map_err(failed("list", path))?.file_name();
        return Err(Error::NotOurs {
            path: path.to_owned(),
            found: format!("it holds {name:?}, and a copy is made in an empty directory"),
        });
    }
    let home = Home::of(path);
    // Under the path that RocksDB works with, so that both lie in one directory whatever is moved.
    let ingest = home.path().join(INGEST);
    let filter = filter::attach(&Arc::<Pins>::default());
    let config = EngineConfig::new(options, home, filter).map_err(|source| Error::RocksDb {
        operation: "open",
        path: path.to_owned(),
        source,
    })?;
    config.home.lock()?;
    // The first thing there, and durable with RocksDB's own first names: it marks the directory until the end.
    fs::create_dir(&ingest).map_err(failed("create", &path.join(INGEST)))?;
    let database = Database::open(&config, &Mode::Normal)?;
    Ok(Import {
        path: path.to_owned(),
        config,
        database,
        ingest,
        families: Default::default(),
        format: None,
        state: None,
        rows: HeldRows::default(),
        table_bytes: TABLE_BYTES,
    })
}

impl Import {
    /// Takes one row, as an export gave it. The rows of a family come in the order of their keys.
    ///
    /// Errors: [`Error::NoFamily`], [`Error::Import`] for a row that does not fit; the import goes on without it. After any
    /// other error it is of no use.
    pub fn put(&mut self, family: &str, key: &[u8], value: &[u8]) -> Result<(), Error> {
        let column = Column::named(family).ok_or_else(|| Error::NoFamily {
            name: family.to_owned(),
        })?;
        let last = &self.families[column as usize].last;
        if last.as_deref().is_some_and(|last| last >= key) {
            return Err(self.unfit(format!(
                "a row of family {family} comes behind one with a larger key"
            )));
        }
        if column == Column::Meta && key == meta::FORMAT_KEY {
            check_version(&self.path, meta::format_version(value))?;
            meta::format_version(value)
                .ok_or_else(|| self.unfit("its format row is none of ours".to_owned()))?;
            self.format = Some(meta::format_row());
        } else if column == Column::Meta && key == meta::STATE_KEY {
            let state = StoreState::decode(value)
                .map_err(|reason| Error::row(column.name(), key, reason))?;
            self.state = Some(state);
        } else {
            self.hold(column, key, value)?;
        }
        let family = &mut self.families[column as usize];
        family.first.get_or_insert_with(|| key.to_vec());
        let last = family.last.get_or_insert_default();
        last.clear();
        last.extend_from_slice(key);
        Ok(())
    }

    /// What the exporter's state row says, once it has come.
    pub fn applied(&self) -> Option<&Applied> {
        self.state.as_ref().map(|state| &state.applied)
    }

    /// Makes the store whole and durable, and closes it. `marker` takes the place of the exporter's marker
    /// ([`crate::Batch::set_marker`]). Gives the state that the store stands at.
    ///
    /// Errors: [`Error::Import`] if rows are missing; [`Error::RocksDb`], [`Error::Io`].
    pub fn finish(mut self, marker: Option<&[u8]>) -> Result<Applied, Error> {
        let mut state = self.whole()?;
        if let Some(marker) = marker {
            state.applied.marker = bytes::Bytes::copy_from_slice(marker);
        }
        self.write_table()?;
        for column in Column::ALL {
            let tables = std::mem::take(&mut self.families[column as usize].tables);
            self.database.ingest(column, &tables)?;
        }
        let mut rows = WriteBatch::default();
        let family = self.database.family(Column::Meta);
        let mut row = Vec::new();
        state.encode(&mut row);
        rows.put_cf(family, meta::FORMAT_KEY, meta::format_row());
        rows.put_cf(family, meta::STATE_KEY, row);
        self.database.write(rows)?;
        self.database.flush()?;
        self.database.close();
        self.settle()?;
        Ok(state.applied)
    }

    /// Step 4.
    fn settle(&self) -> Result<(), Error> {
        fs::remove_dir(&self.ingest).map_err(failed("remove", &self.path.join(INGEST)))?;
        let above = self.path.parent().filter(|it| !it.as_os_str().is_empty());
        for directory in [&self.path, above.unwrap_or(Path::new("."))] {
            File::open(directory)
                .and_then(|directory| directory.sync_all())
                .map_err(failed("sync", directory))?;
        }
        Ok(())
    }

    /// The state, if the rows that must be there are.
    fn whole(&self) -> Result<StoreState, Error> {
        let missing = |what: &str| self.unfit(format!("{what} is missing: it was cut short"));
        if self.format.is_none() {
            return Err(missing("its format row"));
        }
        let state = self.state.clone().ok_or_else(|| missing("its state row"))?;
        let events = &self.families[Column::Events as usize];
        let revision = state.applied.revision;
        if state.oldest_event <= revision {
            let (first, last) = (state.oldest_event.to_be_bytes(), revision.to_be_bytes());
            if events.last.as_deref() != Some(&last) {
                return Err(missing("its newest event"));
            }
            if events.first.as_deref().is_none_or(|it| it > &first[..]) {
                return Err(missing("its oldest event"));
            }
        }
        Ok(state)
    }

    fn hold(&mut self, column: Column, key: &[u8], value: &[u8]) -> Result<(), Error> {
        let full = self.rows.bytes.len() >= self.table_bytes;
        if full || self.rows.column != Some(column) {
            self.write_table()?;
            self.rows.column = Some(column);
        }
        self.rows.bytes.extend_from_slice(key);
        self.rows.bytes.extend_from_slice(value);
        self.rows.lengths.push((key.len(), value.len()));
        Ok(())
    }

    /// Writes the rows at hand as one table.
    fn write_table(&mut self) -> Result<(), Error> {
        let Some(column) = self.rows.column.take() else {
            return Ok(());
        };
        let family = &mut self.families[column as usize];
        let name = format!("{}-{}.sst", column.name(), family.tables.len());
        let path = self.ingest.join(name);
        let write = || {
            let options = setup::table_options(column, &self.config)?;
            let mut table = SstFileWriter::create(&options);
            table.open(&path)?;
            let mut rest = &self.rows.bytes[..];
            for (key, value) in &self.rows.lengths {
                let (row, behind) = rest.split_at(key + value);
                let (key, value) = row.split_at(*key);
                table.put(key, value)?;
                rest = behind;
            }
            table.finish()
        };
        write().map_err(|source| self.database.fault("write a table", source))?;
        family.tables.push(path);
        self.rows.bytes.clear();
        self.rows.lengths.clear();
        Ok(())
    }

    fn unfit(&self, reason: String) -> Error {
        Error::Import {
            path: self.path.clone(),
            reason,
        }
    }
}

impl std::fmt::Debug for Import {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Import")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

fn failed(operation: &'static str, path: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::Io {
        operation,
        path: path.to_owned(),
        source,
    }
}
