//! Holds the store against an independent model of the tree: random commands, batches, crashes,
//! flushes and compactions, every answer compared.
//!
//! `STORAGE_SEED` replays one case, `STORAGE_CASES` sets how many are run, `STORAGE_STEPS` how long
//! each is.
#![forbid(unsafe_code)]

mod model;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

use storage::{Content, KeyPath, Operation, StoreOptions, Write, WriteMode};

use model::generator::{Step, case};
use model::subject::Subject;
use model::{Command, beside, decision_table, run, shrink};

/// Cases in a run that sets nothing else, and steps in each.
const CASES: u64 = 12;
const STEPS: u64 = 60;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")),
    )
}

/// Why a case fails, if it does; a panic inside the store is a failure like others.
fn failure(seed: u64, steps: &[Step]) -> Option<String> {
    match catch_unwind(AssertUnwindSafe(|| run::run(seed, steps))) {
        Ok(Ok(())) => None,
        Ok(Err(difference)) => Some(format!("{difference:?}")),
        Err(panic) => Some(match panic.downcast_ref::<String>() {
            Some(text) => format!("panicked: {text}"),
            None => format!("panicked: {:?}", panic.downcast_ref::<&str>()),
        }),
    }
}

fn hold(seed: u64, steps: &[Step]) {
    let Some(first) = failure(seed, steps) else {
        return;
    };
    let replay =
        format!("STORAGE_SEED={seed} cargo test -p storage --test model_test random_cases");
    // What comes and goes with the store's background work cannot be cut down; it is a failure all
    // the same.
    if failure(seed, steps).is_none() {
        panic!("seed {seed}: {first}\n\nnot seen when run again at once; try: {replay}");
    }
    let fewest = shrink::shrink(steps, |fewer| failure(seed, fewer).is_some());
    let last = failure(seed, &fewest).unwrap_or_else(|| "not seen again".into());
    let trace: Vec<String> = fewest.iter().map(Step::to_string).collect();
    let trace = trace.join("\n  ");
    panic!(
        "seed {seed}: {first}\n\ncut down to\n  {trace}\nwhich gives {last}\n\nreplay: {replay}"
    );
}

#[test]
fn random_cases() {
    let seeds = match number("STORAGE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("STORAGE_CASES").unwrap_or(CASES),
    };
    let steps = number("STORAGE_STEPS").unwrap_or(STEPS) as usize;
    for seed in seeds {
        hold(seed, &case(seed, steps));
    }
}

/// The decision table of keys-api 5.1, each request alone and made anew from the same columns.
#[test]
fn every_cell_of_the_decision_table() {
    let mut index = 0;
    let mut command = |operations| {
        index += 1;
        Command {
            index,
            cluster_time: index,
            operations,
        }
    };
    let batches = decision_table::requests().into_iter().map(|request| {
        [decision_table::columns(), vec![request]]
            .map(&mut command)
            .into()
    });
    let steps: Vec<Step> = batches.map(Step::Batch).collect();
    hold(0, &steps);
}

/// Answers of the cache and of views, taken on other threads between and during commits.
#[test]
fn readers_beside_the_writer() {
    let seeds = number("STORAGE_SEED").map_or(0..3, |seed| seed..seed + 1);
    for seed in seeds {
        for (name, held) in [
            ("case", beside::beside_a_case(seed)),
            ("hot files", beside::beside_hot_files(seed)),
        ] {
            held.unwrap_or_else(|difference| panic!("seed {seed}, {name}: {difference:?}"));
        }
    }
}

/// A flush that meets one of RocksDB's own, which full memtables start, still waits for the last
/// commit.
#[test]
fn a_flush_leaves_nothing_behind() {
    let options = StoreOptions {
        memtable_bytes: 64 << 10,
        ..StoreOptions::default()
    };
    let mut subject = Subject::create(options).expect("a new store");
    let mut index = 0;
    let mut command = |operation| {
        index += 1;
        Command {
            index,
            cluster_time: 0,
            operations: vec![operation],
        }
    };
    for round in 0..300 {
        // The last commit touches one column family alone, so that the others have nothing new to
        // flush.
        let files = (0..=round % 40).map(|file| {
            Operation::Write(Write::new(
                KeyPath::root().child(format!("{file}").as_bytes()),
                WriteMode::Set,
                Content::File(vec![b'v'; 700].into()),
            ))
        });
        let record = Operation::Record {
            key: "r".into(),
            value: None,
        };
        for operation in files.chain([record]) {
            subject
                .apply(&[command(operation)], true)
                .expect("the disk takes it");
        }
        let flushed = subject.store().flush().expect("the disk takes it");
        assert_eq!(flushed, subject.store().applied(), "round {round}");
    }
}

/// A commit may change the caller's bytes alone, at the index that is already applied.
#[test]
fn a_flush_keeps_a_marker_that_came_without_a_command() {
    let mut subject = Subject::create(StoreOptions::default()).expect("a new store");
    for marker in [&b"first"[..], b"second"] {
        let mut batch = subject.writer().batch();
        batch.skip(5);
        batch.set_marker(marker);
        batch.commit().expect("the memory takes it");
        // On a thread of its own, so that a flush that never ends fails instead of hanging; it sends
        // one answer.
        let (store, (sender, receiver)) = (subject.store().clone(), mpsc::sync_channel(1));
        std::thread::spawn(move || sender.send(store.flush()));
        let ended = receiver
            .recv_timeout(Duration::from_secs(30))
            .expect("the flush ends");
        let flushed = ended.expect("the disk takes it");
        assert_eq!((flushed.index, &flushed.marker[..]), (5, marker));
        assert_eq!(flushed, subject.store().durable());
    }
}
