//! What crosses between deciding (the consensus thread) and doing (the workers of log and store).

use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};

use raft::eraftpb::{ConfState, HardState, Message, MessageType};
use storage::operation::Operation;

use super::snapshot::ImportedStore;
use crate::members::ChangeRefusal;

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

impl Persisted {
    /// Adds what a batch promises. An acknowledgement says how far the log reaches, so of several in one group the last one
    /// says it all.
    pub(super) fn promise(&mut self, messages: Vec<Message>) {
        for message in messages {
            match self.messages.last_mut() {
                Some(last) if includes(&message, last) => *last = message,
                _ => self.messages.push(message),
            }
        }
    }
}

/// Whether an acknowledgement makes another one needless.
fn includes(message: &Message, other: &Message) -> bool {
    let acknowledges = |message: &Message| {
        message.get_msg_type() == MessageType::MsgAppendResponse
            && !message.reject
            && message.request_snapshot == 0
    };
    acknowledges(message)
        && acknowledges(other)
        && (message.to, message.term) == (other.to, other.term)
        && message.index >= other.index
        && message.commit >= other.commit
}

/// What the store gets.
#[derive(Debug, Default)]
pub struct ApplyBatch {
    /// Committed entries in order.
    pub entries: Vec<wal::Entry>,
    /// The changes of membership among them, by index.
    pub(crate) changes: Vec<JudgedChange>,
}

/// A change of membership that was judged. What came of it is stored with its entry, in one batch.
#[derive(Debug, Clone)]
pub(crate) struct JudgedChange {
    /// The entry.
    pub index: u64,
    /// The configuration of consensus from then on.
    pub conf_state: ConfState,
    /// What it writes; nothing where it did not hold.
    pub operations: Vec<Operation>,
    /// Why it did not.
    pub refused: Option<ChangeRefusal>,
}

impl ApplyBatch {
    /// Entries without a change of membership.
    pub fn of(entries: Vec<wal::Entry>) -> Self {
        Self {
            entries,
            changes: Vec::new(),
        }
    }
}

/// The newest position of the log that is known durable, shared with the apply thread: each flush of the store
/// carries it, so that a log that lost its end is recognised.
pub(super) type SharedWitness = Arc<Mutex<wal::Witness>>;

/// Asks the flush thread for a flush; one request may wait.
pub(super) type FlushRequest = SyncSender<()>;

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(to: u64, index: u64, reject: bool) -> Message {
        Message {
            msg_type: MessageType::MsgAppendResponse as i32,
            to,
            term: 3,
            index,
            reject,
            ..Message::default()
        }
    }

    #[test]
    fn the_last_of_several_acknowledgements_says_it_all() {
        let mut persisted = Persisted::default();
        persisted.promise(vec![answer(1, 5, false), answer(1, 7, false)]);
        persisted.promise(vec![answer(1, 9, false)]);
        assert_eq!(persisted.messages, [answer(1, 9, false)]);
        let others = [
            answer(1, 8, false),
            answer(1, 9, true),
            answer(2, 10, false),
            answer(1, 11, false),
        ];
        persisted.promise(others.to_vec());
        assert_eq!(persisted.messages[1..], others);
    }
}
