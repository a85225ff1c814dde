//! A store that readers may still look at, while all who come now look at another one: when it is closed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Kept by an opening of a store, as the last of its parts: when it is dropped, the files are closed.
#[derive(Default)]
pub(crate) struct EndSignal(Arc<End>);

#[derive(Default)]
struct End {
    over: Mutex<bool>,
    told: Condvar,
}

impl Drop for EndSignal {
    fn drop(&mut self) {
        *self.0.over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.told.notify_all();
    }
}

/// The directory of a store before [`crate::Writer::move_to`]. Leases and views from before the move keep it open; it may be
/// removed once it is closed, and not before: RocksDB works in it.
pub struct RetiredStore {
    path: PathBuf,
    end: Arc<End>,
}

impl RetiredStore {
    pub(crate) fn new(path: &Path, signal: &EndSignal) -> Self {
        Self {
            path: path.to_owned(),
            end: Arc::clone(&signal.0),
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its last reader is gone, and its files are closed.
    pub fn is_closed(&self) -> bool {
        *self.end.over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits up to `patience` for that, and says whether it came. A lease held by the calling thread never ends.
    pub fn wait(&self, patience: Duration) -> bool {
        let over = self.end.over.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .end
            .told
            .wait_timeout_while(over, patience, |over| !*over);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl std::fmt::Debug for RetiredStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RetiredStore")
            .field("path", &self.path)
            .field("closed", &self.is_closed())
            .finish()
    }
}
