//! What many kills leave behind: segments, tables that nothing names, open files. None of it may pile up.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::history;
use super::subject;
use super::support::http::{Connection, Request};
use super::support::seed::{self, Rng};
use super::support::server::{START_TIMEOUT, Server};
use super::support::wait;

const KILLS: u64 = 60;

/// So few that flushes and compactions are under way when a server is killed.
const FLUSHED_EVERY: u64 = 50;

/// Writes after the last start, and of the node that was never killed: some flushes, so that the log is released.
const WRITES: u64 = 4 * FLUSHED_EVERY;

#[test]
fn many_kills_leave_nothing_behind() {
    let seed = seed::from_env("CRASH_SEED");
    println!("replay: CRASH_SEED={seed} cargo test --test crash many_kills_leave");
    let mut rng = Rng::new(seed);
    // The founding keeps directories open that a later start does not.
    let mut calm = subject::launch(FLUSHED_EVERY).start();
    assert_eq!(calm.terminate(START_TIMEOUT).code(), Some(0));
    calm.restart();
    write(&calm, WRITES);
    let mut server = subject::launch(FLUSHED_EVERY).start();
    let mut left = 0;
    let kills = seed::number_from_env("CRASH_KILLS", KILLS);
    for _ in 0..kills {
        // Mostly a few writes; sometimes enough for several flushes and a compaction.
        let most = *rng.pick(&[5, 20, 120, 300]);
        let target = rng.between(1, most);
        write_and_kill(&mut server, target, rng.below(3_000));
        left += inventory(server.data_dir()).leftovers.len();
        server.restart();
    }
    println!("{kills} kills left {left} files that nothing names");
    write(&server, WRITES);
    let wanted = Remains::of(&calm);
    let mut found = Remains::default();
    wait::until_or("more is left than a node has that was never killed", || {
        found = Remains::of(&server);
        match found == wanted {
            true => Ok(()),
            false => Err(format!("{found:?}, not {wanted:?}")),
        }
    });
    let before = history::list(&server);
    server.kill();
    server.restart();
    assert!(history::list(&server) == before, "{}", server.log_tail());
    assert_eq!(server.terminate(START_TIMEOUT).code(), Some(0));
    check_tables(server.data_dir());
}

/// How many files of each kind a running server has in its log, and how many open.
#[derive(Debug, Default, PartialEq, Eq)]
struct Remains {
    log_files: BTreeMap<String, usize>,
    /// Tables apart, whose number depends on when they were merged, and connections.
    open_files: usize,
}

impl Remains {
    fn of(server: &Server) -> Remains {
        let mut remains = Remains::default();
        for name in names(&server.data_dir().join("wal")) {
            let kind = name.rsplit('.').next().unwrap_or_default().to_owned();
            *remains.log_files.entry(kind).or_default() += 1;
        }
        let pid = server.pid().expect("the server runs");
        let open = fs::read_dir(format!("/proc/{pid}/fd")).expect("a process has open files");
        for entry in open {
            let entry = entry.expect("a directory can be read");
            // One that is closed meanwhile leads nowhere.
            let Ok(path) = fs::read_link(entry.path()) else {
                continue;
            };
            let path = path.to_string_lossy();
            if !path.starts_with("socket:") && !path.contains(".sst") {
                remains.open_files += 1;
            }
        }
        remains
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a running server has its directories");
    let names = entries.map(|entry| entry.expect("a directory can be read").file_name());
    names
        .map(|name| name.to_string_lossy().into_owned())
        .collect()
}

/// The store of a server that does not run.
fn inventory(data: &Path) -> storage::judge::Inventory {
    match storage::judge(&data.join("store")).expect("the store can be read") {
        storage::StoreJudgement::Store(inventory) => inventory,
        other => panic!("no store: {other:?}"),
    }
}

/// Every table of a stopped server's store is one that its manifest names.
fn check_tables(data: &Path) {
    let inventory = inventory(data);
    assert!(inventory.faults.is_empty(), "{:?}", inventory.faults);
    assert!(inventory.leftovers.is_empty(), "{:?}", inventory.leftovers);
    let mut named: Vec<String> = inventory
        .tables
        .iter()
        .map(|table| table.file_name())
        .collect();
    let mut there = names(&data.join("store"));
    there.retain(|name| name.ends_with(".sst"));
    named.sort();
    there.sort();
    assert_eq!(there, named);
    assert!(!named.is_empty(), "nothing was ever flushed");
}

fn write(server: &Server, count: u64) {
    let mut connection = Connection::open(server.addr()).expect("a running server accepts");
    for number in 0..count {
        let target = format!("/v2/keys/few/{}", number % 10);
        let answer = connection.exchange(&Request::put(&target, "value=x"));
        let answer = answer.expect("a running server answers");
        assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
    }
}

/// Kills it `after` microseconds behind the write that makes `target` of them, while more are on their way.
fn write_and_kill(server: &mut Server, target: u64, after: u64) {
    let (acknowledged, killed) = (AtomicU64::new(0), AtomicBool::new(false));
    let address = server.addr();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut connection = Connection::open(address).expect("a running server accepts");
            for number in 0_u64.. {
                let target = format!("/v2/keys/few/{}", number % 10);
                match connection.exchange(&Request::put(&target, "value=x")) {
                    Ok(answer) => assert!(answer.status() < 300, "{}", answer.dump()),
                    Err(_) if killed.load(Ordering::SeqCst) => return,
                    Err(error) => panic!("{error}"),
                }
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
        });
        wait::until("no writes", || {
            acknowledged.load(Ordering::SeqCst) >= target || writer.is_finished()
        });
        let reached = Instant::now();
        while reached.elapsed() < Duration::from_micros(after) {
            std::hint::spin_loop();
        }
        killed.store(true, Ordering::SeqCst);
        server.kill();
    });
}
