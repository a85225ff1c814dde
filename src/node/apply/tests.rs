//! What a worker does after an entry that it could not apply.

use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use prost11::Message as _;
use raft::eraftpb::EntryType;
use storage::operation::{Content, Operation, Write, WriteMode};
use storage::path::KeyPath;
use tempfile::TempDir;
use wal::fs::sim::SimFs;

use super::context::ApplyContext;
use super::error::ApplyError;
use super::group::MAX_HELD_BYTES;
use super::worker::ApplyWorker;
use crate::clock::{Clock, SimulatedClock};
use crate::command::{Change, Proposal, Stamp, Ttl};
use crate::metrics::Metrics;
use crate::node::batch::{ApplyBatch, JudgedChange};
use crate::node::change;
use crate::node::cluster_clock::ClusterClock;
use crate::node::marker::Marker;
use crate::node::status::Status;
use crate::raft::entry::{changes_membership, to_wal};
use crate::watch::Hub;

fn worker() -> (ApplyWorker, ApplyContext, TempDir) {
    let (worker, _, shared, directory) = worker_and_store();
    (worker, shared, directory)
}

fn worker_and_store() -> (ApplyWorker, storage::Store, ApplyContext, TempDir) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (store, writer) = storage::open(directory.path(), storage::StoreOptions::default())
        .expect("a new store opens");
    let metrics = Metrics::new("test");
    let base = wal::Position { term: 1, index: 0 };
    let identity = wal::Identity {
        cluster: 1,
        member: 7,
    };
    let options = wal::Options::default();
    let log = wal::Wal::create(SimFs::new(1), Path::new("/wal"), identity, base, options);
    let witness = log.expect("a new log").witness();
    let clock = Clock::simulated(Arc::new(SimulatedClock::new(1, 1, 1)));
    let shared = ApplyContext {
        hub: Arc::new(Hub::new(clock.clone(), store.clone(), 10, metrics.clone())),
        waiters: Arc::default(),
        status: Arc::new(Status::new(clock.clone())),
        counters: Arc::default(),
        clock: ClusterClock::resume(clock, &Stamp::default()),
        witness: Arc::new(Mutex::new(witness)),
        metrics,
    };
    let flush = sync_channel(1).0;
    let worker = ApplyWorker::new(writer, Marker::default(), shared.clone(), u64::MAX, flush);
    (worker, store, shared, directory)
}

fn entry(index: u64) -> wal::Entry {
    entry_of(index, set(b"k", Bytes::from_static(b"v")))
}

fn set(name: &[u8], value: Bytes) -> Operation<Ttl> {
    Operation::Write(Write::new(
        KeyPath::root().child(name),
        WriteMode::Set,
        Content::File(value),
    ))
}

fn entry_of(index: u64, operation: Operation<Ttl>) -> wal::Entry {
    let data = Proposal::new(&operation).stamp(&Stamp::default());
    wal::Entry {
        index,
        term: 1,
        kind: 0,
        payload: data.into(),
    }
}

fn unreadable(index: u64) -> wal::Entry {
    wal::Entry {
        payload: vec![255; 60].into(),
        ..entry(index)
    }
}

fn change(index: u64, change: &Change) -> wal::Entry {
    to_wal(raft::eraftpb::Entry {
        entry_type: EntryType::EntryConfChange as i32,
        index,
        term: 1,
        context: Proposal::of_change(change).stamp(&Stamp::default()),
        data: change::for_crate(change).encode_to_vec(),
        ..raft::eraftpb::Entry::default()
    })
}

fn judged(worker: &ApplyWorker, entry: &wal::Entry) -> JudgedChange {
    let lease = worker.store.writer.lease().expect("open");
    let before = &worker.marker().conf_state;
    change::judge(&lease.view(), before, entry).expect("there is a verdict")
}

fn step(worker: &mut ApplyWorker, entries: Vec<wal::Entry>) -> Result<(), ApplyError> {
    worker.step(vec![ApplyBatch::of(entries)], &mut |_| {})
}

#[test]
fn nothing_is_applied_after_an_entry_that_was_not() {
    let (mut worker, shared, _directory) = worker();
    step(&mut worker, vec![entry(1)]).expect("applied");
    let error = step(&mut worker, vec![entry(2), unreadable(3)]).expect_err("it is no command");
    assert!(
        matches!(error, ApplyError::Decode { index: 3, .. }),
        "{error}"
    );
    // The loop that handed over the failed one does not know of it yet.
    step(&mut worker, vec![entry(2)]).expect("passed over");
    step(&mut worker, vec![entry(4)]).expect("passed over");
    assert_eq!(worker.store.writer.applied().index, 1);
    assert_eq!(
        shared.counters.sets.read(),
        (1, 0),
        "what was not applied does not count"
    );
    assert_eq!(worker.marker().term, 1);
}

#[test]
fn entries_that_do_not_follow_the_store_are_refused() {
    let (mut worker, _, _directory) = worker();
    step(&mut worker, vec![entry(1)]).expect("applied");
    let error = step(&mut worker, vec![entry(3)]).expect_err("entry 2 is missing");
    let told = matches!(
        error,
        ApplyError::Gap {
            index: 3,
            applied: 1
        }
    );
    assert!(told, "{error}");
    step(&mut worker, vec![entry(2)]).expect("passed over");
    assert_eq!(worker.store.writer.applied().index, 1);
}

/// The events hold what went: entries of a few bytes must not bring all values of a store into memory at once.
#[test]
fn a_batch_ends_when_its_outcomes_hold_enough() {
    const KEYS: u64 = 40;
    let (mut worker, _, _directory) = worker();
    let value = Bytes::from(vec![b'v'; 1 << 20]);
    let name = |number: u64| format!("k{number}").into_bytes();
    for index in 1..=KEYS {
        let entry = entry_of(index, set(&name(index), value.clone()));
        step(&mut worker, vec![entry]).expect("applied");
    }
    let delete = |number| Operation::Delete {
        path: KeyPath::root().child(&name(number)),
        dir: false,
        recursive: false,
    };
    let deletes = (1..=KEYS).map(|number| entry_of(KEYS + number, delete(number)));
    let mut ends = vec![KEYS];
    worker
        .step(vec![ApplyBatch::of(deletes.collect())], &mut |end| {
            ends.push(end)
        })
        .expect("applied");
    assert_eq!(ends.last(), Some(&(2 * KEYS)), "{ends:?}");
    let most = (MAX_HELD_BYTES >> 20) as u64;
    let sizes: Vec<u64> = ends.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        sizes.iter().all(|size| (1..=most).contains(size)),
        "{sizes:?}"
    );
    assert_eq!(worker.store.writer.applied().index, 2 * KEYS);
}

/// What was not flushed is applied again from the log, with who had a vote before it.
#[test]
fn a_change_of_membership_that_a_reopening_lost_is_judged_again() {
    let (mut worker, store, _shared, _directory) = worker_and_store();
    worker.store.marker.member = 7;
    worker.store.marker.conf_state.voters = vec![7, 8];
    step(&mut worker, vec![entry(1)]).expect("applied");
    store.flush().expect("flushed");
    let added = Change::Add {
        id: 9,
        peer_urls: vec!["http://member-9".to_owned()],
    };
    // The second time it does not hold.
    let entries = [change(2, &added), entry(3), change(4, &added)];
    for entry in &entries {
        let batch = match changes_membership(entry) {
            false => ApplyBatch::of(vec![entry.clone()]),
            true => ApplyBatch {
                entries: vec![entry.clone()],
                changes: vec![judged(&worker, entry)],
            },
        };
        worker.step(vec![batch], &mut |_| {}).expect("applied");
    }
    let seen = worker.store.writer.applied().clone();
    assert_eq!(worker.marker().conf_state.learners, [9]);
    let log = entries.to_vec();
    worker.set_log(Box::new(move |from, until| {
        let wanted = log
            .iter()
            .filter(|entry| (from..until).contains(&entry.index));
        Ok(wanted.cloned().collect())
    }));
    worker.store.reopen().expect("it opens again");
    let again = worker.store.writer.applied();
    assert_eq!((again.index, again.hash), (seen.index, seen.hash));
    let marker = Marker::decode(&again.marker).expect("it was encoded");
    assert_eq!(marker.conf_state, worker.marker().conf_state);
    assert_eq!(marker.conf_state.voters, [7, 8]);
    let row = store.record(b"learner/0000000000000009");
    assert!(row.expect("readable").is_some());
}

#[test]
fn a_boot_is_written_down_once() {
    let (mut worker, _, _directory) = worker();
    assert!(
        !worker.note_boot().expect("alone"),
        "its stamps are its own"
    );
    worker.store.marker.own = Some(Stamp {
        boot: 9,
        ..Stamp::default()
    });
    worker.store.marker.conf_state.voters = vec![1, 2, 3];
    assert!(worker.note_boot().expect("another boot"));
    let own = worker.marker().own;
    assert_eq!(own.map(|own| own.boot), Some(9), "that stays as it is");
    let stored = worker.store.writer.applied().marker.clone();
    let stored = Marker::decode(&stored).expect("decodes");
    assert_eq!(stored.booted.map(|booted| booted.boot), Some(1));
    assert!(!worker.note_boot().expect("the same"));
}
