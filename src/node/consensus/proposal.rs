//! Writes on their way into the log: proposed where this member leads, offered to the leader where it does not, parked
//! while there is neither leader nor room.
//!
//! A write gets its request id here, from the node whose client waits; whoever leads fills in the times. It is parked again,
//! under the same id, when its fate is decided against it: its entry was replaced in the log, or a later term left it out.

use std::collections::VecDeque;
use std::sync::Arc;

use storage::operation::Outcome;

use super::answering::Answering;
use super::gather::{Gather, UnderWay};
use super::offer::Offers;
use super::pipeline::Pipeline;
use super::reception::{Reception, Receptions};
use crate::command::{Change, Proposal, Stamp};
use crate::metrics::Metrics;
use crate::node::change;
use crate::node::cluster_clock::ClusterClock;
use crate::node::effects::Effects;
use crate::node::intake::{Gathering, Submission};
use crate::node::outcome::Failure;
use crate::node::peer::{DecidedWrite, OfferedWrite, WriteMessage};
#[cfg(test)]
use crate::node::planted::{PlantedMistake, is_planted};
use crate::node::status::Status;
use crate::node::waiters::Waiters;
use crate::raft::entry;
use crate::raft::{LogRead, RaftCore, Role};

/// Bytes of commands proposed as one message, a larger one excepted.
const MESSAGE_BYTES: usize = 16 << 20;
/// Bytes of other members' commands that may be parked here; more is not taken, and offered again.
const TAKEN_BYTES: usize = 64 << 20;

/// See the module.
pub(super) struct Proposals {
    id: u64,
    parked: VecDeque<ParkedWrite>,
    /// Changes of membership, apart from the others while this member leads: each waits until the one before it is applied.
    changes: VecDeque<ParkedWrite>,
    /// Of those of other members among them.
    taken_bytes: usize,
    gather: Gather,
    offers: Offers,
    receptions: Receptions,
    next_request: u64,
    clock: ClusterClock,
    status: Arc<Status>,
    waiters: Arc<Waiters>,
    metrics: Arc<Metrics>,
}

struct ParkedWrite {
    request: u64,
    proposal: Proposal,
    /// The term in which it was taken from another member: it counts in no other.
    taken_in: Option<u64>,
}

impl Proposals {
    /// `patience`: after how many nanoseconds an offer that nobody answered is repeated.
    pub(super) fn new(
        (id, first_request): (u64, u64),
        patience: u64,
        clock: ClusterClock,
        status: Arc<Status>,
        waiters: Arc<Waiters>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            id,
            parked: VecDeque::new(),
            changes: VecDeque::new(),
            taken_bytes: 0,
            gather: Gather::default(),
            offers: Offers::new(first_request, patience),
            receptions: Receptions::default(),
            next_request: first_request,
            clock,
            status,
            waiters,
            metrics,
        }
    }

    /// Writes of this node's clients. Their wait for the leader begins.
    pub(super) fn accept(&mut self, writes: Vec<Submission>) {
        let Some(oldest) = writes.first() else { return };
        let waited = self.clock.machine().elapsed(oldest.queued);
        self.metrics.queue_seconds.observe(waited.as_secs_f64());
        let mut replies = Vec::with_capacity(writes.len());
        for submission in writes {
            if submission.reply.is_closed() {
                continue;
            }
            let request = self.next_request;
            self.next_request = self.next_request.wrapping_add(1);
            replies.push((request, submission.reply));
            self.park(request, submission.proposal);
        }
        self.waiters.add(replies);
    }

    fn park(&mut self, request: u64, proposal: Proposal) {
        self.parked.push_back(ParkedWrite {
            request,
            proposal,
            taken_in: None,
        });
    }

    /// What another member says of writes.
    pub(super) fn hear<R: LogRead>(
        &mut self,
        from: u64,
        message: WriteMessage,
        core: &RaftCore<R>,
        effects: &mut impl Effects,
    ) {
        match message {
            WriteMessage::Received {
                life,
                term,
                sequence,
            } => {
                let now = self.clock.machine().boottime();
                self.offers.received(life, term, sequence, now);
            }
            WriteMessage::Decided(writes) => self.decided(writes),
            // Of no concern here.
            WriteMessage::Fit(_) | WriteMessage::Time { .. } => {}
            WriteMessage::Offer(_) if !self.takes_offers() => {}
            WriteMessage::Offer(offer) => {
                let soft = core.soft_state();
                let leads = (soft.role == Role::Leader).then_some(soft.term);
                let (term, awaited) = (offer.term, offer.awaited);
                match self.receptions.receive(from, offer, leads) {
                    Reception::Taken(writes, received) => {
                        if awaited {
                            let requests = writes.iter().map(|write| write.request);
                            self.waiters.remote().add(from, term, requests);
                        }
                        self.take(writes, term);
                        effects.send_write(from, received);
                    }
                    Reception::Known(received) => effects.send_write(from, received),
                    Reception::Ignored => {}
                }
            }
        }
    }

    /// The leader says what became of writes that were offered: they are committed, and this member's log may take long to say so
    /// as well. The offers are settled by the log all the same.
    fn decided(&mut self, writes: Vec<DecidedWrite>) {
        let open = writes.into_iter();
        let open = open.filter(|write| self.offers.is_open(write.request));
        let open: Vec<DecidedWrite> = open.collect();
        let waiting = self.waiters.take(open.iter().map(|write| write.request));
        for (write, waiter) in open.into_iter().zip(waiting) {
            let Some(reply) = waiter else { continue };
            // Before the client hears of it: what it asks next has to see it.
            self.status.has_answered(write.applied.index);
            for revision in write.applied.outcomes.iter().filter_map(Outcome::revision) {
                self.status.has_told(revision);
            }
            self.metrics.answered_early.inc();
            // The client may have gone; the write stands.
            let _ = reply.send(Ok(write.applied));
        }
    }

    /// Tells other members what became of their writes, where they asked.
    pub(super) fn tell_members(&self, effects: &mut impl Effects) {
        for (member, writes) in self.waiters.remote().take_decided() {
            effects.send_write(member, WriteMessage::Decided(writes));
        }
    }

    /// Whoever cannot write leaves offers where they are: room may return, or another lead.
    fn takes_offers(&self) -> bool {
        self.taken_bytes < TAKEN_BYTES && self.status.refuses_writes().is_none()
    }

    fn take(&mut self, writes: Vec<OfferedWrite>, term: u64) {
        for OfferedWrite { request, proposal } in writes {
            match Proposal::of_bytes(proposal) {
                Ok(proposal) => {
                    self.taken_bytes += proposal.len();
                    self.parked.push_back(ParkedWrite {
                        request,
                        proposal,
                        taken_in: Some(term),
                    });
                }
                Err(error) => tracing::error!("another member offers what is no command: {error}"),
            }
        }
    }

    /// Until which moment writes wait for others, and what ends it before.
    pub(super) fn gathers<R: LogRead>(
        &self,
        core: &RaftCore<R>,
        pipeline: &Pipeline,
        now: u64,
    ) -> Option<(u64, Gathering)> {
        let under_way = UnderWay {
            batch: !pipeline.all_persisted(),
            commit: core.soft_state().commit,
            offer: self.offers.is_unheard(),
        };
        self.gather.until(&core.soft_state(), under_way, now)
    }

    /// A learner is to get a vote. Nobody waits for that, and it is not tried twice at a time.
    pub(super) fn promote(&mut self, id: u64) {
        if !self.changes.is_empty() {
            return;
        }
        let request = self.next_request;
        self.next_request = self.next_request.wrapping_add(1);
        self.park(request, Proposal::of_change(&Change::Promote { id }));
    }

    /// Everything that waits goes where it can go now.
    pub(super) fn route<R: LogRead>(
        &mut self,
        core: &mut RaftCore<R>,
        pipeline: &Pipeline,
        answering: &mut Answering,
        effects: &mut impl Effects,
    ) {
        let soft = core.soft_state();
        let leads = soft.role == Role::Leader;
        #[cfg(test)]
        if is_planted(PlantedMistake::OffersMovedEarly) && soft.leader != 0 {
            let moved = self.offers.moved_early(soft.term);
            self.park_again(moved);
        }
        if !leads {
            self.waiters.remote().forget_all();
        }
        self.parked.extend(self.changes.drain(..));
        if self.taken_bytes > 0 {
            let counts = |term: &u64| leads && *term == soft.term;
            self.parked
                .retain(|write| write.taken_in.as_ref().is_none_or(counts));
            self.count_taken();
        }
        let now = self.clock.machine().boottime();
        let gathers = self.gathers(core, pipeline, now).is_some();
        if !leads && soft.leader != 0 {
            for offer in self.offers.repeat(soft.term, now) {
                effects.send_write(soft.leader, WriteMessage::Offer(offer));
            }
            if !gathers {
                self.offer((soft.leader, soft.term), now, effects);
            }
        } else if leads && !gathers && !self.parked.is_empty() {
            let before = core.last_index();
            self.set_changes_aside();
            self.propose(core);
            self.propose_change(core, answering, now);
            self.gather.proposed(now, before, core.last_index());
        }
    }

    fn count_taken(&mut self) {
        let taken = self.parked.iter().filter(|write| write.taken_in.is_some());
        self.taken_bytes = taken.map(|write| write.proposal.len()).sum();
    }

    fn propose<R: LogRead>(&mut self, core: &mut RaftCore<R>) {
        if core.proposal_room().is_some()
            && let Some(failure) = self.status.refuses_writes()
        {
            // Whether there is room or not: nobody waits for what will not come. What was taken goes on: its member was told
            // so, and offers it to nobody else while this term lasts.
            self.refuse(&failure);
        }
        while self.has_room(core) {
            let count = core.proposal_room().map_or(0, |room| self.that_fit(room));
            self.propose_first(core, count);
        }
    }

    fn set_changes_aside(&mut self) {
        let is_change = |write: &ParkedWrite| write.proposal.change().is_some();
        if !self.parked.iter().any(is_change) {
            return;
        }
        let parked = self.parked.drain(..);
        let (changes, others): (Vec<_>, Vec<_>) =
            parked.partition(|write| write.proposal.change().is_some());
        self.parked = others.into();
        self.changes = changes.into();
    }

    /// Whether the next change removes this member, and is going to hold, while another could lead.
    pub(super) fn is_to_be_removed<R: LogRead>(
        &self,
        core: &RaftCore<R>,
        answering: &mut Answering,
        now: u64,
    ) -> bool {
        let removal = Change::Remove { id: self.id };
        let next = self.changes.front();
        let change = next.and_then(|write| write.proposal.change());
        change.as_ref() == Some(&removal)
            && !core.soft_state().sole_voter
            && answering.made_safe(removal.clone(), core, now) == Some(removal)
    }

    /// The first change, if none is under way.
    fn propose_change<R: LogRead>(
        &mut self,
        core: &mut RaftCore<R>,
        answering: &mut Answering,
        now: u64,
    ) {
        let has_room = core.proposal_room().is_some();
        if !has_room || core.is_changing() || self.is_to_be_removed(core, answering, now) {
            return;
        }
        let next = self.changes.front();
        let change = next.and_then(|write| write.proposal.change());
        let Some(change) = change.and_then(|change| answering.made_safe(change, core, now)) else {
            return;
        };
        let Some(write) = self.changes.pop_front() else {
            return;
        };
        answering.proposed();
        if write.taken_in.is_some() {
            self.taken_bytes -= write.proposal.len();
        }
        let stamp = self.clock.stamp(write.request);
        let command = Proposal::of_change(&change).stamp(&stamp);
        if let Err(error) = core.propose_change(command, &change::for_crate(&change)) {
            tracing::debug!("a change of membership was dropped: {error}");
            self.waiters.refuse(&[write.request], &Failure::Overloaded);
        }
    }

    /// One message.
    fn propose_first<R: LogRead>(&mut self, core: &mut RaftCore<R>, count: usize) {
        let mut stamp = self.clock.stamp(0);
        let mut data = Vec::with_capacity(count);
        let mut ids = Vec::with_capacity(count);
        for write in self.parked.drain(..count) {
            if write.taken_in.is_some() {
                self.taken_bytes -= write.proposal.len();
            }
            stamp.request = write.request;
            ids.push(write.request);
            data.push(write.proposal.stamp(&stamp));
        }
        if let Err(error) = core.propose(data) {
            tracing::debug!("a proposal was dropped: {error}");
            self.waiters.refuse(&ids, &Failure::Overloaded);
        }
    }

    /// How many of those that wait go into one message. The core drops a message that is too large as a whole; what does
    /// not fit stays, and goes when something is committed.
    fn that_fit(&self, room: usize) -> usize {
        let mut bytes = 0usize;
        let fits = |write: &&ParkedWrite| {
            bytes = bytes.saturating_add(write.proposal.len());
            bytes <= room.min(MESSAGE_BYTES)
        };
        let count = self.parked.iter().take_while(fits).count();
        let one = usize::from(room == usize::MAX && !self.parked.is_empty());
        count.max(one)
    }

    fn has_room<R: LogRead>(&self, core: &RaftCore<R>) -> bool {
        let room = core.proposal_room();
        room.is_some_and(|room| self.that_fit(room) > 0)
    }

    /// To the leader of a term, as many as may be open there.
    fn offer(&mut self, (leader, term): (u64, u64), now: u64, effects: &mut impl Effects) {
        while !self.parked.is_empty() && self.offers.has_room() {
            self.gather.offered(now);
            let mut bytes = 0;
            let fits = |write: &&ParkedWrite| {
                let before = bytes;
                bytes += write.proposal.len();
                before == 0 || bytes <= MESSAGE_BYTES
            };
            let count = self.parked.iter().take_while(fits).count();
            let waiting = self
                .waiters
                .wait_for(self.parked.iter().take(count).map(|write| write.request));
            let group = self.parked.drain(..count).zip(waiting);
            let writes = group.filter(|(_, waited_for)| *waited_for);
            let writes = writes.map(|(write, _)| OfferedWrite {
                request: write.request,
                proposal: write.proposal.into_bytes(),
            });
            let awaited = self.status.lags();
            for offer in self.offers.make(term, writes.collect(), awaited, now) {
                effects.send_write(leader, WriteMessage::Offer(offer));
            }
        }
    }

    /// Whether some that wait could go now.
    pub(super) fn can_go<R: LogRead>(&self, core: &RaftCore<R>) -> bool {
        if self.parked.is_empty() {
            return false;
        }
        let soft = core.soft_state();
        match soft.role {
            Role::Leader => self.has_room(core),
            _ => soft.leader != 0 && soft.leader != self.id && self.offers.has_room(),
        }
    }

    /// Whether some wait here.
    pub(super) fn has_parked(&self) -> bool {
        !self.parked.is_empty()
    }

    /// Whether changes of membership wait for one that is under way.
    pub(super) fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Whether nobody takes writes now.
    pub(super) fn has_nowhere_to_go<R: LogRead>(&self, core: &RaftCore<R>) -> bool {
        let soft = core.soft_state();
        soft.role != Role::Leader && (soft.leader == 0 || !self.offers.has_room())
    }

    /// Entries that another leader replaced: writes of this node's clients among them are routed anew. What was offered has
    /// its own way to be decided, and would go twice.
    pub(super) fn replaced(&mut self, entries: &[wal::Entry]) {
        let stamped = entries.iter().filter_map(|entry| {
            let command = entry::command(entry)?;
            let stamp = Stamp::decode(&command).ok()?;
            Some((stamp.request, command))
        });
        let stamped = stamped.filter(|(request, _)| !self.offers.is_open(*request));
        let stamped: Vec<_> = stamped.collect();
        let requests = stamped.iter().map(|(request, _)| *request);
        let waiting = self.waiters.wait_for(requests);
        // The last one comes first.
        for ((request, command), _) in stamped
            .iter()
            .zip(waiting)
            .rev()
            .filter(|(_, waits)| *waits)
        {
            if let Ok(proposal) = Proposal::of_bytes(command.clone()) {
                self.park(*request, proposal);
            }
        }
    }

    /// Entries that are committed now.
    pub(super) fn committed(&mut self, entries: &[wal::Entry]) {
        let undone = self.offers.committed(entries);
        self.park_again(undone);
    }

    fn park_again(&mut self, undone: Vec<OfferedWrite>) {
        for OfferedWrite { request, proposal } in undone {
            if let Ok(proposal) = Proposal::of_bytes(proposal) {
                self.park(request, proposal);
            }
        }
    }

    /// This member takes the state of another, and nobody can tell whether the writes that are on their way are in it. Those
    /// that wait here are not: they were in no log.
    pub(super) fn overtaken(&mut self) {
        self.offers.forget_all();
        let parked = self.parked.iter().chain(&self.changes);
        let parked = parked.map(|write| write.request).collect();
        self.waiters.refuse_others(&parked, &Failure::Overtaken);
    }

    /// The way to the leader broke.
    pub(super) fn hurry(&mut self) {
        self.offers.hurry();
    }

    /// Forgets writes whose clients gave up.
    pub(super) fn sweep(&mut self) {
        let waiters = &self.waiters;
        let waits = |request| waiters.wait_for(std::iter::once(request)) == [true];
        for parked in [&mut self.parked, &mut self.changes] {
            parked.retain(|write| write.taken_in.is_some() || waits(write.request));
        }
        self.offers.sweep(waits);
    }

    /// Refuses all of this node's clients that wait here.
    pub(super) fn refuse(&mut self, failure: &Failure) {
        let parked = self.parked.drain(..).chain(self.changes.drain(..));
        let (own, taken): (Vec<_>, Vec<_>) = parked.partition(|write| write.taken_in.is_none());
        self.parked = taken.into();
        let own: Vec<u64> = own.iter().map(|write| write.request).collect();
        self.waiters.refuse(&own, failure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SimulatedClock};
    use crate::node::refusal::WriteRefusal;

    #[test]
    fn a_leader_without_room_refuses_its_own_clients_and_keeps_what_it_has_taken() {
        let clock = Clock::simulated(Arc::new(SimulatedClock::new(1, 1, 1)));
        let waiters = Arc::new(Waiters::default());
        let mut proposals = Proposals::new(
            (1, 50),
            100,
            ClusterClock::resume(clock.clone(), &Stamp::default()),
            Arc::new(Status::new(clock.clone())),
            waiters.clone(),
            Metrics::new("test"),
        );
        let proposal = || Proposal::of_server(&[]);
        let offered = OfferedWrite {
            request: 9,
            proposal: proposal().into_bytes(),
        };
        proposals.take(vec![offered], 3);
        let (reply, mut answer) = tokio::sync::oneshot::channel();
        proposals.accept(vec![Submission {
            proposal: proposal(),
            reply,
            queued: clock.now(),
        }]);
        let refusal = Failure::Refused(WriteRefusal::NoSpace("full".to_owned()));
        proposals.refuse(&refusal);
        assert_eq!(answer.try_recv().expect("told").err(), Some(refusal));
        let kept: Vec<u64> = proposals.parked.iter().map(|write| write.request).collect();
        assert_eq!(kept, [9]);
        assert!(proposals.taken_bytes > 0);
    }
}
