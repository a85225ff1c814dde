//! The deciding half of a node: inputs in, ready batches out, in the order of the `raft` crate's asynchronous path.
//!
//! The caller's contract, per batch ([`ReadyBatch`]):
//! 1. `messages` may be sent at once: those of a leader, since followers write while it writes, and of anybody what
//!    promises nothing durable (answers to heartbeats, requests for a read index);
//! 2. `entries` and `hard_state` are persisted in the order of the batches; `messages_after_sync` wait for that;
//! 3. [`RaftCore::persisted`] with the highest number synced; it implies all lower ones;
//! 4. `committed` is applied in order; [`RaftCore::applied`] when it is durable enough to be answered.

use raft::eraftpb::{ConfChange, ConfState, Entry, HardState, Message, MessageType};
use raft::{Config, Progress, ProgressState, RawNode, ReadOnlyOption, SnapshotStatus, StateRole};

use super::diagnostics;
use super::entry::to_wal;
use super::fetch::{Fetch, FetchedEntries};
use super::log::{LogView, StateFile};
use super::log_read::LogRead;
use super::random::Randomness;
use super::succession::{ElectionCause, Succession};
#[cfg(test)]
use crate::node::planted::{PlantedMistake, is_planted};

const MAX_MESSAGE_BYTES: u64 = 1 << 20;
const MAX_INFLIGHT_MESSAGES: usize = 256;
const MAX_UNCOMMITTED_BYTES: usize = 64 << 20;
const MAX_COMMITTED_BYTES_PER_BATCH: u64 = 8 << 20;
/// How a member takes part.
#[derive(Debug, Clone)]
pub(crate) struct Parameters {
    /// The member's id; never zero.
    pub id: u64,
    /// Ticks between heartbeats.
    pub heartbeat_ticks: usize,
    /// Ticks without a leader before an election; the real wait is random in [this, twice this).
    pub election_ticks: usize,
    /// The index up to which the store has applied.
    pub applied: u64,
}

/// A member's part in its term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the field's own words
pub enum Role {
    Follower,
    Candidate,
    Leader,
}

/// Volatile facts that front ends show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoftState {
    /// Current part.
    pub role: Role,
    /// Known leader; 0 for none.
    pub leader: u64,
    /// Current term.
    pub term: u64,
    /// Commit index.
    pub commit: u64,
    /// Whether this member is the only voter.
    pub sole_voter: bool,
}

/// A read that may be served once `index` is applied.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ReadReady {
    /// The caller's own mark.
    pub context: Vec<u8>,
    /// The index to wait for.
    pub index: u64,
}

/// One ready batch.
#[derive(Debug)]
pub(crate) struct ReadyBatch {
    /// Rises by one with each batch.
    pub number: u64,
    /// To send at once.
    pub messages: Vec<Message>,
    /// Index and term of the snapshot that is to take the place of store and log, before the entries.
    pub snapshot: Option<(u64, u64)>,
    /// To persist.
    pub entries: Vec<wal::Entry>,
    /// What stood in the log where `entries` stand now: it is committed nowhere, and never will be. A leader of a later
    /// term has another entry there, and it has all that may be committed.
    pub replaced: Vec<wal::Entry>,
    /// To persist after the entries.
    pub hard_state: Option<HardState>,
    /// Whether persisting needs a sync (entries, term or vote), or only a write (commit).
    pub must_sync: bool,
    /// To send once this batch is synced.
    pub messages_after_sync: Vec<Message>,
    /// To apply.
    pub committed: Vec<wal::Entry>,
    /// Reads whose index is known now.
    pub reads: Vec<ReadReady>,
}

/// Wraps the `raft` crate's node.
pub(crate) struct RaftCore<R: LogRead> {
    pub(super) node: RawNode<LogView<R>>,
    pub(super) random: Box<dyn Randomness>,
    pub(super) drawn_for: (u64, StateRole, usize),
    /// Bytes proposed since the last ready batch, which moves them into the tail of the log.
    proposed_bytes: usize,
    /// While the leader is known to have ended, and nobody leads.
    pub(super) succession: Option<Succession>,
    pub(super) cause: ElectionCause,
    /// The commit index that followers were told, as a leader.
    told_commit: u64,
    /// Where a snapshot stands that takes the place of the store, and is not there yet: until then the crate believes that
    /// all before it is still to be applied, and looks for it in the log when it campaigns.
    pub(super) installing: Option<u64>,
}

impl<R: LogRead> RaftCore<R> {
    /// A member that starts where `log` ends. Everything committed up to `parameters.applied` has been applied.
    pub(crate) fn new(
        parameters: &Parameters,
        log: LogView<R>,
        random: Box<dyn Randomness>,
    ) -> raft::Result<Self> {
        let config = Config {
            id: parameters.id,
            heartbeat_tick: parameters.heartbeat_ticks,
            election_tick: parameters.election_ticks,
            applied: parameters.applied,
            max_size_per_msg: MAX_MESSAGE_BYTES,
            max_inflight_msgs: MAX_INFLIGHT_MESSAGES,
            // Said once a step, with what is proposed in it: see `tell_commit`.
            skip_bcast_commit: true,
            // Counted here: the crate would count by the data of committed entries, which it does not get.
            max_uncommitted_size: u64::MAX,
            max_committed_size_per_ready: MAX_COMMITTED_BYTES_PER_BATCH,
            pre_vote: true,
            check_quorum: true,
            read_only_option: reads(),
            ..Config::default()
        };
        let mut node = RawNode::new(&config, log, &diagnostics::logger())?;
        let raft = &mut node.raft;
        if raft.raft_log.last_index() == 0 && raft.prs().conf().learners().contains(&raft.id) {
            // Who the founders were is in no entry, and nobody else could replay their changes: the whole state, whatever
            // it is at. The crate's own function knows of no request with an empty log.
            raft.pending_request_snapshot = 1;
        }
        let drawn_for = (u64::MAX, StateRole::Follower, 0);
        let mut core = Self {
            node,
            random,
            drawn_for,
            proposed_bytes: 0,
            told_commit: 0,
            succession: None,
            cause: ElectionCause::TimedOut,
            installing: None,
        };
        core.redraw_election_timeout();
        Ok(core)
    }

    /// One tick of the logical clock.
    pub(crate) fn tick(&mut self) {
        if self.installing.is_some() {
            return;
        }
        let followed = self.node.raft.state == StateRole::Follower;
        self.node.tick();
        if followed && self.node.raft.state != StateRole::Follower {
            self.cause = ElectionCause::TimedOut;
        }
        self.redraw_election_timeout();
        self.succeed();
    }

    /// The voter that could lead in this member's place: the one that has most of the log among those that answer and
    /// are `fit`.
    pub(crate) fn successor(&self, fit: impl Fn(u64) -> bool) -> Option<u64> {
        let raft = &self.node.raft;
        let voters = raft.prs().conf().voters();
        let others = raft.prs().iter().filter(|(id, progress)| {
            // One that needs a snapshot, or is being found out, could not lead in an election time-out.
            let follows = progress.state == ProgressState::Replicate;
            **id != raft.id
                && follows
                && progress.recent_active
                && voters.contains(**id)
                && fit(**id)
        });
        // Of equals the one with the lowest id, so that a seed decides.
        let best = others.max_by_key(|(id, progress)| (progress.matched, std::cmp::Reverse(**id)));
        best.map(|(id, _)| *id)
    }

    /// Asks a voter to lead at once. No proposal is taken until it does, or for an election time-out.
    pub(crate) fn transfer_leadership(&mut self, to: u64) {
        self.node.transfer_leader(to);
    }

    /// What was sent to this member may be lost: consensus goes back to what it knows the member has.
    pub(crate) fn unreachable(&mut self, member: u64) {
        self.node.report_unreachable(member);
    }

    /// Proposes entries as one message, so that followers get one append for all of them.
    /// `ProposalDropped`: this member does not lead, a transfer is under way, or there is no room for it
    /// ([`RaftCore::proposal_room`]); nothing was taken.
    pub(crate) fn propose(&mut self, data: Vec<Vec<u8>>) -> raft::Result<()> {
        let bytes: usize = data.iter().map(Vec::len).sum();
        if self.proposal_room().is_none_or(|room| bytes > room) {
            return Err(raft::Error::ProposalDropped);
        }
        let entries = data.into_iter().map(|data| Entry {
            data,
            ..Entry::default()
        });
        let mut message = Message::default();
        message.set_msg_type(MessageType::MsgPropose);
        message.from = self.node.raft.id;
        message.entries = entries.collect();
        self.node.step(message)?;
        self.proposed_bytes += bytes;
        // The entries carried it.
        self.told_commit = self.node.raft.raft_log.committed;
        Ok(())
    }

    /// Tells the followers how far is committed, unless something that was proposed has carried it already. The crate would
    /// say it with each answer that moves it: of two answers that came together, and a proposal after them, each would cost
    /// every follower a message, and this member the answer to it.
    pub(crate) fn tell_commit(&mut self) {
        let raft = &mut self.node.raft;
        let committed = raft.raft_log.committed;
        if raft.state == StateRole::Leader && committed > self.told_commit {
            self.told_commit = committed;
            raft.bcast_append();
        }
    }

    /// Bytes of proposals that are taken before one is dropped; any one is taken where nothing is uncommitted. `None` where
    /// none is taken at all: this member does not lead, or is about to hand over.
    pub(crate) fn proposal_room(&self) -> Option<usize> {
        let raft = &self.node.raft;
        if raft.state != StateRole::Leader || raft.lead_transferee.is_some() {
            return None;
        }
        let uncommitted = self.node.store().undecided_bytes() + self.proposed_bytes;
        Some(match uncommitted {
            0 => usize::MAX,
            uncommitted => MAX_UNCOMMITTED_BYTES.saturating_sub(uncommitted),
        })
    }

    /// Asks for a read index; the answer comes as [`ReadyBatch::reads`] or never (the caller retries).
    pub(crate) fn read_index(&mut self, context: Vec<u8>) {
        self.node.read_index(context);
    }

    /// A message from a peer.
    pub(crate) fn step(&mut self, message: Message) -> raft::Result<()> {
        if self.is_out_of_place(&message) {
            return Ok(());
        }
        if message.get_msg_type() == MessageType::MsgTimeoutNow {
            if self.installing.is_some() {
                return Ok(());
            }
            self.cause = ElectionCause::HandedOver;
        }
        let outcome = self.node.step(message);
        self.redraw_election_timeout();
        outcome
    }

    /// Whether a leader counts on entries that this member acknowledged and does not have: its data directory is an older
    /// copy. A leader tells a member of no commit beyond what that member has acknowledged.
    pub(crate) fn has_lost(&self, message: &Message) -> bool {
        let raft = &self.node.raft;
        message.get_msg_type() == MessageType::MsgHeartbeat
            && message.term >= raft.term
            && message.commit > raft.raft_log.last_index()
    }

    /// An entry that is committed here, and another at the leader: its index, and its terms here and there. A leader has all that was ever
    /// committed, unless somebody has forgotten what it acknowledged.
    pub(crate) fn contradiction(&self, message: &Message) -> Option<(u64, u64, u64)> {
        let raft = &self.node.raft;
        if message.get_msg_type() != MessageType::MsgAppend || message.term < raft.term {
            return None;
        }
        let entries = message
            .entries
            .iter()
            .map(|entry| (entry.index, entry.term));
        let mut places = std::iter::once((message.index, message.log_term)).chain(entries);
        let committed = raft.raft_log.committed;
        let differs = |(index, there): (u64, u64)| {
            if index == 0 || index > committed {
                return None;
            }
            // What is compacted says nothing.
            let here = raft.raft_log.term(index).ok().filter(|here| *here > 0)?;
            (there > 0 && here != there).then_some((index, here, there))
        };
        places.find_map(differs)
    }

    /// The last entry of the log.
    pub(crate) fn last_index(&self) -> u64 {
        self.node.raft.raft_log.last_index()
    }

    /// This member.
    pub(crate) fn id(&self) -> u64 {
        self.node.raft.id
    }

    /// Whether anybody learns.
    pub(crate) fn has_learners(&self) -> bool {
        !self.node.raft.prs().conf().learners().is_empty()
    }

    /// Whether a member follows this leader, and has acknowledged that entry.
    pub(crate) fn has_acknowledged(&self, member: u64, index: u64) -> bool {
        let progress = self.node.raft.prs().get(member);
        progress.is_some_and(|progress| {
            progress.state == ProgressState::Replicate && progress.matched >= index
        })
    }

    /// The term of that entry.
    pub(crate) fn last_term(&self) -> u64 {
        self.node.raft.raft_log.last_term()
    }

    /// Batches up to `number` are durable.
    pub(crate) fn persisted(&mut self, number: u64) {
        self.node.on_persist_ready(number);
        self.redraw_election_timeout();
    }

    /// Entries up to `index` are applied.
    pub(crate) fn applied(&mut self, index: u64) {
        if index > self.node.raft.raft_log.applied {
            self.node.advance_apply_to(index);
            self.installing.take_if(|installing| *installing <= index);
            let followed = self.node.raft.prs().iter().count() > 1;
            self.node.mut_store().trim(index, followed);
        }
    }

    /// What has to be read from the disk for followers.
    pub(crate) fn takes_fetches(&self) -> Vec<Fetch> {
        self.node.store().takes_fetches()
    }

    /// It was read.
    pub(crate) fn fetched(&mut self, fetched: FetchedEntries) {
        for context in self.node.store().fetched(fetched) {
            self.node.on_entries_fetched(context);
        }
        self.node.store().settle();
    }

    /// The state of this member can be sent to others in this file, or in none.
    pub(crate) fn set_file(&mut self, file: Option<StateFile>) {
        self.node.mut_store().set_file(file);
    }

    /// Begins to send the file to those that need it: the crate would wait for their next answer to a heartbeat.
    pub(crate) fn send_file(&mut self) {
        let first = self.node.store().first();
        let raft = &mut self.node.raft;
        if raft.state != StateRole::Leader {
            return;
        }
        let needs = raft.prs().iter().filter(|(id, progress)| {
            let waits = progress.state == ProgressState::Probe && progress.recent_active;
            **id != raft.id && waits && needs_state(progress, first)
        });
        for id in needs.map(|(id, _)| *id).collect::<Vec<_>>() {
            if let Some(progress) = raft.mut_prs().get_mut(id) {
                progress.resume();
            }
            raft.send_append(id);
        }
    }

    /// Everybody else that this member knows of, in the order of their ids.
    pub(crate) fn others(&self) -> Vec<u64> {
        let raft = &self.node.raft;
        let mut others: Vec<u64> = raft.prs().iter().map(|(id, _)| *id).collect();
        others.retain(|id| *id != raft.id);
        others.sort_unstable();
        others
    }

    /// Whether there is a file that can be sent.
    pub(crate) fn has_file(&self) -> bool {
        self.node.store().has_file()
    }

    /// Whether this member leads one that is sent a snapshot, or will be.
    pub(crate) fn is_sending_state(&self) -> bool {
        let raft = &self.node.raft;
        let first = self.node.store().first();
        raft.state == StateRole::Leader
            && raft.prs().iter().any(|(id, progress)| {
                let behind = progress.recent_active && needs_state(progress, first);
                *id != raft.id && (progress.state == ProgressState::Snapshot || behind)
            })
    }

    /// Whether a member was met that needs the state in a file, and there is none for it.
    pub(crate) fn takes_wish_for_file(&self) -> bool {
        self.node.store().takes_wish_for_file()
    }

    /// After which entry the log is needed by a follower that answers, or takes a snapshot. `None` where this member does not
    /// lead, or nobody follows.
    pub(crate) fn follower_needs(&self) -> Option<u64> {
        let raft = &self.node.raft;
        if raft.state != StateRole::Leader {
            return None;
        }
        let others = raft.prs().iter().filter(|(id, _)| **id != raft.id);
        let needs = others.filter_map(|(_, progress)| match progress.state {
            ProgressState::Snapshot => Some(progress.pending_snapshot),
            // It may need a snapshot yet: what the log holds is of no use to it.
            _ if needs_state(progress, self.node.store().first()) => None,
            _ => progress.recent_active.then_some(progress.matched),
        });
        needs.min()
    }

    /// What became of the snapshot that a member was sent. Nothing else is sent to it before.
    pub(crate) fn snapshot_ended(&mut self, member: u64, installed: bool) {
        let status = match installed {
            true => SnapshotStatus::Finish,
            false => SnapshotStatus::Failure,
        };
        self.node.report_snapshot(member, status);
    }

    /// This member's term, and whom it gave its vote in it; 0 for nobody.
    pub(crate) fn promised(&self) -> (u64, u64) {
        (self.node.raft.term, self.node.raft.vote)
    }

    /// Whether a message has come to the wrong place or time. A request for whoever leads would be passed on under the name of who sent
    /// it, and nobody takes a message of one member from another; it is asked again. And who is being sent the state says with each
    /// heartbeat that it needs it, and would be sent it twice.
    fn is_out_of_place(&self, message: &Message) -> bool {
        let raft = &self.node.raft;
        match message.get_msg_type() {
            MessageType::MsgReadIndex | MessageType::MsgPropose => raft.state != StateRole::Leader,
            MessageType::MsgAppendResponse => {
                let progress = raft.prs().get(message.from);
                let served =
                    |one: &Progress| one.state == ProgressState::Snapshot || one.matched > 0;
                message.request_snapshot != raft::INVALID_INDEX && progress.is_some_and(served)
            }
            _ => false,
        }
    }

    /// The next batch, if there is anything to do.
    pub(crate) fn ready(&mut self) -> Option<ReadyBatch> {
        if !self.node.has_ready() {
            return None;
        }
        let mut ready = self.node.ready();
        let place = ready.snapshot().get_metadata();
        let snapshot = Some((place.index, place.term)).filter(|(index, _)| *index > 0);
        if let Some(place) = snapshot {
            self.node.mut_store().restart_at(place);
            self.installing = Some(place.0);
        }
        let entries: Vec<wal::Entry> = ready.take_entries().into_iter().map(to_wal).collect();
        let replaced = self.node.mut_store().append(&entries);
        self.proposed_bytes = 0;
        let committed = ready.take_committed_entries();
        let committed = committed.last().map(|last| (last.index, last.term));
        let committed = committed.map(|last| self.node.mut_store().hand_out(last));
        let (at_once, promises) = ready
            .take_persisted_messages()
            .into_iter()
            .partition::<Vec<_>, _>(promises_nothing);
        let mut messages = ready.take_messages();
        messages.extend(at_once);
        let reads = ready.take_read_states().into_iter().map(|state| ReadReady {
            context: state.request_ctx,
            index: state.index,
        });
        let batch = ReadyBatch {
            number: ready.number(),
            reads: reads.collect(),
            messages,
            hard_state: ready.hs().cloned(),
            must_sync: ready.must_sync(),
            messages_after_sync: promises,
            committed: committed.unwrap_or_default(),
            snapshot,
            replaced,
            entries,
        };
        self.node.advance_append_async(ready);
        Some(batch)
    }

    /// Proposes a change of membership: its command, and what it does to the configuration. Only while none is under way
    /// ([`Self::is_changing`]): the crate makes an empty entry of a second one.
    pub(crate) fn propose_change(
        &mut self,
        command: Vec<u8>,
        change: &ConfChange,
    ) -> Result<(), raft::Error> {
        self.node.propose_conf_change(command, change.clone())
    }

    /// Whether a change of membership may be in the log and not applied.
    pub(crate) fn is_changing(&self) -> bool {
        self.node.raft.has_pending_conf()
    }

    /// Applies a committed change of membership that holds; returns the state to store with the applied index.
    pub(crate) fn apply_change(&mut self, change: &ConfChange) -> Result<ConfState, raft::Error> {
        self.node.apply_conf_change(change)
    }

    /// Whether [`Self::ready`] has something to hand out.
    pub(crate) fn has_ready(&self) -> bool {
        self.node.has_ready()
    }

    /// Whether this member belongs to the configuration: one that was removed does not.
    pub(crate) fn is_member(&self) -> bool {
        let raft = &self.node.raft;
        raft.prs().get(raft.id).is_some()
    }

    /// Leads no more. The others elect another one when they have missed it for a time-out.
    pub(crate) fn step_down(&mut self) {
        let raft = &mut self.node.raft;
        raft.become_follower(raft.term, raft::INVALID_ID);
    }

    /// The configuration at the last entry that was handed out.
    pub(crate) fn conf_state(&self) -> ConfState {
        self.node.raft.prs().conf().to_conf_state()
    }

    /// How far the others are as this member knows, for the words of a failed test.
    #[cfg(test)]
    pub(crate) fn described_progress(&self) -> String {
        let raft = &self.node.raft;
        let first = self.node.store().first();
        let one = |(id, progress): (&u64, &Progress)| {
            let (matched, next) = (progress.matched, progress.next_idx);
            let (paused, active) = (progress.is_paused(), progress.recent_active);
            format!(
                "{id}: {} matched {matched} next {next} paused {paused} active {active}",
                progress.state
            )
        };
        let all: Vec<_> = raft.prs().iter().map(one).collect();
        format!(
            "log from {first}, file {}, {}",
            self.has_file(),
            all.join("; ")
        )
    }

    /// What this member is now.
    pub(crate) fn soft_state(&self) -> SoftState {
        let raft = &self.node.raft;
        let role = match raft.state {
            StateRole::Leader => Role::Leader,
            StateRole::Follower => Role::Follower,
            StateRole::Candidate | StateRole::PreCandidate => Role::Candidate,
        };
        SoftState {
            role,
            leader: raft.leader_id,
            term: raft.term,
            commit: raft.raft_log.committed,
            sole_voter: self.is_sole_voter(),
        }
    }

    /// An election time-out, without what is drawn beside it.
    pub(crate) fn election_ticks(&self) -> usize {
        self.node.raft.election_timeout()
    }

    /// Whether this member has never voted, heard of a term, or taken an entry.
    pub(crate) fn is_untouched(&self) -> bool {
        let raft = &self.node.raft;
        raft.term == 0 && raft.raft_log.last_index() == 0
    }

    fn is_sole_voter(&self) -> bool {
        let raft = &self.node.raft;
        let voters = raft.prs().conf().voters();
        raft.promotable() && voters.ids().iter().eq([raft.id])
    }
}

/// Whether a follower has to be sent the state: the log does not reach back to where it is, or it asks for it.
fn needs_state(progress: &Progress, first: u64) -> bool {
    let asks = progress.matched == 0 && progress.pending_request_snapshot != raft::INVALID_INDEX;
    asks || progress.matched + 1 < first
}

/// Every read is confirmed by a quorum: a lease trusts clocks, and a process that was paused has none.
fn reads() -> ReadOnlyOption {
    #[cfg(test)]
    if is_planted(PlantedMistake::ReadsByLease) {
        return ReadOnlyOption::LeaseBased;
    }
    ReadOnlyOption::Safe
}

/// Whether a message may leave before what was decided with it is durable. An answer to a heartbeat says that this member
/// follows that leader now, and a request for a read index says nothing of itself.
///
/// A read index counts on this: when a quorum answered, nobody had been elected in a later term. An answer whose term is
/// forgotten by a crash keeps that true. A later leader was elected by votes that are durable, since votes wait, and one of
/// those voters is in every quorum and does not answer an earlier leader. Nobody votes twice in a term for the same reason.
fn promises_nothing(message: &Message) -> bool {
    let kind = message.get_msg_type();
    matches!(
        kind,
        MessageType::MsgHeartbeatResponse | MessageType::MsgReadIndex
    )
}
