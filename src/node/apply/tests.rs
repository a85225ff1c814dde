//! What a worker does after an entry that it could not apply.

use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use storage::operation::{Content, Operation, Write, WriteMode};
use storage::path::KeyPath;
use tempfile::TempDir;
use wal::fs::sim::SimFs;

use super::context::ApplyContext;
use super::error::ApplyError;
use super::group::MAX_HELD_BYTES;
use super::worker::ApplyWorker;
use crate::clock::{Clock, SimulatedClock};
use crate::command::{Proposal, Stamp, Ttl};
use crate::metrics::Metrics;
use crate::node::batch::ApplyBatch;
use crate::node::cluster_clock::ClusterClock;
use crate::node::marker::Marker;
use crate::node::status::Status;
use crate::watch::Hub;

fn worker() -> (ApplyWorker, ApplyContext, TempDir) {
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
        hub: Arc::new(Hub::new(clock.clone(), store, 10, metrics.clone())),
        waiters: Arc::default(),
        status: Arc::new(Status::new(clock.clone())),
        counters: Arc::default(),
        clock: ClusterClock::resume(clock, &Stamp::default()),
        witness: Arc::new(Mutex::new(witness)),
        metrics,
    };
    let flush = sync_channel(1).0;
    let worker = ApplyWorker::new(writer, Marker::default(), shared.clone(), u64::MAX, flush);
    (worker, shared, directory)
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
