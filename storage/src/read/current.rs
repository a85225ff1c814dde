//! The core that readers may see now: the way from a [`crate::Store`] to it, or to none while the
//! store is reopened. It is closed then.
//!
//! ```text
//! open ── close ──> closed: leases wait, facts answer ── replay ── open (a new core)
//!    ^                  │
//!    └── give up <──────┘  leases did not end in time: the same core again
//! ```
//!
//! A read takes the core with one wait-free load (`arc-swap`): a lock here would be shared by every
//! read of every thread. Only while it is closed does anybody take the mutex.
//!
//! Nobody sees the store go back: what needs no rows (revision, applied state, earliest deadline) is
//! answered from the facts of the core shown last, all else waits, and [`crate::Writer::show`] opens
//! it only for a core that has caught up with those facts.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwapOption, Guard};

use crate::compaction::pin::Pins;
use crate::error::Error;
use crate::format::meta::{Applied, StoreState};
use crate::read::core::Core;
use crate::read::statistics::Statistics;

/// What is known of the core that was shown last.
pub(crate) struct LastShown {
    pub(crate) state: Arc<StoreState>,
    pub(crate) deadline: Option<u64>,
    pub(crate) durable: Applied,
    pub(crate) statistics: Statistics,
    pub(crate) path: PathBuf,
    pub(crate) pins: Arc<Pins>,
}

/// See the module.
pub(crate) struct CurrentCore {
    current: ArcSwapOption<Core>,
    /// `None` exactly while `current` holds a core; both change under this lock.
    closed: Mutex<Option<LastShown>>,
    opened: Condvar,
}

/// A core that cannot be closed while this lives.
pub(crate) struct HeldCore(Guard<Option<Arc<Core>>>);

impl std::ops::Deref for HeldCore {
    type Target = Core;

    fn deref(&self) -> &Core {
        self.0.as_ref().expect("made only from a core")
    }
}

impl HeldCore {
    pub(crate) fn to_arc(&self) -> Arc<Core> {
        Arc::clone(self.0.as_ref().expect("made only from a core"))
    }
}

impl CurrentCore {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            current: ArcSwapOption::new(Some(core)),
            closed: Mutex::new(None),
            opened: Condvar::new(),
        }
    }

    /// The core, at once if there is one; else after at most `patience`.
    pub(crate) fn enter(&self, patience: Duration) -> Result<HeldCore, Error> {
        let core = self.current.load();
        if core.is_some() {
            return Ok(HeldCore(core));
        }
        drop(core);
        self.wait(patience)
    }

    #[cold]
    fn wait(&self, patience: Duration) -> Result<HeldCore, Error> {
        let closed = self
            .opened
            .wait_timeout_while(self.lock(), patience, |closed| closed.is_some())
            .unwrap_or_else(PoisonError::into_inner);
        // Under the lock: open, or closed for longer than the caller waits.
        let core = self.current.load();
        drop(closed);
        match core.is_some() {
            true => Ok(HeldCore(core)),
            false => Err(Error::Reopening { waited: patience }),
        }
    }

    /// Asks the core, or the facts while there is none.
    pub(crate) fn ask<T>(&self, open: impl Fn(&Core) -> T, closed: impl Fn(&LastShown) -> T) -> T {
        loop {
            if let Some(core) = self.current.load().as_ref() {
                return open(core);
            }
            // Without facts it has been opened meanwhile.
            if let Some(facts) = self.lock().as_ref() {
                return closed(facts);
            }
        }
    }

    /// Lets nobody in any more. The writer is idle, so the facts stay true. Gives whether it was
    /// open.
    pub(crate) fn close(&self, core: &Core) -> bool {
        let facts = LastShown {
            state: core.published.latest(),
            deadline: core.published.deadline(),
            durable: core.durable(),
            statistics: core.statistics(),
            path: core.database.path().to_owned(),
            pins: Arc::clone(&core.pins),
        };
        let mut closed = self.lock();
        if closed.is_some() {
            return false;
        }
        *closed = Some(facts);
        self.current.store(None);
        true
    }

    /// Lets everybody in to `core`.
    pub(crate) fn open(&self, core: Arc<Core>) {
        let mut closed = self.lock();
        self.current.store(Some(core));
        *closed = None;
        drop(closed);
        self.opened.notify_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.current.load().is_none()
    }

    /// What readers have seen, while there is no core.
    pub(crate) fn shown(&self) -> Option<Applied> {
        let closed = self.lock();
        closed.as_ref().map(|facts| facts.state.applied.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Option<LastShown>> {
        // Facts and core change together, and nothing between the two can panic.
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
