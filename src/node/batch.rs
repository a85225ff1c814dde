//! What crosses between deciding (the consensus thread) and doing (the workers of log and store).

use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};

use raft::eraftpb::{ConfState, HardState, Message};

use super::snapshot::ImportedStore;

/// What the log gets: one or more ready batches' worth of writing.
#[derive(Debug, Default)]
pub(crate) struct LogBatch {
    /// The ready number to report back.
    pub number: u64,
    /// A store that is to take the place of the present one, before anything is written: the log begins anew behind it.
    pub install: Option<Box<ImportedStore>>,
    /// Entries in order.
    pub entries: Vec<wal::Entry>,
    /// After the entries.
    pub hard_state: Option<HardState>,
    /// Whether `messages` and the report wait for a sync, or only for a write.
    pub must_sync: bool,
    /// Messages that promise what this batch holds.
    pub messages: Vec<Message>,
}

/// A piece of work for the log.
#[derive(Debug)]
pub(crate) enum LogTask {
    /// Write and sync.
    Batch(LogBatch),
    /// Entries up to here are in the flushed store: their segments may go.
    Release(u64),
}

/// What became durable.
#[derive(Debug, Default)]
pub(crate) struct Persisted {
    /// The highest batch, if any.
    pub number: Option<u64>,
    /// Messages that may go out now.
    pub messages: Vec<Message>,
}

/// What the store gets.
#[derive(Debug, Default)]
pub struct ApplyBatch {
    /// Committed entries in order.
    pub entries: Vec<wal::Entry>,
    /// Membership after each conf change among them, by index.
    pub conf_states: Vec<(u64, ConfState)>,
}

impl ApplyBatch {
    /// Entries without a change of membership.
    pub fn of(entries: Vec<wal::Entry>) -> Self {
        Self {
            entries,
            conf_states: Vec::new(),
        }
    }
}

/// The newest position of the log that is known durable, shared with the apply thread: each flush of the store
/// carries it, so that a log that lost its end is recognised.
pub(super) type SharedWitness = Arc<Mutex<wal::Witness>>;

/// Asks the flush thread for a flush; one request may wait.
pub(super) type FlushRequest = SyncSender<()>;
