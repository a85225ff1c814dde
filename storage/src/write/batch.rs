//! The writing half: commands applied in log order, then committed as one atomic write.
//!
//! Apply is pure: the same commands in the same order give the same rows, outcomes and hash,
//! however they are cut into batches. A batch that is dropped, or whose apply failed, leaves no
//! trace: after damage that an apply met, the next batch begins where the failed one began.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use rocksdb::WriteBatch;

use crate::engine::cache::NodeCache;
use crate::engine::setup::EngineConfig;
use crate::error::Error;
use crate::format::column::Column;
use crate::format::hash::HashChain;
use crate::format::key;
use crate::format::meta::{self, CompactionProgress, StoreState};
use crate::operation::{Operation, Outcome};
use crate::read::core::Core;
use crate::read::deadline::first_deadline;
use crate::read::store::SharedStore;
use crate::write::expiry::Pending;
use crate::write::overlay::{Overlay, Touched};

/// The only writer of a store.
pub struct Writer {
    pub(crate) core: Arc<Core>,
    pub(crate) shared: Arc<SharedStore>,
    /// With what the core was opened, and will be again.
    pub(crate) config: EngineConfig,
    pub(crate) state: Arc<StoreState>,
    pub(crate) deadline: Option<u64>,
    pub(crate) progress: CompactionProgress,
    /// A write failed: what is in memory and what is in RocksDB may differ. Nothing is asked of a
    /// core then.
    pub(crate) broken: bool,
    /// The core's database was closed by a reopening that failed; it is broken as well.
    pub(crate) closed: bool,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// What a commit published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The newest revision.
    pub revision: u64,
    /// The log index applied last.
    pub index: u64,
}

/// Commands that become visible, and durable, together.
pub struct Batch<'w> {
    writer: &'w mut Writer,
    pub(crate) core: Arc<Core>,
    pub(crate) rows: WriteBatch,
    pub(crate) state: StoreState,
    pub(crate) overlay: Overlay,
    /// The rows outside the tree that this batch wrote (true) or removed.
    pub(crate) records: BTreeMap<Vec<u8>, bool>,
    pub(crate) expiry: Pending,
    pub(crate) chain: HashChain,
    /// The earliest deadline, or earlier.
    pub(crate) deadline: Option<u64>,
    /// What held the earliest deadline went: it is looked up again after the write.
    pub(crate) deadline_moved: bool,
    /// History bytes up to each revision of this batch; the first is that of `first_revision`.
    pub(crate) bytes: Vec<u64>,
    pub(crate) first_revision: u64,
    /// Bytes of values that came from the store and that the outcomes hold.
    pub(crate) held: usize,
    /// Bytes of the keys below removed directories that were removed one by one.
    pub(crate) removed_below: u64,
    /// Whether the command being applied has changed something already.
    pub(crate) continues: bool,
    /// The scratch buffers for keys and rows.
    pub(crate) key: Vec<u8>,
    pub(crate) version: Vec<u8>,
    pub(crate) row: Vec<u8>,
    /// A command was begun and not finished.
    torn: bool,
}

impl Writer {
    /// Starts a batch. Nothing is written before [`Batch::commit`].
    pub fn batch(&mut self) -> Batch<'_> {
        Batch {
            core: Arc::clone(&self.core),
            rows: WriteBatch::default(),
            state: StoreState::clone(&self.state),
            overlay: Overlay::default(),
            records: BTreeMap::new(),
            expiry: Pending::default(),
            chain: HashChain(self.state.applied.hash),
            deadline: self.deadline,
            deadline_moved: false,
            bytes: Vec::new(),
            first_revision: self.state.applied.revision + 1,
            held: 0,
            removed_below: 0,
            continues: false,
            key: Vec::with_capacity(64),
            version: Vec::with_capacity(64),
            row: Vec::with_capacity(256),
            torn: self.broken,
            writer: self,
        }
    }
}

impl Writer {
    /// Writes the state row anew as it is, so that the next flush adds a state to the manifest even
    /// where nothing was applied since the last one.
    pub fn touch(&mut self) -> Result<(), Error> {
        let mut batch = self.batch();
        // Local to this store. The row differs by it, or the commit would find nothing to write.
        batch.state.commits += 1;
        batch.commit().map(|_| ())
    }

    /// Whether a commit may block now: RocksDB delays writes, or stops them, while flushes or compactions do not keep
    /// up. Takes RocksDB's lock: not for every commit.
    pub fn delays_writes(&self) -> bool {
        // Both are those of the whole database, whatever the column family.
        [
            c"rocksdb.is-write-stopped",
            c"rocksdb.actual-delayed-write-rate",
        ]
        .into_iter()
        .any(|name| self.core.database.property(Column::Meta, name) != 0)
    }

    /// Writes rows and publishes what follows from them. `settle` runs between the two: it corrects
    /// the cache, and gives the state and the earliest deadline.
    pub(crate) fn write(
        &mut self,
        rows: WriteBatch,
        settle: impl FnOnce(&Core, &mut Option<u64>) -> Arc<StoreState>,
    ) -> Result<(), Error> {
        let core = Arc::clone(&self.core);
        core.database.refuse_if_read_only()?;
        core.published.begin();
        if let Err(error) = core.database.write(rows) {
            self.broken = true;
            core.published.abandon();
            return Err(error);
        }
        let state = settle(&core, &mut self.deadline);
        core.published
            .end(core.database.sequence(), Arc::clone(&state), self.deadline);
        self.state = state;
        Ok(())
    }
}

/// Bytes of a key above which a directory made on the way is cached by who asks for it, and not when it is made: a deep
/// key makes hundreds, each as long as its path, and few are asked for.
const MADE_CACHED: usize = 256;

/// Tells the node cache what a batch did: whole subtrees first, then the nodes on top of them.
fn correct(cache: &NodeCache, overlay: Overlay) {
    let (cleared, touched) = overlay.into_parts();
    for subtree in &cleared {
        cache.remove_subtree(&subtree.top);
    }
    for (key, entry) in &touched {
        match entry {
            // Where nothing was committed the cache has nothing to correct.
            Touched::Made(_) if key.len() > MADE_CACHED => {}
            Touched::Put(entry) | Touched::Made(entry) => cache.put(entry),
            Touched::Removed => key::path(key).iter().for_each(|path| cache.remove(path)),
        }
    }
}

/// The earliest deadline after a write, looked up again if what held it went.
fn settle_deadline(core: &Core, deadline: Option<u64>, moved: bool) -> Option<u64> {
    if !moved {
        return deadline;
    }
    first_deadline(&core.database, deadline).unwrap_or_else(|error| {
        // Early is allowed, late is not: the old one stays until the next look. The write itself has
        // succeeded, so damage is kept for Store::background_damage.
        tracing::error!(%error, "cannot look up the earliest deadline; the old one stays");
        core.notice(&error);
        deadline
    })
}

impl Batch<'_> {
    /// Applies the command at log index `index`. Its operations see each other, in order; each
    /// stands alone: one that is refused undoes nothing. One outcome for each, up to the one that ends the
    /// command ([`Outcome::Ended`]). `cluster_time` (ns) counts from the highest value given so far.
    ///
    /// Errors: [`Error::OutOfOrder`] if `index` is not above the applied one, which changes
    /// nothing. After any other error the batch cannot be committed.
    pub fn apply(
        &mut self,
        index: u64,
        cluster_time: u64,
        operations: &[Operation],
    ) -> Result<Vec<Outcome>, Error> {
        self.begin(index, cluster_time)?;
        let mut outcomes = Vec::with_capacity(operations.len());
        for operation in operations {
            outcomes.push(self.operate(operation)?);
            if outcomes.last() == Some(&Outcome::Ended) {
                break;
            }
        }
        self.end();
        Ok(outcomes)
    }

    /// The same for a command of one operation, without a list.
    pub fn apply_one(
        &mut self,
        index: u64,
        cluster_time: u64,
        operation: &Operation,
    ) -> Result<Outcome, Error> {
        self.begin(index, cluster_time)?;
        let outcome = self.operate(operation)?;
        self.end();
        Ok(outcome)
    }

    /// Passes an entry without operations: only the applied index moves. Indexes already applied
    /// are ignored.
    pub fn skip(&mut self, index: u64) {
        self.state.applied.index = self.state.applied.index.max(index);
    }

    /// Stores the caller's bytes beside the applied index.
    pub fn set_marker(&mut self, marker: &[u8]) {
        self.state.applied.marker = Bytes::copy_from_slice(marker);
    }

    /// The newest revision, this batch included.
    pub fn revision(&self) -> u64 {
        self.state.applied.revision
    }

    /// About how many bytes the batch and its outcomes hold beside the commands: a small command can
    /// remove, or meet, large values. Where a batch ends changes nothing else, so whoever applies many
    /// commands ends it by this.
    pub fn bytes(&self) -> usize {
        self.rows.size_in_bytes() + self.held
    }

    /// The cluster time that the store has come to with what the batch holds so far, in nanoseconds.
    pub fn cluster_time(&self) -> u64 {
        self.state.applied.cluster_time
    }

    fn begin(&mut self, index: u64, cluster_time: u64) -> Result<(), Error> {
        let applied = &mut self.state.applied;
        if self.torn {
            return Err(Error::Aborted {
                applied: applied.index,
            });
        }
        if index <= applied.index {
            return Err(Error::OutOfOrder {
                index,
                applied: applied.index,
            });
        }
        applied.index = index;
        applied.cluster_time = applied.cluster_time.max(cluster_time);
        self.chain.word(index);
        self.chain.word(applied.cluster_time);
        self.continues = false;
        self.torn = true;
        Ok(())
    }

    fn end(&mut self) {
        self.chain.word(self.state.oldest_event);
        self.state.applied.hash = self.chain.0;
        self.torn = false;
    }

    /// Writes everything as one atomic batch, without a log of RocksDB's own, and shows it to
    /// readers. What a crash keeps of it is up to the next flush. After an error the store takes no
    /// more writes until it is reopened.
    pub fn commit(mut self) -> Result<Committed, Error> {
        if self.torn {
            return Err(Error::Aborted {
                applied: self.writer.state.applied.index,
            });
        }
        let committed = Committed {
            revision: self.state.applied.revision,
            index: self.state.applied.index,
        };
        if self.rows.is_empty() && self.state == *self.writer.state {
            return Ok(committed);
        }
        self.assert_follows();
        self.state.commits += 1;
        self.state.encode(&mut self.row);
        let meta = self.core.database.family(Column::Meta);
        self.rows.put_cf(meta, meta::STATE_KEY, &self.row);
        self.writer.write(self.rows, |core, deadline| {
            correct(&core.cache, self.overlay);
            *deadline = settle_deadline(core, self.deadline, self.deadline_moved);
            Arc::new(self.state)
        })?;
        Ok(committed)
    }

    /// What a batch adds to the state that it began with: every reader counts on it, and so does a start that reads it back.
    fn assert_follows(&self) {
        let (before, after) = (&self.writer.state, &self.state);
        let (revision, events) = (after.applied.revision, self.bytes.len() as u64);
        assert!(
            revision == before.applied.revision + events,
            "invariant batch-revision: {events} events lead from revision {} to {revision}",
            before.applied.revision
        );
        assert!(
            after.applied.index >= before.applied.index
                && (events == 0 || after.applied.index > before.applied.index),
            "invariant batch-applied: {events} events lead from index {} to {}",
            before.applied.index,
            after.applied.index
        );
        assert!(
            before.oldest_event <= after.oldest_event && after.compact_revision() <= revision,
            "invariant batch-oldest-event: the oldest event goes from {} to {} at revision {revision}",
            before.oldest_event,
            after.oldest_event
        );
        let first = self.bytes.first().copied().unwrap_or(after.bytes);
        assert!(
            before.bytes <= first
                && self.bytes.is_sorted()
                && self.bytes.last().copied().unwrap_or(after.bytes) == after.bytes,
            "invariant batch-bytes: the bytes of history go from {} over {first} to {}",
            before.bytes,
            after.bytes
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{Content, Write, WriteMode};
    use crate::path::KeyPath;

    /// Applies one write, breaks the batch, and commits it.
    fn committed(break_it: impl FnOnce(&mut Batch<'_>)) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (_store, mut writer) = crate::open(
            &directory.path().join("store"),
            crate::StoreOptions::default(),
        )
        .expect("opened");
        let mut batch = writer.batch();
        let set = Operation::Write(Write::new(
            KeyPath::new("/a").expect("canonical"),
            WriteMode::Set,
            Content::File(Bytes::from_static(b"v")),
        ));
        batch.apply_one(1, 1, &set).expect("applied");
        break_it(&mut batch);
        batch.commit().expect("written");
    }

    #[test]
    fn a_batch_as_it_is_follows() {
        committed(|_| {});
    }

    #[test]
    #[should_panic(expected = "invariant batch-revision")]
    fn a_revision_without_its_event_is_caught() {
        committed(|batch| batch.state.applied.revision += 1);
    }

    #[test]
    #[should_panic(expected = "invariant batch-applied")]
    fn an_index_that_does_not_rise_is_caught() {
        committed(|batch| batch.state.applied.index = 0);
    }

    #[test]
    #[should_panic(expected = "invariant batch-oldest-event")]
    fn an_oldest_event_above_the_next_revision_is_caught() {
        committed(|batch| batch.state.oldest_event = 3);
    }

    #[test]
    #[should_panic(expected = "invariant batch-bytes")]
    fn bytes_that_do_not_add_up_are_caught() {
        committed(|batch| batch.state.bytes += 1);
    }
}
