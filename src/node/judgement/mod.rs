//! Judge first, open later: what a start is to do is decided from the whole directory (identity file, witness file,
//! store, log) before anything may write to it.
//!
#![doc = include_str!("table.md")]
//!
//! Nothing here opens a file for writing. What is told apart: *nothing was ever acknowledged* (founding may be repeated),
//! *nothing is missing*, *the store holds everything* (the clean-stop mark), *something is lost* (the operator decides).

mod decide;
mod explain;
mod log;
pub mod refusal;
mod store;

use std::path::{Path, PathBuf};

use wal::fs::Fs;

pub use decide::StoreAction;
pub use refusal::{LogLoss, StartRefusal};

use super::data_dir::DataDirError;
use super::marker::Marker;
use super::recovery::error::RecoveryError;
use super::{identity_file, missing_file, reserve, witness_file};
use decide::{DirectoryEvidence, IdentityState, LogAction, LogState, StartVerdict, decide};
use log::{LogFinding, LogFacts};
use store::StoreFacts;

/// What is to be judged.
pub struct Question<'a> {
    /// The data directory, locked.
    pub directory: &'a Path,
    /// Whether its content came from another directory.
    pub copied: bool,
    /// The entry after which the operator accepts that the log is lost.
    pub accept_log_loss: Option<u64>,
}

/// What a start is to do.
pub enum Judgement<F: Fs> {
    /// No node was ever finished here.
    Found,
    /// A node is here.
    Start(Box<StartPlan<F>>),
}

/// How a node that is here is opened.
pub struct StartPlan<F: Fs> {
    /// Whose data it is.
    pub identity: wal::Identity,
    /// The identity file as it was found.
    pub identity_file: identity_file::FoundIdentity,
    /// The witness file as it was found.
    pub witness_file: witness_file::FoundWitness,
    /// The list of tables known to be missing, as it was found.
    pub missing: missing_file::MissingTables,
    /// What the store holds.
    pub applied: storage::Applied,
    /// What it says beside that.
    pub marker: Marker,
    /// What becomes of the store.
    pub store: StoreAction,
    /// Its files: tables that are hurt, the torn end of its manifest.
    pub inventory: storage::judge::Inventory,
    /// What becomes of the log.
    pub log: PlannedLog<F>,
    /// Whether the store holds every entry that may have been acknowledged.
    pub complete: bool,
}

impl<F: Fs> StartPlan<F> {
    /// How the store is to be opened.
    pub fn mode(&self) -> storage::Mode {
        let damages = self
            .inventory
            .faults
            .iter()
            .map(storage::judge::Fault::damage);
        match self.store {
            StoreAction::Open => storage::Mode::Normal,
            StoreAction::ReadOnly => storage::Mode::ReadOnly,
            StoreAction::KeepHistory => {
                let mut families: Vec<&'static str> = damages.map(|damage| damage.column).collect();
                families.sort_unstable();
                families.dedup();
                storage::Mode::WithoutCompaction(families)
            }
        }
    }
}

/// What becomes of the log.
pub enum PlannedLog<F: Fs> {
    /// Opened as it was judged.
    Open(Box<wal::JudgedLog<F>>),
    /// Set aside; a new one begins behind the store.
    Replace(LogLoss),
    /// The entries before the damage are applied, then as `Replace`.
    Salvage(LogLoss, Box<wal::Prefix<F>>),
    /// Left alone, because the store is only read.
    Leave,
}

/// Judges a data directory.
///
/// # Errors
/// [`RecoveryError::Refused`] with what to do; anything else is a part that cannot even be looked at.
pub fn judge<F: Fs>(fs: &F, question: &Question<'_>) -> Result<Judgement<F>, RecoveryError> {
    let facts = DirectoryFacts::gather(fs, question.directory)?;
    let evidence = facts.evidence(question);
    match decide(evidence) {
        StartVerdict::Found => Ok(Judgement::Found),
        StartVerdict::Start(log, store) => Ok(Judgement::Start(Box::new(
            facts.plan(question, log, store)?,
        ))),
        // The first release's store, never flushed: without its log nothing is left to serve under any option.
        StartVerdict::Refuse(decide::RefusalCase::LogLoss) if facts.voices().is_empty() => {
            Err(RecoveryError::Nobody {
                directory: question.directory.to_owned(),
            })
        }
        StartVerdict::Refuse(refusal) => Err(facts.refuse(question, refusal).into()),
    }
}

/// All that can be seen without writing.
struct DirectoryFacts<F: Fs> {
    identity_file: identity_file::FoundIdentity,
    witness_file: witness_file::FoundWitness,
    missing: missing_file::MissingTables,
    store: StoreFacts,
    log: LogFacts<F>,
}

impl<F: Fs> DirectoryFacts<F> {
    fn gather(fs: &F, directory: &Path) -> Result<Self, RecoveryError> {
        let unreadable = |path: PathBuf| {
            move |source| {
                RecoveryError::DataDir(DataDirError::Io {
                    operation: "cannot read",
                    path,
                    source,
                })
            }
        };
        let identity_file = identity_file::read(fs, directory)
            .map_err(unreadable(identity_file::path(directory)))?;
        if let identity_file::FoundIdentity::Newer(found) = identity_file {
            return Err(StartRefusal::Newer {
                directory: directory.to_owned(),
                found,
                known: identity_file::FORMAT,
            }
            .into());
        }
        let witness_file =
            witness_file::read(fs, directory).map_err(unreadable(witness_file::path(directory)))?;
        let missing =
            missing_file::read(fs, directory).map_err(unreadable(missing_file::path(directory)))?;
        let store = StoreFacts::gather(directory.join("store"), &missing)?;
        let log = LogFacts::gather(fs, directory.join("wal"), &witness_file, &store.marker)?;
        Ok(Self {
            identity_file,
            witness_file,
            missing,
            store,
            log,
        })
    }

    fn evidence(&self, question: &Question<'_>) -> DirectoryEvidence {
        let applied = self.store.applied.index;
        let log = match &self.log.judged {
            LogFinding::Absent => LogState::Absent,
            LogFinding::Contradicted(..) => LogState::Contradicted,
            LogFinding::Damaged(..) => LogState::Hurt,
            LogFinding::Readable(log) if log.recovery().last_index < applied => {
                LogState::Contradicted
            }
            LogFinding::Readable(log) if log.recovery().last_index == 0 => LogState::Empty,
            LogFinding::Readable(_) => LogState::Whole,
        };
        let joins = match &self.log.judged {
            LogFinding::Readable(log) => log.recovery().first_index <= applied + 1,
            LogFinding::Absent | LogFinding::Contradicted(..) | LogFinding::Damaged(..) => true,
        };
        let conf_state = &self.store.marker.conf_state;
        DirectoryEvidence {
            identity: match self.identity_file {
                identity_file::FoundIdentity::Missing => IdentityState::Missing,
                identity_file::FoundIdentity::First => IdentityState::First,
                identity_file::FoundIdentity::Known(_) => IdentityState::Known,
                identity_file::FoundIdentity::Damaged(_)
                | identity_file::FoundIdentity::Newer(_) => IdentityState::Damaged,
            },
            log,
            store: self.store.kind,
            tables: self.store.tables(),
            agree: self.voices().windows(2).all(|pair| pair[0].1 == pair[1].1),
            alone: conf_state.voters.len() <= 1
                && conf_state.voters_outgoing.is_empty()
                && conf_state.learners.is_empty(),
            joins,
            proven: self.is_proven(),
            witnessed: self.is_witnessed(question.directory),
            accepted: question.accept_log_loss == Some(self.kept()),
            // One that was stopped clean was not running.
            copied: question.copied && !self.is_proven(),
        }
    }

    /// Whether anything shows that a node ran here: a witness of an entry or of a clean stop, or, beside a store without a
    /// log, the reserve, which a founding makes after the log.
    fn is_witnessed(&self, directory: &Path) -> bool {
        let testimony = self.witness_file.testimony();
        let alone = self.store.kind != decide::StoreState::Absent
            && matches!(self.log.judged, LogFinding::Absent)
            && reserve::is_there(directory);
        alone || testimony.is_some_and(|said| said.witness.index > 0 || said.clean.is_some())
    }

    /// Who names which member.
    fn voices(&self) -> Vec<(&'static str, wal::Identity)> {
        let file = match self.identity_file {
            identity_file::FoundIdentity::Known(identity) => Some(identity),
            _ => None,
        };
        let witness = self.witness_file.testimony().map(|said| said.identity);
        let log = match &self.log.judged {
            LogFinding::Readable(log) => Some(log.recovery().identity),
            LogFinding::Damaged(_, prefix) => prefix.as_ref().map(|prefix| prefix.identity()),
            LogFinding::Contradicted(_, identity) => *identity,
            LogFinding::Absent => None,
        };
        [
            (identity_file::NAME, file),
            (witness_file::NAME, witness),
            ("store/", self.store.identity()),
            ("wal/", log),
        ]
        .into_iter()
        .filter_map(|(name, identity)| Some((name, identity?)))
        .collect()
    }

    /// Whether the clean-stop mark names this very store, and the log does not show that it went on after it: the mark
    /// may have come back with an older copy of the store.
    fn is_proven(&self) -> bool {
        let clean = self.witness_file.testimony().and_then(|said| said.clean);
        clean.is_some_and(|clean| {
            let applied = &self.store.applied;
            (clean.applied, clean.term, clean.hash)
                == (applied.index, self.store.marker.term, applied.hash)
                && self.log.reaches() <= clean.applied
        })
    }

    /// The last entry that can be served if what is lost is lost.
    fn kept(&self) -> u64 {
        let applied = self.store.applied.index;
        match &self.log.judged {
            LogFinding::Damaged(_, Some(prefix)) if prefix.base().index <= applied => {
                applied.max(prefix.last().index)
            }
            _ => applied,
        }
    }

    fn plan(
        self,
        question: &Question<'_>,
        action: LogAction,
        store: StoreAction,
    ) -> Result<StartPlan<F>, RecoveryError> {
        let loss = self.loss(question);
        let complete = match &self.log.judged {
            LogFinding::Readable(log) => log.recovery().last_index <= self.store.applied.index,
            _ => self.is_proven(),
        };
        let identity = self.voices().first().map(|voice| voice.1);
        let nobody = || RecoveryError::Nobody {
            directory: question.directory.to_owned(),
        };
        let applied = self.store.applied.index;
        let log = match (store, action, self.log.judged) {
            (StoreAction::ReadOnly, ..) => PlannedLog::Leave,
            (_, LogAction::Open, LogFinding::Readable(log)) => PlannedLog::Open(log),
            (_, LogAction::Salvage, LogFinding::Damaged(_, Some(prefix)))
                if prefix.base().index <= applied =>
            {
                PlannedLog::Salvage(loss, prefix)
            }
            // Nothing that joins the store lies before the damage, so there is nothing to salvage. And only a readable
            // log is opened; the table says so, and this is its safe side.
            (_, LogAction::Salvage | LogAction::Replace | LogAction::Open, _) => {
                PlannedLog::Replace(loss)
            }
        };
        Ok(StartPlan {
            identity: identity.ok_or_else(nobody)?,
            identity_file: self.identity_file,
            witness_file: self.witness_file,
            missing: self.missing,
            applied: self.store.applied,
            marker: self.store.marker,
            store,
            inventory: self.store.inventory.ok_or_else(nobody)?,
            log,
            complete,
        })
    }
}
