//! What the flush thread does by itself, and up to where a full log may be released.

use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use wal::fs::sim::SimFs;

use super::*;
use crate::clock::Clock;
use crate::node::refusal::WriteRefusal;
use crate::node::witness_file;

/// A store with its flusher; the witness file is on a simulated disk.
struct Bench {
    _directory: tempfile::TempDir,
    store: storage::Store,
    writer: storage::Writer,
    status: Arc<Status>,
    flusher: Flusher<SimFs>,
    disk: SimFs,
    log: wal::Wal<SimFs>,
}

/// Looks often, and does by itself only what a test asks for.
fn pace() -> FlushPace {
    FlushPace {
        look: Duration::from_millis(1),
        ..FlushPace::default()
    }
}

impl Bench {
    fn new(mode: &storage::Mode, pace: FlushPace) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let options = storage::StoreOptions::default();
        let (store, writer) =
            storage::open_with(directory.path(), options, mode).expect("a new store opens");
        let fs = SimFs::new(1);
        let identity = wal::Identity {
            cluster: 1,
            member: 7,
        };
        let base = wal::Position { term: 1, index: 1 };
        let options = wal::Options::default();
        let log = wal::Wal::create(fs.clone(), Path::new("/wal"), identity, base, options)
            .expect("a new log");
        let found = witness_file::read(&fs, Path::new("/")).expect("there is none");
        let file = WitnessFile::begin(&fs, Path::new("/"), &found, identity, log.witness())
            .expect("it is made");
        let status = Arc::new(Status::new(Clock::system()));
        let flusher = Flusher::new(
            store.clone(),
            Arc::new(Mutex::new(log.witness())),
            file,
            status.clone(),
            Metrics::new("test"),
            directory.path().to_owned(),
            DiskSpace::system(),
        );
        Self {
            _directory: directory,
            store,
            writer,
            status,
            flusher: flusher.paced(pace),
            disk: fs,
            log,
        }
    }

    /// Makes an entry durable in the log, and known to be.
    fn log_entry(&mut self) -> u64 {
        let index = self.log.last_index() + 1;
        let entry = wal::Entry {
            term: 1,
            index,
            kind: 0,
            payload: "x".into(),
        };
        self.log.append(&[entry], None).expect("appended");
        self.log.sync().expect("synced");
        *self.flusher.witness.lock().expect("no panic") = self.log.witness();
        index
    }

    /// The last entry that the witness file names.
    fn witnessed(&self) -> u64 {
        let found = witness_file::read(&self.disk, Path::new("/")).expect("readable");
        found.testimony().expect("there is one").witness.index
    }

    fn apply_up_to(&mut self, index: u64) {
        let mut batch = self.writer.batch();
        batch.skip(index);
        batch.commit().expect("committed");
        self.status.set_applied(index);
    }

    /// The thread, until what it gives is dropped.
    fn run(&self) -> Running {
        let (ask, requests) = sync_channel(1);
        let mut flusher = self.flusher.clone();
        let thread =
            thread::spawn(move || flusher.run(&requests, |_| {}, |_| {}, || false, |_| {}));
        Running { ask, thread }
    }
}

struct Running {
    ask: SyncSender<()>,
    thread: thread::JoinHandle<Result<(), FlushError>>,
}

impl Running {
    fn end(self) {
        drop(self.ask);
        self.thread.join().expect("no panic").expect("no failure");
    }
}

/// Waits until it holds; gives up after a time that only a broken thread takes.
fn until(mut holds: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() && Instant::now() < end {
        thread::sleep(Duration::from_millis(1));
    }
    holds()
}

#[test]
fn a_full_log_is_given_what_two_flushes_hold() {
    let mut bench = Bench::new(&storage::Mode::Normal, pace());
    bench.apply_up_to(10);
    bench.flusher.flush(false).expect("flushed");
    bench.apply_up_to(20);
    let full = WriteRefusal::LogFull("full".to_owned());
    bench.status.refusals().add(full);
    let Bench {
        store,
        mut writer,
        status,
        mut flusher,
        ..
    } = bench;
    let (ask, requests) = sync_channel(1);
    let flushing = thread::spawn(move || {
        let touch = || writer.touch().is_ok();
        flusher.run(&requests, |_| {}, |_| {}, touch, |_| {})
    });
    let mut released = Vec::new();
    for wanted in [10, 20] {
        ask.send(()).expect("the thread waits");
        until(|| status.releasable() >= wanted);
        released.push(status.releasable());
    }
    drop(ask);
    flushing.join().expect("no panic").expect("no failure");
    assert_eq!(released, [10, 20]);
    assert_eq!(store.durable().index, 20);
}

#[test]
fn what_has_lain_in_memory_for_long_is_flushed_unasked() {
    let soon = FlushPace {
        flush: Duration::ZERO,
        ..pace()
    };
    let mut bench = Bench::new(&storage::Mode::Normal, soon);
    let running = bench.run();
    bench.apply_up_to(10);
    assert!(until(|| bench.store.durable().index == 10));
    running.end();

    let mut bench = Bench::new(&storage::Mode::Normal, pace());
    bench.apply_up_to(10);
    // It is asked once and then looks at least once more before it hears that it is over.
    let running = bench.run();
    assert!(running.ask.send(()).is_ok());
    assert!(until(|| bench.store.durable().index == 10));
    bench.apply_up_to(20);
    running.end();
    assert_eq!(bench.store.durable().index, 10, "not before its time");
}

#[test]
fn a_flush_that_meets_a_reopening_is_made_up_for() {
    let mut bench = Bench::new(&storage::Mode::Normal, pace());
    bench.apply_up_to(10);
    bench.store.flush().expect("flushed");
    let mode = storage::Mode::WithoutCompaction(vec!["events"]);
    let patience = Duration::from_secs(20);
    bench
        .writer
        .reopen(&mode, patience)
        .expect("nobody holds it");
    // What the log has beyond the last flush is applied while the gate is closed.
    bench.apply_up_to(20);
    let mut flusher = bench.flusher.clone();
    assert_eq!(flusher.flush_or_owe(false).expect("no failure"), None);
    assert!(flusher.owed);
    bench.writer.show().expect("caught up");
    let running = Bench { flusher, ..bench };
    let thread = running.run();
    assert!(until(|| running.store.durable().index == 20));
    thread.end();
}

#[test]
fn history_at_rest_may_pile_up_only_so_far() {
    let mode = storage::Mode::WithoutCompaction(vec!["events", "default"]);
    let bounded = FlushPace {
        resting_files: 5,
        ..pace()
    };
    let mut bench = Bench::new(&mode, bounded);
    let row = storage::Error::Corrupt {
        column: "events",
        key: "7".to_owned(),
        reason: "a byte is wrong",
    };
    bench.status.damaged(&row.damage().expect("damage"));
    assert!(bench.status.refuses_writes().is_none(), "only history");
    let running = bench.run();
    for index in 1..=5 {
        assert!(bench.status.refuses_writes().is_none(), "{index} files");
        write_one_event(&mut bench.writer, index);
        bench.store.flush().expect("flushed");
    }
    assert!(until(|| bench.status.refuses_writes().is_some()));
    let reason = bench.status.refuses_writes().expect("refused").to_string();
    assert!(
        reason.contains("events cannot be compacted") && reason.contains("5 files"),
        "{reason}"
    );
    running.end();
}

fn write_one_event(writer: &mut storage::Writer, index: u64) {
    let path = storage::KeyPath::new(b"/k".to_vec()).expect("a canonical path");
    let content = storage::Content::File("v".into());
    let write = storage::Write::new(path, storage::WriteMode::Set, content);
    let operation = storage::Operation::Write(write);
    let mut batch = writer.batch();
    batch.apply_one(index, index, &operation).expect("applies");
    batch.commit().expect("committed");
}

/// A log of before the start in the place of this one is told as soon as anything of this run is witnessed.
#[test]
fn the_first_entry_after_a_start_is_witnessed_at_once_and_the_next_in_its_time() {
    let slow = FlushPace {
        look: Duration::from_secs(30),
        first_look: Duration::from_millis(5),
        witness: Duration::from_secs(3600),
        ..FlushPace::default()
    };
    let mut bench = Bench::new(&storage::Mode::Normal, slow);
    let running = bench.run();
    let first = bench.log_entry();
    assert!(until(|| bench.witnessed() == first));
    let second = bench.log_entry();
    // When the last is taken, all that follows the first is done.
    for _ in 0..3 {
        running.ask.send(()).expect("the thread waits");
    }
    running.end();
    assert_eq!(bench.witnessed(), first, "{second} came within the hour");
}

#[test]
fn an_idle_node_writes_no_witness() {
    let often = FlushPace {
        witness: Duration::ZERO,
        ..pace()
    };
    let mut bench = Bench::new(&storage::Mode::Normal, often);
    let running = bench.run();
    let first = bench.log_entry();
    assert!(until(|| bench.witnessed() == first));
    let written = bench.disk.content(Path::new("/WITNESS"));
    // When the last is taken, the thread has looked twice more.
    for _ in 0..3 {
        running.ask.send(()).expect("the thread waits");
    }
    running.end();
    // A slot that is written has a number of its own.
    assert!(bench.disk.content(Path::new("/WITNESS")) == written);
    assert_eq!(bench.flusher.until_stale(), None);
}
