//! What a start sees of the store without changing it.

use std::path::{Path, PathBuf};

use super::decide::{StoreCondition, TablesState};
use crate::node::marker::Marker;
use crate::node::missing_file::MissingTables;
use crate::node::recovery::error::RecoveryError;

/// The store, as it lies there.
pub(super) struct StoreFacts {
    pub(super) path: PathBuf,
    pub(super) kind: StoreCondition,
    /// Why it is unreadable, in words.
    pub(super) unreadable: String,
    pub(super) applied: storage::Applied,
    pub(super) marker: Marker,
    pub(super) inventory: Option<storage::judge::Inventory>,
}

impl StoreFacts {
    /// `missing` are the tables that an earlier start knew to be gone.
    pub(super) fn gather(path: PathBuf, missing: &MissingTables) -> Result<Self, RecoveryError> {
        let mut facts = Self {
            kind: StoreCondition::Absent,
            unreadable: String::new(),
            applied: storage::Applied::default(),
            marker: Marker::default(),
            inventory: None,
            path,
        };
        match storage::judge(&facts.path)? {
            storage::StoreJudgement::Absent => {}
            storage::StoreJudgement::Unfinished { .. } => facts.kind = StoreCondition::Unfinished,
            // A newer release's, perhaps: its format row says so.
            storage::StoreJudgement::Foreign { found, rocksdb } => {
                if rocksdb {
                    storage::open_with(
                        &facts.path,
                        storage::StoreOptions::default(),
                        &storage::Mode::ReadOnly,
                    )?;
                }
                return Err(RecoveryError::Storage(storage::Error::NotOurs {
                    path: facts.path,
                    found,
                }));
            }
            storage::StoreJudgement::Unreadable(fault) => {
                facts.kind = StoreCondition::Unreadable;
                facts.unreadable = fault.place();
            }
            storage::StoreJudgement::Store(inventory) => {
                match lost_end(&facts.path, &inventory, missing) {
                    Some(lost) => {
                        (facts.kind, facts.unreadable) = (StoreCondition::Unreadable, lost)
                    }
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
            Err(error) => {
                let damage = error.damage().ok_or(error)?;
                self.kind = StoreCondition::Unreadable;
                self.unreadable = format!("{}: {}", self.path.display(), damage.place());
                return Ok(());
            }
        };
        match Marker::decode(&applied.marker) {
            Ok(marker) => {
                self.kind = if applied.index == 0 {
                    StoreCondition::New
                } else {
                    StoreCondition::Written
                };
                (self.applied, self.marker) = (applied, marker);
            }
            Err(error) => {
                self.kind = StoreCondition::Unreadable;
                self.unreadable = format!("{}: {error}", self.path.display());
            }
        }
        Ok(())
    }

    pub(super) fn faults(&self) -> &[storage::judge::Fault] {
        self.inventory
            .as_ref()
            .map_or(&[], |inventory| &inventory.faults)
    }

    pub(super) fn torn_bytes(&self) -> u64 {
        let torn = self.inventory.as_ref().and_then(|inventory| inventory.torn);
        torn.map_or(0, |torn| torn.bytes)
    }

    pub(super) fn tables(&self) -> TablesState {
        match () {
            () if self.faults().is_empty() => TablesState::Sound,
            () if self.faults().iter().all(storage::judge::Fault::is_history) => {
                TablesState::HistoryHurt
            }
            () => TablesState::Hurt,
        }
    }

    pub(super) fn identity(&self) -> Option<wal::Identity> {
        (self.marker.member != 0).then_some(wal::Identity {
            cluster: self.marker.cluster,
            member: self.marker.member,
        })
    }
}

/// Whether a manifest lost whole records at its end: it names tables that a later record let go, and does not know
/// tables that came later. What it says then was true once, and is no state to serve. A table that was gone when a start
/// went on around it is no sign of that: see [`crate::node::missing_file`].
fn lost_end(
    path: &Path,
    inventory: &storage::judge::Inventory,
    missing: &MissingTables,
) -> Option<String> {
    let is_known = |table: &storage::judge::Table| missing.names(table);
    let is_gone = |fault: &&storage::judge::Fault| {
        fault.reason == storage::judge::Reason::Missing
            && !fault.table.as_deref().is_some_and(is_known)
    };
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
