//! All that a start can see without writing, and what follows from it.

use std::path::{Path, PathBuf};

use wal::fs::Fs;

use super::decide::{self, DirectoryEvidence, IdentityState, LogAction, LogState, StoreAction};
use super::log::{LogFacts, LogFinding};
use super::other_cluster::{self, NamedIdentity};
use super::plan::{PlannedLog, StartPlan};
use super::refusal::StartRefusal;
use super::store::StoreFacts;
use crate::node::alone::{is_alone, membership};
use crate::node::data_dir::DataDirError;
use crate::node::recovery::error::{RecoveryError, io};
use crate::node::store_pointer::{self, FoundPointer};
use crate::node::{identity_file, missing_file, reserve, witness_file};

/// What is to be judged.
pub struct Question<'a> {
    /// The data directory, locked.
    pub directory: &'a Path,
    /// Whether its content came from another directory.
    pub copied: bool,
    /// The entry after which the operator accepts that the log is lost.
    pub accept_log_loss: Option<u64>,
}

/// All that can be seen without writing.
pub(super) struct DirectoryFacts<F: Fs> {
    pub(super) identity_file: identity_file::FoundIdentity,
    pub(super) witness_file: witness_file::FoundWitness,
    pub(super) missing: missing_file::MissingTables,
    pub(super) store: StoreFacts,
    pub(super) log: LogFacts<F>,
}

/// Where the store is. A pointer that is damaged, or leads to nothing while there are stores, says that something is lost.
fn store_path<F: Fs>(fs: &F, directory: &Path) -> Result<PathBuf, RecoveryError> {
    let pointer = store_pointer::path(directory);
    let found = store_pointer::read(fs, directory)
        .map_err(io("cannot read", store_pointer::path(directory)))?;
    let stores = store_pointer::stores(directory).unwrap_or_default();
    let reason = match found {
        FoundPointer::Damaged(reason) => reason.to_owned(),
        FoundPointer::To(name) => {
            let path = directory.join(&name);
            let first = name == store_pointer::FIRST && stores.is_empty();
            if first || path.symlink_metadata().is_ok() {
                return Ok(path);
            }
            match name == store_pointer::FIRST {
                true => format!("it is missing or names {name}/, which is not there"),
                false => format!("it names {name}/, which is not there"),
            }
        }
    };
    let found = match &stores[..] {
        [] => "no store lies beside it".to_owned(),
        names => format!("beside it lies {}/", names.join("/, ")),
    };
    Err(StartRefusal::Pointer {
        pointer,
        reason,
        found,
    }
    .into())
}

impl<F: Fs> DirectoryFacts<F> {
    pub(super) fn gather(fs: &F, directory: &Path) -> Result<Self, RecoveryError> {
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
        let store = StoreFacts::gather(store_path(fs, directory)?, &missing)?;
        let log = LogFacts::gather(fs, directory.join("wal"), &witness_file, &store.marker)?;
        Ok(Self {
            identity_file,
            witness_file,
            missing,
            store,
            log,
        })
    }

    pub(super) fn evidence(&self, question: &Question<'_>) -> DirectoryEvidence {
        let applied = self.store.applied.index;
        let log = match &self.log.judged {
            LogFinding::Absent => LogState::Absent,
            LogFinding::Contradicted(..) => LogState::Contradicted,
            LogFinding::Damaged(..) => LogState::Hurt,
            LogFinding::Readable(log) if self.overtakes(log) => LogState::Overtaken,
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
            agree: other_cluster::agree(&self.voices()),
            alone: self.is_alone(),
            joins,
            proven: self.is_proven(),
            witnessed: self.is_witnessed(question.directory),
            accepted: question.accept_log_loss == Some(self.kept()),
            // One that was stopped clean was not running.
            copied: question.copied && !self.is_proven(),
        }
    }

    /// Whether a snapshot made the store, and this log is not the one that begins behind it.
    fn overtakes(&self, log: &wal::JudgedLog<F>) -> bool {
        let end = wal::Position {
            term: self.store.marker.term,
            index: self.store.applied.index,
        };
        self.store.marker.installed.is_some() && log.recovery().base != end
    }

    /// Whether nobody else has a vote, by all that is known: the store's own word, or its silence in a cluster of one.
    fn is_alone(&self) -> bool {
        let conf_state = &self.store.marker.conf_state;
        let voice = self.voices().first().map(|voice| voice.1);
        let member = match (voice, &conf_state.voters[..]) {
            (Some(identity), _) => identity.member,
            // The first release did not write its id down either.
            (None, [voter]) => *voter,
            (None, _) => return false,
        };
        let identity = voice.unwrap_or(wal::Identity { cluster: 0, member });
        membership(conf_state, identity).is_some_and(|it| is_alone(&it, member))
    }

    /// Whether anything shows that a node ran here: a witness of an entry or of a clean stop; a term in the log of a member
    /// of several, who may have given a vote in it, long before there is an entry; or, beside a store without a log, the
    /// reserve, which a founding makes after the log.
    fn is_witnessed(&self, directory: &Path) -> bool {
        let testimony = self.witness_file.testimony();
        let alone = self.store.kind != decide::StoreCondition::Absent
            && matches!(self.log.judged, LogFinding::Absent)
            && reserve::is_there(directory);
        let promised = match &self.log.judged {
            LogFinding::Readable(log) => log.recovery().hard_state.term > 0 && !self.is_alone(),
            _ => false,
        };
        alone
            || promised
            || testimony.is_some_and(|said| said.witness.index > 0 || said.clean.is_some())
    }

    /// Who names which member.
    pub(super) fn voices(&self) -> Vec<NamedIdentity> {
        other_cluster::voices(
            &self.identity_file,
            &self.witness_file,
            &self.store,
            &self.log,
        )
    }

    /// Whether the clean-stop mark names this very store, and the log does not show that it went on after it: the mark
    /// may have come back with an older copy of the store.
    pub(super) fn is_proven(&self) -> bool {
        let clean = self.witness_file.testimony().and_then(|said| said.clean);
        clean.is_some_and(|clean| {
            let applied = &self.store.applied;
            (clean.applied, clean.term, clean.hash)
                == (applied.index, self.store.marker.term, applied.hash)
                && self.log.reaches() <= clean.applied
        })
    }

    /// The last entry that can be served if what is lost is lost.
    pub(super) fn kept(&self) -> u64 {
        let applied = self.store.applied.index;
        match &self.log.judged {
            LogFinding::Damaged(_, Some(prefix)) if prefix.base().index <= applied => {
                applied.max(prefix.last().index)
            }
            _ => applied,
        }
    }

    pub(super) fn plan(
        self,
        question: &Question<'_>,
        action: LogAction,
        store: StoreAction,
    ) -> Result<StartPlan<F>, RecoveryError> {
        let loss = self.loss(question);
        let complete = match &self.log.judged {
            LogFinding::Readable(log) => {
                // What an overtaken log holds beyond it was never committed, or the snapshot would not have been taken.
                self.overtakes(log) || log.recovery().last_index <= self.store.applied.index
            }
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
            (_, LogAction::Finish, LogFinding::Readable(log)) => PlannedLog::Finish(log),
            // Nothing that joins the store lies before the damage, so there is nothing to salvage. And only a readable
            // log is opened; the table says so, and this is its safe side.
            (_, _, _) => PlannedLog::Replace(loss),
        };
        Ok(StartPlan {
            identity: identity.ok_or_else(nobody)?,
            identity_file: self.identity_file,
            witness_file: self.witness_file,
            missing: self.missing,
            applied: self.store.applied,
            marker: self.store.marker,
            store,
            store_path: self.store.path,
            inventory: self.store.inventory.ok_or_else(nobody)?,
            log,
            complete,
        })
    }
}
