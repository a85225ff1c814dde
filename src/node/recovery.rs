//! From a judged directory to a node that may take part: the log opened, replaced or salvaged, and what it still holds
//! applied on top of what was flushed.
//!
//! What is done is decided before, in [`super::judgement`]; here it is carried out. Durable steps where the log is set
//! aside (`Replace`, `Salvage`):
//!
//! | step | process or power fails before it | after it |
//! |---|---|---|
//! | 1 salvage only: entries before the damage applied, store flushed | the same refusal, the same accepted entry | the store holds them; the refusal names the same entry |
//! | 2 new log published behind the store, old segments set aside | as after 1 | a log that begins at the store's end: nothing is missing |
//! | 3 store flushed with the new log's witness, witness file written | the old witnesses lie before the new log's start and are borne out | done |

use std::path::{Path, PathBuf};

use raft::eraftpb::{ConfState, EntryType, HardState};
use wal::fs::Fs;

use super::apply_worker::{ApplyError, ApplyWorker};
use super::data_dir::DataDirError;
use super::judgement::{LogLoss, StartRefusal};
use super::marker::{Marker, MarkerError};
use super::rest::LogSource;
use super::turn::ApplyBatch;
use crate::raft::log::{LogView, UnknownEntry, from_wal};

/// Bytes of entries read from the log and applied at once.
const REPLAY_BYTES: usize = 4 << 20;
/// Bytes of entries read at once for a store that has to be reopened.
const REREAD_BYTES: usize = 4 << 20;

/// Entries for a store that has to be reopened.
pub(super) fn log_source<F: Fs>(reader: wal::Reader<F>) -> LogSource {
    Box::new(move |from, until| {
        let entries = reader
            .entries(from, until, REREAD_BYTES)
            .map_err(|error| error.to_string())?;
        let entries = entries.into_iter().map(from_wal);
        entries
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| error.to_string())
    })
}

/// Why a node cannot start from its data.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The judgement: nothing was changed.
    #[error(transparent)]
    Refused(#[from] Box<StartRefusal>),
    /// A file of the directory cannot be looked at, or written.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The log.
    #[error(transparent)]
    Log(#[from] wal::Error),
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
    #[error(
        "{0}: put back a copy of the whole data directory that was made while the node was stopped"
    )]
    Marker(#[from] MarkerError),
    /// Neither file says whose data it is.
    #[error(
        "nothing in {directory} says whose data it is: put back a copy of the whole directory that was made while the node \
         was stopped, or start with a new, empty --data-dir"
    )]
    Nobody {
        /// The data directory.
        directory: PathBuf,
    },
}

/// A failure with a file of the data directory.
pub(super) fn io(
    operation: &'static str,
    path: PathBuf,
) -> impl FnOnce(std::io::Error) -> RecoveryError {
    move |source| {
        RecoveryError::DataDir(DataDirError::Io {
            operation,
            path,
            source,
        })
    }
}

impl From<StartRefusal> for RecoveryError {
    fn from(refusal: StartRefusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl RecoveryError {
    /// The damage of the store that it met, if that is what it is.
    pub fn damage(&self) -> Option<storage::Damage> {
        match self {
            Self::Storage(error) => error.damage(),
            Self::Apply(error) => error.damage(),
            _ => None,
        }
    }

    /// Whether the data is at fault, not the machine: then starting again does not help.
    pub fn is_about_data(&self) -> bool {
        match self {
            Self::Log(wal::Error::Io { source, .. })
            | Self::Storage(storage::Error::Io { source, .. })
            | Self::DataDir(DataDirError::Io { source, .. }) => is_misplaced(source),
            Self::Log(error) => !matches!(
                error,
                wal::Error::NoSpace { .. }
                    | wal::Error::ReadOnly { .. }
                    | wal::Error::Poisoned { .. }
                    | wal::Error::TooManySegments { .. }
            ),
            Self::Storage(error) | Self::Apply(ApplyError::Storage(error)) => !matches!(
                error,
                storage::Error::Io { .. }
                    | storage::Error::RocksDb { .. }
                    | storage::Error::Background { .. }
                    | storage::Error::InUse { .. }
                    | storage::Error::Reopening { .. }
                    | storage::Error::Held { .. }
            ),
            Self::DataDir(error) => error.is_about_data(),
            Self::Refused(_)
            | Self::Apply(_)
            | Self::Unknown(_)
            | Self::Marker(_)
            | Self::Nobody { .. } => true,
        }
    }
}

/// A file where a directory belongs, or the other way round: no crash leaves that.
fn is_misplaced(source: &std::io::Error) -> bool {
    use std::io::ErrorKind::{IsADirectory, NotADirectory};
    matches!(source.kind(), IsADirectory | NotADirectory)
}

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
        let resting = worker.resting.clone();
        worker.set_log(log_source(prefix.reader()), resting);
        let mut replayed = 0;
        while applied < loss.kept {
            let entries = reader
                .entries(applied + 1, loss.kept + 1, REPLAY_BYTES)?
                .into_iter()
                .map(from_wal)
                .collect::<Result<Vec<_>, _>>()?;
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
