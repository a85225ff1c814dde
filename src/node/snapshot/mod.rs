//! The whole state of one member as a file, and another member's store made of it (design 7).
//!
//! | file | what |
//! |---|---|
//! | `owner` | whose files these are |
//! | `depot` | the files of this member: one for others, and one that comes in |
//! | `export` | a file of one view, in `snapshot/` of the data directory |
//! | `incoming` | the bytes of another member's file, up to the wait for consensus |
//! | `import` | a new directory of a store, made of such a file beside the old one |
//! | `received` | that store on its way to consensus, and what becomes of it |
//! | `install` | it takes the place of the old one |
//! | `family` | which section of the file holds which rows of the store |
//!
//! **An install**, step by step. The caller appends nothing and applies nothing between 3 and 6.
//!
//! | step | process or power fails before it | after it |
//! |---|---|---|
//! | 1 the file is verified whole (`import`) | the old store and its log; the file is there or comes again | the same |
//! | 2 `store-N` is made, synced, its marker says `installed` with this member's term and vote | as after 1, and a directory that is no store or not the store: the next start removes it | the same |
//! | 3 `ImportedStore::switch` (from here on `install`): `STORE` names it, durably. **The commit point** | as after 2: the install did not happen | `store-N` is the store, and the log is that of before: the judgement calls it overtaken, and the start does 5 and 6 |
//! | 4 [`ApplyWorker::install`]: the handles move to it | as after 3 | the same; readers see the new state |
//! | 5 [`LogWorker::reset`]: the log begins behind it, with the higher term and the vote given in it | as after 3 | the log fits, and the store still says `installed`: the next start clears that, or 6 does |
//! | 6 [`ApplyWorker::refresh_marker`]: the store says so no more, with its next flush | as after 5 | done |
//! | 7 the old directory is removed, once its last reader is gone ([`storage::RetiredStore`]) | it is left over: the next start removes it | done |
//!
//! A failure of step 1 or 2 changes nothing: the file is to be fetched again, or room to be made. One of step 3 to 6 ends the
//! node, because what is durable may be ahead of what is in memory; a start finishes what was begun. `installed` says who may
//! be behind: without it, a log that ends below its store has lost entries, and the start is refused as ever.
//!
//! [`ApplyWorker::install`]: super::apply::worker::ApplyWorker::install
//! [`ApplyWorker::refresh_marker`]: super::apply::worker::ApplyWorker::refresh_marker
//! [`LogWorker::reset`]: super::log_worker::LogWorker::reset

pub(super) mod depot;
mod error;
mod export;
mod family;
mod import;
mod incoming;
pub(super) mod install;
pub(super) mod owner;
mod received;

use std::io;
use std::path::Path;

use wal::fs::Fs;

use super::store_pointer;

pub(crate) use error::SnapshotError;
pub(crate) use import::ImportedStore;
pub(crate) use received::{ReceivedSnapshot, SnapshotEnd};

/// The directory of the files in a data directory.
pub(crate) const DIRECTORY: &str = "snapshot";

/// The files of a data directory; the directory is made where it is not there.
///
/// # Errors
/// What the system says.
pub(crate) fn files<F: Fs>(
    fs: F,
    data_dir: &Path,
) -> Result<snapshot::SnapshotDirectory<F>, SnapshotError> {
    let path = data_dir.join(DIRECTORY);
    Ok(snapshot::SnapshotDirectory::create(fs, &path)?)
}

/// Removes the directory of a store that was given up ([`storage::RetiredStore`] must be closed).
///
/// # Errors
/// What the system says; the next start tries again.
pub(crate) fn remove_store(path: &Path) -> io::Result<()> {
    store_pointer::remove(path)
}

#[cfg(test)]
mod tests;
