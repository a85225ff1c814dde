//! The reading half: what is applied, what a crash keeps, one node fast, and views.
//!
//! Any number of threads may read; none of them waits for a commit, but for the moment of its
//! publication.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;

use crate::bounds::Bounds;
use crate::cache::NodeCache;
use crate::columns::Column;
use crate::database::Database;
use crate::error::Error;
use crate::meta::{self, Applied, State};
use crate::operation::{Node, Refusal, Retention};
use crate::path::KeyPath;
use crate::pin::{Pin, Pins};
use crate::published::{Published, wait};
use crate::read;
use crate::record;
use crate::view::View;

/// What both halves share.
pub(crate) struct Core {
    pub(crate) database: Database,
    pub(crate) cache: NodeCache,
    pub(crate) published: Published,
    pub(crate) pins: Arc<Pins>,
    pub(crate) bounds: Bounds,
    /// The state known to be flushed.
    pub(crate) durable: RwLock<Applied>,
}

/// The node at a path, or why there is none, and the revision at which that holds.
type Answer = (Result<Node, Refusal>, u64);

/// The reading half of the tree. Clones share one store; the directory stays open until the last of
/// them and the [`crate::Writer`] are gone. Dropping flushes nothing: a clean stop calls
/// [`Store::flush`] first.
#[derive(Clone)]
pub struct Store {
    pub(crate) core: Arc<Core>,
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
    /// The directory.
    pub fn path(&self) -> &Path {
        self.core.database.path()
    }

    /// The newest published revision; 0 in a new store.
    pub fn revision(&self) -> u64 {
        self.core.published.revision()
    }

    /// The state as of the last commit.
    pub fn applied(&self) -> Applied {
        self.core.published.latest().applied.clone()
    }

    /// How much history is kept.
    pub fn retention(&self) -> Retention {
        self.core.published.latest().retention
    }

    /// The state that a crash would keep now. Log segments may be released up to its index
    /// (store-layout 5.16).
    pub fn durable(&self) -> Applied {
        match self.refresh_durable() {
            Ok(state) => state.applied,
            // An older answer is always safe: it only keeps the log longer.
            Err(error) => {
                tracing::warn!(%error, "cannot read what is flushed; going on with what is known");
                self.core
                    .durable
                    .read()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone()
            }
        }
    }

    /// Writes all memtables to disk, at one revision for all column families, and returns what is
    /// durable then: at least what was applied when it was called.
    ///
    /// Blocks; the writer goes on meanwhile. An error is final: the store must be reopened
    /// (design 6).
    pub fn flush(&self) -> Result<Applied, Error> {
        let wanted = self.core.published.latest().commits;
        let mut turns = 0;
        loop {
            self.core.database.flush()?;
            let durable = self.refresh_durable()?;
            if durable.commits >= wanted {
                return Ok(durable.applied);
            }
            // RocksDB skips a flush if a column family's memtable was flushed by one of its own
            // while this one waited, whatever the others hold. What counts is what can be read back.
            wait(&mut turns);
        }
    }

    fn refresh_durable(&self) -> Result<State, Error> {
        // Held while reading: what is flushed only grows, so the last to read knows best.
        let mut durable = self
            .core
            .durable
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let row = self
            .core
            .database
            .get_persisted(Column::Meta, meta::STATE_KEY)?;
        let missing = || Error::row(Column::Meta.name(), meta::STATE_KEY, "the row is missing");
        let state = State::decode(&row.ok_or_else(missing)?)?;
        self.core.pins.flushed(state.base());
        *durable = state.applied.clone();
        Ok(state)
    }

    /// The node at `path` and the revision at which that holds: the fast way of a plain read.
    ///
    /// Refusals: [`Refusal::KeyNotFound`] with the first missing path, [`Refusal::NotDirectory`]
    /// with the file that stands where a directory is needed.
    pub fn get(&self, path: &KeyPath) -> Result<(Result<Node, Refusal>, u64), Error> {
        if path.is_root() {
            return Ok((Ok(record::root()), self.revision()));
        }
        let core = &*self.core;
        let mut turns = 0;
        loop {
            let published = core.published.revision();
            let Some(entry) = core.cache.get(path) else {
                if let Some(answer) = self.fetch(path, published)? {
                    return Ok(answer);
                }
                return self.get_frozen(path);
            };
            // Changes up to the published revision reached the cache before it was published.
            if entry.revision <= published {
                return Ok((Ok(entry.node), published));
            }
            wait(&mut turns);
        }
    }

    /// Reads past the cache without a snapshot; `None` if that cannot give one consistent answer
    /// just now.
    fn fetch(&self, path: &KeyPath, published: u64) -> Result<Option<Answer>, Error> {
        let core = &*self.core;
        let token = core.published.quiet();
        let still = || token.is_some_and(|token| core.published.still(token));
        match read::entry(&core.database, path)? {
            // A record at or below the published revision has not changed since, whatever is being
            // committed.
            Some(entry) if entry.revision <= published => {
                core.cache.put_fetched(&entry, still);
                Ok(Some((Ok(entry.node), published)))
            }
            Some(_) => Ok(None),
            None => {
                let refusal = read::why_missing(&core.database, path)?;
                // Nothing was written from before the first look until now, so this revision is
                // that of the answer.
                let revision = core.published.revision();
                Ok(still().then_some((Err(refusal), revision)))
            }
        }
    }

    fn get_frozen(&self, path: &KeyPath) -> Result<Answer, Error> {
        let view = self.view();
        Ok((view.node(path)?, view.revision()))
    }

    /// A consistent view of everything, at the newest published revision.
    pub fn view(&self) -> View<'_> {
        View::new(&self.core)
    }

    /// The earliest deadline, nanoseconds of cluster time. It may be early (what had it may be
    /// gone), never late.
    pub fn next_deadline(&self) -> Option<u64> {
        self.core.published.deadline()
    }

    /// A row outside the tree.
    pub fn record(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        read::record(&self.core.database, key)
    }

    /// The rows outside the tree whose key begins with `prefix`, in key order.
    pub fn records(&self, prefix: &[u8]) -> Result<Vec<(Bytes, Bytes)>, Error> {
        self.view().records(prefix)
    }

    /// Keeps history at and above `revision` readable through [`View::at_pin`], whatever the floor
    /// does.
    pub fn pin(&self, revision: u64) -> Pin {
        self.core.pins.hold(revision)
    }

    /// Rewrites `versions`, so that what the floor has passed gives its space back. Blocks for as
    /// long as that takes; worth it after the floor moved far. Only what is flushed counts
    /// (store-layout 5.10).
    pub fn compact(&self) -> Result<(), Error> {
        self.flush()?;
        self.core.database.compact(Column::Versions);
        self.core.database.compact(Column::Events);
        Ok(())
    }
}
