//! The log, open, and the hard state to start from.

use raft::eraftpb::HardState;
use wal::fs::Fs;

use super::error::RecoveryError;
use crate::node::marker::Marker;

/// What opening did, for the start-up line and the metrics.
#[derive(Debug, Default)]
pub struct RecoveryReport {
    /// Entries applied from the log on top of the flushed store.
    pub replayed: u64,
    /// Bytes of a torn tail that were cut.
    pub cut_bytes: u64,
    /// Whether the log was set aside and begins anew behind the store: the store's witness of the old one must not
    /// outlive it.
    pub restarted: bool,
}

/// An open log and where it stands.
pub struct OpenLog<F: Fs> {
    /// The log.
    pub wal: wal::Wal<F>,
    /// Term, vote and the commit index to start from.
    pub hard_state: HardState,
    /// The report so far.
    pub report: RecoveryReport,
}

impl<F: Fs> OpenLog<F> {
    /// A log that is open; the store stands at `applied` and says `marker`.
    pub fn new(wal: wal::Wal<F>, applied: u64, marker: &Marker, report: RecoveryReport) -> Self {
        let state = wal.hard_state();
        let hard_state = HardState {
            term: state.term.max(marker.term),
            vote: if state.term >= marker.term {
                state.vote
            } else {
                0
            },
            commit: state.commit.max(applied),
        };
        Self {
            wal,
            hard_state,
            report,
        }
    }

    /// Opens a log that a snapshot has overtaken, and begins it anew behind the store. It is one rename: what a failure
    /// leaves is the old log, which is reset at the next start, or the new one.
    pub fn reset(
        judged: wal::JudgedLog<F>,
        options: wal::Options,
        applied: u64,
        marker: &Marker,
    ) -> Result<Self, RecoveryError> {
        let (mut wal, recovery) = judged.open(options)?;
        let base = wal::Position {
            term: marker.term,
            index: applied,
        };
        wal.restart_at(base, promised(wal.hard_state(), marker, applied))?;
        tracing::warn!(
            "a snapshot was being installed when this node ended: the log, which ended at entry {}, begins anew after entry \
             {applied}",
            recovery.last_index
        );
        let report = RecoveryReport {
            restarted: true,
            ..RecoveryReport::default()
        };
        Ok(Self::new(wal, applied, marker, report))
    }

    /// Opens a log that was judged.
    pub fn open(
        judged: wal::JudgedLog<F>,
        options: wal::Options,
        applied: u64,
        marker: &Marker,
    ) -> Result<Self, RecoveryError> {
        let (wal, recovery) = judged.open(options)?;
        let report = RecoveryReport {
            cut_bytes: recovery.torn_tail.as_ref().map_or(0, |cut| cut.bytes),
            ..RecoveryReport::default()
        };
        Ok(Self::new(wal, applied, marker, report))
    }
}

/// What a member has promised by its log and by the store that a snapshot made: the higher term, and the vote given in it.
pub(in crate::node) fn promised(
    log: wal::HardState,
    marker: &Marker,
    applied: u64,
) -> wal::HardState {
    let installed = marker.installed.unwrap_or_default();
    let term = log.term.max(installed.term).max(marker.term);
    let votes = [(log.term, log.vote), (installed.term, installed.vote)];
    let mut given = votes.iter().filter(|(of, vote)| *of == term && *vote != 0);
    wal::HardState {
        term,
        vote: given.next().map_or(0, |(_, vote)| *vote),
        commit: applied,
    }
}
