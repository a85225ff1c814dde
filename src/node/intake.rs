//! The one place where the world hands things to the consensus thread.
//!
//! A bounded queue of requests and an unbounded-by-construction set of completions (at most one pending value each).
//! The consensus thread takes everything in one go, so a busy node pays one lock and no wake-up per request. Requests
//! over the bound are refused at once: nothing waits in an unbounded buffer.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use raft::eraftpb::{Message, MessageType};
use tokio::sync::oneshot;

use super::outcome::{AwaitedRead, Failure, PendingWrite, ReadWaiter, WriteReply};
use super::peer::{DecidedWrite, PeerInbox, PeerMessage, SnapshotOutcome, WriteMessage};
use super::snapshot::ReceivedSnapshot;
use crate::clock::Clock;
use crate::command::Proposal;
use crate::raft::{FetchedEntries, StateFile};

/// A write on its way into the log.
#[derive(Debug)]
pub(crate) struct Submission {
    /// The encoded command.
    pub proposal: Proposal,
    /// Where the outcome goes; closed when the client gave up.
    pub reply: WriteReply,
    /// When it was queued.
    pub queued: Instant,
}

/// Everything that waits for the consensus thread.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// Writes in the order they came.
    pub writes: Vec<Submission>,
    /// Reads.
    pub reads: Vec<ReadWaiter>,
    /// Reads that wait until an entry is applied here, whoever leads.
    pub behind: Vec<(u64, ReadWaiter)>,
    /// Messages of peers.
    pub messages: Vec<Message>,
    /// What peers say of writes, and who says it.
    pub write_messages: Vec<(u64, WriteMessage)>,
    /// Members that what was sent to may be lost.
    pub unreachable: BTreeSet<u64>,
    /// Members whose process has ended.
    pub ended: BTreeSet<u64>,
    /// States of other members that came whole: see `snapshot`.
    pub snapshots: Vec<ReceivedSnapshot>,
    /// Entries that were read for followers.
    pub fetched: Vec<FetchedEntries>,
    /// Members that were sent a snapshot, and what became of it.
    pub snapshot_ends: Vec<(u64, SnapshotOutcome)>,
    /// The state of this member is in a file, or it could not be written.
    pub exported: Option<Option<StateFile>>,
    /// A new member may speak: it is known that it never did.
    pub admitted: bool,
    /// The highest batch that is durable.
    pub persisted: Option<u64>,
    /// The highest entry that is applied.
    pub applied: Option<u64>,
    /// Stop after this step.
    pub stop: bool,
}

impl Inputs {
    fn is_empty(&self) -> bool {
        self.applied.is_none() && self.is_only_applied()
    }

    /// Whether there is nothing but, perhaps, news of the apply thread.
    fn is_only_applied(&self) -> bool {
        self.writes.is_empty()
            && self.reads.is_empty()
            && self.behind.is_empty()
            && self.messages.is_empty()
            && self.write_messages.is_empty()
            && self.unreachable.is_empty()
            && self.ended.is_empty()
            && self.snapshots.is_empty()
            && self.fetched.is_empty()
            && self.snapshot_ends.is_empty()
            && self.exported.is_none()
            && !self.admitted
            && self.persisted.is_none()
            && !self.stop
    }
}

/// Until when writes wait for one another: see `consensus::gather`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gathering {
    /// A batch of this member is durable, or a follower has answered.
    UntilAnswered,
    /// The leader says that it has received an offer.
    UntilReceived,
}

impl Gathering {
    fn is_over(self, inputs: &Inputs) -> bool {
        match self {
            Self::UntilAnswered => {
                let answers =
                    |message: &Message| message.get_msg_type() == MessageType::MsgAppendResponse;
                inputs.persisted.is_some() || inputs.messages.iter().any(answers)
            }
            Self::UntilReceived => inputs
                .write_messages
                .iter()
                .any(|(_, message)| matches!(message, WriteMessage::Received { .. })),
        }
    }
}

/// What the consensus thread waits for besides new requests.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Attention {
    /// The pipeline is full: writes stay queued, and count against the bound, until it is not.
    pub hold_writes: bool,
    /// Writes stay queued until then, or for as long as the thread is patient.
    pub gathers: Option<Gathering>,
    /// Somebody waits for an index to be applied.
    pub to_applied: bool,
}

/// How much may wait in the queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IntakeLimits {
    /// Requests (writes, reads) that may wait.
    pub requests: usize,
    /// Bytes of proposals that may wait.
    pub bytes: usize,
    /// Peer messages that may wait; more are dropped, as the network may drop them.
    pub messages: usize,
    /// Bytes of entries in them, beside one message of any size: appends may hold 1 MiB each.
    pub message_bytes: usize,
}

impl Default for IntakeLimits {
    fn default() -> Self {
        Self {
            requests: 20_000,
            bytes: 64 << 20,
            messages: 4_096,
            message_bytes: 64 << 20,
        }
    }
}

#[derive(Debug, Default)]
struct IntakeState {
    inputs: Inputs,
    bytes: usize,
    message_bytes: usize,
    /// Whether the consensus thread wants to hear at once what was applied.
    attentive: bool,
    /// Writes are not taken before something else comes, so none of them wakes the thread.
    holding: bool,
    sleeping: bool,
    /// When those that nobody waits for were last looked for.
    swept: Option<Instant>,
    closed: Option<Failure>,
}

impl IntakeState {
    /// Drops what waits and whose clients gave up: without a leader it would take the room of others for as long as there is
    /// none.
    fn sweep(&mut self, now: Instant) {
        let again = self.swept.is_none_or(|swept| {
            // Of what is full nobody looks at all of it all the time.
            now.saturating_duration_since(swept) >= SWEEP
        });
        if !again {
            return;
        }
        self.swept = Some(now);
        self.inputs
            .writes
            .retain(|submission| !submission.reply.is_closed());
        let kept = self.inputs.writes.iter();
        self.bytes = kept.map(|submission| submission.proposal.len()).sum();
    }
}

/// Between two looks for writes that nobody waits for.
const SWEEP: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(crate) struct Intake {
    // Guards the queue; held for a push or a swap, never across anything that waits.
    state: Mutex<IntakeState>,
    wake: Condvar,
    limits: IntakeLimits,
    clock: Clock,
}

impl Intake {
    /// An empty queue.
    pub(crate) fn new(limits: IntakeLimits, clock: Clock) -> Self {
        Self {
            state: Mutex::default(),
            wake: Condvar::new(),
            limits,
            clock,
        }
    }

    /// Queues a write, or refuses it.
    pub(crate) fn submit(&self, proposal: Proposal) -> Result<PendingWrite, Failure> {
        let (reply, receiver) = oneshot::channel();
        let mut state = self.open()?;
        let bytes = state.bytes + proposal.len();
        if state.inputs.writes.len() >= self.limits.requests || bytes > self.limits.bytes {
            return Err(Failure::Overloaded);
        }
        state.bytes = bytes;
        state.inputs.writes.push(Submission {
            proposal,
            reply,
            queued: self.clock.now(),
        });
        if !state.holding {
            self.rouse(state);
        }
        Ok(receiver)
    }

    /// Queues a read, or refuses it.
    pub(crate) fn read(&self) -> Result<AwaitedRead, Failure> {
        self.queue_read(|inputs, reply| inputs.reads.push(reply))
    }

    /// Queues a read that is to see the entry at `index`, and needs no leader for that; or refuses it.
    pub(crate) fn read_behind(&self, index: u64) -> Result<AwaitedRead, Failure> {
        self.queue_read(|inputs, reply| inputs.behind.push((index, reply)))
    }

    fn queue_read(
        &self,
        push: impl FnOnce(&mut Inputs, ReadWaiter),
    ) -> Result<AwaitedRead, Failure> {
        let (reply, receiver) = oneshot::channel();
        let mut state = self.open()?;
        if state.inputs.reads.len() + state.inputs.behind.len() >= self.limits.requests {
            return Err(Failure::Overloaded);
        }
        push(&mut state.inputs, reply);
        self.rouse(state);
        Ok(receiver)
    }

    /// Queues a message of a peer; drops it when too many wait.
    fn message(&self, from: u64, message: PeerMessage) {
        let bytes = weight(&message);
        let mut state = self.lock();
        let count = state.inputs.messages.len() + state.inputs.write_messages.len();
        let held = state.message_bytes;
        let fits = held == 0 || held + bytes <= self.limits.message_bytes;
        if fits && count < self.limits.messages {
            state.message_bytes += bytes;
            let is_offer = matches!(message, PeerMessage::Write(WriteMessage::Offer(_)));
            match message {
                PeerMessage::Raft(message) => state.inputs.messages.push(message),
                PeerMessage::Write(message) => state.inputs.write_messages.push((from, message)),
            }
            if !(is_offer && state.holding) {
                self.rouse(state);
            }
        }
    }

    /// The log thread: batches up to `number` are durable.
    pub(crate) fn persisted(&self, number: u64) {
        let mut state = self.lock();
        state.inputs.persisted = state.inputs.persisted.max(Some(number));
        self.rouse(state);
    }

    /// The apply thread: entries up to `index` are applied. Nothing waits for that as a rule, so the consensus thread
    /// is woken only when it said that it cares ([`Attention`]); otherwise it learns of it with its next input.
    pub(crate) fn applied(&self, index: u64) {
        let mut state = self.lock();
        state.inputs.applied = state.inputs.applied.max(Some(index));
        if state.attentive {
            self.rouse(state);
        }
    }

    /// The state of another member came, and a store was made of it.
    pub(crate) fn snapshot(&self, snapshot: ReceivedSnapshot) {
        let mut state = self.lock();
        if state.closed.is_none() {
            state.inputs.snapshots.push(snapshot);
            self.rouse(state);
        }
    }

    /// Entries were read for followers.
    pub(crate) fn fetched(&self, fetched: FetchedEntries) {
        let mut state = self.lock();
        state.inputs.fetched.push(fetched);
        self.rouse(state);
    }

    /// An export has ended: with a file, or without.
    pub(crate) fn exported(&self, file: Option<StateFile>) {
        let mut state = self.lock();
        state.inputs.exported = Some(file);
        self.rouse(state);
    }

    /// Tells a new member that it may vote and acknowledge: see [`Status::is_silent`](super::status::Status::is_silent).
    pub(crate) fn admit(&self) {
        let mut state = self.lock();
        state.inputs.admitted = true;
        self.rouse(state);
    }

    /// Asks the consensus thread to stop.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        state.inputs.stop = true;
        self.rouse(state);
    }

    /// Refuses all requests from now on; what waits is handed back to be refused as well.
    pub(crate) fn close(&self, failure: Failure) -> (Vec<Submission>, Vec<ReadWaiter>) {
        let mut state = self.lock();
        state.closed = Some(failure);
        state.bytes = 0;
        state.inputs.snapshots.clear();
        let behind = std::mem::take(&mut state.inputs.behind);
        let mut reads = std::mem::take(&mut state.inputs.reads);
        reads.extend(behind.into_iter().map(|(_, read)| read));
        (std::mem::take(&mut state.inputs.writes), reads)
    }

    /// How many writes wait.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().inputs.writes.len()
    }

    /// Takes everything that waits, or returns empty-handed after `patience`.
    pub(crate) fn take(&self, patience: Duration, attention: Attention) -> Inputs {
        let Attention {
            hold_writes,
            gathers,
            to_applied,
        } = attention;
        let mut state = self.lock();
        state.attentive = hold_writes || to_applied;
        state.holding = hold_writes || gathers.is_some();
        let deadline = self.clock.now() + patience;
        loop {
            let gather = gathers.is_some_and(|gathers| !gathers.is_over(&state.inputs));
            let writes_held = (hold_writes || gather) && !state.inputs.writes.is_empty();
            let mut taken = std::mem::take(&mut state.inputs);
            state.message_bytes = 0;
            if writes_held {
                state.inputs.writes = std::mem::take(&mut taken.writes);
                state.sweep(self.clock.now());
            } else {
                state.bytes = 0;
            }
            let nothing = taken.is_empty() || (taken.is_only_applied() && !state.attentive);
            let left = deadline.saturating_duration_since(self.clock.now());
            if !nothing || left.is_zero() {
                return taken;
            }
            state.inputs.applied = taken.applied;
            state.sleeping = true;
            let (woken, _) = self
                .wake
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.sleeping = false;
        }
    }

    fn open(&self) -> Result<MutexGuard<'_, IntakeState>, Failure> {
        let state = self.lock();
        match &state.closed {
            Some(failure) => Err(failure.clone()),
            None => Ok(state),
        }
    }

    /// Wakes the consensus thread if it sleeps: a running one finds the input by itself.
    fn rouse(&self, mut state: MutexGuard<'_, IntakeState>) {
        if state.sleeping {
            state.sleeping = false;
            drop(state);
            self.wake.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, IntakeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PeerInbox for Intake {
    fn receive(&self, from: u64, message: PeerMessage) {
        self.message(from, message);
    }

    fn unreachable(&self, member: u64) {
        let mut state = self.lock();
        state.inputs.unreachable.insert(member);
        self.rouse(state);
    }

    fn snapshot_ended(&self, member: u64, outcome: SnapshotOutcome) {
        let mut state = self.lock();
        state.inputs.snapshot_ends.push((member, outcome));
        self.rouse(state);
    }

    fn ended(&self, member: u64) {
        let mut state = self.lock();
        state.inputs.ended.insert(member);
        self.rouse(state);
    }
}

/// Bytes of commands, and of what became of them, in a message.
fn weight(message: &PeerMessage) -> usize {
    match message {
        PeerMessage::Raft(message) => message.entries.iter().map(|entry| entry.data.len()).sum(),
        PeerMessage::Write(WriteMessage::Offer(offer)) => {
            let writes = offer.writes.iter();
            writes.map(|write| write.proposal.len()).sum()
        }
        PeerMessage::Write(WriteMessage::Decided(writes)) => {
            writes.iter().map(DecidedWrite::bytes).sum()
        }
        PeerMessage::Write(
            WriteMessage::Received { .. } | WriteMessage::Fit(_) | WriteMessage::Time { .. },
        ) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> PeerMessage {
        PeerMessage::Raft(Message {
            msg_type: MessageType::MsgAppendResponse as i32,
            ..Message::default()
        })
    }

    #[test]
    fn clients_that_gave_up_leave_their_room_while_nobody_takes_writes() {
        let limits = IntakeLimits {
            requests: 2,
            ..IntakeLimits::default()
        };
        let intake = Intake::new(limits, Clock::system());
        let submit = || intake.submit(Proposal::of_server(&[]));
        let (gone, waiting) = (submit().expect("room"), submit().expect("room"));
        assert!(submit().is_err());
        drop(gone);
        let held = Attention {
            hold_writes: true,
            ..Attention::default()
        };
        assert!(intake.take(Duration::ZERO, held).writes.is_empty());
        let _another = submit().expect("room");
        assert!(submit().is_err());
        assert_eq!(
            intake
                .take(Duration::ZERO, Attention::default())
                .writes
                .len(),
            2
        );
        drop(waiting);
    }

    #[test]
    fn writes_that_gather_are_taken_with_what_they_wait_for() {
        let intake = Intake::new(IntakeLimits::default(), Clock::system());
        let take = |gathers| {
            let attention = Attention {
                gathers,
                ..Attention::default()
            };
            intake.take(Duration::ZERO, attention).writes.len()
        };
        let submit = || intake.submit(Proposal::of_server(&[])).expect("room");
        let mut waiting = vec![submit()];
        assert_eq!(take(Some(Gathering::UntilAnswered)), 0);
        waiting.push(submit());
        intake.persisted(1);
        assert_eq!(take(Some(Gathering::UntilReceived)), 0, "that is another");
        intake.persisted(2);
        assert_eq!(take(Some(Gathering::UntilAnswered)), 2);
        waiting.push(submit());
        intake.receive(2, answer());
        assert_eq!(take(Some(Gathering::UntilAnswered)), 1);
        waiting.push(submit());
        assert_eq!(take(None), 1);
        assert_eq!(waiting.len(), 4);
    }
}
