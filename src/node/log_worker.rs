//! The log's worker: everything that queued while the last sync ran becomes one write and one sync.
//!
//! What happens around the sync:
//!
//! | failure | before the sync | after the sync |
//! |---|---|---|
//! | process or power | the group may be there or not; nobody was told | it is there; whoever was not told yet finds it applied after the restart |
//! | no room, a read-only file system, no descriptor, too many segments | the group stays buffered, writes are refused with the reason, and the write is tried again until it works | – |
//! | the sync fails | – | final: nothing of the group is acknowledged, the node stops writing and ends |
//! | the volume is unmounted | as for power; seen within seconds, and final | as for power |
//! | a segment is removed | as after it; seen within seconds | it is applied and flushed, with the mark of a clean stop, and the node ends |

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::batch::{FlushRequest, LogTask, Persisted, SharedWitness};
use super::disk_space::DiskSpace;
use super::marker::Marker;
#[cfg(test)]
use super::planted::{PlantedMistake, is_planted};
use super::recovery::open_log::promised;
use super::refusal::{RefusalKind, WriteRefusal};
use super::reserve;
use super::status::Status;
use super::volume::Volume;
use super::watchdog::Work;
use crate::metrics::Metrics;

/// Pause between two tries to write, and between two looks at the disk while writes are refused.
const RETRY: Duration = Duration::from_millis(250);
/// How long an idle log thread sleeps at most: then it looks whether the volume is still there.
const IDLE: Duration = Duration::from_secs(5);
/// The same where it has work.
const VOLUME_LOOK: Duration = Duration::from_secs(1);
/// Free bytes below which new writes are refused: the store must still be able to flush what it holds.
const RESERVE_BYTES: u64 = 24 << 20;
/// Segments that stay for followers at most, beside what the store needs: 128 MiB, and 1 GiB while one takes a snapshot or
/// has fallen behind further than the usual tail.
const SEGMENTS_KEPT: usize = 3;
const SEGMENTS_WANTED: usize = 17;
/// What this worker sees, and so takes back.
const SEEN_HERE: [RefusalKind; 4] = [
    RefusalKind::ReadOnly,
    RefusalKind::NoSpace,
    RefusalKind::LogFull,
    RefusalKind::NoDescriptors,
];

/// How long the log thread sleeps without work. While writes are refused nothing arrives: it looks again by itself
/// whether the trouble is over.
pub(super) fn patience(status: &Status) -> Duration {
    if status.refusals().any() { RETRY } else { IDLE }
}

/// Owns the log's writing half.
pub(crate) struct LogWorker<F: wal::fs::Fs> {
    wal: wal::Wal<F>,
    volume: Arc<Volume>,
    /// When the volume was last found to be there.
    looked: Instant,
    flush: Option<FlushRequest>,
    sync_delay: Duration,
    witness: SharedWitness,
    status: Arc<Status>,
    metrics: Arc<Metrics>,
}

impl<F: wal::fs::Fs> LogWorker<F> {
    /// A worker over an open log.
    pub(crate) fn new(
        wal: wal::Wal<F>,
        data_dir: PathBuf,
        space: DiskSpace,
        witness: SharedWitness,
        status: Arc<Status>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let volume = Arc::new(Volume::of(&data_dir, space));
        status.set_volume(volume.clone());
        status.watchdog().set_data_dir(data_dir);
        Self {
            wal,
            volume,
            looked: status.clock().now(),
            flush: None,
            sync_delay: Duration::ZERO,
            witness,
            status,
            metrics,
        }
    }

    /// Reads what is in the log.
    pub(crate) fn reader(&self) -> wal::Reader<F> {
        self.wal.reader()
    }

    /// Whom to ask for a flush when only one can make room in the log.
    pub(crate) fn set_flush(&mut self, flush: FlushRequest) {
        self.flush = Some(flush);
    }

    /// Makes each sync take longer by so much, as that of a slow disk.
    pub(crate) fn delay_syncs(&mut self, by: Duration) {
        self.sync_delay = by;
    }

    /// One group. Returns an error only when the log is unusable from now on.
    pub(crate) fn step(&mut self, tasks: Vec<LogTask>) -> Result<Persisted, wal::Error> {
        let mut persisted = Persisted::default();
        let mut must_sync = false;
        let mut release: Option<u64> = None;
        let mut entries = 0u64;
        for task in tasks {
            match task {
                LogTask::Release(index) => release = release.max(Some(index)),
                LogTask::Batch(batch) => {
                    persisted.number = Some(batch.number);
                    persisted.promise(batch.messages);
                    must_sync |= batch.must_sync;
                    entries += batch.entries.len() as u64;
                    self.append(&batch.entries, batch.hard_state)?;
                }
            }
        }
        let now = if must_sync {
            self.metrics.sync_entries.observe(entries as f64);
            self.sync()?
        } else {
            self.status.clock().now()
        };
        self.look_at_disk(now);
        if let Some(release) = release {
            self.status.watchdog().begin(Work::LogRelease, now);
            let released = self.release(release).and_then(|()| self.bound_tail());
            self.status.watchdog().end(Work::LogRelease, None);
            released?;
        }
        Ok(persisted)
    }

    /// Begins the log anew behind the store that a snapshot made; nothing may be appended between. What was buffered and not
    /// synced is dropped with the rest. A disk that refuses for now is waited for, as with a group.
    ///
    /// # Errors
    /// The log is unusable from now on, and the node has to end: the next start finishes the install.
    pub(crate) fn reset(&mut self, applied: u64, marker: &Marker) -> Result<(), wal::Error> {
        let base = wal::Position {
            term: marker.term,
            index: applied,
        };
        let hard_state = promised(self.wal.hard_state(), marker, applied);
        loop {
            match self.wal.restart_at(base, hard_state) {
                Ok(()) => break,
                Err(error) => self.wait_out(error)?,
            }
        }
        *self.witness.lock().unwrap_or_else(PoisonError::into_inner) = self.wal.witness();
        Ok(())
    }

    /// A segment that cannot be renamed or removed now is tried again with the next release. By path: in another
    /// directory it would be a segment of somebody else.
    fn release(&mut self, through: u64) -> Result<(), wal::Error> {
        self.release_by(through, 1)
    }

    fn release_by(&mut self, through: u64, segments: usize) -> Result<(), wal::Error> {
        if self.status.removed_log().is_some()
            || self.status.look_at_volume(Work::LogLook).is_some()
        {
            return Ok(());
        }
        match self.wal.release_keeping(through, segments) {
            Err(error @ wal::Error::Poisoned { .. }) => Err(error),
            Err(error) => {
                tracing::warn!("old log segments stay for now: {error}");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// What stays for followers is bounded in bytes as well: entries may be large.
    fn bound_tail(&mut self) -> Result<(), wal::Error> {
        let through = self.status.releasable();
        if through == 0 {
            return Ok(());
        }
        if self.status.refusals().any() {
            // This member needs the room itself.
            return self.release_by(through, 1);
        }
        let needed = self.status.follower_needs().unwrap_or(u64::MAX);
        self.release_by(through.min(needed), SEGMENTS_KEPT)?;
        self.release_by(through, SEGMENTS_WANTED)
    }

    fn append(
        &mut self,
        entries: &[wal::Entry],
        hard_state: Option<raft::eraftpb::HardState>,
    ) -> Result<(), wal::Error> {
        let hard_state = hard_state.map(|state| wal::HardState {
            term: state.term,
            vote: state.vote,
            commit: state.commit,
        });
        #[cfg(test)]
        let hard_state = hard_state.filter(|_| !is_planted(PlantedMistake::VoteForgotten));
        self.wal.append(entries, hard_state.as_ref())
    }

    /// Returns when the sync was over.
    fn sync(&mut self) -> Result<Instant, wal::Error> {
        let started = self.status.clock().now();
        let mut begun = started;
        let now = loop {
            self.status.watchdog().begin(Work::LogSync, begun);
            #[cfg(test)]
            if is_planted(PlantedMistake::NoSync) {
                self.wal.write()?;
                break begun;
            }
            if !self.sync_delay.is_zero() {
                self.status.clock().sleep(self.sync_delay);
            }
            let synced = self.wal.sync();
            let now = self.status.clock().now();
            self.status
                .watchdog()
                .end(Work::LogSync, Some(now.duration_since(begun)));
            match synced {
                Ok(_) => break now,
                Err(error) => self.wait_out(error)?,
            }
            begun = self.status.clock().now();
        };
        let took = now.duration_since(started);
        self.metrics.wal_fsync_seconds.observe(took.as_secs_f64());
        self.tell_pace(took);
        *self.witness.lock().unwrap_or_else(PoisonError::into_inner) = self.wal.witness();
        Ok(now)
    }

    /// One sync took so long.
    fn tell_pace(&self, took: Duration) {
        let clock = self.status.clock();
        let slow = self.status.log_pace().took(took, || clock.boottime());
        if slow && !self.status.is_sole_voter() {
            tracing::warn!(
                "each sync of the log takes long, the last one {} ms: while that lasts this member has the leader answer reads, if \
                 another leads, and its writes take as long; look at the disk of {}",
                took.as_millis(),
                self.volume.path().display()
            );
        }
    }

    /// Waits a moment for a trouble to pass, with the group still buffered. Gives the error back where it cannot pass, or
    /// nobody is left to wait for: nothing of the group was acknowledged, so a node that stops may leave it.
    fn wait_out(&mut self, error: wal::Error) -> Result<(), wal::Error> {
        let Some(refusal) = temporary(&error) else {
            return Err(error);
        };
        self.status.look_at_volume(Work::LogLook);
        if self.status.is_stopping() || self.status.has_failed() {
            return Err(error);
        }
        let full = refusal.kind() == RefusalKind::LogFull;
        self.status.refusals().add(refusal);
        if let (true, Some(flush)) = (full, &self.flush) {
            // One request waits already: it will do.
            let _ = flush.try_send(());
        }
        self.status.clock().sleep(RETRY);
        if full {
            // The release that the flush pushes waits behind this very group; the tail for followers has to go. What the
            // last flush alone holds stays: more flushes are asked for until that is enough.
            self.release(self.status.releasable())?;
        }
        Ok(())
    }

    /// New writes are refused before the log or the store run out of room, so that what was accepted still fits.
    fn look_at_disk(&mut self, now: Instant) {
        self.status.watchdog().begin(Work::LogLook, now);
        if now.duration_since(self.looked) >= VOLUME_LOOK {
            self.looked = now;
            self.look_at_names();
        }
        let no_space = self.space_reason();
        self.status.watchdog().end(Work::LogLook, None);
        match no_space {
            Some(reason) => self.status.refusals().add(WriteRefusal::NoSpace(reason)),
            None => self.status.refusals().remove(&SEEN_HERE),
        }
    }

    /// Whether every path still leads to what is worked on. A log that is missed with the whole data directory is no removed
    /// one: then nothing may be written by path, the mark of a clean stop neither.
    fn look_at_names(&self) {
        let missing = self
            .volume
            .log_lost()
            .or_else(|| self.wal.missing_segment());
        if self.status.lost_volume().is_some() {
            return;
        }
        if let Some(path) = missing {
            self.status.log_removed(&format!(
                "{} was removed or replaced while this process used it",
                path.display()
            ));
            if let Some(flush) = &self.flush {
                // The sooner, the less hangs on how the process ends.
                let _ = flush.try_send(());
            }
        }
    }

    /// Whether the log was removed under the node, looked at now.
    pub(crate) fn is_removed(&self) -> bool {
        self.look_at_names();
        self.status.removed_log().is_some()
    }

    fn space_reason(&self) -> Option<String> {
        let directory = self.volume.path().display();
        let free = self.volume.free_bytes();
        if self.wal.space_low(free.saturating_sub(RESERVE_BYTES)) {
            return Some(format!(
                "the disk of {directory} has no room for the next log segment: free some space"
            ));
        }
        // Only a start on a full disk uses the reserve; while it could not be made, its room is not for writes.
        let owed =
            free < 2 * RESERVE_BYTES && reserve::is_owed(self.volume.space(), self.volume.path());
        (free < RESERVE_BYTES || owed).then(|| {
            let needed = if owed {
                2 * RESERVE_BYTES
            } else {
                RESERVE_BYTES
            };
            format!(
                "the disk of {directory} has {} KiB left and needs {} KiB: free some space",
                free >> 10,
                needed >> 10
            )
        })
    }
}

/// The reason to refuse writes while an error may pass by itself; `None` for one that is final. Each of these happened
/// before the sync of the group, which stays buffered.
fn temporary(error: &wal::Error) -> Option<WriteRefusal> {
    match error {
        wal::Error::ReadOnly { path, source, .. } => Some(WriteRefusal::ReadOnly(format!(
            "{} cannot be written ({source}): look at the kernel's log, then mount it writable",
            path.display()
        ))),
        wal::Error::NoSpace { .. } => Some(WriteRefusal::NoSpace(error.to_string())),
        wal::Error::Io { path, source, .. } if no_descriptors(source) => {
            Some(WriteRefusal::NoDescriptors(format!(
                "{} cannot be opened ({source}): close connections, or raise the limit of open files",
                path.display()
            )))
        }
        wal::Error::TooManySegments { .. } => Some(WriteRefusal::LogFull(error.to_string())),
        _ => None,
    }
}

fn no_descriptors(error: &std::io::Error) -> bool {
    let errno = error.raw_os_error();
    [Errno::MFILE, Errno::NFILE]
        .iter()
        .any(|none_left| errno == Some(none_left.raw_os_error()))
}

#[cfg(test)]
mod tests;
