//! What the log holds beyond the store: applied as far as it is known committed, the rest loaded for consensus.

use std::ops::Range;

use raft::eraftpb::ConfState;
use wal::fs::Fs;

use super::clocks::FoundClocks;
use super::error::RecoveryError;
use super::open_log::OpenLog;
use crate::node::alone::is_alone;
use crate::node::apply::reopen::LogSource;
use crate::node::apply::worker::ApplyWorker;
use crate::node::batch::ApplyBatch;
use crate::raft::entry::{self, UnknownEntry, changes_membership};
use crate::raft::log::LogView;

/// Bytes of entries read from the log and applied at once.
pub(super) const REPLAY_BYTES: usize = 4 << 20;
/// Bytes of entries read at once for a store that has to be reopened.
const REREAD_BYTES: usize = 4 << 20;

/// Entries for a store that has to be reopened.
pub(super) fn log_source<F: Fs>(reader: wal::Reader<F>) -> LogSource {
    Box::new(move |from, until| Ok(reader.entries(from, until, REREAD_BYTES)?))
}

/// The log view and the index up to which the store is now.
pub struct Replayed<F: Fs> {
    /// For the consensus core.
    pub view: LogView<wal::Reader<F>>,
    /// Where the core starts.
    pub applied: u64,
    /// What was found of clocks.
    pub clocks: FoundClocks,
    /// Whether what is not applied changes the membership.
    pub changes: bool,
}

/// Applies what the log holds and is known committed beyond the store, then loads the rest for consensus.
///
/// A sole voter's durable entries are committed by definition: no other member can have decided otherwise. Replay
/// stops before a membership change, which consensus itself must apply.
pub fn replay<F: Fs>(
    log: &mut OpenLog<F>,
    conf_state: ConfState,
    mut applied: u64,
    worker: &mut ApplyWorker,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Replayed<F>, RecoveryError> {
    let last = log.wal.last_index();
    let alone = is_alone(&conf_state, log.wal.identity().member);
    let mut clocks = FoundClocks::of(worker.marker());
    // What its log holds is committed by that alone; and so far it knew it.
    let known_commit = alone.then_some(log.hard_state.commit);
    if alone {
        log.hard_state.commit = last;
    }
    let reader = log.wal.reader();
    let commit = log.hard_state.commit.min(last);
    while applied < commit {
        let entries = next_commands(log, &reader, applied + 1..commit + 1, known_commit)?;
        let Some(end) = entries.last().map(|entry| entry.index) else {
            break;
        };
        clocks.see(&entries);
        worker.step(vec![ApplyBatch::of(entries)], &mut |_| {})?;
        log.report.replayed += end - applied;
        applied = end;
        progress(applied, commit);
    }
    let term = reader.term(applied)?.unwrap_or(log.hard_state.term);
    let start = (applied, term);
    let mut view = LogView::new(reader.clone(), log.hard_state.clone(), conf_state, start);
    let changes = load(&mut view, &reader, applied + 1..last + 1, &mut clocks)?;
    Ok(Replayed {
        view,
        applied,
        clocks,
        changes,
    })
}

/// The first committed entries of the range, up to a membership change. A member that is `alone` is given what it knew to be committed.
fn next_commands<F: Fs>(
    log: &mut OpenLog<F>,
    reader: &wal::Reader<F>,
    range: Range<u64>,
    alone: Option<u64>,
) -> Result<Vec<wal::Entry>, RecoveryError> {
    let mut entries = Vec::new();
    for entry in reader.entries(range.start, range.end, REPLAY_BYTES)? {
        let entry = known(entry)?;
        if changes_membership(&entry) {
            if let Some(known_commit) = alone {
                // After this change others may have a say in what is committed, but for what is known to be.
                log.hard_state.commit = known_commit.max(entry.index);
            }
            break;
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// The entry, if this version knows its kind: a start refuses what it could not apply later.
fn known(entry: wal::Entry) -> Result<wal::Entry, UnknownEntry> {
    entry::content(&entry).map(|_| entry)
}

/// The end of the log that consensus holds in memory. Whether it changes the membership.
fn load<F: Fs>(
    view: &mut LogView<wal::Reader<F>>,
    reader: &wal::Reader<F>,
    range: Range<u64>,
    clocks: &mut FoundClocks,
) -> Result<bool, RecoveryError> {
    let mut changes = false;
    let mut next = range.start;
    while next < range.end {
        let entries = reader.entries(next, range.end, REPLAY_BYTES)?;
        let entries = entries
            .into_iter()
            .map(known)
            .collect::<Result<Vec<_>, _>>()?;
        next = entries.last().map_or(range.end, |entry| entry.index + 1);
        clocks.see(&entries);
        changes |= entries.iter().any(changes_membership);
        view.append(&entries);
    }
    Ok(changes)
}
