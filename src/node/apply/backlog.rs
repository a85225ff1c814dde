//! A file system that refuses the store for now (full, over its quota, read-only, no descriptor left): entries wait, and
//! the store goes on when it is let.
//!
//! A flush or compaction that fails makes RocksDB refuse every write from then on. Nothing is lost by that: the log
//! holds what was not flushed. So the entries that are committed wait here, new writes are refused with the reason, reads
//! go on as before; once the disk takes a file of [`reserve::BYTES`] the store is reopened under its readers
//! ([`super::reopen`]), what the closing lost is applied again, and then what waited.
//!
//! | the process or the power fails | what is there |
//! |---|---|
//! | while entries wait | store as of its last flush, log with everything that was acknowledged: as after any crash |
//! | while the store is reopened | the same: closing and opening flush nothing |
//!
//! What waits is bounded by the entries in flight. A start does not wait: it says what is missing.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::error::ApplyError;
use super::reopen::ReopenableStore;
use crate::node::batch::ApplyBatch;
use crate::node::refusal::{RefusalKind, WriteRefusal};
use crate::node::reserve;
use crate::node::status::Status;

/// Between two looks whether the trouble has passed.
pub(crate) const LOOK: Duration = Duration::from_millis(500);

/// Files that can be opened at once before the store is reopened: it is closed first, and must come back.
const FILES: usize = 32;

/// Entries that wait for the store. Where nobody calls again and again, as in a start, nothing is to be waited for.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    waiting: Option<Waiting>,
    /// Whether what may pass is waited for; else it is an error.
    patient: bool,
}

/// What waits.
#[derive(Debug, Default)]
struct Waiting {
    batches: Vec<ApplyBatch>,
    looked: Option<Instant>,
}

impl Backlog {
    /// From now on what may pass is waited for: the thread runs, and calls again and again.
    pub(super) fn be_patient(&mut self) {
        self.patient = true;
    }

    /// Whether this error may pass, and is waited for.
    pub(super) fn takes(&self, error: &storage::Error) -> bool {
        self.patient && error.may_pass()
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// The file system refused what the store writes, in the background or for these entries: they wait.
    pub(super) fn hold(
        &mut self,
        error: &storage::Error,
        batches: Vec<ApplyBatch>,
        status: &Status,
    ) {
        let advice = if error.wants_descriptors() {
            format!(
                "close connections, or raise the limit of open files; writes go on by themselves once {FILES} files can be \
                 opened"
            )
        } else {
            let left = status.volume().map_or(String::new(), |volume| {
                reserve::left(volume.space(), volume.path())
            });
            format!(
                "{left}free some, or let this user write there; writes go on by themselves once {} MiB can be written",
                reserve::BYTES >> 20
            )
        };
        let reason = format!("{}; {advice}", error.place());
        status.refusals().add(WriteRefusal::StoreRefused(reason));
        status.set_waits_for_disk(true);
        // Nobody is to apply on the spot what may take long.
        status.set_store_delays(true);
        let waiting = self.waiting.get_or_insert_default();
        waiting.batches.splice(0..0, batches);
    }

    /// Another store holds all that waits.
    pub(super) fn forget(&mut self, status: &Status) {
        if self.waiting.take().is_some() {
            go_on(status);
        }
    }

    /// What is to be applied now, with what waited before it; nothing while that has to wait.
    ///
    /// # Errors
    /// The store cannot be brought back, for another reason.
    pub(super) fn release(
        &mut self,
        batches: Vec<ApplyBatch>,
        store: &mut ReopenableStore,
    ) -> Result<Vec<ApplyBatch>, ApplyError> {
        let Some(mut waiting) = self.waiting.take() else {
            return Ok(batches);
        };
        waiting.batches.extend(batches);
        let now = store.status.clock().now();
        let due = waiting.looked.is_none_or(|last| now - last >= LOOK);
        if !due || !has_room(&store.status) {
            if due {
                waiting.looked = Some(now);
            }
            self.waiting = Some(waiting);
            return Ok(Vec::new());
        }
        waiting.looked = Some(now);
        match store.reopen() {
            Ok(()) => {}
            Err(ApplyError::Storage(error))
                if error.may_pass() || matches!(error, storage::Error::Held { .. }) =>
            {
                tracing::warn!("the store cannot be opened again yet: {error}");
                self.waiting = Some(waiting);
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        }
        go_on(&store.status);
        Ok(waiting.batches)
    }
}

/// Writes are taken again.
fn go_on(status: &Status) {
    status.set_waits_for_disk(false);
    status.set_store_delays(false);
    status.refusals().remove(&[RefusalKind::StoreRefused]);
}

fn has_room(status: &Status) -> bool {
    // Looking means making a file, which is not to be done in another directory.
    if status.lost_volume().is_some() {
        return false;
    }
    match status.volume() {
        Some(volume) => {
            has_descriptors(volume.path()) && reserve::has_room(volume.space(), volume.path())
        }
        None => true,
    }
}

/// Whether the process may open as many files as an opening of the store needs.
fn has_descriptors(directory: &Path) -> bool {
    let opened: io::Result<Vec<File>> = (0..FILES).map(|_| File::open(directory)).collect();
    opened.is_ok()
}
