//! Steps 3 to 6 of an install: another store under the same handles, and a log that begins behind it.

use std::path::Path;

use wal::fs::Fs;

use super::error::SnapshotError;
use super::import::ImportedStore;
use crate::node::apply::error::ApplyError;
use crate::node::apply::worker::ApplyWorker;
use crate::node::log_worker::LogWorker;

/// Why an install broke off. The node has to end; its next start finishes what was begun.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstallError {
    /// The pointer to the store.
    #[error(transparent)]
    Switch(#[from] SnapshotError),
    /// The new store.
    #[error("the state of another member cannot take the place of this one's: {0}")]
    Store(#[from] ApplyError),
    /// The log.
    #[error("the log cannot begin behind the state of another member: {0}")]
    Log(#[from] wal::Error),
}

/// Makes `imported` the state of this member. The caller holds both workers: nothing is appended or applied meanwhile. The
/// store that was given up is closed by its last reader.
///
/// # Errors
/// See [`InstallError`].
pub(crate) fn install<F: Fs>(
    fs: &F,
    data_dir: &Path,
    imported: ImportedStore,
    log: &mut LogWorker<F>,
    apply: &mut ApplyWorker,
) -> Result<storage::RetiredStore, InstallError> {
    imported.switch(fs, data_dir)?;
    let ImportedStore {
        path,
        applied,
        marker,
        ..
    } = imported;
    let retired = apply.install(&path, marker.clone())?;
    log.reset(applied.index, &marker)?;
    apply.refresh_marker()?;
    tracing::info!(
        "this member stands at entry {} now, with {} as its store",
        applied.index,
        path.display()
    );
    Ok(retired)
}
