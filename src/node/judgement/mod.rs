//! Judge first, open later: what a start is to do is decided from the whole directory (identity file, witness file,
//! store, log) before anything may write to it.
//!
#![doc = include_str!("table.md")]
//!
//! Nothing here opens a file for writing. What is told apart: *nothing was ever acknowledged* (founding may be repeated),
//! *nothing is missing*, *the store holds everything* (the clean-stop mark), *something is lost* (the operator decides).

mod decide;
mod refusal;

use std::path::{Path, PathBuf};

use wal::fs::Fs;

pub use decide::StoreAction;
pub use refusal::{Loss, Refusal};

use super::data_dir::DataDirError;
use super::marker::Marker;
use super::recovery::RecoveryError;
use super::{identity_file, witness_file};
use decide::{Evidence, Identity, Log, LogAction, Store, Tables, Verdict, decide};

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
    Start(Box<Plan<F>>),
}

/// How a node that is here is opened.
pub struct Plan<F: Fs> {
    /// Whose data it is.
    pub identity: wal::Identity,
    /// The identity file as it was found.
    pub identity_file: identity_file::Found,
    /// The witness file as it was found.
    pub witness_file: witness_file::Found,
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

impl<F: Fs> Plan<F> {
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
    Open(Box<wal::Judgement<F>>),
    /// Set aside; a new one begins behind the store.
    Replace(Loss),
    /// The entries before the damage are applied, then as `Replace`.
    Salvage(Loss, Box<wal::Prefix<F>>),
    /// Left alone, because the store is only read.
    Leave,
}

/// Judges a data directory.
///
/// # Errors
/// [`RecoveryError::Refused`] with what to do; anything else is a part that cannot even be looked at.
pub fn judge<F: Fs>(fs: &F, question: &Question<'_>) -> Result<Judgement<F>, RecoveryError> {
    let facts = Facts::gather(fs, question.directory)?;
    let evidence = facts.evidence(question);
    match decide(evidence) {
        Verdict::Found => Ok(Judgement::Found),
        Verdict::Start(log, store) => Ok(Judgement::Start(Box::new(
            facts.plan(question, log, store)?,
        ))),
        // The first release's store, never flushed: without its log nothing is left to serve under any option.
        Verdict::Refuse(decide::Refusal::LogLoss) if facts.voices().is_empty() => {
            Err(RecoveryError::Nobody {
                directory: question.directory.to_owned(),
            })
        }
        Verdict::Refuse(refusal) => Err(facts.refuse(question, refusal).into()),
    }
}

/// All that can be seen without writing.
struct Facts<F: Fs> {
    identity_file: identity_file::Found,
    witness_file: witness_file::Found,
    store: StoreFacts,
    log: LogFacts<F>,
}

struct StoreFacts {
    path: PathBuf,
    kind: Store,
    /// Why it is unreadable, in words.
    unreadable: String,
    applied: storage::Applied,
    marker: Marker,
    inventory: Option<storage::judge::Inventory>,
}

struct LogFacts<F: Fs> {
    path: PathBuf,
    judged: Judged<F>,
}

enum Judged<F: Fs> {
    Absent,
    Readable(Box<wal::Judgement<F>>),
    /// Not what a witness saw.
    Contradicted(Box<wal::Damage>),
    /// By its own testimony, with what lies before the damage, if that can be read and is the store's own.
    Damaged(Box<wal::Damage>, Option<Box<wal::Prefix<F>>>),
}

impl<F: Fs> LogFacts<F> {
    /// The last entry of the store's own history that the log shows was in it, whether it can be read or not.
    fn reaches(&self) -> u64 {
        let told = |lost: &wal::Lost| {
            let before = lost.first().map_or(0, |first| first.saturating_sub(1));
            before.max(lost.last_known().unwrap_or(0))
        };
        match &self.judged {
            // Another history, or one that ends before the witness: neither shows entries after the store's own.
            Judged::Absent | Judged::Contradicted(_) => 0,
            Judged::Readable(log) => log.recovery().last_index,
            Judged::Damaged(damage, prefix) => {
                let read = prefix.as_ref().map_or(0, |prefix| prefix.last().index);
                read.max(told(&damage.lost))
            }
        }
    }
}

impl StoreFacts {
    fn gather(path: PathBuf) -> Result<Self, RecoveryError> {
        let mut facts = Self {
            kind: Store::Absent,
            unreadable: String::new(),
            applied: storage::Applied::default(),
            marker: Marker::default(),
            inventory: None,
            path,
        };
        match storage::judge(&facts.path)? {
            storage::Judgement::Absent => {}
            storage::Judgement::Unfinished { .. } => facts.kind = Store::Unfinished,
            // A newer release's, perhaps: its format row says so.
            storage::Judgement::Foreign { found, rocksdb } => {
                if rocksdb {
                    storage::open_with(
                        &facts.path,
                        storage::Options::default(),
                        &storage::Mode::ReadOnly,
                    )?;
                }
                return Err(RecoveryError::Storage(storage::Error::NotOurs {
                    path: facts.path,
                    found,
                }));
            }
            storage::Judgement::Unreadable(fault) => {
                facts.kind = Store::Unreadable;
                facts.unreadable = fault.to_string();
            }
            storage::Judgement::Store(inventory) => {
                match lost_end(&facts.path, &inventory) {
                    Some(lost) => (facts.kind, facts.unreadable) = (Store::Unreadable, lost),
                    None => facts.read_state(&inventory)?,
                }
                facts.inventory = Some(inventory);
            }
        }
        Ok(facts)
    }

    /// What the store says of itself. A state that cannot be read leaves nothing to serve, and nothing to join a log to.
    fn read_state(&mut self, inventory: &storage::judge::Inventory) -> Result<(), RecoveryError> {
        let applied = match storage::peek(&self.path, inventory) {
            Ok(applied) => applied,
            Err(error) if error.damage().is_some() => {
                self.kind = Store::Unreadable;
                self.unreadable = format!("{}: {error}", self.path.display());
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        match Marker::decode(&applied.marker) {
            Ok(marker) => {
                self.kind = if applied.index == 0 {
                    Store::New
                } else {
                    Store::Written
                };
                (self.applied, self.marker) = (applied, marker);
            }
            Err(error) => {
                self.kind = Store::Unreadable;
                self.unreadable = format!("{}: {error}", self.path.display());
            }
        }
        Ok(())
    }

    fn faults(&self) -> &[storage::judge::Fault] {
        self.inventory
            .as_ref()
            .map_or(&[], |inventory| &inventory.faults)
    }

    fn torn_bytes(&self) -> u64 {
        let torn = self.inventory.as_ref().and_then(|inventory| inventory.torn);
        torn.map_or(0, |torn| torn.bytes)
    }

    fn tables(&self) -> Tables {
        match () {
            () if self.faults().is_empty() => Tables::Sound,
            () if self.faults().iter().all(storage::judge::Fault::is_history) => {
                Tables::HistoryHurt
            }
            () => Tables::Hurt,
        }
    }

    fn identity(&self) -> Option<wal::Identity> {
        (self.marker.member != 0).then_some(wal::Identity {
            cluster: self.marker.cluster,
            member: self.marker.member,
        })
    }
}

impl<F: Fs> Facts<F> {
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
        if let identity_file::Found::Newer(found) = identity_file {
            return Err(Refusal::Newer {
                directory: directory.to_owned(),
                found,
                known: identity_file::FORMAT,
            }
            .into());
        }
        let witness_file =
            witness_file::read(fs, directory).map_err(unreadable(witness_file::path(directory)))?;
        let store = StoreFacts::gather(directory.join("store"))?;
        let path = directory.join("wal");
        let witnesses = witnesses(&witness_file, &store.marker)?;
        let judged = match wal::judge(fs.clone(), &path, None, &witnesses) {
            Ok(judged) => Judged::Readable(Box::new(judged)),
            Err(wal::Error::NoLog { .. }) => Judged::Absent,
            Err(wal::Error::Damaged(damage)) if damage.proof == wal::Proof::Witness => {
                Judged::Contradicted(damage)
            }
            Err(wal::Error::Damaged(damage)) => {
                let prefix = wal::prefix(fs, &path, None, &witnesses).ok();
                Judged::Damaged(damage, prefix.map(Box::new))
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            identity_file,
            witness_file,
            store,
            log: LogFacts { path, judged },
        })
    }

    fn evidence(&self, question: &Question<'_>) -> Evidence {
        let applied = self.store.applied.index;
        let log = match &self.log.judged {
            Judged::Absent => Log::Absent,
            Judged::Contradicted(_) => Log::Contradicted,
            Judged::Damaged(..) => Log::Hurt,
            Judged::Readable(log) if log.recovery().last_index < applied => Log::Contradicted,
            Judged::Readable(log) if log.recovery().last_index == 0 => Log::Empty,
            Judged::Readable(_) => Log::Whole,
        };
        let joins = match &self.log.judged {
            Judged::Readable(log) => log.recovery().first_index <= applied + 1,
            Judged::Absent | Judged::Contradicted(_) | Judged::Damaged(..) => true,
        };
        let conf_state = &self.store.marker.conf_state;
        Evidence {
            identity: match self.identity_file {
                identity_file::Found::Missing => Identity::Missing,
                identity_file::Found::First => Identity::First,
                identity_file::Found::Known(_) => Identity::Known,
                identity_file::Found::Damaged(_) | identity_file::Found::Newer(_) => {
                    Identity::Damaged
                }
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
            witnessed: self
                .witness_file
                .testimony()
                .is_some_and(|said| said.witness.index > 0 || said.clean.is_some()),
            accepted: question.accept_log_loss == Some(self.kept()),
            // One that was stopped clean was not running.
            copied: question.copied && !self.is_proven(),
        }
    }

    /// Who names which member.
    fn voices(&self) -> Vec<(&'static str, wal::Identity)> {
        let file = match self.identity_file {
            identity_file::Found::Known(identity) => Some(identity),
            _ => None,
        };
        let witness = self.witness_file.testimony().map(|said| said.identity);
        let log = match &self.log.judged {
            Judged::Readable(log) => Some(log.recovery().identity),
            Judged::Damaged(_, prefix) => prefix.as_ref().map(|prefix| prefix.identity()),
            Judged::Absent | Judged::Contradicted(_) => None,
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
            Judged::Damaged(_, Some(prefix)) if prefix.base().index <= applied => {
                applied.max(prefix.last().index)
            }
            _ => applied,
        }
    }

    fn loss(&self, question: &Question<'_>) -> Loss {
        let witnessed = self.witness_file.testimony().map(|said| said.witness.index);
        let store = self.store.marker.witness.as_deref();
        let store = store.and_then(|bytes| wal::Witness::decode(bytes).ok());
        let told = match &self.log.judged {
            Judged::Damaged(damage, _) => damage.lost.last_known(),
            _ => None,
        };
        let known_until = witnessed.max(store.map(|witness| witness.index)).max(told);
        let what = match &self.log.judged {
            Judged::Absent => format!("the log {} is gone", self.log.path.display()),
            Judged::Contradicted(damage) => {
                format!("{} (seen by {})", place(damage), self.witnesses_named())
            }
            Judged::Damaged(damage, _) => place(damage),
            Judged::Readable(log) => format!(
                "the log {} ends with entry {}, but the store holds entry {}",
                self.log.path.display(),
                log.recovery().last_index,
                self.store.applied.index
            ),
        };
        Loss {
            what,
            kept: self.kept(),
            known_until,
            copied: question.copied,
            proven: self.is_proven(),
        }
    }

    /// Who has seen the log, for a message.
    fn witnesses_named(&self) -> String {
        let file = self.witness_file.testimony().map(|_| witness_file::NAME);
        let store = self.store.marker.witness.as_ref().map(|_| "store/");
        let names: Vec<&str> = file.into_iter().chain(store).collect();
        names.join(" and ")
    }

    fn refuse(&self, question: &Question<'_>, refusal: decide::Refusal) -> Refusal {
        let directory = question.directory.to_owned();
        let first_fault = || self.store.faults().first().map(ToString::to_string);
        match refusal {
            decide::Refusal::Strangers => Refusal::Strangers {
                directory,
                parts: parts(&self.voices()),
            },
            decide::Refusal::StoreUnreadable => Refusal::StoreUnreadable {
                fault: self.store.unreadable.clone(),
                copied: question.copied,
            },
            decide::Refusal::StoreLost => Refusal::StoreLost {
                path: self.store.path.clone(),
                proof: match (&self.log.judged, &self.identity_file) {
                    (Judged::Absent, identity_file::Found::Missing) => {
                        "the witness file WITNESS says that a node wrote its log here"
                    }
                    (Judged::Absent, _) => {
                        "the identity file FORMAT says that a node was founded here"
                    }
                    _ => "there is a log of this node",
                },
            },
            decide::Refusal::Copied => Refusal::Copied {
                directory,
                fault: first_fault().unwrap_or_default(),
            },
            decide::Refusal::Member => Refusal::Member {
                loss: self.loss(question),
            },
            decide::Refusal::LogLoss => Refusal::LogLoss {
                loss: self.loss(question),
            },
            decide::Refusal::Gap => self.gap(),
        }
    }

    fn gap(&self) -> Refusal {
        let first = match &self.log.judged {
            Judged::Readable(log) => log.recovery().first_index,
            _ => 0,
        };
        let torn = match self.store.torn_bytes() {
            0 => String::new(),
            bytes => format!(
                " ({bytes} bytes at the end of the store's {} are unreadable)",
                self.store
                    .inventory
                    .as_ref()
                    .map_or("", |inventory| &inventory.manifest)
            ),
        };
        Refusal::Gap {
            log: self.log.path.clone(),
            first,
            store: self.store.path.clone(),
            applied: self.store.applied.index,
            torn,
        }
    }

    fn plan(
        self,
        question: &Question<'_>,
        action: LogAction,
        store: StoreAction,
    ) -> Result<Plan<F>, RecoveryError> {
        let loss = self.loss(question);
        let complete = match &self.log.judged {
            Judged::Readable(log) => log.recovery().last_index <= self.store.applied.index,
            _ => self.is_proven(),
        };
        let identity = self.voices().first().map(|voice| voice.1);
        let nobody = || RecoveryError::Nobody {
            directory: question.directory.to_owned(),
        };
        let applied = self.store.applied.index;
        let log = match (store, action, self.log.judged) {
            (StoreAction::ReadOnly, ..) => PlannedLog::Leave,
            (_, LogAction::Open, Judged::Readable(log)) => PlannedLog::Open(log),
            (_, LogAction::Salvage, Judged::Damaged(_, Some(prefix)))
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
        Ok(Plan {
            identity: identity.ok_or_else(nobody)?,
            identity_file: self.identity_file,
            witness_file: self.witness_file,
            applied: self.store.applied,
            marker: self.store.marker,
            store,
            inventory: self.store.inventory.ok_or_else(nobody)?,
            log,
            complete,
        })
    }
}

/// Where, what, and who says so. What is lost is told once, of log and store together.
fn place(damage: &wal::Damage) -> String {
    format!(
        "{} is damaged at offset {}: {} ({})",
        damage.file.display(),
        damage.offset,
        damage.reason,
        damage.proof
    )
}

/// Whether a manifest lost whole records at its end: it names tables that a later record let go, and does not know
/// tables that came later. What it says then was true once, and is no state to serve.
fn lost_end(path: &Path, inventory: &storage::judge::Inventory) -> Option<String> {
    let is_gone =
        |fault: &&storage::judge::Fault| matches!(fault.reason, storage::judge::Reason::Missing);
    let gone = inventory.faults.iter().filter(is_gone).count();
    let newer = inventory
        .leftovers
        .iter()
        .filter(|left| left.last_sequence > Some(inventory.last_sequence))
        .count();
    if gone == 0 || (newer == 0 && inventory.torn.is_none()) {
        return None;
    }
    Some(format!(
        "{} has lost its end: {gone} tables that it names are gone, and {newer} newer ones lie here that it does not name",
        path.join(&inventory.manifest).display()
    ))
}

/// The witnesses that the log must bear out.
fn witnesses(
    file: &witness_file::Found,
    marker: &Marker,
) -> Result<Vec<wal::Witness>, RecoveryError> {
    let stored = marker.witness.as_deref().map(wal::Witness::decode);
    let mut witnesses: Vec<wal::Witness> = stored.transpose()?.into_iter().collect();
    witnesses.extend(file.testimony().map(|said| said.witness));
    Ok(witnesses)
}

fn parts(voices: &[(&'static str, wal::Identity)]) -> String {
    let named = voices.iter().map(|(name, identity)| {
        format!(
            "{name} names member {:x} of cluster {:x}",
            identity.member, identity.cluster
        )
    });
    named.collect::<Vec<_>>().join(", ")
}
