//! The log's worker: everything that queued while the last sync ran becomes one write and one sync.
//!
//! What happens around the sync:
//!
//! | failure | before the sync | after the sync |
//! |---|---|---|
//! | process or power | the group may be there or not; nobody was told | it is there; whoever was not told yet finds it applied after the restart |
//! | no room on the disk | the group stays buffered, writes are refused with the reason, and the write is tried again until room returns | – |
//! | the sync fails | – | final: nothing of the group is acknowledged, the node stops writing and ends |

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use raft::eraftpb::Message;

use super::status::Status;
use super::turn::LogBatch;
use crate::metrics::Metrics;
use crate::raft::log::to_wal;

/// Pause between two tries to write when the disk is full.
const NO_SPACE_RETRY: Duration = Duration::from_millis(250);

/// How long an idle log thread sleeps at most.
const IDLE: Duration = Duration::from_secs(60);
/// Free bytes below which new writes are refused: the store must still be able to flush what it holds.
const RESERVE_BYTES: u64 = 24 << 20;

/// How long the log thread sleeps without work. While writes are refused nothing arrives: it looks again by itself
/// whether room has returned.
pub fn patience(status: &Status) -> Duration {
    if status.refuses_writes().is_some() {
        NO_SPACE_RETRY
    } else {
        IDLE
    }
}

/// The newest position of the log that is known durable, shared with the apply thread: each flush of the store
/// carries it, so that a log that lost its end is recognised.
pub type SharedWitness = Arc<Mutex<wal::Witness>>;

/// A piece of work for the log.
#[derive(Debug)]
pub enum LogTask {
    /// Write and sync.
    Batch(LogBatch),
    /// Entries up to here are in the flushed store: their segments may go.
    Release(u64),
}

/// Owns the log's writing half.
pub struct LogWorker<F: wal::fs::Fs> {
    wal: wal::Wal<F>,
    data_dir: PathBuf,
    witness: SharedWitness,
    status: Arc<Status>,
    metrics: Arc<Metrics>,
}

/// What became durable.
#[derive(Debug, Default)]
pub struct Persisted {
    /// The highest batch, if any.
    pub number: Option<u64>,
    /// Messages that may go out now.
    pub messages: Vec<Message>,
}

impl<F: wal::fs::Fs> LogWorker<F> {
    /// A worker over an open log.
    pub fn new(
        wal: wal::Wal<F>,
        data_dir: PathBuf,
        witness: SharedWitness,
        status: Arc<Status>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            wal,
            data_dir,
            witness,
            status,
            metrics,
        }
    }

    /// One group. Returns an error only when the log is unusable from now on.
    pub fn step(&mut self, tasks: Vec<LogTask>) -> Result<Persisted, wal::Error> {
        let mut persisted = Persisted::default();
        let mut must_sync = false;
        let mut release = 0;
        let mut entries = 0u64;
        for task in tasks {
            match task {
                LogTask::Release(index) => release = release.max(index),
                LogTask::Batch(batch) => {
                    persisted.number = Some(batch.number);
                    persisted.messages.extend(batch.messages);
                    must_sync |= batch.must_sync;
                    entries += batch.entries.len() as u64;
                    self.append(batch.entries, batch.hard_state)?;
                }
            }
        }
        if must_sync {
            self.metrics.sync_entries.observe(entries as f64);
            self.sync()?;
        }
        self.status.set_no_space(self.space_reason());
        if release > 0 {
            self.release(release)?;
        }
        Ok(persisted)
    }

    /// A segment that cannot be renamed or removed now is tried again with the next release.
    fn release(&mut self, through: u64) -> Result<(), wal::Error> {
        match self.wal.release(through) {
            Err(error @ wal::Error::Poisoned { .. }) => Err(error),
            Err(error) => {
                tracing::warn!("old log segments stay for now: {error}");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn append(
        &mut self,
        entries: Vec<raft::eraftpb::Entry>,
        hard_state: Option<raft::eraftpb::HardState>,
    ) -> Result<(), wal::Error> {
        let entries: Vec<wal::Entry> = entries.into_iter().map(to_wal).collect();
        let hard_state = hard_state.map(|state| wal::HardState {
            term: state.term,
            vote: state.vote,
            commit: state.commit,
        });
        self.wal.append(&entries, hard_state.as_ref())
    }

    fn sync(&mut self) -> Result<(), wal::Error> {
        let started = Instant::now();
        loop {
            match self.wal.sync() {
                Ok(_) => break,
                // Nothing of the group was acknowledged: a node that stops may leave it.
                Err(error @ wal::Error::NoSpace { .. }) if !self.status.is_stopping() => {
                    self.status.set_no_space(Some(error.to_string()));
                    std::thread::sleep(NO_SPACE_RETRY);
                }
                Err(error) => return Err(error),
            }
        }
        self.metrics
            .wal_fsync_seconds
            .observe(started.elapsed().as_secs_f64());
        *self.witness.lock().unwrap_or_else(PoisonError::into_inner) = self.wal.witness();
        Ok(())
    }

    /// New writes are refused before the log or the store run out of room, so that what was accepted still fits.
    fn space_reason(&self) -> Option<String> {
        let directory = self.data_dir.display();
        if self.wal.space_low() {
            return Some(format!(
                "the disk of {directory} has no room for the next log segment: free some space"
            ));
        }
        // A file system that does not tell its free space is taken to have some.
        let free = rustix::fs::statvfs(&self.data_dir)
            .map_or(u64::MAX, |stat| stat.f_bavail.saturating_mul(stat.f_frsize));
        (free < RESERVE_BYTES).then(|| {
            format!(
                "the disk of {directory} has {} KiB left: free some space",
                free >> 10
            )
        })
    }
}
