//! Breaches of the log's invariants, planted: each is caught before anything is written after it.

use std::path::Path;

use super::*;
use crate::entry::{Entry, Place};
use crate::fs::sim::SimFs;
use crate::scan::GroupSummary;

fn log() -> Wal<SimFs> {
    let identity = Identity {
        cluster: 1,
        member: 2,
    };
    let options = Options {
        background: false,
        ..Options::default()
    };
    let log = Wal::create(
        SimFs::new(1),
        Path::new("/wal"),
        identity,
        Position::default(),
        options,
    );
    log.expect("an empty disk takes a log")
}

fn entry(index: u64) -> Entry {
    Entry {
        term: 1,
        index,
        kind: 0,
        payload: b"payload".as_slice().into(),
    }
}

#[test]
#[should_panic(expected = "invariant wal-durable")]
fn what_is_durable_and_not_written_is_caught() {
    let mut log = log();
    log.durable.place.offset += 512;
    let _ = log.append(&[entry(1)], None);
}

#[test]
#[should_panic(expected = "invariant wal-written")]
fn what_was_appended_and_is_nowhere_is_caught() {
    let mut log = log();
    log.append(&[entry(1)], None).expect("room");
    log.pending.clear();
    let _ = log.sync();
}

#[test]
#[should_panic(expected = "invariant group-decodes")]
fn a_group_that_cannot_be_read_back_is_caught() {
    let mut log = log();
    log.append(&[entry(1)], None).expect("room");
    log.pending.front_mut().expect("a group").spoil();
    let _ = log.sync();
}

#[test]
#[should_panic(expected = "invariant index-order")]
fn a_group_noted_behind_a_later_one_is_caught() {
    let mut log = log();
    log.append(&[entry(1)], None).expect("room");
    log.sync().expect("durable");
    let earlier = GroupSummary {
        place: Place::default(),
        entries: 1,
        first_term: 1,
        ..GroupSummary::empty(1)
    };
    let _ = log.index_mut().apply(&earlier);
}
