//! Opening a directory, for the first time or again: what its rows say before anybody reads or writes.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, RwLock};

use crate::compaction::pin::Pins;
use crate::engine::cache::NodeCache;
use crate::engine::cursor::Source;
use crate::engine::database::Database;
use crate::engine::directory::inspect;
use crate::engine::format_row::{read_state, settle_format};
use crate::engine::mode::Mode;
use crate::engine::published::Published;
use crate::engine::setup::EngineConfig;
use crate::error::Error;
use crate::format::column::Column;
use crate::format::meta::{self, CompactionProgress, StoreState};
use crate::read::core::Core;
use crate::read::deadline::first_deadline;
use crate::read::retired::EndSignal;

/// A store that has just been opened, and what its writer begins with.
pub(crate) struct Opened {
    pub(crate) core: Arc<Core>,
    pub(crate) state: Arc<StoreState>,
    pub(crate) deadline: Option<u64>,
    pub(crate) progress: CompactionProgress,
}

/// Opens the directory, for the first time or again.
pub(crate) fn open_core(
    config: &EngineConfig,
    pins: &Arc<Pins>,
    mode: &Mode,
) -> Result<Opened, Error> {
    if !config.options.in_memory {
        inspect(&config.home, mode)?;
        if !mode.is_read_only() {
            config.home.lock()?;
        }
    }
    let database = Database::open(config, mode)?;
    settle_format(&database, mode)?;
    let state = Arc::new(read_state(&database)?);
    // Nothing lapses and nothing is compacted where nothing is written, so damage there does not
    // matter either.
    let (progress, deadline) = if mode.is_read_only() {
        (CompactionProgress::default(), None)
    } else {
        let row = database.get(Column::Meta, meta::COMPACTION_KEY)?;
        let progress = row
            .map(|row| CompactionProgress::decode(&row))
            .transpose()
            .map_err(|reason| Error::row(Column::Meta.name(), meta::COMPACTION_KEY, reason))?;
        let deadline = first_deadline(&database, Some(0))?;
        (progress.unwrap_or_default(), deadline)
    };
    // What was just opened is on disk.
    pins.flushed(state.compact_revision());
    let core = Arc::new(Core {
        cache: NodeCache::new(config.options.node_cache_bytes),
        published: Published::new(database.sequence(), Arc::clone(&state), deadline),
        pins: Arc::clone(pins),
        bounds: config.options.bounds,
        durable: RwLock::new(state.applied.clone()),
        recalled: AtomicBool::new(false),
        noticed: Default::default(),
        database,
        end: EndSignal::default(),
    });
    Ok(Opened {
        core,
        state,
        deadline,
        progress,
    })
}
