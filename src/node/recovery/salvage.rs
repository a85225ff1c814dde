//! A log that is set aside: what lies before its damage is applied, and a new one begins behind the store.
//!
//! Durable steps (`Replace`, `Salvage`):
//!
//! | step | process or power fails before it | after it |
//! |---|---|---|
//! | 1 salvage only: entries before the damage applied, store flushed | the same refusal, the same accepted entry | the store holds them; the refusal names the same entry |
//! | 2 new log published behind the store, old segments set aside | as after 1 | a log that begins at the store's end: nothing is missing |
//! | 3 store flushed with the new log's witness, witness file written | the old witnesses lie before the new log's start and are borne out | done |

use std::path::Path;

use wal::fs::Fs;

use super::error::RecoveryError;
use super::open_log::{OpenLog, RecoveryReport};
use super::replay::{REPLAY_BYTES, log_source};
use crate::node::apply::worker::ApplyWorker;
use crate::node::batch::ApplyBatch;
use crate::node::judgement::refusal::LogLoss;
use crate::node::marker::Marker;

/// The log of a sole voter, to be set aside.
pub struct LostLog<'a, F: Fs> {
    /// The file system.
    pub fs: F,
    /// The log's directory.
    pub directory: &'a Path,
    /// Whose it is.
    pub identity: wal::Identity,
    /// What the witness file says of it.
    pub witness: Option<wal::Witness>,
    /// For the new log.
    pub options: wal::Options,
}

impl<F: Fs> LostLog<'_, F> {
    /// Sets the log aside and begins a new one behind the store, loudly.
    pub fn replace(
        self,
        applied: u64,
        marker: &Marker,
        state: wal::HardState,
        why: &str,
    ) -> Result<OpenLog<F>, RecoveryError> {
        let base = wal::Position {
            term: marker.term,
            index: applied,
        };
        let hard_state = wal::HardState {
            term: state.term.max(marker.term),
            vote: if state.term >= marker.term {
                state.vote
            } else {
                0
            },
            commit: applied,
        };
        let Self {
            fs,
            directory,
            identity,
            witness,
            options,
        } = self;
        let stored = marker.witness.as_deref().map(wal::Witness::decode);
        let stored = stored.transpose()?;
        let seen = stored.into_iter().chain(witness);
        let newest = seen.max_by_key(|witness| witness.place);
        let wal = wal::Wal::replace(
            fs,
            directory,
            identity,
            base,
            hard_state,
            newest.as_ref(),
            options,
        )?;
        tracing::error!(
            "{why}: the log begins anew after entry {applied}; what is left of the old one is kept in {} (*.damaged)",
            directory.display()
        );
        let report = RecoveryReport {
            restarted: true,
            ..RecoveryReport::default()
        };
        Ok(OpenLog::new(wal, applied, marker, report))
    }

    /// Applies what lies before the damage, up to the entry that the operator accepted, flushes it, and then replaces
    /// the log.
    pub fn salvage(
        self,
        loss: &LogLoss,
        prefix: &wal::Prefix<F>,
        mut applied: u64,
        worker: &mut ApplyWorker,
        store: &storage::Store,
    ) -> Result<OpenLog<F>, RecoveryError> {
        let reader = prefix.reader();
        // Damaged history that is met on the way is put to rest, and what that loses is read again from here.
        worker.set_log(log_source(prefix.reader()));
        let mut replayed = 0;
        while applied < loss.kept {
            let entries = reader.entries(applied + 1, loss.kept + 1, REPLAY_BYTES)?;
            let Some(last) = entries.last().map(|entry| entry.index) else {
                break;
            };
            replayed += last - applied;
            applied = last;
            worker.step(vec![ApplyBatch::of(entries)], &mut |_| {})?;
        }
        store.flush()?;
        let marker = worker.marker().clone();
        let mut log = self.replace(applied, &marker, prefix.hard_state(), &loss.why())?;
        log.report.replayed = replayed;
        Ok(log)
    }
}
