//! Another directory under the same handles: the store becomes the one that lies there (an installed snapshot).
//!
//! Unlike a reopening ([`super::reopen`]) it waits for nobody, because the old store stays open beside the new one:
//!
//! | step | who reads now | who began to read before | if it fails there |
//! |---|---|---|---|
//! | the other directory is opened | the old store | the old store | nothing has changed |
//! | it is held against what readers have seen | the old store | the old store | [`Error::Backward`], nothing has changed |
//! | it becomes the current core | the new store | the old store, to the end | – |
//! | the last of the old leases and views goes | the new store | – | – |
//! | the old database is closed: [`RetiredStore::is_closed`] | the new store | – | – |
//!
//! Everything that a core holds is the new one's own: cache of nodes, earliest deadline, statistics, what is published, and
//! the pins. A pin taken before the move holds nothing of the new store, and [`crate::View::at_pin`] refuses it there.

use std::path::Path;
use std::sync::Arc;

use crate::compaction::filter;
use crate::compaction::pin::Pins;
use crate::engine::home::Home;
use crate::engine::mode::Mode;
use crate::engine::setup::EngineConfig;
use crate::error::Error;
use crate::format::meta::Applied;
use crate::read::opening::{Opened, open_core};
use crate::read::retired::RetiredStore;
use crate::write::batch::Writer;

impl Writer {
    /// Makes the store at `path` the one that all handles lead to, with the options of this one. It must exist, and stand
    /// at or above what readers have seen.
    ///
    /// Errors: [`Error::Backward`], and those of [`open`](crate::open()). Nothing has changed then, and the other directory is
    /// closed again. A writer that refuses to write after a failure writes again after a move.
    pub fn move_to(&mut self, path: &Path) -> Result<RetiredStore, Error> {
        let pins = Arc::<Pins>::default();
        let options = self.config.options.clone();
        let config = EngineConfig::new(options, Home::of(path), filter::attach(&pins));
        let config = config.map_err(|source| Error::RocksDb {
            operation: "open",
            path: path.to_owned(),
            source,
        })?;
        let Opened {
            core,
            state,
            deadline,
            progress,
        } = open_core(&config, &pins, &Mode::Normal)?;
        let shown = self.shared.current.shown();
        refuse_backward(
            path,
            &state.applied,
            shown.as_ref().unwrap_or(self.applied()),
        )?;
        let retired = RetiredStore::new(self.core.database.path(), &self.core.end);
        self.shared.current.open(Arc::clone(&core));
        self.core = core;
        self.config = config;
        self.state = state;
        self.deadline = deadline;
        self.progress = progress;
        (self.broken, self.closed) = (false, false);
        Ok(retired)
    }
}

fn refuse_backward(path: &Path, applied: &Applied, shown: &Applied) -> Result<(), Error> {
    if applied.index < shown.index || applied.revision < shown.revision {
        return Err(Error::Backward {
            path: path.to_owned(),
            index: applied.index,
            revision: applied.revision,
            shown_index: shown.index,
            shown_revision: shown.revision,
        });
    }
    Ok(())
}
