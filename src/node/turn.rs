//! One turn of the consensus thread: everything that came in, then everything that follows from it.
//!
//! The order of work for each batch, and why:
//! 1. messages of a leader are sent (followers write while this member does);
//! 2. entries and hard state go to the log; messages that promise durability go with them, to be sent after
//!    the sync;
//! 3. committed entries go to the store. They are durable on a quorum, so log and apply overlap.
//!
//! Nothing here waits: the log, the apply thread, the peers, the clocks and the random numbers come from effects
//! ([`Effects`], [`ClusterClock`], `Randomness`), so a simulation can hold whole clusters of these on one thread.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use raft::eraftpb::{ConfState, Entry, EntryType, HardState, Message};
use storage::operation::Operation;
use tokio::sync::oneshot;

use super::clock::ClusterClock;
use super::intake::{Attention, Inputs, ReadWaiter, Submission};
use super::log_worker::Persisted;
use super::status::Status;
use super::waiters::Waiters;
use super::{AppliedWrite, Failure};
use crate::command::Proposal;
use crate::metrics::Metrics;
use crate::raft::{LogRead, RaftCore, ReadyBatch, Role};

/// Removals in one expiry command: a large wave is cut into slices so that it does not stall other writes.
const EXPIRY_SLICE: u32 = 1_000;
/// Bytes of values and paths that go with one expiry command, a larger node excepted: its events hold them until they
/// are published. Waves of small values end by number.
const EXPIRY_BYTES: u64 = 8 << 20;
/// Nanoseconds after which a deadline that passed holds reads until its nodes are gone; for as long at most.
const EXPIRY_OVERDUE: u64 = 1_000_000_000;
/// Ready batches given to the log thread and not yet durable, above which no new writes are taken.
const MAX_BATCHES_IN_FLIGHT: u64 = 64;
/// Entries given to the apply thread and not yet applied, above which no new writes are taken.
const MAX_ENTRIES_IN_FLIGHT: u64 = 16_384;

/// What the log gets: one or more ready batches' worth of writing.
#[derive(Debug, Default)]
pub struct LogBatch {
    /// The ready number to report back.
    pub number: u64,
    /// Entries in order.
    pub entries: Vec<Entry>,
    /// After the entries.
    pub hard_state: Option<HardState>,
    /// Whether `messages` and the report wait for a sync, or only for a write.
    pub must_sync: bool,
    /// Messages that promise what this batch holds.
    pub messages: Vec<Message>,
}

/// What the store gets.
#[derive(Debug, Default)]
pub struct ApplyBatch {
    /// Committed entries in order.
    pub entries: Vec<Entry>,
    /// Membership after each conf change among them, by index.
    pub conf_states: Vec<(u64, ConfState)>,
}

impl ApplyBatch {
    /// Entries without a change of membership.
    pub fn of(entries: Vec<Entry>) -> Self {
        Self {
            entries,
            conf_states: Vec::new(),
        }
    }
}

/// Where the results of a turn go. Where peers depend on this thread (`alone` is false), calls must not block.
pub trait Effects {
    /// To the log; `Some` if it is durable already.
    fn persist(&mut self, batch: LogBatch, alone: bool) -> Option<Persisted>;
    /// To the store; `Some` with the applied index if that is done already.
    fn apply(&mut self, batch: ApplyBatch, alone: bool) -> Option<u64>;
    /// To the peers.
    fn send(&mut self, messages: Vec<Message>);
    /// The earliest deadline of a TTL, in cluster time; may be early, never late.
    fn next_deadline(&self) -> Option<u64>;
}

/// Fixed properties of the loop.
#[derive(Debug, Clone)]
pub struct ConsensusOptions {
    /// This member's id.
    pub id: u64,
    /// One tick of the logical clock.
    pub tick: Duration,
    /// The first request id; random, so that ids are never used twice.
    pub first_request: u64,
}

/// The state of the consensus thread.
pub struct ConsensusLoop<R: LogRead> {
    core: RaftCore<R>,
    settings: ConsensusOptions,
    clock: ClusterClock,
    status: Arc<Status>,
    waiters: Arc<Waiters>,
    metrics: Arc<Metrics>,
    next_request: u64,
    next_tick: u64,
    /// Writes that no leader has taken yet.
    parked: VecDeque<Submission>,
    /// The expiry under way, with the term it was proposed in.
    expiry: Option<(u64, oneshot::Receiver<Result<AppliedWrite, Failure>>)>,
    reads: Reads,
    carried: Option<HardState>,
    handed_batch: u64,
    persisted_batch: u64,
    handed_entry: u64,
    applied_entry: u64,
}

/// Reads on their way: gathering, asked for, and waiting for the apply thread.
#[derive(Default)]
struct Reads {
    gathering: Vec<ReadWaiter>,
    asked: Option<(u64, u64, Vec<ReadWaiter>)>,
    applied_at: BTreeMap<u64, Vec<ReadWaiter>>,
    sequence: u64,
    /// Since when, in cluster time, those that gather have been held because of nodes that are overdue.
    held_since: Option<u64>,
}

impl<R: LogRead> ConsensusLoop<R> {
    /// `applied` is where both the store and the core start.
    pub fn new(
        core: RaftCore<R>,
        settings: ConsensusOptions,
        clock: ClusterClock,
        status: Arc<Status>,
        waiters: Arc<Waiters>,
        metrics: Arc<Metrics>,
        applied: u64,
    ) -> Self {
        let next_tick = clock.machine().boottime() + settings.tick.as_nanos() as u64;
        Self {
            next_request: settings.first_request,
            core,
            settings,
            clock,
            status,
            waiters,
            metrics,
            next_tick,
            parked: VecDeque::new(),
            expiry: None,
            reads: Reads::default(),
            carried: None,
            handed_batch: 0,
            persisted_batch: 0,
            handed_entry: applied,
            applied_entry: applied,
        }
    }

    /// A sole voter does not wait for an election time-out.
    pub fn campaign_if_alone(&mut self, effects: &mut impl Effects) -> Result<(), raft::Error> {
        if self.core.soft().sole_voter {
            self.core.campaign()?;
        }
        self.hand_out(effects)
    }

    /// How long the thread may sleep before the next turn is due.
    pub fn patience(&self, effects: &impl Effects) -> Duration {
        if self.reads.held_since.is_some() && self.expiry.is_none() {
            // The expiry they waited for was done on the spot.
            return Duration::ZERO;
        }
        let now = self.clock.machine().boottime();
        let tick = Duration::from_nanos(self.next_tick.saturating_sub(now));
        let idle = self.expiry.is_some() || self.core.soft().role != Role::Leader;
        if idle || self.status.refuses_writes().is_some() {
            return tick;
        }
        match effects.next_deadline() {
            Some(deadline) => tick.min(Duration::from_nanos(
                deadline.saturating_sub(self.clock.now()),
            )),
            None => tick,
        }
    }

    /// What must not be missed while the thread sleeps. A full pipeline holds writes back in the intake, within its
    /// bound.
    pub fn attention(&self) -> Attention {
        let full = self.handed_batch - self.persisted_batch > MAX_BATCHES_IN_FLIGHT
            || self.handed_entry - self.applied_entry > MAX_ENTRIES_IN_FLIGHT;
        // Without a leader here the writes stay where they are counted against the bound.
        let hold_writes = full || self.core.soft().role != Role::Leader;
        let to_applied = self.expiry.is_some() || !self.reads.applied_at.is_empty();
        Attention {
            hold_writes,
            to_applied,
        }
    }

    /// Does everything that `inputs` and the clock call for.
    pub fn turn(&mut self, inputs: Inputs, effects: &mut impl Effects) -> Result<(), raft::Error> {
        if let Some(number) = inputs.persisted {
            self.persisted(number);
        }
        if let Some(index) = inputs.applied {
            self.applied(index);
        }
        self.tick();
        for message in inputs.messages {
            if let Err(error) = self.core.step(message) {
                tracing::debug!("a peer's message was not taken: {error}");
            }
        }
        self.reads.gathering.extend(inputs.reads);
        self.expire(effects);
        if !self.holds_reads(effects) {
            self.ask_reads();
        }
        self.propose(inputs.writes);
        self.hand_out(effects)?;
        // An expiry that was applied on the spot is over: the next deadline counts at once, not at the next tick.
        self.forget_answered_expiry();
        Ok(())
    }

    fn persisted(&mut self, number: u64) {
        self.persisted_batch = self.persisted_batch.max(number);
        assert!(
            self.persisted_batch <= self.handed_batch,
            "invariant node-persisted: batch {number} is durable, and {} was handed to the log last",
            self.handed_batch
        );
        self.core.persisted(number);
    }

    fn applied(&mut self, index: u64) {
        self.applied_entry = self.applied_entry.max(index);
        assert!(
            self.applied_entry <= self.handed_entry,
            "invariant node-applied: entry {index} is applied, and {} was handed to the store last",
            self.handed_entry
        );
        self.core.applied(index);
        self.release_reads(index);
    }

    fn tick(&mut self) {
        let now = self.clock.machine().boottime();
        let tick = self.settings.tick.as_nanos() as u64;
        // A process that slept for long catches up with a few ticks, not with an election storm.
        let mut budget = 3;
        while self.next_tick <= now && budget > 0 {
            self.core.tick();
            self.next_tick += tick;
            budget -= 1;
            self.waiters.sweep();
        }
        if self.next_tick <= now {
            self.next_tick = now + tick;
        }
    }

    /// One read index serves all reads that wait when it is asked for; those that come later share the next one.
    fn ask_reads(&mut self) {
        let soft = self.core.soft();
        let now = self.clock.machine().boottime();
        let stale =
            |asked_at: u64| now.saturating_sub(asked_at) > 2 * self.settings.tick.as_nanos() as u64;
        if let Some((_, asked_at, _)) = &self.reads.asked {
            if !stale(*asked_at) {
                return;
            }
            // The crate drops a read silently while a leader has committed nothing in its term: ask again.
            if let Some((_, _, waiters)) = self.reads.asked.take() {
                self.reads.gathering.extend(waiters);
            }
        }
        self.reads.gathering.retain(|waiter| !waiter.is_closed());
        if self.reads.gathering.is_empty() || soft.leader == 0 {
            return;
        }
        self.reads.sequence += 1;
        let mut context = self.settings.id.to_le_bytes().to_vec();
        context.extend_from_slice(&self.settings.first_request.to_le_bytes());
        context.extend_from_slice(&self.reads.sequence.to_le_bytes());
        let waiters = std::mem::take(&mut self.reads.gathering);
        self.reads.asked = Some((self.reads.sequence, now, waiters));
        self.core.read_index(context);
    }

    /// After a pause of the process the nodes that lapsed meanwhile go first, so that no read shows them. Reads that are
    /// asked for already are not held, and a wave that takes long holds none for long.
    fn holds_reads(&mut self, effects: &impl Effects) -> bool {
        if self.expiry.is_none() || self.reads.gathering.is_empty() {
            self.reads.held_since = None;
            return false;
        }
        let now = self.clock.now();
        let overdue = effects
            .next_deadline()
            .is_some_and(|deadline| deadline.saturating_add(EXPIRY_OVERDUE) < now);
        if !overdue {
            self.reads.held_since = None;
            return false;
        }
        let since = *self.reads.held_since.get_or_insert(now);
        now.saturating_sub(since) < EXPIRY_OVERDUE
    }

    fn reads_ready(&mut self, context: &[u8], index: u64) {
        let sequence = context
            .last_chunk::<8>()
            .map(|bytes| u64::from_le_bytes(*bytes));
        match self.reads.asked.take() {
            Some((asked, _, waiters)) if Some(asked) == sequence => {
                self.reads
                    .applied_at
                    .entry(index)
                    .or_default()
                    .extend(waiters);
                self.release_reads(self.applied_entry);
            }
            other => self.reads.asked = other,
        }
    }

    fn release_reads(&mut self, applied: u64) {
        while let Some(entry) = self.reads.applied_at.first_entry() {
            if *entry.key() > applied {
                return;
            }
            for waiter in entry.remove() {
                // A reader that gave up is no longer there to be told.
                let _ = waiter.send(Ok(()));
            }
        }
    }

    /// Proposes an expiry when the leader's cluster time has reached a deadline, one at a time. Where a deadline is waited
    /// for and the wall clock was set forward, one that finds nothing carries the new stamp: a start of another boot must
    /// not take the step for time that passed.
    fn expire(&mut self, effects: &impl Effects) {
        self.forget_answered_expiry();
        if self.expiry.is_some() {
            return;
        }
        let now = self.clock.now();
        let due = effects
            .next_deadline()
            .is_some_and(|deadline| deadline <= now || self.clock.was_set_forward());
        if !due || self.core.soft().role != Role::Leader || self.status.refuses_writes().is_some() {
            return;
        }
        let operation = Operation::Expire {
            cutoff: now,
            limit: EXPIRY_SLICE,
            bytes: Some(EXPIRY_BYTES),
        };
        let (reply, receiver) = oneshot::channel();
        let proposal = Proposal::of_server(&[operation]);
        self.expiry = Some((self.core.soft().term, receiver));
        self.propose(vec![Submission {
            proposal,
            reply,
            queued: std::time::Instant::now(),
        }]);
    }

    /// One that was proposed in another term, or by a leader of the past, may never be answered.
    fn forget_answered_expiry(&mut self) {
        let soft = self.core.soft();
        if let Some((term, pending)) = &mut self.expiry {
            let waits = matches!(pending.try_recv(), Err(oneshot::error::TryRecvError::Empty));
            if !waits || soft.role != Role::Leader || soft.term != *term {
                self.expiry = None;
            }
        }
    }

    fn propose(&mut self, writes: Vec<Submission>) {
        self.parked.extend(writes);
        if self.parked.is_empty() {
            return;
        }
        if self.core.soft().role != Role::Leader {
            // Never handed to a leader: they go out when one appears, or their clients give up.
            self.parked
                .retain(|submission| !submission.reply.is_closed());
            return;
        }
        self.parked
            .retain(|submission| !submission.reply.is_closed());
        if self.parked.is_empty() {
            return;
        }
        if let Some(failure) = self.status.refuses_writes() {
            for submission in self.parked.drain(..) {
                let _ = submission.reply.send(Err(failure.clone()));
            }
            return;
        }
        if let Some(oldest) = self.parked.front() {
            // Once for the group: the longest wait in it.
            self.metrics
                .queue_seconds
                .observe(oldest.queued.elapsed().as_secs_f64());
        }
        let mut stamp = self.clock.stamp(0);
        let mut data = Vec::with_capacity(self.parked.len());
        let mut replies = Vec::with_capacity(self.parked.len());
        for submission in self.parked.drain(..) {
            stamp.request = self.next_request;
            self.next_request = self.next_request.wrapping_add(1);
            data.push(submission.proposal.stamp(&stamp));
            replies.push((stamp.request, submission.reply));
        }
        let ids: Vec<u64> = replies.iter().map(|(id, _)| *id).collect();
        self.waiters.add(replies);
        if let Err(error) = self.core.propose(data) {
            tracing::debug!("a proposal was dropped: {error}");
            self.waiters.refuse(&ids, &Failure::Overloaded);
        }
    }

    /// Hands out ready batches until none is left.
    fn hand_out(&mut self, effects: &mut impl Effects) -> Result<(), raft::Error> {
        while let Some(mut work) = self.core.work() {
            if !work.messages.is_empty() {
                effects.send(std::mem::take(&mut work.messages));
            }
            for read in std::mem::take(&mut work.reads) {
                self.reads_ready(&read.context, read.index);
            }
            let committed = std::mem::take(&mut work.committed);
            self.persist(work, effects);
            self.apply(committed, effects);
        }
        let now = SystemTime::UNIX_EPOCH + Duration::from_nanos(self.clock.machine().wall());
        let soft = self.core.soft();
        if self.status.publish(&soft, now) && soft.leader != 0 {
            self.metrics.leader_changes.inc();
            tracing::info!("member {:x} leads term {}", soft.leader, soft.term);
        }
        Ok(())
    }

    /// A batch that only moves the commit index waits for the next one with substance: the commit index is known
    /// again after a restart without it, and a write of its own for each group would double the log's work.
    fn persist(&mut self, work: ReadyBatch, effects: &mut impl Effects) {
        if work.hard_state.is_some() {
            self.carried = work.hard_state;
        }
        if !work.must_sync && work.messages_after_sync.is_empty() {
            if self.handed_batch == self.persisted_batch {
                // Nothing is on its way: the core need not remember this batch.
                self.handed_batch = work.number;
                self.persisted(work.number);
            }
            return;
        }
        self.handed_batch = work.number;
        let batch = LogBatch {
            number: work.number,
            entries: work.entries,
            hard_state: self.carried.take(),
            must_sync: work.must_sync,
            messages: work.messages_after_sync,
        };
        if let Some(persisted) = effects.persist(batch, self.core.soft().sole_voter) {
            if !persisted.messages.is_empty() {
                effects.send(persisted.messages);
            }
            if let Some(number) = persisted.number {
                self.persisted(number);
            }
        }
    }

    fn apply(&mut self, entries: Vec<Entry>, effects: &mut impl Effects) {
        let Some(last) = entries.last() else { return };
        self.handed_entry = last.index;
        let mut conf_states = Vec::new();
        for entry in entries
            .iter()
            .filter(|entry| entry.entry_type != EntryType::EntryNormal as i32)
        {
            match self.core.apply_conf_change(entry) {
                Ok(state) => conf_states.push((entry.index, state)),
                Err(error) => tracing::error!("entry {}: {error}", entry.index),
            }
        }
        let batch = ApplyBatch {
            entries,
            conf_states,
        };
        if let Some(index) = effects.apply(batch, self.core.soft().sole_voter) {
            self.applied(index);
        }
    }

    /// Refuses everything that waits: the thread ends.
    pub fn abandon(&mut self, failure: &Failure) {
        for submission in self.parked.drain(..) {
            let _ = submission.reply.send(Err(failure.clone()));
        }
        let asked = self
            .reads
            .asked
            .take()
            .map(|(_, _, waiters)| waiters)
            .unwrap_or_default();
        let gathering = std::mem::take(&mut self.reads.gathering);
        let waiting = std::mem::take(&mut self.reads.applied_at)
            .into_values()
            .flatten();
        for waiter in asked.into_iter().chain(gathering).chain(waiting) {
            let _ = waiter.send(Err(failure.clone()));
        }
    }
}
