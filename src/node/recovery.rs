//! From a directory to a node that may take part: what was flushed, what the log still holds, and what that makes.
//!
//! | store (applied) | log | sole voter | cluster member |
//! |---|---|---|---|
//! | empty | absent | new node | new node |
//! | at n | reaches past n | apply the rest | apply what is committed, keep the rest |
//! | at n | ends before n, or absent | log restarts at n, loudly | refused: damage |
//! | at n | begins after n + 1 | refused: entries are missing | refused |
//! | any | damaged | refused with file, offset, range | refused |

use std::path::{Path, PathBuf};

use raft::eraftpb::{ConfState, EntryType, HardState};
use wal::fs::Fs;

use super::apply_worker::{ApplyError, ApplyWorker};
use super::marker::{Marker, MarkerError};
use super::turn::ApplyBatch;
use crate::raft::log::{LogView, UnknownEntry, from_wal};

/// Bytes of entries read from the log and applied at once.
const REPLAY_BYTES: usize = 4 << 20;

/// Why a node cannot start from its data.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The log.
    #[error(transparent)]
    Log(#[from] wal::Error),
    /// The log's directory cannot be read.
    #[error("cannot read {path}: {source}; check that it belongs to the server's user")]
    Directory {
        /// Which.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// The store.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// An entry that is committed does not apply.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// An entry that this version does not know.
    #[error("{0}: start the version that wrote it")]
    Unknown(#[from] UnknownEntry),
    /// The store's marker.
    #[error("{0}: restore the data directory from a backup")]
    Marker(#[from] MarkerError),
    /// Entries between store and log are gone.
    #[error(
        "the log begins at index {first}, but the store ends at {applied}: entries {} to {} are missing. \
         Restore the data directory from a backup",
        applied + 1,
        first - 1
    )]
    Gap {
        /// First index of the log.
        first: u64,
        /// Applied index of the store.
        applied: u64,
    },
    /// A cluster member's log ends before its store.
    #[error(
        "the log ends at index {last}, but the store has applied {applied}: this member's log was cut or replaced. \
         Remove the member from its cluster and add it again with an empty data directory"
    )]
    StoreAhead {
        /// Last index of the log.
        last: u64,
        /// Applied index of the store.
        applied: u64,
    },
}

impl RecoveryError {
    /// Whether the data is at fault, not the machine: then starting again does not help.
    pub fn is_about_data(&self) -> bool {
        match self {
            Self::Log(error) => !matches!(
                error,
                wal::Error::Io { .. }
                    | wal::Error::NoSpace { .. }
                    | wal::Error::Poisoned { .. }
                    | wal::Error::TooManySegments { .. }
            ),
            Self::Storage(error) | Self::Apply(ApplyError::Storage(error)) => !matches!(
                error,
                storage::Error::Io { .. }
                    | storage::Error::RocksDb { .. }
                    | storage::Error::Background { .. }
                    | storage::Error::Reopening { .. }
                    | storage::Error::Held { .. }
            ),
            Self::Directory { .. } => false,
            Self::Apply(_)
            | Self::Unknown(_)
            | Self::Marker(_)
            | Self::Gap { .. }
            | Self::StoreAhead { .. } => true,
        }
    }
}

/// What an open log says, for the start-up line and the metrics.
#[derive(Debug, Default)]
pub struct Report {
    /// Entries applied from the log on top of the flushed store.
    pub replayed: u64,
    /// Bytes of a torn tail that were cut.
    pub cut_bytes: u64,
    /// Whether the data directory was new.
    pub new: bool,
    /// Whether the log begins anew behind the store: the store's witness of the old one must not outlive it.
    pub restarted: bool,
}

/// An open log and where it stands.
pub struct OpenLog<F: Fs> {
    /// The log.
    pub wal: wal::Wal<F>,
    /// Term, vote and the commit index to start from.
    pub hard_state: HardState,
    /// The report so far.
    pub report: Report,
}

/// Opens or creates the log that belongs to a store at `applied`. A new log gets `identity`; one that is there must
/// have the `expected` one, if the store knows it.
pub fn open_log<F: Fs>(
    fs: F,
    directory: &Path,
    identity: wal::Identity,
    expected: Option<wal::Identity>,
    applied: u64,
    marker: &Marker,
    options: wal::Options,
) -> Result<OpenLog<F>, RecoveryError> {
    let base = wal::Position {
        term: marker.term,
        index: applied,
    };
    let mut report = Report::default();
    let unreadable = |source| RecoveryError::Directory {
        path: directory.to_owned(),
        source,
    };
    let opened = if fs.exists(directory).map_err(unreadable)? {
        match open_existing(
            fs.clone(),
            directory,
            expected,
            applied,
            marker,
            options.clone(),
        ) {
            // No segment was ever finished: the first start was cut short, and creating may be repeated.
            Err(RecoveryError::Log(wal::Error::NoLog { .. })) => None,
            opened => Some(opened?),
        }
    } else {
        None
    };
    let mut wal = if let Some((wal, recovery)) = opened {
        report.cut_bytes = recovery.cut.as_ref().map_or(0, |cut| cut.bytes);
        wal
    } else {
        report.new = applied == 0;
        report.restarted = applied > 0;
        if marker.conf_state.voters.len() > 1 {
            return Err(RecoveryError::StoreAhead { last: 0, applied });
        }
        if applied > 0 {
            tracing::error!(
                "the log is gone and the store ends at index {applied}: the log starts again there, and every \
                 acknowledged write after it is lost"
            );
        }
        wal::Wal::create(fs, directory, identity, base, options)?
    };
    if wal.first_index() > applied + 1 {
        return Err(RecoveryError::Gap {
            first: wal.first_index(),
            applied,
        });
    }
    if wal.last_index() < applied {
        report.restarted = true;
        restart_behind_store(&mut wal, applied, marker)?;
    }
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
    Ok(OpenLog {
        wal,
        hard_state,
        report,
    })
}

/// Opens a log with the store as its witness. Where only the store says that the lost entries were durable, and it
/// holds them all, nothing is lost: alone, the rest is a torn tail, kept aside, and the log restarts behind the store.
/// (Anything acknowledged after the flush would claim durability beyond the bad place, and be a proof of its own.)
fn open_existing<F: Fs>(
    fs: F,
    directory: &Path,
    expected: Option<wal::Identity>,
    applied: u64,
    marker: &Marker,
    options: wal::Options,
) -> Result<(wal::Wal<F>, wal::Recovery), RecoveryError> {
    let witness = marker
        .witness
        .as_deref()
        .map(wal::Witness::decode)
        .transpose()?;
    let alone = marker.conf_state.voters.len() <= 1;
    let opened = wal::Wal::open(
        fs.clone(),
        directory,
        expected,
        witness.as_ref(),
        options.clone(),
    );
    match opened {
        Err(wal::Error::Damaged(damage))
            if alone && damage.proof == wal::Proof::Witness && damage.last_index <= applied =>
        {
            tracing::error!("{damage}; the store holds them, so the log is cut there");
            Ok(wal::Wal::open(fs, directory, expected, None, options)?)
        }
        opened => Ok(opened?),
    }
}

/// The store holds more than the log. Alone, the store is the truth; in a cluster the others may disagree.
fn restart_behind_store<F: Fs>(
    wal: &mut wal::Wal<F>,
    applied: u64,
    marker: &Marker,
) -> Result<(), RecoveryError> {
    let last = wal.last_index();
    if marker.conf_state.voters.len() > 1 {
        return Err(RecoveryError::StoreAhead { last, applied });
    }
    tracing::error!(
        "the log ends at index {last}, but the store has applied {applied}: the log was cut or replaced. It starts \
         again at {applied}; writes acknowledged after that are lost"
    );
    let state = wal.hard_state();
    let hard_state = wal::HardState {
        term: state.term.max(marker.term),
        vote: if state.term >= marker.term {
            state.vote
        } else {
            0
        },
        commit: applied,
    };
    wal.restart_at(
        wal::Position {
            term: marker.term,
            index: applied,
        },
        hard_state,
    )?;
    Ok(())
}

/// The log view and the index up to which the store is now.
pub struct Replayed<F: Fs> {
    /// For the consensus core.
    pub view: LogView<wal::Reader<F>>,
    /// Where the core starts.
    pub applied: u64,
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
    let alone = conf_state.voters.len() <= 1;
    if alone {
        log.hard_state.commit = last;
    }
    let reader = log.wal.reader();
    let commit = log.hard_state.commit.min(last);
    'replay: while applied < commit {
        let mut entries = Vec::new();
        for entry in reader.entries(applied + 1, commit + 1, REPLAY_BYTES)? {
            let entry = from_wal(entry)?;
            if entry.entry_type != EntryType::EntryNormal as i32 {
                if alone {
                    // After this change others may have a say in what is committed.
                    log.hard_state.commit = entry.index;
                }
                break;
            }
            entries.push(entry);
        }
        let Some(end) = entries.last().map(|entry| entry.index) else {
            break 'replay;
        };
        worker.step(
            vec![ApplyBatch {
                entries,
                conf_states: Vec::new(),
            }],
            &mut |_| {},
        )?;
        log.report.replayed += end - applied;
        applied = end;
        progress(applied, commit);
    }
    let term = reader.term(applied)?.unwrap_or(log.hard_state.term);
    let mut view = LogView::new(
        reader.clone(),
        log.hard_state.clone(),
        conf_state,
        (applied, term),
    );
    let mut next = applied + 1;
    while next <= last {
        let entries = reader.entries(next, last + 1, REPLAY_BYTES)?;
        let entries = entries
            .into_iter()
            .map(from_wal)
            .collect::<Result<Vec<_>, _>>()?;
        next = entries.last().map_or(last + 1, |entry| entry.index + 1);
        view.append(&entries);
    }
    Ok(Replayed { view, applied })
}
