//! Rates of the store on this machine: sets in batches of 1, 16 and 256, gets, listings, old
//! revisions, deletes.
//!
//! `cargo bench -p storage` prints one line per figure. The data: 200,000 files of 128 bytes in 200
//! directories, in a temporary directory of the disk below the system's. Beside the wall clock
//! stands the processor time of the calling thread and of all threads together: on a busy machine
//! only those can be compared.

use std::time::Instant;

use bytes::Bytes;
use storage::{
    Content, EventFilter, KeyPath, Operation, Store, StoreOptions, Write, WriteMode, Writer,
};

const FILES: u64 = 200_000;
const PER_DIRECTORY: u64 = 1_000;
const VALUE: usize = 128;
/// Operations between two looks at the clock.
const CHUNK: u64 = 2_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // cargo test runs benches too, with --test: one small round shows that it works.
    let files = if std::env::args().any(|argument| argument == "--test") {
        4_000
    } else {
        FILES
    };
    let home = tempfile::tempdir()?;
    let (store, writer) = storage::open(home.path(), StoreOptions::default())?;
    let mut bench = Bench {
        store,
        writer,
        index: 0,
        random: 1,
        files,
    };
    bench.load()?;
    bench.writes()?;
    bench.reads()?;
    bench.listings()?;
    bench.history()?;
    bench.delete()?;
    println!(
        "{:<44} {:>10.1} MiB",
        "resident memory",
        resident() as f64 / f64::from(1 << 20)
    );
    println!("{:?}", bench.store.statistics());
    bench.reopen(home.path())
}

struct Bench {
    store: Store,
    writer: Writer,
    index: u64,
    random: u64,
    files: u64,
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

impl Bench {
    fn next(&mut self) -> u64 {
        // xorshift: the same order in every run.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn sets(
        &mut self,
        count: u64,
        batch: usize,
        pick: impl Fn(&mut Self, u64) -> u64,
    ) -> Result<Cost, storage::Error> {
        let mut spent = Cost::default();
        let mut done = 0;
        while done < count {
            // Made before the clock starts: what is measured is the store.
            let operations: Vec<_> = (0..CHUNK).map(|at| set(pick(self, done + at))).collect();
            let started = start();
            for operations in operations.chunks(batch) {
                let mut writes = self.writer.batch();
                for operation in operations {
                    self.index += 1;
                    std::hint::black_box(writes.apply_one(self.index, self.index, operation)?);
                }
                writes.commit()?;
            }
            spent.add(&started);
            done += CHUNK;
            self.writer.compact(4_096)?;
        }
        Ok(spent)
    }

    fn load(&mut self) -> Outcome {
        let files = self.files;
        // A stride without a common divisor visits every file once, far from the one before.
        let spent = self.sets(files, 256, |_, at| at.wrapping_mul(7_919) % files)?;
        rate("first load, batches of 256", files, spent);
        Ok(())
    }

    fn writes(&mut self) -> Outcome {
        let files = self.files;
        for batch in [1, 16, 256] {
            let count = files / 4;
            let spent = self.sets(count, batch, |bench, _| bench.next() % files)?;
            rate(&format!("overwrites, batches of {batch}"), count, spent);
        }
        let spent = self.sets(files / 4, 16, |bench, _| bench.next() % 1_000)?;
        rate(
            "overwrites of 1,000 hot files, batches of 16",
            files / 4,
            spent,
        );
        Ok(())
    }

    fn reads(&mut self) -> Outcome {
        let files = self.files;
        self.store.flush()?;
        for (name, among, offset) in [
            ("get, random", files, 0),
            ("get, 1,000 hot", 1_000, 0),
            ("get, absent", files, files),
        ] {
            let wanted: Vec<_> = (0..100_000)
                .map(|_| path(self.next() % among + offset))
                .collect();
            let started = start();
            for path in &wanted {
                std::hint::black_box(self.store.get(path)?.0.is_ok());
            }
            since(name, wanted.len() as u64, &started);
        }
        Ok(())
    }

    fn listings(&mut self) -> Outcome {
        for round in 0..3 {
            let started = start();
            let lease = self.store.lease()?;
            let view = lease.view();
            let mut walk = view.walk(&KeyPath::root(), true, true);
            let (mut nodes, mut bytes) = (0, 0);
            while let Some(item) = walk.next()? {
                nodes += 1;
                bytes += item.path.len() + item.value.map_or(0, <[u8]>::len);
            }
            since(
                &format!("recursive listing of everything, {round}"),
                nodes,
                &started,
            );
            std::hint::black_box(bytes);
        }
        self.list("list a directory of 1,000 files", "/t/d00003")?;
        self.list("list 200 directories of 1,000 files", "/t")
    }

    fn list(&self, name: &str, path: &str) -> Outcome {
        let path = KeyPath::new(path.as_bytes().to_vec())?;
        for _ in 0..2 {
            let started = start();
            let lease = self.store.lease()?;
            let view = lease.view();
            let mut walk = view.walk(&path, false, false);
            let mut nodes = 0;
            while walk.next()?.is_some() {
                nodes += 1;
            }
            since(name, nodes, &started);
        }
        Ok(())
    }

    fn history(&mut self) -> Outcome {
        let lease = self.store.lease()?;
        let view = lease.view();
        let past = view.at(self.files)?;
        let started = start();
        let mut walk = past.walk(&KeyPath::root(), true, true);
        let mut nodes = 0;
        while walk.next()?.is_some() {
            nodes += 1;
        }
        since("everything at an old revision", nodes, &started);
        let started = start();
        let none = KeyPath::new("/nowhere")?;
        assert_eq!(view.events(1, EventFilter::new(&none, true)).count(), 0);
        since("events passed over", view.revision(), &started);
        let from = view.revision().saturating_sub(20_000) + 1;
        let started = start();
        let events = view
            .events(from, EventFilter::all())
            .filter(Result::is_ok)
            .count();
        since("events with node and prevNode", events as u64, &started);
        Ok(())
    }

    fn delete(&mut self) -> Outcome {
        let path = KeyPath::new("/t")?;
        let started = start();
        self.index += 1;
        let mut batch = self.writer.batch();
        batch.apply_one(
            self.index,
            self.index,
            &Operation::Delete {
                path,
                dir: true,
                recursive: true,
            },
        )?;
        batch.commit()?;
        since("delete of everything", 1, &started);
        Ok(())
    }

    fn reopen(self, home: &std::path::Path) -> Outcome {
        drop((self.store, self.writer));
        let started = start();
        let (store, _writer) = storage::open(home, StoreOptions::default())?;
        since("reopen without a flush before", 1, &started);
        assert!(store.applied().index <= self.index);
        Ok(())
    }
}

fn path(number: u64) -> KeyPath {
    let text = format!("/t/d{:05}/key-{number:06}", number / PER_DIRECTORY);
    KeyPath::new(text).expect("a canonical path")
}

fn set(number: u64) -> Operation {
    let mut value = vec![b'v'; VALUE];
    value[..8].copy_from_slice(&number.to_le_bytes());
    Operation::Write(Write::new(
        path(number),
        WriteMode::Set,
        Content::File(Bytes::from(value)),
    ))
}

/// Wall clock and processor time spent so far, in microseconds.
#[derive(Clone, Copy, Default)]
struct Cost {
    wall: f64,
    thread: f64,
    process: f64,
}

impl Cost {
    fn add(&mut self, since: &Started) {
        self.wall += since.clock.elapsed().as_secs_f64() * 1e6;
        self.thread += on_processor("/proc/thread-self/schedstat") - since.thread;
        self.process += all_threads() - since.process;
    }
}

struct Started {
    clock: Instant,
    thread: f64,
    process: f64,
}

fn start() -> Started {
    let (thread, process) = (on_processor("/proc/thread-self/schedstat"), all_threads());
    Started {
        clock: Instant::now(),
        thread,
        process,
    }
}

/// Microseconds on a processor, as procfs tells; 0 where there is none.
fn on_processor(path: impl AsRef<std::path::Path>) -> f64 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace()
        .next()
        .and_then(|word| word.parse::<f64>().ok())
        .unwrap_or(0.0)
        / 1e3
}

fn all_threads() -> f64 {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return 0.0;
    };
    threads
        .flatten()
        .map(|thread| on_processor(thread.path().join("schedstat")))
        .sum()
}

fn since(name: &str, count: u64, started: &Started) {
    let mut cost = Cost::default();
    cost.add(started);
    rate(name, count, cost);
}

fn rate(name: &str, count: u64, cost: Cost) {
    let each = |spent: f64| spent / count as f64;
    let (wall, thread, process) = (each(cost.wall), each(cost.thread), each(cost.process));
    let per_second = 1e6 / wall;
    println!(
        "{name:<46} {per_second:>9.0} /s {wall:>10.2} us, processor {thread:>9.2} us, with others {process:>9.2} us"
    );
}

/// Resident bytes of this process, 0 where there is no procfs.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or(0)
        * 1024
}
