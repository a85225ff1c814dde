//! The flush thread: writes the store out when it is asked to or when entries have lain in memory for long, keeps the
//! witness file fresh, and lets the log drop what two flushes hold.
//!
//! | what | when | bytes |
//! |---|---|---|
//! | witness file: one sector, one sync | within moments of a start's first entry, then at most every 5 s, and only after something was written | 4 KiB of the disk |
//! | flush of the store | every `--snapshot-count` entries or 128 MiB of them, at a clean stop, and once entries have lain un-flushed for an hour | what changed since, at least some 0.3 MB |
//!
//! After a flush runs of small tables are merged, which RocksDB does not do by itself where keys only rise
//! ([`storage::Store::merge_small_tables`]).
//!
//! A flush for each witness would cost a node with one hot key 0.3 MB or more every few seconds; see README.md for
//! the measured bytes of a day.
//!
//! **Release.** The log keeps everything above the flush before the last one: should the newest record of the store's
//! manifest turn out unreadable, the log reaches back to the state before it.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use wal::fs::Fs;

use super::batch::SharedWitness;
use super::disk_space::DiskSpace;
use super::marker::{Marker, MarkerError};
use super::refusal::RefusalKind;
use super::reserve;
use super::status::Status;
use super::watchdog::Work;
use super::witness_file::{CleanStop, WitnessFile};
use crate::metrics::Metrics;

/// How often, and up to where. Tests take other values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlushPace {
    /// Between two looks whether the volume is still there: until then RocksDB may work in another directory.
    pub look: Duration,
    /// The same for the first one; each is twice as long as the one before, up to `look`.
    pub first_look: Duration,
    /// Least time between two writes of the witness file.
    pub witness: Duration,
    /// How long entries lie in memory at most.
    pub flush: Duration,
    /// Level-0 files of a family at rest from which on writes are refused.
    pub resting_files: u64,
}

impl Default for FlushPace {
    fn default() -> Self {
        Self {
            look: Duration::from_secs(1),
            first_look: Duration::from_millis(50),
            witness: Duration::from_secs(5),
            flush: Duration::from_secs(3600),
            resting_files: storage::LEVEL0_FILES_MAX,
        }
    }
}

/// Entries that stay in the log below the flushed store where followers may be a little behind. How many bytes they may have
/// is the log worker's bound.
const LOG_TAIL: u64 = 5_000;

/// Why the thread ends before its time. Final for the node.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FlushError {
    /// The store.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why a stop was not a clean one; the next start replays the log instead.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FinishError {
    /// The data directory is another one now.
    #[error("{0}")]
    Volume(String),
    /// The store.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// What the store says beside the applied index.
    #[error(transparent)]
    Marker(#[from] MarkerError),
    /// The log is gone, and nothing else would hold the rest.
    #[error("the store does not hold all of the log")]
    Incomplete,
    /// The mark of a clean stop.
    #[error("{path}: {source}")]
    Mark {
        /// The witness file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
}

/// What the thread works on, shared with the stop of the node.
pub(crate) struct Flusher<F: Fs> {
    store: storage::Store,
    witness: SharedWitness,
    // Held for one write and sync; taken inside no other lock.
    file: Arc<Mutex<WitnessFile<F>>>,
    status: Arc<Status>,
    metrics: Arc<Metrics>,
    data_dir: PathBuf,
    space: DiskSpace,
    pace: FlushPace,
    /// Durable index of the last flush, and of the one before it.
    flushed: u64,
    before: u64,
    /// When the witness file was last written; `None` before the first time.
    refreshed: Option<Instant>,
    /// Since when something lies un-flushed.
    waiting_since: Option<Instant>,
    /// A flush that was asked for could not be done, because the store was being reopened.
    owed: bool,
    reserved: bool,
}

impl<F: Fs> Clone for Flusher<F> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            witness: self.witness.clone(),
            file: self.file.clone(),
            status: self.status.clone(),
            metrics: self.metrics.clone(),
            data_dir: self.data_dir.clone(),
            space: self.space.clone(),
            ..*self
        }
    }
}

impl<F: Fs> Flusher<F> {
    /// For a store that was just opened.
    pub(crate) fn new(
        store: storage::Store,
        witness: SharedWitness,
        file: WitnessFile<F>,
        status: Arc<Status>,
        metrics: Arc<Metrics>,
        data_dir: PathBuf,
        space: DiskSpace,
    ) -> Self {
        let flushed = store.durable().index;
        Self {
            store,
            witness,
            file: Arc::new(Mutex::new(file)),
            status,
            metrics,
            data_dir,
            space,
            pace: FlushPace::default(),
            flushed,
            before: flushed,
            refreshed: None,
            waiting_since: None,
            owed: false,
            reserved: false,
        }
    }

    /// With another pace than the usual one.
    #[cfg(test)]
    pub(crate) fn paced(mut self, pace: FlushPace) -> Self {
        self.pace = pace;
        self
    }

    /// The thread's body: until the store's worker, which holds the sender, is gone. `release` is told up to which entry
    /// the log may drop what it has, `damaged` what a compaction or a flush could not read, `refused` what the file system
    /// did not take for now; `touch` gives the store something to flush, and says whether it did.
    ///
    /// # Errors
    /// A failed flush, which is final.
    pub(crate) fn run(
        &mut self,
        requests: &Receiver<()>,
        mut release: impl FnMut(u64),
        mut damaged: impl FnMut(&storage::Damage),
        mut touch: impl FnMut() -> bool,
        mut refused: impl FnMut(&storage::Error),
    ) -> Result<(), FlushError> {
        let mut look = self.pace.first_look;
        loop {
            look = look.min(self.pace.look);
            let wait = self.until_stale().map_or(look, |due| look.min(due));
            look *= 2;
            let asked = match requests.recv_timeout(wait) {
                Ok(()) => true,
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            if self.status.look_at_volume(Work::FlushLook).is_some() {
                // The node ends, with the store left as it is.
                self.store.abandon();
                return Ok(());
            }
            if self.status.waits_for_disk() {
                // The flush that is asked for, and the one that had no room, follow when the store is back.
                self.owed = true;
            } else if asked || self.owed || self.is_overdue() {
                let done = self.flush_and_merge(&mut touch, &mut release);
                if let Err(error) = done {
                    match error.damage() {
                        Some(damage) => damaged(&damage),
                        None if error.may_pass() => refused(&error),
                        None => return Err(error.into()),
                    }
                }
            }
            if let Some(damage) = self.store.background_damage() {
                damaged(&damage);
            }
            self.bound_resting();
            self.refresh();
            if !asked {
                self.restore_reserve();
            }
        }
    }

    /// What waits for room makes the reserve last: a disk that is full has other needs.
    fn restore_reserve(&mut self) {
        if self.reserved || self.status.refuses_writes().is_some() {
            return;
        }
        let watchdog = self.status.watchdog();
        watchdog.begin(Work::FlushLook, self.status.clock().now());
        self.reserved = reserve::restore(&self.space, &self.data_dir);
        watchdog.end(Work::FlushLook, None);
    }

    fn flush_and_merge(
        &mut self,
        touch: &mut impl FnMut() -> bool,
        release: &mut impl FnMut(u64),
    ) -> Result<(), storage::Error> {
        let touched = self.needs_touch() && touch();
        if let Some(index) = self.flush_or_owe(touched)? {
            release(index);
        }
        self.merge()
    }

    /// A full log waits for what two flushes hold, and nothing is applied meanwhile that a second one would write.
    fn needs_touch(&self) -> bool {
        self.before < self.flushed && self.status.refusals().holds(RefusalKind::LogFull)
    }

    /// Applying again what a reopening lost may take long, and is no failure: the flush is made up for.
    fn flush_or_owe(&mut self, touched: bool) -> Result<Option<u64>, storage::Error> {
        let again = std::mem::take(&mut self.owed);
        match self.flush(touched) {
            Err(error @ storage::Error::Reopening { .. }) => {
                self.owed = true;
                if !again {
                    tracing::warn!("the store is not flushed yet: {error}");
                }
                Ok(None)
            }
            flushed => flushed.map(Some),
        }
    }

    /// Writes the store out, which was `touched` for it or not; gives up to where the log may be released.
    fn flush(&mut self, touched: bool) -> Result<u64, storage::Error> {
        let durable = self.write_out()?;
        tracing::debug!("the store is flushed up to index {}", durable.index);
        if durable.index > self.flushed || touched {
            (self.before, self.flushed) = (self.flushed, durable.index);
        }
        self.status.set_releasable(self.before);
        self.waiting_since = None;
        if self.status.is_sole_voter() {
            return Ok(self.before);
        }
        let tail = durable.index.saturating_sub(LOG_TAIL);
        let needed = self.status.follower_needs().unwrap_or(u64::MAX);
        Ok(self.before.min(tail).min(needed))
    }

    /// Each flush adds tables, and where keys only rise nothing but this ever makes fewer of them. It can wait for a time
    /// when the disk is well.
    fn merge(&self) -> Result<(), storage::Error> {
        if self.status.refuses_writes().is_some() {
            return Ok(());
        }
        match self.store.merge_small_tables() {
            Ok(0) | Err(storage::Error::Reopening { .. }) => Ok(()),
            Ok(merged) => {
                tracing::debug!("{merged} small tables of the store were merged");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// One flush, watched; gives what is on the disk then.
    fn write_out(&self) -> Result<storage::Applied, storage::Error> {
        let clock = self.status.clock();
        let started = clock.now();
        let watchdog = self.status.watchdog();
        watchdog.begin(Work::StoreFlush, started);
        let flushed = self.store.flush();
        let took = clock.elapsed(started);
        watchdog.end(Work::StoreFlush, Some(took));
        let durable = flushed?;
        self.metrics.flush_seconds.observe(took.as_secs_f64());
        Ok(durable)
    }

    /// History at rest is not compacted: its files pile up, and not without end.
    fn bound_resting(&self) {
        for family in self.status.damages().history() {
            let files = self.store.level0_files(family).unwrap_or(0);
            if files >= self.pace.resting_files {
                self.status.halt(&format!(
                    "history in {family} cannot be compacted any more and has {files} files, the limit"
                ));
            }
        }
    }

    /// Whether entries have lain in memory for too long.
    fn is_overdue(&mut self) -> bool {
        if self.status.applied() <= self.flushed {
            self.waiting_since = None;
            return false;
        }
        let clock = self.status.clock();
        let since = *self.waiting_since.get_or_insert_with(|| clock.now());
        clock.elapsed(since) >= self.pace.flush
    }

    /// Writes the log's newest witness down. A failure here loses nothing but freshness: it is told and tried again.
    ///
    /// The first one after a start does not wait: an older log in the place of this one is told from then on.
    fn refresh(&mut self) {
        if self.until_stale().is_some() || self.status.has_failed() {
            return;
        }
        let now = self.status.clock().now();
        let witness = self.witness();
        self.status.watchdog().begin(Work::Witness, now);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.look();
        let refreshed = file.refresh(witness);
        self.status.watchdog().end(Work::Witness, None);
        match refreshed {
            Ok(false) => return,
            Ok(true) => {}
            Err(error) => tracing::error!(
                "{} cannot be kept up to date: {error}; the data is safe, but the loss of the log's end would not be noticed",
                file.path().display()
            ),
        }
        self.refreshed = Some(now);
    }

    /// How long the witness file is still fresh enough; `None` when it may be written.
    fn until_stale(&self) -> Option<Duration> {
        let age = self.status.clock().elapsed(self.refreshed?);
        let left = self.pace.witness.checked_sub(age)?;
        (!left.is_zero()).then_some(left)
    }

    fn witness(&self) -> wal::Witness {
        *self.witness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The end of a clean stop, when nothing is written any more: flushes, and marks that the store holds everything, if
    /// it does.
    ///
    /// # Errors
    /// What failed; the next start replays the log instead.
    pub(crate) fn finish(&mut self) -> Result<(), FinishError> {
        if let Some(lost) = self.status.lost_volume() {
            return Err(FinishError::Volume(lost.to_owned()));
        }
        let durable = self.write_out()?;
        let witness = self.witness();
        let marker = Marker::decode(&durable.marker)?;
        if durable.index != witness.index {
            tracing::debug!(
                "the log ends with entry {}, the store with {}: no clean stop",
                witness.index,
                durable.index
            );
            // Where the log is gone nothing else would hold the rest.
            return match self.status.removed_log() {
                Some(_) => Err(FinishError::Incomplete),
                None => Ok(()),
            };
        }
        let clean = CleanStop {
            applied: durable.index,
            term: marker.term,
            hash: durable.hash,
        };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.mark(witness, clean)
            .map_err(|source| FinishError::Mark {
                path: file.path().to_owned(),
                source,
            })
    }
}

#[cfg(test)]
mod tests;
