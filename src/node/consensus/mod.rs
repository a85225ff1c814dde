//! The consensus loop: everything that came in, then everything that follows from it.
//!
//! The order of work for each ready batch, and why:
//! 1. messages of a leader are sent (followers write while this member does);
//! 2. entries and hard state go to the log; messages that promise durability go with them, to be sent after
//!    the sync;
//! 3. committed entries go to the store. They are durable on a quorum, so log and apply overlap.
//!
//! Nothing here waits: the log, the apply thread, the peers, the clocks and the random numbers come from outside
//! ([`Effects`], [`ClusterClock`], `Randomness`), so a simulation can hold whole clusters of these on one thread.
//!
//! | file | what |
//! |---|---|
//! | `proposal` | where writes go: into the log, to the leader, or nowhere yet |
//! | `offer` | writes that were offered to a leader, until their fate is known |
//! | `reception` | offers of other members, each taken once |
//! | `gather` | writes that wait a moment for others |
//! | `read` | linearizable reads and their index |
//! | `expiry` | where expiry is proposed |
//! | `followed` | whether a leader has what is committed |
//! | `handover` | when a leader gives way |
//! | `membership` | changes of membership, judged when all before them is applied |
//! | `answering` | who answers a leader: what may be removed, and who gets a vote |
//! | `time` | cluster time, as the leader counts it |
//! | `pipeline` | how far log and store are behind |
//! | `snapshot` | the state of a member as a whole: made for others, and taken from them |

mod answering;
mod expiry;
mod followed;
mod gather;
mod handover;
mod membership;
mod offer;
mod pipeline;
mod proposal;
mod read;
mod reception;
mod snapshot;
mod time;

use std::sync::Arc;
use std::time::Duration;

use raft::eraftpb::{HardState, MessageType};

use super::batch::LogBatch;
use super::cluster_clock::ClusterClock;
use super::consensus_error::ConsensusError;
use super::effects::Effects;
use super::intake::{Attention, Inputs};
use super::outcome::Failure;
use super::peer::{SnapshotOutcome, WriteMessage};
#[cfg(test)]
use super::planted::{PlantedMistake, is_planted};
use super::snapshot::{ImportedStore, ReceivedSnapshot};
use super::status::Status;
use super::waiters::Waiters;
use crate::metrics::{Metrics, ReasonLabel};
use crate::raft::entry::changes_membership;
use crate::raft::{LogRead, RaftCore, ReadyBatch, Role, StateFile};
use answering::Answering;
use expiry::PendingExpiry;
use followed::Followed;
use handover::HandOver;
use membership::HeldEntries;
use pipeline::Pipeline;
use proposal::Proposals;
use read::PendingReads;
use snapshot::Snapshots;

/// Ticks after which an offer that nobody answered is repeated.
const OFFER_PATIENCE_TICKS: u64 = 2;

/// Fixed properties of the loop.
#[derive(Debug, Clone)]
pub(crate) struct ConsensusOptions {
    /// This member's id.
    pub id: u64,
    /// One tick of the logical clock.
    pub tick: Duration,
    /// The first request id; random, so that ids are never used twice.
    pub first_request: u64,
}

/// The state of the consensus thread.
pub(crate) struct ConsensusLoop<R: LogRead> {
    core: RaftCore<R>,
    tick: Duration,
    next_tick: u64,
    clock: ClusterClock,
    status: Arc<Status>,
    waiters: Arc<Waiters>,
    metrics: Arc<Metrics>,
    proposals: Proposals,
    reads: PendingReads,
    expiry: PendingExpiry,
    pipeline: Pipeline,
    held: HeldEntries,
    handover: HandOver,
    answering: Answering,
    snapshots: Snapshots,
    /// A new member of several, until it is admitted: nothing is heard, and nothing said.
    silent: bool,
    /// The last term in which this member began to lead.
    led: u64,
    /// A hard state that is not handed to the log yet.
    carried: Option<HardState>,
    /// What this member knew to be committed when it began to follow the present leader, and since when that one says less.
    followed: Followed,
    /// When the log was last told that the leader's wall clock is another, by the clock that counts since boot.
    wall_told: Option<u64>,
}

impl<R: LogRead> ConsensusLoop<R> {
    /// `applied` is where both the store and the core start.
    pub(crate) fn new(
        core: RaftCore<R>,
        options: ConsensusOptions,
        clock: ClusterClock,
        status: Arc<Status>,
        waiters: Arc<Waiters>,
        metrics: Arc<Metrics>,
        applied: u64,
    ) -> Self {
        let ConsensusOptions {
            id,
            tick,
            first_request,
        } = options;
        let patience = OFFER_PATIENCE_TICKS * tick.as_nanos() as u64;
        let proposals = Proposals::new(
            (id, first_request),
            patience,
            clock.clone(),
            status.clone(),
            waiters.clone(),
            metrics.clone(),
        );
        let core_timeout = core.election_ticks() as u64 * tick.as_nanos() as u64;
        let silent = core.is_untouched() && !core.soft_state().sole_voter;
        status.set_silent(silent);
        Self {
            core,
            silent,
            tick,
            next_tick: clock.machine().boottime() + tick.as_nanos() as u64,
            clock,
            status,
            waiters,
            metrics,
            proposals,
            reads: PendingReads::new(id, first_request, tick),
            expiry: PendingExpiry::default(),
            pipeline: Pipeline::new(applied),
            held: HeldEntries::default(),
            handover: HandOver::new(core_timeout),
            answering: Answering::new(core_timeout),
            snapshots: Snapshots::default(),
            led: 0,
            carried: None,
            followed: Followed::default(),
            wall_told: None,
        }
    }

    /// A sole voter does not wait for an election time-out.
    pub(crate) fn campaign_if_alone(
        &mut self,
        effects: &mut impl Effects,
    ) -> Result<(), ConsensusError> {
        if self.core.soft_state().sole_voter {
            self.core.campaign()?;
        }
        self.hand_out(effects)
    }

    /// How long the thread may sleep before something is due.
    pub(crate) fn patience(&self, effects: &impl Effects) -> Duration {
        if self.reads.are_held() && !self.expiry.is_under_way() {
            // The expiry they waited for was done on the spot.
            return Duration::ZERO;
        }
        let now = self.clock.machine().boottime();
        let mut next = self.next_tick;
        match self.proposals.gathers(&self.core, &self.pipeline, now) {
            Some((until, _)) => next = next.min(until),
            // So were those that left no room.
            None if self.proposals.can_go(&self.core) => return Duration::ZERO,
            None => {}
        }
        let tick = Duration::from_nanos(next.saturating_sub(now));
        let idle = self.expiry.is_under_way() || !self.leads();
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
    pub(crate) fn attention(&self) -> Attention {
        let now = self.clock.machine().boottime();
        let gathers = self.proposals.gathers(&self.core, &self.pipeline, now);
        let held_by_parked = gathers.is_none() && self.proposals.has_parked();
        Attention {
            // What nobody takes stays where it is counted against the bound.
            // One that does not lead offers them, whatever its own disk does.
            hold_writes: (self.pipeline.is_full() && self.leads())
                || self.proposals.has_nowhere_to_go(&self.core)
                || held_by_parked,
            gathers: gathers.map(|(_, gathering)| gathering),
            to_applied: self.expiry.is_under_way()
                || self.reads.wait_for_apply()
                || self.held.wait_for_apply()
                || self.proposals.has_changes()
                || self.waiters.remote().any(),
        }
    }

    /// For the words of a failed test.
    #[cfg(test)]
    pub(crate) fn described(&self) -> String {
        format!("{}, {:?}", self.core.described_progress(), self.snapshots)
    }

    fn leads(&self) -> bool {
        self.core.soft_state().role == Role::Leader
    }

    /// Does everything that `inputs` and the clock call for.
    pub(crate) fn step(
        &mut self,
        inputs: Inputs,
        effects: &mut impl Effects,
    ) -> Result<(), ConsensusError> {
        if let Some(number) = inputs.persisted {
            self.persisted(number);
        }
        if let Some(index) = inputs.applied {
            self.applied(index);
        }
        if inputs.admitted && std::mem::take(&mut self.silent) {
            self.status.set_silent(false);
        }
        if self.tick() {
            self.tell_time(effects);
        }
        for message in inputs.messages {
            if self.silent {
                break;
            }
            if message.get_msg_type() == MessageType::MsgSnapshot {
                // Without a store that was made of it, it is of no use.
                continue;
            }
            if self.pipeline.is_overfull() && message.get_msg_type() == MessageType::MsgAppend {
                // As if the network had lost it: a disk that hangs must not fill the memory, and the leader, which hears this
                // member's heartbeats, sends it again.
                continue;
            }
            if self.core.has_lost(&message) {
                return Err(ConsensusError::OlderCopy {
                    leader: message.from,
                    acknowledged: message.commit,
                    last: self.core.last_index(),
                });
            }
            if let Some((index, here, there)) = self.core.contradiction(&message) {
                return Err(ConsensusError::OtherHistory {
                    leader: message.from,
                    index,
                    here,
                    there,
                });
            }
            let now = self.clock.machine().boottime();
            self.answering.hear(message.from, now);
            self.status.traffic().received(&message, now);
            if let Err(error) = self.core.step(message) {
                tracing::debug!("a peer's message was not taken: {error}");
            }
        }
        for member in inputs.unreachable {
            self.core.unreachable(member);
            self.answering.lost(member);
            self.status.traffic().lost(member);
            if member == self.core.soft_state().leader {
                self.proposals.hurry();
            }
        }
        for member in inputs.ended {
            self.core.ended(member);
            self.answering.lost(member);
        }
        for fetched in inputs.fetched {
            self.core.fetched(fetched);
        }
        self.hear_of_snapshots(inputs.snapshots, inputs.snapshot_ends, inputs.exported);
        self.begin_to_lead();
        for (from, message) in inputs.write_messages {
            match message {
                WriteMessage::Fit(fit) => {
                    let now = self.clock.machine().boottime();
                    self.handover.hear(from, fit, now);
                }
                WriteMessage::Time { term, stamp, last } => {
                    self.hear_time(from, term, &stamp);
                    self.compare_logs(from, term, last)?;
                }
                WriteMessage::Offer(_)
                | WriteMessage::Received { .. }
                | WriteMessage::Decided(_) => {}
            }
            self.proposals.hear(from, message, &self.core, effects);
        }
        self.proposals.tell_members(effects);
        self.reads.gather(inputs.reads);
        self.reads
            .wait_behind(inputs.behind, self.pipeline.applied_entry());
        self.expire(effects);
        let held = self.reads.hold(
            self.expiry.is_under_way(),
            || self.clock.now(),
            || effects.next_deadline(),
        );
        if !held {
            self.reads
                .ask(&mut self.core, self.clock.machine().boottime());
        }
        self.mind_the_disk(effects);
        self.proposals.accept(inputs.writes);
        let now = self.clock.machine().boottime();
        if let Some(learner) = self.answering.promotes(&self.core, now) {
            self.proposals.promote(learner);
        }
        let (core, answering) = (&mut self.core, &mut self.answering);
        self.proposals
            .route(core, &self.pipeline, answering, effects);
        self.mind_membership();
        self.core.tell_commit();
        self.hand_out(effects)?;
        self.snapshots.settle(self.core.soft_state().commit);
        let now = self.clock.machine().boottime();
        self.snapshots.order(&self.core, now, effects);
        self.snapshots.tidy(&mut self.core, now, effects);
        let fetches = self.core.takes_fetches();
        if !fetches.is_empty() {
            effects.fetch(fetches);
        }
        // An expiry that was applied on the spot is over: the next deadline counts at once, not at the next tick.
        self.expiry.forget_answered(&self.core.soft_state());
        Ok(())
    }

    /// What was sent to this member, what became of what it sent, and what can be sent now.
    fn hear_of_snapshots(
        &mut self,
        received: Vec<ReceivedSnapshot>,
        ends: Vec<(u64, SnapshotOutcome)>,
        exported: Option<Option<StateFile>>,
    ) {
        for (member, outcome) in ends {
            if outcome == SnapshotOutcome::Unusable {
                self.core.set_file(None);
            }
            let installed = outcome == SnapshotOutcome::Installed;
            self.core.snapshot_ended(member, installed);
        }
        if let Some(file) = exported {
            let now = self.clock.machine().boottime();
            self.snapshots.exported(file, &mut self.core, now);
        }
        self.snapshots.receive(received, self.silent);
        self.snapshots.step(&mut self.core);
    }

    /// A leader that cannot write gives way; the others say whether they could.
    fn mind_the_disk(&mut self, effects: &mut impl Effects) {
        let soft = self.core.soft_state();
        if soft.sole_voter || self.silent {
            return;
        }
        let now = self.clock.machine().boottime();
        let hangs = self.pipeline.hangs(now, self.handover.patience());
        let fit = !hangs && self.status.refuses_writes().is_none();
        if soft.role == Role::Leader {
            if !fit {
                self.handover.try_now(&mut self.core, now);
            }
        } else if soft.leader != 0 && self.handover.is_due(fit, now) {
            effects.send_write(soft.leader, WriteMessage::Fit(fit));
        }
    }

    /// A leader that is to be removed gives way.
    fn mind_membership(&mut self) {
        // One that has not applied the last change could not campaign.
        let now = self.clock.machine().boottime();
        let (core, answering) = (&self.core, &mut self.answering);
        if !core.is_changing() && self.proposals.is_to_be_removed(core, answering, now) {
            self.handover.before_removal(&mut self.core, now);
        }
    }

    /// The process stops: another member is to lead, if there is one. Whether it is worth waiting for.
    pub(crate) fn leave(&mut self, effects: &mut impl Effects) -> Result<bool, ConsensusError> {
        let left = self.handover.leave(&mut self.core);
        self.hand_out(effects)?;
        Ok(left)
    }

    /// Whether this member still leads.
    pub(crate) fn still_leads(&self) -> bool {
        self.leads()
    }

    /// Before this member stamps anything in a term of its own.
    fn begin_to_lead(&mut self) {
        let soft = self.core.soft_state();
        if soft.role == Role::Leader && soft.term != self.led {
            self.led = soft.term;
            let reason = self.core.election_cause().word();
            let won = &self.metrics.peers.elections_won;
            won.get_or_create(&ReasonLabel { reason }).inc();
            self.status.traffic().begin();
            #[cfg(test)]
            if is_planted(PlantedMistake::DeadlinesFromStamps) {
                return;
            }
            self.clock.begin_to_lead();
        }
    }

    fn persisted(&mut self, number: u64) {
        self.pipeline.persisted(number);
        self.core.persisted(number);
        if let Some(installed) = self.snapshots.persisted(number) {
            self.applied(installed);
        }
    }

    fn applied(&mut self, index: u64) {
        self.pipeline.applied(index);
        self.core.applied(index);
        self.reads.release(index);
    }

    /// Whether one was due.
    fn tick(&mut self) -> bool {
        let now = self.clock.machine().boottime();
        let tick = self.tick.as_nanos() as u64;
        // A process that slept for long catches up with a few ticks, not with an election storm.
        let mut budget = 3;
        while self.next_tick <= now && budget > 0 {
            if !self.silent {
                self.core.tick();
            }
            self.next_tick += tick;
            budget -= 1;
            self.waiters.sweep();
            self.reads.sweep();
            self.proposals.sweep();
            self.status.set_follower_needs(self.core.follower_needs());
        }
        if self.next_tick <= now {
            self.next_tick = now + tick;
        }
        budget < 3
    }

    /// Proposes an expiry when the leader's cluster time has reached a deadline, one at a time. Where a deadline is waited
    /// for and the wall clock was set forward, one that finds nothing carries the new stamp: a start of another boot must
    /// not take the step for time that passed.
    fn expire(&mut self, effects: &impl Effects) {
        let soft = self.core.soft_state();
        self.expiry.forget_answered(&soft);
        if self.expiry.is_under_way() {
            return;
        }
        let now = self.clock.now();
        let due = effects
            .next_deadline()
            .is_some_and(|deadline| deadline <= now || self.clock.was_set_forward());
        if !due || soft.role != Role::Leader || self.status.refuses_writes().is_some() {
            return;
        }
        let queued = self.clock.machine().now();
        let expiry = self.expiry.begin(&soft, now, queued);
        self.proposals.accept(vec![expiry]);
    }

    /// Hands out ready batches until none is left.
    fn hand_out(&mut self, effects: &mut impl Effects) -> Result<(), ConsensusError> {
        loop {
            self.hand_out_ready(effects)?;
            self.apply(effects)?;
            // A change of membership that was judged only now gives the core work.
            if !self.core.has_ready() {
                break;
            }
        }
        let now = self.clock.machine().wall_time();
        let soft = self.core.soft_state();
        if self.status.publish(&soft, now) && soft.leader != 0 {
            self.metrics.leader_changes.inc();
            tracing::info!("member {:x} leads term {}", soft.leader, soft.term);
        }
        Ok(())
    }

    fn hand_out_ready(&mut self, effects: &mut impl Effects) -> Result<(), ConsensusError> {
        while let Some(mut ready) = self.core.ready() {
            self.status.set_promised(self.core.promised());
            if !ready.messages.is_empty() {
                let now = self.clock.machine().boottime();
                self.status.traffic().sent(&ready.messages, now);
                effects.send(std::mem::take(&mut ready.messages));
            }
            for read in std::mem::take(&mut ready.reads) {
                let applied = self.pipeline.applied_entry();
                self.reads.ready(&read.context, read.index, applied);
            }
            let install = match ready.snapshot {
                Some(place) => Some(self.take_over(place, ready.number)?),
                None => None,
            };
            self.follow(&ready.entries);
            self.proposals.replaced(&ready.replaced);
            let committed = std::mem::take(&mut ready.committed);
            let batch = ready.number;
            // That a change is committed is to be known after a restart: see `membership`.
            let changes = committed.iter().any(changes_membership);
            #[cfg(test)]
            let changes = changes && !is_planted(PlantedMistake::RemovalForgotten);
            ready.must_sync |= changes;
            self.persist(ready, install, effects);
            self.commit(committed, batch);
            self.apply(effects)?;
        }
        Ok(())
    }

    /// The core takes the state of another member: the store that is to take the place of this one's.
    fn take_over(
        &mut self,
        place: (u64, u64),
        batch: u64,
    ) -> Result<Box<ImportedStore>, ConsensusError> {
        let Some(store) = self.snapshots.take(place, batch) else {
            return Err(ConsensusError::NoStore(place.0));
        };
        tracing::info!(
            "this member takes the state of another at entry {}",
            place.0
        );
        // Its time is that of the leader that wrote the last command in it.
        self.clock.follow(&store.marker.stamp);
        self.held.forget();
        self.pipeline.hand_entries(place.0, 0);
        self.proposals.overtaken();
        Ok(store)
    }

    /// A batch that only moves the commit index waits for the next one with substance: the commit index is known
    /// again after a restart without it, and a write of its own for each group would double the log's work.
    fn persist(
        &mut self,
        ready: ReadyBatch,
        install: Option<Box<ImportedStore>>,
        effects: &mut impl Effects,
    ) {
        if ready.hard_state.is_some() {
            self.carried = ready.hard_state;
        }
        if !ready.must_sync {
            if self.pipeline.all_persisted() {
                // Nothing is on its way: what is promised is durable, and the core need not remember this batch.
                if !ready.messages_after_sync.is_empty() {
                    effects.send(ready.messages_after_sync);
                }
                self.pipeline.hand_batch(ready.number, 0);
                self.persisted(ready.number);
                return;
            }
            if ready.messages_after_sync.is_empty() {
                return;
            }
        }
        let bytes = ready.entries.iter().map(|entry| entry.payload.len()).sum();
        self.pipeline.hand_batch(ready.number, bytes);
        let batch = LogBatch {
            number: ready.number,
            install,
            entries: ready.entries,
            hard_state: self.carried.take(),
            must_sync: ready.must_sync,
            messages: ready.messages_after_sync,
        };
        if let Some(persisted) = effects.persist(batch, self.core.soft_state().sole_voter) {
            if !persisted.messages.is_empty() {
                effects.send(persisted.messages);
            }
            if let Some(number) = persisted.number {
                self.persisted(number);
            }
        }
    }

    /// Entries that are committed now.
    fn commit(&mut self, entries: Vec<wal::Entry>, batch: u64) {
        let Some(last) = entries.last() else { return };
        let bytes = entries.iter().map(|entry| entry.payload.len()).sum();
        self.pipeline.hand_entries(last.index, bytes);
        self.proposals.committed(&entries);
        self.held.add(entries, batch);
    }

    /// Hands them to the store, as far as they need not wait for it.
    fn apply(&mut self, effects: &mut impl Effects) -> Result<(), ConsensusError> {
        loop {
            let reached = (
                self.pipeline.applied_entry(),
                self.pipeline.persisted_batch(),
            );
            let next = self.held.next(&mut self.core, reached, effects)?;
            let Some(batch) = next else { return Ok(()) };
            if let Some(index) = effects.apply(batch, self.core.soft_state().sole_voter) {
                self.applied(index);
            }
        }
    }

    /// Refuses everything that waits: the thread ends.
    pub(crate) fn abandon(&mut self, failure: &Failure) {
        self.proposals.refuse(failure);
        self.reads.abandon(failure);
    }
}
