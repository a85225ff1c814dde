//! Snapshots: what a follower needs that is behind the log, and what this member was sent.
//!
//! A leader that meets such a follower has its state written to a file, once for all that need it, and sends it when it is
//! there. A member that was sent one hands it to the core when all of it has come; if the core takes it, it goes to the log's
//! worker in its place among the batches, and counts as applied once that batch is durable.

use tokio::sync::oneshot;

use crate::node::effects::Effects;
use crate::node::snapshot::{ImportedStore, ReceivedSnapshot, SnapshotEnd};
use crate::raft::{LogRead, RaftCore, Role, StateFile};

/// Nanoseconds between the first export that failed and the next try; doubled with each one that fails after it, so often.
const PAUSE: u64 = 5_000_000_000;
const DOUBLED: u32 = 4;
/// For how long a file stays that nobody needs.
const KEEP: u64 = 60_000_000_000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    /// It has to wait while another is being installed.
    received: Option<ReceivedSnapshot>,
    /// The core has it, and the ready batch that takes it is not made yet.
    stepped: Option<ReceivedSnapshot>,
    installing: Option<Installing>,
    exporting: bool,
    /// Since when nobody has needed the file that was written.
    idle_since: Option<u64>,
    /// Exports that failed since one succeeded.
    failures: u32,
    /// No export begins before, by the clock that counts since boot.
    pause_until: u64,
}

#[derive(Debug)]
struct Installing {
    batch: u64,
    index: u64,
    ended: oneshot::Sender<SnapshotEnd>,
}

impl Snapshots {
    /// Of several that came the one that stands furthest is of use.
    pub(super) fn receive(&mut self, snapshots: Vec<ReceivedSnapshot>, silent: bool) {
        for snapshot in snapshots {
            let better = self
                .received
                .as_ref()
                .is_none_or(|other| other.store.applied.index < snapshot.store.applied.index);
            if silent || !better {
                snapshot.refuse();
            } else if let Some(other) = self.received.replace(snapshot) {
                other.refuse();
            }
        }
    }

    /// Hands what came to the core.
    pub(super) fn step<R: LogRead>(&mut self, core: &mut RaftCore<R>) {
        if self.installing.is_some() {
            return;
        }
        let Some(received) = self.received.take() else {
            return;
        };
        if !received.is_what_it_says() {
            tracing::warn!("a snapshot is not the state that its message names: it is not taken");
            return received.refuse();
        }
        let mut message = received.message.clone();
        let soft = core.soft_state();
        if message.term < soft.term && soft.role == Role::Follower && soft.leader != 0 {
            // What is in it is committed: the present leader would say the same of it.
            (message.term, message.from) = (soft.term, soft.leader);
        }
        match core.step(message) {
            Ok(()) => self.stepped = Some(received),
            Err(error) => {
                tracing::debug!("a snapshot was not taken: {error}");
                received.refuse();
            }
        }
    }

    /// The store for a ready batch that takes the snapshot at `place`, an index and its term.
    pub(super) fn take(&mut self, place: (u64, u64), batch: u64) -> Option<Box<ImportedStore>> {
        let stepped = self.stepped.take_if(|stepped| stepped.place() == place)?;
        self.installing = Some(Installing {
            batch,
            index: place.0,
            ended: stepped.ended,
        });
        Some(stepped.store)
    }

    /// All ready batches are made. What none of them took is of no use: this member is as far, or who sent it does not lead.
    pub(super) fn settle(&mut self, commit: u64) {
        if let Some(left) = self.stepped.take() {
            match left.place().0 <= commit {
                true => left.overtaken(),
                false => left.refuse(),
            }
        }
    }

    /// Batches up to `number` are durable. Up to which entry this member has thereby come.
    pub(super) fn persisted(&mut self, number: u64) -> Option<u64> {
        let installed = self
            .installing
            .take_if(|installing| installing.batch <= number)?;
        let _ = installed.ended.send(SnapshotEnd::Installed);
        Some(installed.index)
    }

    /// An export has ended.
    pub(super) fn exported<R: LogRead>(
        &mut self,
        file: Option<StateFile>,
        core: &mut RaftCore<R>,
        now: u64,
    ) {
        self.exporting = false;
        match file {
            Some(file) => {
                self.failures = 0;
                core.set_file(Some(file));
                // What was wished for meanwhile is served by this one, or wished for again.
                core.takes_wish_for_file();
                core.send_file();
            }
            None => {
                self.pause_until = now + (PAUSE << self.failures.min(DOUBLED));
                self.failures += 1;
            }
        }
    }

    /// Lets the file go that nobody has needed for a while.
    pub(super) fn tidy<R: LogRead>(
        &mut self,
        core: &mut RaftCore<R>,
        now: u64,
        effects: &mut impl Effects,
    ) {
        if self.exporting || !core.has_file() || core.is_sending_state() {
            self.idle_since = None;
            return;
        }
        if now.saturating_sub(*self.idle_since.get_or_insert(now)) > KEEP {
            self.idle_since = None;
            core.set_file(None);
            effects.discard_export();
        }
    }

    /// Orders an export if a follower needs one.
    pub(super) fn order<R: LogRead>(
        &mut self,
        core: &RaftCore<R>,
        now: u64,
        effects: &mut impl Effects,
    ) {
        if self.exporting || now < self.pause_until || !core.takes_wish_for_file() {
            return;
        }
        if core.soft_state().role == Role::Leader {
            self.exporting = true;
            effects.export();
        }
    }
}
