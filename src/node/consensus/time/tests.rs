//! Which word of a leader counts.

use std::sync::Arc;
use std::time::Duration;

use raft::eraftpb::{ConfState, HardState, Message, MessageType};

use super::super::{ConsensusLoop, ConsensusOptions};
use super::*;
use crate::clock::{Clock, SimulatedClock};
use crate::command::Proposal;
use crate::metrics::Metrics;
use crate::node::batch::{ApplyBatch, JudgedChange, LogBatch, Persisted};
use crate::node::change::ChangeError;
use crate::node::cluster_clock::ClusterClock;
use crate::node::intake::Inputs;
use crate::node::status::Status;
use crate::node::waiters::Waiters;
use crate::raft::entry::from_wal;
use crate::raft::log::LogView;
use crate::raft::tests::{NoDisk, Seeded};
use crate::raft::{Fetch, Parameters, RaftCore};

/// Nothing of what is handed out is done.
struct Nowhere;

impl Effects for Nowhere {
    fn persist(&mut self, _: LogBatch, _: bool) -> Option<Persisted> {
        None
    }
    fn apply(&mut self, _: ApplyBatch, _: bool) -> Option<u64> {
        None
    }
    fn send(&mut self, _: Vec<Message>) {}
    fn send_write(&mut self, _: u64, _: WriteMessage) {}
    fn fetch(&mut self, _: Vec<Fetch>) {}
    fn export(&mut self) {}
    fn discard_export(&mut self) {}
    fn judge(&self, _: &ConfState, _: &wal::Entry) -> Result<Option<JudgedChange>, ChangeError> {
        Ok(None)
    }
    fn next_deadline(&self) -> Option<u64> {
        None
    }
}

fn at(seconds: u64) -> Stamp {
    Stamp {
        cluster_time: seconds * SECOND,
        ..Stamp::default()
    }
}

/// Member 1 of three.
fn follower(clock: &ClusterClock) -> ConsensusLoop<NoDisk> {
    let conf_state = ConfState {
        voters: vec![1, 2, 3],
        ..ConfState::default()
    };
    // It is no founder that waits for the others.
    let hard_state = HardState {
        term: 1,
        ..HardState::default()
    };
    let view = LogView::new(NoDisk, hard_state, conf_state, (0, 0));
    let parameters = Parameters {
        id: 1,
        heartbeat_ticks: 1,
        election_ticks: 10,
        applied: 0,
    };
    let core = RaftCore::new(&parameters, view, Box::new(Seeded(1))).expect("a core");
    let machine = clock.machine().clone();
    ConsensusLoop::new(
        core,
        ConsensusOptions {
            id: 1,
            tick: Duration::from_millis(100),
            first_request: 1,
        },
        clock.clone(),
        Arc::new(Status::new(machine)),
        Arc::new(Waiters::default()),
        Metrics::new("test"),
        0,
    )
}

/// A leader sends the entry behind `before` (index and term).
fn appended(from: u64, term: u64, before: (u64, u64), stamp: &Stamp) -> Message {
    let entry = from_wal(wal::Entry {
        index: before.0 + 1,
        kind: 0,
        term,
        payload: Proposal::of_server(&[]).stamp(stamp).into(),
    });
    Message {
        msg_type: MessageType::MsgAppend as i32,
        from,
        to: 1,
        term,
        index: before.0,
        log_term: before.1,
        entries: vec![entry.expect("of a kind that is known")],
        ..Message::default()
    }
}

/// A leader says its time.
fn said(from: u64, term: u64, seconds: u64) -> (u64, WriteMessage) {
    let (stamp, last) = (at(seconds), 0);
    (from, WriteMessage::Time { term, stamp, last })
}

#[test]
fn the_time_of_a_leader_counts_once_its_log_is_the_one_here() {
    let machine = Clock::simulated(Arc::new(SimulatedClock::new(SECOND, SECOND, 1)));
    let clock = ClusterClock::resume(machine, &Stamp::default());
    let mut member = follower(&clock);
    let mut hears = |message: Message, word| {
        let inputs = Inputs {
            messages: vec![message],
            write_messages: vec![word],
            ..Inputs::default()
        };
        member.step(inputs, &mut Nowhere).expect("goes on");
        clock.now() / SECOND
    };
    let beats = |from, term| Message {
        msg_type: MessageType::MsgHeartbeat as i32,
        from,
        to: 1,
        term,
        ..Message::default()
    };
    let first = appended(2, 3, (0, 0), &at(100));
    assert_eq!(
        hears(first, said(2, 3, 110)),
        100,
        "entries are followed last"
    );
    assert_eq!(hears(beats(2, 3), said(2, 3, 120)), 120);
    // It has not sent anything of its own: entry 1 may be unknown to it.
    assert_eq!(hears(beats(3, 4), said(3, 4, 500)), 120);
    let second = appended(3, 4, (1, 3), &at(130));
    hears(second, said(3, 4, 140));
    assert_eq!(hears(beats(3, 4), said(3, 4, 150)), 150);
    assert_eq!(hears(beats(3, 4), said(2, 3, 900)), 150, "it leads no more");
}
