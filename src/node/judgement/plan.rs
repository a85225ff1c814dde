//! What a start does with a node that is here.

use std::path::PathBuf;

use wal::fs::Fs;

use super::decide::StoreAction;
use super::refusal::LogLoss;
use crate::node::marker::Marker;
use crate::node::{identity_file, missing_file, witness_file};

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
    /// Where the store is.
    pub store_path: PathBuf,
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
    /// It is that of before the snapshot which made the store: reset behind the store.
    Finish(Box<wal::JudgedLog<F>>),
    /// Left alone, because the store is only read.
    Leave,
}
