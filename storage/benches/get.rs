//! What a read of a hot node costs through [`Store::get`], with 1 and with 64 threads that read at
//! once: the price of finding the handle, of the node cache, and of nothing else.
//!
//! `cargo bench -p storage --bench get` prints the median processor time of one read in
//! nanoseconds, for several rounds. To compare two builds, run their programs in turn.

use std::time::Instant;

use bytes::Bytes;
use storage::{Content, KeyPath, Operation, Store, StoreOptions, Write, WriteMode};

const HOT: usize = 1_000;
const ROUNDS: usize = 11;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // cargo test runs benches too, with --test: one small round shows that it works.
    let test = std::env::args().any(|argument| argument == "--test");
    let reads = if test { 10_000 } else { 3_000_000 };
    let home = tempfile::tempdir()?;
    let (store, mut writer) = storage::open(home.path(), StoreOptions::default())?;
    let paths: Vec<KeyPath> = (0..HOT)
        .map(|number| KeyPath::new(format!("/dir/{number:05}")).expect("a canonical path"))
        .collect();
    let mut batch = writer.batch();
    for (index, path) in (1..).zip(&paths) {
        let content = Content::File(Bytes::from(vec![b'v'; 128]));
        let set = Operation::Write(Write::new(path.clone(), WriteMode::Set, content));
        batch.apply_one(index, 0, &set)?;
    }
    batch.commit()?;
    for threads in [1, 64] {
        let mut rounds: Vec<f64> = (0..ROUNDS)
            .map(|_| round(&store, &paths, threads, reads))
            .collect();
        rounds.sort_by(f64::total_cmp);
        println!("get, {threads:>2} threads: {:>7.1} ns", rounds[ROUNDS / 2]);
    }
    Ok(())
}

/// Processor time of one read, in nanoseconds.
fn round(store: &Store, paths: &[KeyPath], threads: usize, reads: usize) -> f64 {
    let each = reads / threads;
    let (before, started) = (processor_time(), Instant::now());
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for at in 0..each {
                    let path = &paths[(at * 7 + thread) % paths.len()];
                    std::hint::black_box(store.get(path).expect("readable").0.is_ok());
                }
            });
        }
    });
    let spent = match (before, processor_time()) {
        (Some(before), Some(after)) => after - before,
        _ => started.elapsed().as_secs_f64(),
    };
    spent * 1e9 / (each * threads) as f64
}

/// Seconds that this process has had, all threads together, in steps of a hundredth; `None` where
/// the system does not tell.
fn processor_time() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name, which may hold anything: state is field 3, user and system time 14 and 15.
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / 100.0)
}
