//! Reopening under readers: the same directory, in another mode, without a new process (design 6).
//!
//! | step | readers | on the disk | if it fails there |
//! |---|---|---|---|
//! | the core is taken from the readers, leases are recalled | wait, facts are answered | as it was | – |
//! | leases end | as above | as it was | not in time: [`Error::Held`], they get it back |
//! | RocksDB is closed, nothing is flushed | as above | as after a crash: the last flush | – |
//! | it is opened in the new mode | as above | opened | the writer is broken, readers wait in vain; try another mode |
//! | the log's rest is applied | as above | grows | as above |
//! | [`Writer::show`] | see the new core | as above | [`Error::Behind`]: apply the rest first |
//!
//! A crash at any step leaves the last flush (closing writes nothing), and the log replays the
//! rest: so the log must be kept from [`crate::Store::durable`] on, as always.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::mode::Mode;
use crate::error::Error;
use crate::format::meta::Applied;
use crate::read::lease::Lease;
use crate::read::opening::{Opened, open_core};
use crate::write::batch::Writer;

/// Between two looks whether the last lease has ended.
const LOOK: Duration = Duration::from_millis(1);

impl Writer {
    /// Closes the directory and opens it again in `mode`, and gives the state that it then stands
    /// at: its last flush, from which on the log has to be applied by this writer. Readers see
    /// nothing of it before [`Writer::show`]; meanwhile they wait, each for as long as it wants to.
    ///
    /// Waits up to `patience` for leases, views, reads and flushes to end. A lease held by the
    /// calling thread never ends: drop it first.
    ///
    /// Errors: [`Error::Held`] if they did not end, and everything is as before. After any other
    /// error the store is closed: this writer refuses to write, readers get [`Error::Reopening`],
    /// and only another `reopen` helps.
    pub fn reopen(&mut self, mode: &Mode, patience: Duration) -> Result<Applied, Error> {
        mode.engine_mode()?;
        self.release(patience)?;
        let Opened {
            core,
            state,
            deadline,
            progress,
        } = open_core(&self.config, &Arc::clone(&self.core.pins), mode)?;
        self.core = core;
        self.state = state;
        self.deadline = deadline;
        self.progress = progress;
        (self.broken, self.closed) = (false, false);
        Ok(self.state.applied.clone())
    }

    /// Takes the core from the readers, and closes it.
    fn release(&mut self, patience: Duration) -> Result<(), Error> {
        if self.closed {
            return Ok(()); // by an attempt before, that could not open it again
        }
        let was_open = self.shared.current.close(&self.core);
        self.core.recall(true);
        // Counted and not timed: no clock is read in this crate.
        let looks = patience.as_millis() / LOOK.as_millis();
        for look in 0..=looks {
            if let Some(core) = Arc::get_mut(&mut self.core) {
                core.database.close();
                (self.broken, self.closed) = (true, true);
                return Ok(());
            }
            if look < looks {
                std::thread::sleep(LOOK);
            }
        }
        let holders = Arc::strong_count(&self.core).saturating_sub(1);
        self.core.recall(false);
        if was_open {
            self.shared.current.open(Arc::clone(&self.core));
        }
        Err(Error::Held {
            holders,
            waited: patience,
        })
    }

    /// Shows a reopened store to the readers; nothing to do if it is shown already. Errors:
    /// [`Error::Behind`] if it has not caught up with what they have seen, [`Error::Aborted`] if a
    /// write failed since or the store is closed.
    pub fn show(&mut self) -> Result<(), Error> {
        let Some(shown) = self.shared.current.shown() else {
            return Ok(());
        };
        let applied = &self.state.applied;
        if self.broken {
            return Err(Error::Aborted {
                applied: applied.index,
            });
        }
        if applied.index < shown.index || applied.revision < shown.revision {
            return Err(Error::Behind {
                index: applied.index,
                revision: applied.revision,
                shown_index: shown.index,
                shown_revision: shown.revision,
            });
        }
        self.shared.current.open(Arc::clone(&self.core));
        Ok(())
    }

    /// The state as of the last commit, whether it is shown or not.
    pub fn applied(&self) -> &Applied {
        &self.state.applied
    }

    /// The state that this writer stands at, for reading, whether it is shown or not. Drop it
    /// before the next [`Writer::reopen`]. Errors: [`Error::Aborted`] if the store is closed.
    pub fn lease(&self) -> Result<Lease, Error> {
        if self.closed {
            return Err(Error::Aborted {
                applied: self.state.applied.index,
            });
        }
        Ok(Lease {
            core: Arc::clone(&self.core),
        })
    }
}
