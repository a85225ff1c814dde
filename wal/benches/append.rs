//! Appending and reopening on a real disk: groups per second and bytes per second by group size.
//!
//! `cargo bench -p wal` measures; without `--bench` (as in a test run) a few groups of each size are
//! written, to keep the program honest. `WAL_BENCH_DIR` names the directory to use, so that the disk
//! under test can be chosen.

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use wal::fs::OsFs;
use wal::{Entry, Identity, Options, Position, Wal};

const GROUP_BYTES: [usize; 7] = [
    256,
    1 << 10,
    4 << 10,
    16 << 10,
    64 << 10,
    256 << 10,
    1 << 20,
];
const PAYLOAD_BYTES: usize = 128;

fn main() -> Result<(), wal::Error> {
    let measuring = std::env::args().any(|argument| argument == "--bench");
    let groups = if measuring { 3000 } else { 5 };
    let home = match std::env::var_os("WAL_BENCH_DIR") {
        Some(dir) => tempfile::tempdir_in(dir),
        None => tempfile::tempdir(),
    }
    .expect("a directory to write to");
    println!(
        "{:>9} {:>10} {:>9} {:>9} {:>9} {:>12}",
        "group", "groups/s", "MB/s", "p50 us", "p99 us", "reopen ms"
    );
    for bytes in GROUP_BYTES {
        let count = groups.min((512 << 20) / bytes);
        let dir = home.path().join(format!("wal-{bytes}"));
        let mut times = append(&dir, bytes, count)?;
        let total: Duration = times.iter().sum();
        let reopened = reopen(&dir)?;
        times.sort_unstable();
        let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
        let rate = count as f64 / total.as_secs_f64();
        println!(
            "{bytes:>9} {rate:>10.0} {:>9.1} {:>9} {:>9} {:>12.1}",
            rate * bytes as f64 / 1e6,
            at(50).as_micros(),
            at(99).as_micros(),
            reopened.as_secs_f64() * 1e3,
        );
    }
    Ok(())
}

/// Time of each append with its sync; the first spare is waited for outside of it.
fn append(dir: &Path, bytes: usize, count: usize) -> Result<Vec<Duration>, wal::Error> {
    let identity = Identity {
        cluster: 1,
        member: 1,
    };
    let options = Options {
        background: false,
        ..Options::default()
    };
    let created = Wal::create(OsFs, dir, identity, Position::default(), options.clone())?;
    created.prepare_next()?;
    drop(created);
    let options = Options {
        background: true,
        ..options
    };
    let (mut log, _) = Wal::open(OsFs, dir, None, None, options)?;
    // The small first segment is left behind at once, so that full segments are measured.
    log.restart_at(Position::default(), log.hard_state())?;
    let payload = Bytes::from(vec![7; PAYLOAD_BYTES]);
    let per_group = (bytes / (PAYLOAD_BYTES + 32)).max(1) as u64;
    let mut entries = Vec::new();
    let mut times = Vec::with_capacity(count);
    for group in 0..count as u64 {
        entries.clear();
        let first = group * per_group + 1;
        let entry = |index| Entry {
            term: 1,
            index,
            kind: 0,
            payload: payload.clone(),
        };
        entries.extend((first..first + per_group).map(entry));
        let started = Instant::now();
        log.append(&entries, None)?;
        log.sync()?;
        times.push(started.elapsed());
    }
    Ok(times)
}

fn reopen(dir: &Path) -> Result<Duration, wal::Error> {
    let started = Instant::now();
    Wal::open(
        OsFs,
        dir,
        None,
        None,
        Options {
            background: false,
            ..Options::default()
        },
    )?;
    Ok(started.elapsed())
}
