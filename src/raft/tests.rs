//! The core driven by hand: alone, and three of them on one thread from one seed.

use std::collections::VecDeque;

use raft::eraftpb::{ConfState, Entry, EntryType, HardState, Message, MessageType};
use raft::{GetEntriesContext, Storage as _, StorageError};

use super::core::ReadReady;
use super::entry::{from_wal, to_wal};
use super::log::LogView;
use super::*;

/// A log on no disk at all: nothing below the tail is ever asked for in these tests.
pub(crate) struct NoDisk;

impl LogRead for NoDisk {
    fn entries(&self, _: u64, _: u64, _: usize) -> Result<Vec<wal::Entry>, wal::Error> {
        Ok(Vec::new())
    }
    fn term(&self, _: u64) -> Result<Option<u64>, wal::Error> {
        Ok(None)
    }
    fn first_index(&self) -> u64 {
        1
    }
}

/// splitmix64.
pub(crate) struct Seeded(pub(crate) u64);

impl Randomness for Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

fn view(voters: &[u64]) -> LogView<NoDisk> {
    let conf_state = ConfState {
        voters: voters.to_vec(),
        ..ConfState::default()
    };
    LogView::new(NoDisk, HardState::default(), conf_state, (0, 0))
}

fn core(id: u64, voters: &[u64], seed: u64) -> RaftCore<NoDisk> {
    let parameters = Parameters {
        id,
        heartbeat_ticks: 1,
        election_ticks: 10,
        applied: 0,
    };
    RaftCore::new(&parameters, view(voters), Box::new(Seeded(seed ^ id)))
        .expect("a valid configuration")
}

fn entry(index: u64, term: u64, data: &[u8]) -> wal::Entry {
    wal::Entry {
        index,
        term,
        kind: 0,
        payload: data.to_vec().into(),
    }
}

#[test]
fn a_sole_voter_leads_at_once_and_commits_only_what_is_persisted() {
    let mut core = core(1, &[1], 7);
    core.campaign().expect("alone, nothing can be in the way");
    let first = core.ready().expect("the vote and the empty entry");
    assert!(first.must_sync && first.committed.is_empty());
    assert_eq!(core.soft_state().role, Role::Leader);
    assert!(core.soft_state().sole_voter);

    core.propose(vec![b"a".to_vec(), b"b".to_vec()])
        .expect("a leader takes proposals");
    let second = core.ready().expect("two entries");
    assert_eq!(second.entries.len(), 2);
    assert!(
        second.committed.is_empty(),
        "nothing is committed before it is durable"
    );

    core.persisted(second.number);
    let third = core.ready().expect("the commit");
    let data: Vec<&[u8]> = third
        .committed
        .iter()
        .map(|entry| &*entry.payload)
        .collect();
    assert_eq!(data, [b"".as_slice(), b"a", b"b"]);
    assert!(!third.must_sync);
}

#[test]
fn a_read_of_a_sole_voter_gets_the_commit_index() {
    let mut core = core(1, &[1], 7);
    core.campaign().expect("alone");
    let ready = core.ready().expect("the vote");
    core.persisted(ready.number);
    core.ready().expect("the commit");
    core.read_index(b"mark".to_vec());
    let ready = core.ready().expect("an answer");
    assert_eq!(
        ready.reads,
        [ReadReady {
            context: b"mark".to_vec(),
            index: 1
        }]
    );
}

#[test]
fn the_view_keeps_what_is_not_applied_and_cuts_conflicts() {
    let mut view = view(&[1]);
    view.append(&[entry(1, 1, b"a"), entry(2, 1, b"b"), entry(3, 1, b"c")]);
    view.append(&[entry(2, 2, b"B")]);
    assert_eq!(view.last_index().expect("known"), 2);
    assert_eq!(view.term(2).expect("in the tail"), 2);
    let context = || GetEntriesContext::empty(true);
    let entries = view.entries(1, 3, None, context()).expect("in the tail");
    assert_eq!(
        entries
            .iter()
            .map(|entry| entry.data.clone())
            .collect::<Vec<_>>(),
        [b"a", b"B"]
    );
    assert_eq!(
        view.entries(1, 3, 1, context())
            .expect("at least one")
            .len(),
        1
    );
    view.trim(2, true);
    assert_eq!(view.tail_bytes(), 2, "a small rest stays for followers");
}

#[test]
fn trimming_forgets_applied_entries_above_the_bound_only() {
    let mut view = view(&[1]);
    let large = vec![0; 10 << 20];
    view.append(&[
        entry(1, 1, &large),
        entry(2, 1, &large),
        entry(3, 1, &large),
    ]);
    view.trim(2, true);
    assert_eq!(view.tail_bytes(), 10 << 20);
    assert_eq!(view.term(2).expect("the position before the tail"), 1);
    view.append(&[entry(4, 1, &large)]);
    view.trim(2, true);
    assert_eq!(
        view.tail_bytes(),
        2 * (10 << 20),
        "what is not applied stays"
    );
    view.trim(3, false);
    assert_eq!(view.tail_bytes(), 10 << 20, "nobody follows");
}

#[test]
fn entries_come_back_from_the_form_of_the_log() {
    let plain = Entry {
        index: 5,
        term: 2,
        data: b"data".to_vec(),
        ..Entry::default()
    };
    assert_eq!(to_wal(plain.clone()), entry(5, 2, b"data"));
    assert_eq!(from_wal(to_wal(plain.clone())).expect("ours"), plain);
    let change = Entry {
        entry_type: EntryType::EntryConfChangeV2 as i32,
        context: b"context".to_vec(),
        data: b"change".to_vec(),
        index: 6,
        ..plain
    };
    assert_eq!(from_wal(to_wal(change.clone())).expect("ours"), change);
    let unknown = wal::Entry {
        term: 1,
        index: 9,
        kind: 9,
        payload: bytes::Bytes::new(),
    };
    assert!(
        from_wal(unknown)
            .expect_err("not ours")
            .to_string()
            .contains("entry 9")
    );
    let short = wal::Entry {
        term: 1,
        index: 9,
        kind: 0x80,
        payload: vec![9, 0, 0, 0, 1].into(),
    };
    assert!(from_wal(short).is_err());
}

fn message(from: u64, term: u64, kind: MessageType) -> Message {
    let mut message = Message {
        from,
        to: 1,
        term,
        ..Message::default()
    };
    message.set_msg_type(kind);
    message
}

/// The messages of a batch that may leave at once, and those that wait for its sync.
fn sent(ready: &ReadyBatch) -> (Vec<MessageType>, Vec<MessageType>) {
    let kinds = |messages: &[Message]| messages.iter().map(Message::get_msg_type).collect();
    (kinds(&ready.messages), kinds(&ready.messages_after_sync))
}

#[test]
fn a_follower_with_a_slow_disk_answers_heartbeats_and_asks_for_reads_at_once() {
    let mut core = core(1, &[1, 2, 3], 7);
    let mut append = message(2, 1, MessageType::MsgAppend);
    append.entries = vec![Entry {
        index: 1,
        term: 1,
        ..Entry::default()
    }];
    core.step(append).expect("a leader's");
    core.step(message(2, 1, MessageType::MsgHeartbeat))
        .expect("a leader's");
    core.read_index(b"mark".to_vec());
    let ready = core.ready().expect("an entry to persist");
    assert!(ready.must_sync);
    let (at_once, after) = sent(&ready);
    assert_eq!(
        at_once,
        [MessageType::MsgHeartbeatResponse, MessageType::MsgReadIndex]
    );
    assert_eq!(
        after,
        [MessageType::MsgAppendResponse],
        "it promises the entry"
    );
}

/// A log that holds ten entries of the first term.
struct WholeDisk;

impl LogRead for WholeDisk {
    fn entries(&self, low: u64, high: u64, _: usize) -> Result<Vec<wal::Entry>, wal::Error> {
        Ok((low..high).map(|index| entry(index, 1, b"")).collect())
    }
    fn term(&self, index: u64) -> Result<Option<u64>, wal::Error> {
        Ok(Some(u64::from(index > 0)))
    }
    fn first_index(&self) -> u64 {
        1
    }
}

/// Whoever restarted has nothing in memory. A new member has nothing at all, and asks for what follows position 0: nothing is
/// missing there, however often it asks.
#[test]
fn a_follower_whose_log_is_empty_is_sent_all_that_the_disk_holds() {
    let view = LogView::new(
        WholeDisk,
        HardState::default(),
        ConfState::default(),
        (10, 1),
    );
    for _ in 0..3 {
        assert_eq!(view.term(0).expect("known"), 0);
        let ask = || view.entries(1, 11, None, GetEntriesContext::empty(true));
        let later = raft::Error::Store(StorageError::LogTemporarilyUnavailable);
        assert_eq!(ask().expect_err("it is read elsewhere"), later);
        ask().expect_err("it is asked for once");
        let fetches = view.takes_fetches();
        assert_eq!((fetches.len(), view.takes_fetches().len()), (1, 0));
        let asked = fetches.into_iter().map(|fetch| fetch.read(&WholeDisk));
        let waiting = asked.map(|fetched| view.fetched(fetched).len());
        assert_eq!(waiting.sum::<usize>(), 2, "both times");
        assert_eq!(ask().expect("it came").len(), 10);
        view.settle();
    }
}

/// Until the state of another is this member's, the crate believes that all before it is still to be applied, and looks for it
/// in the log when it campaigns.
#[test]
fn who_takes_a_snapshot_does_not_campaign_before_it_is_there() {
    let mut core = core(1, &[1, 2, 3], 7);
    let mut snapshot = message(2, 3, MessageType::MsgSnapshot);
    let mut state = raft::eraftpb::Snapshot::default();
    let place = state.mut_metadata();
    (place.index, place.term) = (70, 3);
    place.mut_conf_state().voters = vec![1, 2, 3];
    snapshot.set_snapshot(state);
    core.step(snapshot).expect("taken");
    let ready = core.ready().expect("it is to be installed");
    assert_eq!(ready.snapshot, Some((70, 3)));
    for _ in 0..50 {
        core.tick();
    }
    core.step(message(2, 3, MessageType::MsgTimeoutNow))
        .expect("heard");
    assert_eq!(core.soft_state().role, Role::Follower);
    core.persisted(ready.number);
    for _ in 0..50 {
        core.tick();
    }
    assert_eq!(core.soft_state().role, Role::Follower, "not applied");
    core.applied(70);
    for _ in 0..50 {
        core.tick();
    }
    assert_eq!(core.soft_state().role, Role::Candidate);
    assert_eq!(core.follower_needs(), None);
}

/// Whoever put an older copy of its data back must not be counted on.
#[test]
fn a_heartbeat_tells_a_member_what_it_has_lost() {
    let core = core(1, &[1, 2, 3], 7);
    let mut heartbeat = message(2, 3, MessageType::MsgHeartbeat);
    assert!(!core.has_lost(&heartbeat));
    heartbeat.commit = 1;
    assert!(core.has_lost(&heartbeat));
    assert!(!core.has_lost(&message(2, 3, MessageType::MsgAppend)));
}

/// A log whose segments are gone, or damaged.
struct GoneDisk;

impl LogRead for GoneDisk {
    fn entries(&self, low: u64, _: u64, _: usize) -> Result<Vec<wal::Entry>, wal::Error> {
        let first = low + 5;
        Err(wal::Error::Compacted { index: low, first })
    }
    fn term(&self, _: u64) -> Result<Option<u64>, wal::Error> {
        Ok(Some(1))
    }
    fn first_index(&self) -> u64 {
        1
    }
}

#[test]
fn a_log_that_lost_what_a_slow_follower_needs_does_not_take_the_leader_with_it() {
    let conf_state = ConfState {
        voters: vec![1, 2, 3],
        ..ConfState::default()
    };
    let hard_state = HardState {
        term: 1,
        commit: 10,
        ..HardState::default()
    };
    let view = LogView::new(GoneDisk, hard_state, conf_state, (10, 1));
    let parameters = Parameters {
        id: 1,
        heartbeat_ticks: 1,
        election_ticks: 10,
        applied: 10,
    };
    let mut core = RaftCore::new(&parameters, view, Box::new(Seeded(1))).expect("valid");
    core.campaign().expect("it has a vote");
    for _ in 0..6 {
        while let Some(ready) = core.ready() {
            core.persisted(ready.number);
            for sent in ready.messages.into_iter().chain(ready.messages_after_sync) {
                let kind = match sent.get_msg_type() {
                    MessageType::MsgRequestPreVote => MessageType::MsgRequestPreVoteResponse,
                    MessageType::MsgRequestVote => MessageType::MsgRequestVoteResponse,
                    MessageType::MsgAppend => MessageType::MsgAppendResponse,
                    _ => continue,
                };
                let mut answer = message(sent.to, sent.term, kind);
                if kind == MessageType::MsgAppendResponse {
                    // It has nothing at all.
                    (answer.reject, answer.index) = (true, sent.index);
                }
                core.step(answer).expect("an answer is heard");
            }
            for fetch in core.takes_fetches() {
                core.fetched(fetch.read(&GoneDisk));
            }
        }
    }
    assert_eq!(core.soft_state().role, Role::Leader);
}

#[test]
fn more_than_there_is_room_for_is_told_before_it_is_dropped() {
    let follower = core(1, &[1, 2, 3], 7);
    assert_eq!(follower.proposal_room(), None, "it does not lead");
    let mut alone = core(1, &[1], 7);
    alone.campaign().expect("alone");
    let first = alone.ready().expect("the vote");
    assert_eq!(alone.proposal_room(), Some(usize::MAX));
    alone.propose(vec![vec![0; 60 << 20]]).expect("any one");
    assert_eq!(alone.proposal_room(), Some(4 << 20));
    alone.propose(vec![vec![0; 5 << 20]]).expect_err("too much");
    alone.propose(vec![vec![0; 4 << 20]]).expect("it fits");
    assert_eq!(alone.proposal_room(), Some(0));
    alone.persisted(first.number);
    while let Some(ready) = alone.ready() {
        alone.persisted(ready.number);
    }
    assert_eq!(alone.proposal_room(), Some(usize::MAX));
}

/// Three members on one thread: messages in one queue, every batch durable at once.
struct Cluster {
    members: Vec<RaftCore<NoDisk>>,
    mail: VecDeque<Message>,
    applied: Vec<Vec<(u64, u64, Vec<u8>)>>,
    trace: Vec<(u64, u64)>,
}

impl Cluster {
    fn new(seed: u64) -> Self {
        let voters = [1, 2, 3];
        Self {
            members: voters.map(|id| core(id, &voters, seed)).into(),
            mail: VecDeque::new(),
            applied: vec![Vec::new(); 3],
            trace: Vec::new(),
        }
    }

    fn settle(&mut self, member: usize) {
        while let Some(ready) = self.members[member].ready() {
            self.mail.extend(ready.messages);
            self.members[member].persisted(ready.number);
            self.mail.extend(ready.messages_after_sync);
            for entry in ready.committed {
                self.applied[member].push((entry.index, entry.term, entry.payload.to_vec()));
            }
            if let Some((index, ..)) = self.applied[member].last() {
                self.members[member].applied(*index);
            }
        }
    }

    fn deliver(&mut self) {
        while let Some(message) = self.mail.pop_front() {
            let member = (message.to - 1) as usize;
            // A stale message is refused by the core; the network does not care.
            let _ = self.members[member].step(message);
            self.settle(member);
        }
    }

    fn run(mut self) -> Self {
        for round in 0..200u64 {
            for member in 0..3 {
                self.members[member].tick();
                self.settle(member);
            }
            self.deliver();
            let leader = self
                .members
                .iter()
                .position(|core| core.soft_state().role == Role::Leader);
            if let Some(leader) = leader {
                let soft = self.members[leader].soft_state();
                self.trace.push((leader as u64, soft.term));
                let data = vec![round.to_le_bytes().to_vec()];
                self.members[leader]
                    .propose(data)
                    .expect("a leader takes proposals");
                self.settle(leader);
                self.deliver();
            }
        }
        self
    }
}

#[test]
fn three_members_agree_and_a_seed_replays_them() {
    for seed in [1, 2, 3] {
        let first = Cluster::new(seed).run();
        assert!(
            first.applied[0].len() > 100,
            "seed {seed}: the cluster made progress"
        );
        let shortest = first.applied.iter().map(Vec::len).min().unwrap_or(0);
        for member in 1..3 {
            assert_eq!(
                first.applied[member][..shortest],
                first.applied[0][..shortest],
                "seed {seed}"
            );
        }
        let again = Cluster::new(seed).run();
        assert_eq!(again.trace, first.trace, "seed {seed}: the same elections");
        assert_eq!(
            again.applied, first.applied,
            "seed {seed}: the same history"
        );
    }
}

impl Cluster {
    fn leader(&self) -> Option<usize> {
        let leads = |core: &RaftCore<NoDisk>| core.soft_state().role == Role::Leader;
        self.members.iter().rposition(leads)
    }

    /// One tick for some of them, and everything that follows. The others are dead.
    fn tick(&mut self, members: &[usize]) {
        for member in members {
            self.members[*member].tick();
            self.settle(*member);
        }
        while let Some(message) = self.mail.pop_front() {
            let member = (message.to - 1) as usize;
            if members.contains(&member) {
                let _ = self.members[member].step(message);
                self.settle(member);
            }
        }
    }
}

#[test]
fn a_leader_hands_over_to_one_that_is_fit_and_has_most_of_the_log() {
    let mut cluster = Cluster::new(1).run();
    let leader = cluster.leader().expect("one leads");
    let own = leader as u64 + 1;
    assert_eq!(
        cluster.members[leader].successor(|_| false),
        None,
        "nobody is fit"
    );
    let other = cluster.members[leader]
        .successor(|_| true)
        .expect("the others answer");
    assert_ne!(other, own);
    let last = cluster.members[leader].successor(|id| id != other);
    let last = last.expect("the third one answers too");
    assert!(last != own && last != other);
    cluster.members[leader].transfer_leadership(last);
    cluster.settle(leader);
    cluster.deliver();
    assert_eq!(cluster.leader(), Some(last as usize - 1), "without a tick");
}

/// The election time-out is ten ticks or more.
#[test]
fn followers_replace_a_leader_whose_process_ended_without_waiting() {
    for seed in 1..20 {
        let mut cluster = Cluster::new(seed).run();
        let leader = cluster.leader().expect("one leads");
        let others: Vec<usize> = (0..3).filter(|member| *member != leader).collect();
        for (late, member) in others.iter().enumerate() {
            // One of them hears of it a tick later.
            if late > 0 {
                cluster.tick(&others);
            }
            cluster.members[*member].ended(leader as u64 + 1);
        }
        let leads = |cluster: &Cluster, member: usize| {
            cluster.members[member].soft_state().role == Role::Leader
        };
        let mut ticks = 0;
        while !others.iter().any(|member| leads(&cluster, *member)) {
            ticks += 1;
            assert!(ticks < 10, "seed {seed}: nobody leads");
            cluster.tick(&others);
        }
    }
}
