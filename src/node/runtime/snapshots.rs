//! What snapshots need of the threads: an export runs on one of its own, and an install holds both workers.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use wal::fs::Fs;

use super::queues::ApplyQueue;
use crate::node::fatal::FatalError;
use crate::node::intake::Intake;
use crate::node::log_worker::LogWorker;
use crate::node::snapshot::depot::SnapshotDepot;
use crate::node::snapshot::install::install;
use crate::node::snapshot::{ImportedStore, remove_store};
use crate::raft::StateFile;

/// How long the directory of a store that was given up waits for its last reader: the next start removes it as well.
const LAST_READER: Duration = Duration::from_secs(600);

/// See the module.
pub(super) struct SnapshotThreads<F: Fs> {
    pub(super) depot: Arc<SnapshotDepot<F>>,
    pub(super) intake: Arc<Intake>,
    pub(super) apply: ApplyQueue,
}

impl<F: Fs> SnapshotThreads<F> {
    /// Writes the state of this member into a file, and tells the intake.
    pub(super) fn export(&self) {
        let (depot, intake) = (self.depot.clone(), self.intake.clone());
        let work = move || intake.exported(write_file(&depot));
        if let Err(error) = spawn("export", work) {
            tracing::warn!(
                "no thread can be started that writes the state of this member: {error}"
            );
            self.intake.exported(None);
        }
    }

    /// Removes what was written, which nobody needs any more.
    pub(super) fn discard(&self) {
        let depot = self.depot.clone();
        if let Err(error) = spawn("export", move || depot.discard()) {
            tracing::warn!("the state that was written for others stays: {error}");
        }
    }

    /// Makes a store the state of this member. Called by who works on the log.
    ///
    /// # Errors
    /// The node has to end.
    pub(super) fn install(
        &self,
        store: ImportedStore,
        log: &mut LogWorker<F>,
    ) -> Result<(), FatalError> {
        let (fs, data_dir) = (self.depot.fs(), self.depot.data_dir());
        let installed = self
            .apply
            .claim(|apply| install(fs, data_dir, store, log, apply));
        let retired = match installed {
            Some(installed) => installed.map_err(FatalError::new)?,
            None => {
                return Err(FatalError::new(
                    "the apply thread has ended before a snapshot",
                ));
            }
        };
        // Not waited for: the next start does the same.
        if let Err(error) = spawn("retire", move || remove(retired)) {
            tracing::warn!("the store that was given up stays until the next start: {error}");
        }
        Ok(())
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn(work).map(|_| ())
}

fn write_file<F: Fs>(depot: &SnapshotDepot<F>) -> Option<StateFile> {
    tracing::info!("the state of this member is written for one that is far behind");
    let file = match getrandom::u64() {
        Ok(id) => depot.export(id).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match file {
        Ok(file) => {
            tracing::info!(
                "the state of this member is written as of entry {}",
                file.index
            );
            Some(file)
        }
        Err(error) => {
            tracing::warn!(
                "the state of this member cannot be written for one that is far behind: {error}; it is tried again"
            );
            None
        }
    }
}

fn remove(retired: storage::RetiredStore) {
    let path = retired.path().to_owned();
    if !retired.wait(LAST_READER) {
        tracing::warn!(
            "{} is still read, and stays until the next start",
            path.display()
        );
        return;
    }
    drop(retired);
    if let Err(error) = remove_store(&path) {
        tracing::warn!("{} stays until the next start: {error}", path.display());
    }
}
