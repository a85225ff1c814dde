//! How RocksDB is set up for each column family (store-layout 6 and 7).

use std::sync::Arc;

use rocksdb::{BlockBasedOptions, Cache, ColumnFamilyDescriptor, Env};

use crate::engine::home::Home;
use crate::engine::info_log::InfoLog;
use crate::engine::mode::EngineMode;
use crate::engine::options::StoreOptions;
use crate::format::column::Column;

/// Level-0 files of `nodes` that start a compaction: few, because every one of them slows listings
/// down.
const NODES_LEVEL0_FILES: i32 = 2;
/// Level-0 files from which on RocksDB slows writes down, and begins no flush that would make so many.
pub(crate) const SLOWDOWN_FILES: u64 = 20;
/// A table in which so many of so many rows in order are removals is compacted at once, and again on each level: every
/// listing, look for children and look for the next deadline passes them one by one until they are gone.
const REMOVAL_WINDOW: usize = 1_024;
const REMOVALS: usize = 512;
/// The same for the memtable, which a compaction does not see: after a move of an iterator that passed so many removed or
/// replaced rows in it, the second write from then flushes it. A directory that is removed as a whole leaves one range
/// and no such rows; and it is a sixth of what is flushed by number anyway.
const MEMTABLE_REMOVALS: &str = "memtable_op_scan_flush_trigger=8192;";
/// A month: after it, even ranges that nobody writes meet the filter.
const VERSIONS_PERIOD_SECONDS: u64 = 30 * 24 * 60 * 60;
/// Small where single rows are read, and large where runs are.
const BLOCK: usize = 8 << 10;
const LARGE_BLOCK: usize = 32 << 10;

/// What RocksDB is opened with.
pub(crate) struct Setup {
    pub(crate) database: rocksdb::Options,
    pub(crate) families: Vec<ColumnFamilyDescriptor>,
    pub(crate) cache: Cache,
}

/// Gives the family of the old revisions the filter by which its compactions drop them. What may go is not known here.
pub(crate) type AttachFilter = Arc<dyn Fn(&mut rocksdb::Options) + Send + Sync>;

/// What outlives one opening: the same store opened again uses the same.
#[derive(Clone)]
pub(crate) struct EngineConfig {
    pub(crate) options: StoreOptions,
    /// Where the files of an in-memory store live.
    pub(crate) memory: Option<Env>,
    pub(crate) home: Home,
    filter: AttachFilter,
}

impl EngineConfig {
    pub(crate) fn new(
        options: StoreOptions,
        home: Home,
        filter: AttachFilter,
    ) -> Result<Self, rocksdb::Error> {
        Ok(Self {
            memory: options.in_memory.then(Env::mem_env).transpose()?,
            options,
            home,
            filter,
        })
    }
}

/// Builds the options of every column family.
pub(crate) fn setup(
    config: &EngineConfig,
    engine_mode: &EngineMode,
    notices: &Arc<InfoLog>,
) -> Result<Setup, rocksdb::Error> {
    let cache = Cache::new_lru_cache(config.options.cache_bytes);
    let database = database_options(config, engine_mode, notices)?;
    let families = Column::ALL
        .into_iter()
        .map(|column| {
            let mut family = family_options(column, config, engine_mode, &cache)?;
            if engine_mode.resting.contains(&column) {
                rest(&mut family);
            }
            Ok(ColumnFamilyDescriptor::new(column.name(), family))
        })
        .collect::<Result<_, rocksdb::Error>>()?;
    Ok(Setup {
        database,
        families,
        cache,
    })
}

/// Switches a family's compaction off, and with it all that would slow writes down without it.
fn rest(family: &mut rocksdb::Options) {
    family.set_disable_auto_compactions(true);
    family.set_periodic_compaction_seconds(0);
    family.set_level_zero_file_num_compaction_trigger(i32::MAX);
    family.set_level_zero_slowdown_writes_trigger(i32::MAX);
    family.set_level_zero_stop_writes_trigger(i32::MAX);
    family.set_soft_pending_compaction_bytes_limit(0);
    family.set_hard_pending_compaction_bytes_limit(0);
}

fn database_options(
    config: &EngineConfig,
    engine_mode: &EngineMode,
    notices: &Arc<InfoLog>,
) -> Result<rocksdb::Options, rocksdb::Error> {
    let options = &config.options;
    // The crate has no setter for this one. Without it a drop would flush, and an unclean stop
    // could not be told from a clean one: a clean stop flushes by itself.
    let mut database =
        rocksdb::Options::default().get_options_from_string("avoid_flush_during_shutdown=true")?;
    if let Some(memory) = &config.memory {
        database.set_env(memory);
    }
    if engine_mode.read_only {
        database.create_if_missing(false);
        return Ok(finish(database, options, engine_mode, notices));
    }
    database.create_if_missing(true);
    database.create_missing_column_families(true);
    // Without a log of its own, only an atomic flush keeps the column families at one revision.
    database.set_atomic_flush(true);
    database.set_db_write_buffer_size(options.memtable_bytes);
    database.set_max_background_jobs(options.background_jobs);
    database.set_bytes_per_sync(1 << 20);
    Ok(finish(database, options, engine_mode, notices))
}

/// What holds for reading alone as well.
fn finish(
    mut database: rocksdb::Options,
    options: &StoreOptions,
    engine_mode: &EngineMode,
    notices: &Arc<InfoLog>,
) -> rocksdb::Options {
    database.set_max_open_files(options.max_open_files);
    database.set_paranoid_checks(!engine_mode.lenient);
    // Takes the place of RocksDB's own LOG file, whose lines of error went unheard.
    database.set_info_logger(notices.logger());
    database.set_stats_dump_period_sec(0);
    database.set_stats_persist_period_sec(0);
    database
}

/// What a table that is made outside RocksDB is written with, so that it is one of this family.
pub(crate) fn table_options(
    column: Column,
    config: &EngineConfig,
) -> Result<rocksdb::Options, rocksdb::Error> {
    let unused = Cache::new_lru_cache(0);
    family_options(column, config, &EngineMode::default(), &unused)
}

fn family_options(
    column: Column,
    config: &EngineConfig,
    engine_mode: &EngineMode,
    cache: &Cache,
) -> Result<rocksdb::Options, rocksdb::Error> {
    let EngineConfig {
        options, filter, ..
    } = config;
    // Range tombstones slow the first read after each new one: past this many the memtable is
    // flushed.
    let mut unnamed = "memtable_max_range_deletions=256;".to_owned();
    // RocksDB warns of it where nothing is written.
    if matches!(column, Column::Nodes | Column::Expiry) && !engine_mode.read_only {
        unnamed += MEMTABLE_REMOVALS;
    }
    let mut family = rocksdb::Options::default().get_options_from_string(unnamed)?;
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_block_size(BLOCK);
    // The sum is bounded by db_write_buffer_size; one family may take all of it.
    family.set_write_buffer_size(options.memtable_bytes);
    family.set_max_write_buffer_number(4);
    family.set_level_zero_slowdown_writes_trigger(SLOWDOWN_FILES as i32);
    match column {
        Column::Nodes => {
            // The first write of a new key looks for a node that is not there.
            table.set_bloom_filter(10.0, false);
            family.set_level_zero_file_num_compaction_trigger(NODES_LEVEL0_FILES);
            family.add_compact_on_deletion_collector_factory(REMOVAL_WINDOW, REMOVALS, 0.0);
        }
        Column::Versions => {
            table.set_block_size(LARGE_BLOCK);
            filter(&mut family);
            family.set_periodic_compaction_seconds(VERSIONS_PERIOD_SECONDS);
        }
        Column::Events => table.set_block_size(LARGE_BLOCK),
        Column::Expiry => {
            family.add_compact_on_deletion_collector_factory(REMOVAL_WINDOW, REMOVALS, 0.0);
        }
        Column::Meta => {}
    }
    family.set_block_based_table_factory(&table);
    Ok(family)
}
