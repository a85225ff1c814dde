//! One opening of a store: RocksDB, the node cache before it, and what is published. A reopened
//! store has a new core; nothing of an old one is used with it but the pins.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use crate::bounds::Bounds;
use crate::compaction::pin::Pins;
use crate::damage::Damage;
use crate::engine::cache::NodeCache;
use crate::engine::database::Database;
use crate::engine::format_row::decoded_state;
use crate::engine::published::{Published, wait};
use crate::error::Error;
use crate::format::column::Column;
use crate::format::meta::{self, Applied, StoreState};
use crate::read::retired::EndSignal;

/// What both halves share.
pub(crate) struct Core {
    pub(crate) database: Database,
    pub(crate) cache: NodeCache,
    pub(crate) published: Published,
    pub(crate) pins: Arc<Pins>,
    pub(crate) bounds: Bounds,
    /// The state known to be flushed.
    pub(crate) durable: RwLock<Applied>,
    /// The writer waits for the leases to end.
    pub(crate) recalled: AtomicBool,
    /// The first damage met where no caller could be told: of the tree as it is, then of history.
    pub(crate) noticed: [OnceLock<Damage>; 2],
    /// Dropped last: the database is closed then.
    pub(crate) end: EndSignal,
}

impl Core {
    /// What a crash would keep; the last known if it cannot be read.
    pub(crate) fn durable(&self) -> Applied {
        match self.refresh_durable() {
            Ok(state) => state.applied,
            // An older answer is always safe: it only keeps the log longer.
            Err(error) => {
                tracing::warn!(%error, "cannot read what is flushed; going on with what is known");
                self.durable
                    .read()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone()
            }
        }
    }

    /// Writes all memtables to disk: see [`crate::Store::flush`].
    pub(crate) fn flush(&self) -> Result<Applied, Error> {
        let wanted = self.published.latest().commits;
        let mut turns = 0;
        loop {
            self.await_room_for_flush()?;
            self.database.flush()?;
            let durable = self.refresh_durable()?;
            if durable.commits >= wanted {
                return Ok(durable.applied);
            }
            // RocksDB skips a flush if a column family's memtable was flushed by one of its own
            // while this one waited, whatever the others hold. What counts is what can be read back.
            wait(&mut turns);
        }
    }

    /// RocksDB begins no flush that would make it slow writes down, and waits inside for as long as
    /// compactions take: for ever where they fail. So the wait is ours, and ends with them, or when
    /// the store is to be reopened.
    fn await_room_for_flush(&self) -> Result<(), Error> {
        let mut turns = 0;
        while self.database.flush_would_wait() {
            self.database.refuse_after_failed_compaction()?;
            if self.recalled.load(Ordering::Relaxed) {
                return Err(Error::Reopening {
                    waited: Duration::ZERO,
                });
            }
            wait(&mut turns);
        }
        Ok(())
    }

    fn refresh_durable(&self) -> Result<StoreState, Error> {
        // Held while reading: what is flushed only grows, so the last to read knows best.
        let mut durable = self.durable.write().unwrap_or_else(PoisonError::into_inner);
        let row = self.database.get_persisted(Column::Meta, meta::STATE_KEY)?;
        let state = decoded_state(row.as_deref())?;
        self.pins.flushed(state.compact_revision());
        *durable = state.applied.clone();
        Ok(state)
    }

    /// Keeps damage that was met where nobody can be told by an error: after a commit, or where it
    /// changes nothing.
    pub(crate) fn notice(&self, error: &Error) {
        if let Some(damage) = error.damage() {
            // Only the first of each kind is kept: history must not hide what weighs more.
            self.noticed[usize::from(damage.is_history())].get_or_init(|| damage);
        }
    }

    /// The first damage that was met behind the callers' backs.
    pub(crate) fn background_damage(&self) -> Option<Damage> {
        let noticed = self.noticed.iter().find_map(OnceLock::get);
        noticed
            .cloned()
            .or_else(|| self.database.background_damage())
    }

    pub(crate) fn recall(&self, recalled: bool) {
        self.recalled.store(recalled, Ordering::Relaxed);
    }
}
