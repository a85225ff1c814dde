//! The reading half: what is applied, what a crash keeps, one node fast, and leases for the rest.
//!
//! Any number of threads may read; none of them waits for a commit, but for the moment of its
//! publication. While the store is reopened they wait for the next core.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::compaction::pin::Pin;
use crate::damage::Damage;
use crate::error::Error;
use crate::format::column::Column;
use crate::format::meta::Applied;
use crate::operation::{Node, Refusal, Retention};
use crate::path::KeyPath;
use crate::read::core::Core;
use crate::read::current::{CurrentCore, HeldCore};
use crate::read::lease::Lease;
use crate::read::point;
use crate::read::statistics::Statistics;
use crate::read::view::View;

/// What outlives every opening of one store, and a move to another directory.
pub(crate) struct SharedStore {
    pub(crate) read_patience: Duration,
    pub(crate) current: CurrentCore,
}

/// The reading half of the tree. Clones share one store; the directory stays open until the last of
/// them, of the leases and the [`crate::Writer`] are gone. Dropping flushes nothing: a clean stop
/// calls [`Store::flush`] first.
///
/// While the writer reopens the store, methods that read rows wait for
/// [`crate::StoreOptions::read_patience`] and then fail with [`Error::Reopening`]; all others answer at
/// once with what was true when it began.
#[derive(Clone)]
pub struct Store {
    pub(crate) shared: Arc<SharedStore>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("path", &self.path())
            .field("revision", &self.revision())
            .finish()
    }
}

impl Store {
    fn enter(&self) -> Result<HeldCore, Error> {
        let shared = &*self.shared;
        shared.current.enter(shared.read_patience)
    }

    /// A hold on the store as it is open now, to take views from.
    pub fn lease(&self) -> Result<Lease, Error> {
        self.lease_within(self.shared.read_patience)
    }

    /// The same for who wants to wait for another time, or not at all (zero). Errors:
    /// [`Error::Reopening`].
    pub fn lease_within(&self, patience: Duration) -> Result<Lease, Error> {
        let core = self.shared.current.enter(patience)?.to_arc();
        Ok(Lease { core })
    }

    /// The directory; another one after [`crate::Writer::move_to`].
    pub fn path(&self) -> PathBuf {
        self.shared.current.ask(
            |core| core.database.path().to_owned(),
            |facts| facts.path.clone(),
        )
    }

    /// The newest published revision; 0 in a new store.
    pub fn revision(&self) -> u64 {
        self.shared.current.ask(
            |core| core.published.revision(),
            |facts| facts.state.applied.revision,
        )
    }

    /// The state as of the last commit.
    pub fn applied(&self) -> Applied {
        self.shared.current.ask(
            |core| core.published.latest().applied.clone(),
            |facts| facts.state.applied.clone(),
        )
    }

    /// How much history is kept.
    pub fn retention(&self) -> Retention {
        self.shared.current.ask(
            |core| core.published.latest().retention,
            |facts| facts.state.retention,
        )
    }

    /// The oldest event that can be read: see [`View::oldest_event`].
    pub fn oldest_event(&self) -> u64 {
        self.shared.current.ask(
            |core| core.published.latest().oldest_event,
            |facts| facts.state.oldest_event,
        )
    }

    /// The state that a crash would keep now. Log segments may be released up to its index
    /// (store-layout 5.16).
    pub fn durable(&self) -> Applied {
        self.shared
            .current
            .ask(|core| core.durable(), |facts| facts.durable.clone())
    }

    /// Writes all memtables to disk, at one revision for all column families, and returns what is
    /// durable then: at least what was applied when it was called.
    ///
    /// Blocks; the writer goes on meanwhile. An error is final: the store must be reopened
    /// (design 6).
    pub fn flush(&self) -> Result<Applied, Error> {
        self.lease()?.core.flush()
    }

    /// Whether the store is being reopened: who holds a lease for long ends it now. See
    /// [`Lease::is_recalled`], for those who have it at hand.
    pub fn is_reopening(&self) -> bool {
        self.shared.current.is_closed()
    }

    /// Ends all background work, for a directory that must not be touched any more: it is gone, or
    /// another one stands in its place. RocksDB works by path, so the process should then end
    /// without dropping the store: closing writes and removes files. Reads go on.
    pub fn abandon(&self) {
        if let Ok(lease) = self.lease_within(Duration::ZERO) {
            lease.core.database.end_background_work();
        }
    }

    /// The node at `path` and the revision at which that holds: the fast way of a plain read.
    ///
    /// Refusals: [`Refusal::KeyNotFound`] with the first missing path, [`Refusal::NotDirectory`]
    /// with the file that stands where a directory is needed.
    pub fn get(&self, path: &KeyPath) -> Result<(Result<Node, Refusal>, u64), Error> {
        self.enter()?.get(path)
    }

    /// The earliest deadline, nanoseconds of cluster time. It may be early (what had it may be
    /// gone, or damage hides what follows it), never late.
    pub fn next_deadline(&self) -> Option<u64> {
        self.shared
            .current
            .ask(|core| core.published.deadline(), |facts| facts.deadline)
    }

    /// A row outside the tree.
    pub fn record(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        point::record(&self.enter()?.database, key)
    }

    /// The rows outside the tree whose key begins with `prefix`, in key order.
    pub fn records(&self, prefix: &[u8]) -> Result<Vec<(Bytes, Bytes)>, Error> {
        View::new(&*self.enter()?).records(prefix)
    }

    /// Keeps history at and above `revision` readable through [`View::at_pin`], whatever the oldest event
    /// does. It outlives a reopening, but not [`crate::Writer::move_to`].
    pub fn pin(&self, revision: u64) -> Pin {
        self.shared.current.ask(
            |core| core.pins.hold(revision),
            |facts| facts.pins.hold(revision),
        )
    }

    /// Rewrites `versions` and `events`, so that what the oldest event has passed gives its space back;
    /// not those that rest ([`crate::Mode::WithoutCompaction`]). Blocks for as long as that takes;
    /// worth it after the oldest event moved far. Only what is flushed counts (store-layout 5.10).
    pub fn compact_tables(&self) -> Result<(), Error> {
        let core = self.lease()?.core;
        core.flush()?;
        for column in [Column::Versions, Column::Events] {
            core.database.compact(column)?;
        }
        Ok(())
    }

    /// The first damage that was met where no caller could be told: by a flush or compaction in the
    /// background, or by the look for the earliest deadline after a commit. Of this opening: a
    /// reopened store begins without.
    pub fn background_damage(&self) -> Option<Damage> {
        self.shared
            .current
            .ask(|core| core.background_damage(), |_| None)
    }

    /// Files in level 0 of a column family: each slows its readers down. `None` if there is no
    /// such family, or while the store is reopened.
    pub fn level0_files(&self, family: &str) -> Option<u64> {
        let column = Column::named(family)?;
        let name = c"rocksdb.num-files-at-level0";
        self.shared
            .current
            .ask(|core| Some(core.database.property(column, name)), |_| None)
    }

    /// Figures for `/metrics`; cheap enough to be asked for every second. While the store is
    /// reopened, those of before.
    pub fn statistics(&self) -> Statistics {
        self.shared
            .current
            .ask(Core::statistics, |facts| facts.statistics)
    }

    /// Merges runs of small tables, and returns how many tables it took up. Nothing is done to
    /// families that rest. Costs a look at the list of tables where there is nothing to do; worth a
    /// call after each flush.
    ///
    /// Errors: as of [`Store::compact_tables`], and [`Error::Reopening`].
    pub fn merge_small_tables(&self) -> Result<usize, Error> {
        self.lease()?.core.database.merge_small_tables()
    }
}
