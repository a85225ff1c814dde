//! A data directory that was copied file by file while its server wrote, as a backup program does it. The copy is
//! refused with words that say so, or serves a state that the node really was in, from the copy's beginning on.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::event::{Event, Tree, apply};
use super::history;
use super::loss::{self, Refusal};
use super::subject;
use super::support::http::{Connection, Request};
use super::support::seed::{self, Rng};
use super::support::server::{Launch, START_TIMEOUT, Server};
use super::support::wait;

/// What is copied first, second, third; `.` are the files of the directory itself.
const ORDERS: [[&str; 3]; 4] = [
    ["wal", "store", "."],
    ["store", "wal", "."],
    [".", "wal", "store"],
    [".", "store", "wal"],
];

/// Writes between the copies of two parts: several flushes.
const BETWEEN: u64 = 100;

const KEYS: u64 = 40;

#[test]
fn a_directory_copied_while_it_is_written_is_consistent_or_refused() {
    let seed = seed::from_env("CRASH_SEED");
    println!("replay: CRASH_SEED={seed} cargo test --test crash copied_while_it_is_written");
    let mut rng = Rng::new(seed);
    for order in ORDERS {
        for snapshot_count in [20, 1_000_000] {
            let launch = subject::launch(snapshot_count).settled();
            let copied = Copied::new(&launch, order, &mut rng);
            let outcome = copied.check(&launch);
            println!("{order:?}, flushed every {snapshot_count}: {outcome}");
        }
    }
}

/// A supervisor starts again at once: the second start knows as well as the first what the directory is.
#[test]
fn an_incomplete_copy_is_refused_however_often_it_is_started() {
    let mut server = subject::launch(1_000_000).settled().start();
    let write = |server: &Server| {
        for number in 0..KEYS {
            let target = format!("/v2/keys/copied/{number}");
            let answer = server.exchange(&Request::put(&target, "value=x"));
            assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
        }
    };
    // The tables are those of the stop: a kill in a flush would leave one that nothing names.
    write(&server);
    assert_eq!(server.terminate(START_TIMEOUT).code(), Some(0));
    server.restart();
    write(&server);
    server.kill();
    for family in ["nodes", "versions"] {
        let copy = tempfile::tempdir().expect("a temporary directory");
        for part in ["wal", "store", "."] {
            self::copy(server.data_dir(), copy.path(), part);
        }
        let store = copy.path().join("store");
        let storage::StoreJudgement::Store(inventory) =
            storage::judge(&store).expect("it is readable")
        else {
            panic!("no store");
        };
        let mut tables = inventory.tables.iter();
        let table = tables.rfind(|table| table.family == family);
        let table = table.expect("a flush made tables").file_name();
        fs::remove_file(store.join(&table)).expect("removed");
        let mut copied = subject::launch(1_000_000)
            .settled()
            .data_dir(copy.path())
            .spawn();
        for start in ["first", "second", "third"] {
            let refusal = match start {
                "first" => {
                    let status = copied.wait_exit(wait::LIMIT);
                    assert_eq!(status.code(), Some(65), "{}", copied.log());
                    Refusal::of(copied.log())
                }
                _ => loss::refused(&mut copied),
            };
            let text = refusal.text();
            assert!(
                text.contains("was copied while its node was running"),
                "{family}, {start} start: {text}"
            );
        }
        // With its table it is a whole copy, and served.
        fs::copy(
            server.data_dir().join("store").join(&table),
            store.join(&table),
        )
        .expect("copied");
        copied.restart();
        assert_eq!(history::list(&copied).0.len(), KEYS as usize, "{family}");
    }
}

/// A copy, and all that was written to the original.
struct Copied {
    directory: tempfile::TempDir,
    /// In their order, each acknowledged before the next was sent.
    events: Vec<Event>,
    /// The last write acknowledged before the copy was begun.
    from: u64,
}

impl Copied {
    fn new(launch: &Launch, order: [&str; 3], rng: &mut Rng) -> Copied {
        let server = launch.clone().start();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (done, acknowledged) = (AtomicBool::new(false), AtomicU64::new(0));
        let seed = rng.next();
        let (events, from) = thread::scope(|scope| {
            let writer = scope.spawn(|| write(&server, seed, &done, &acknowledged));
            let wait_for = |more: u64| {
                let target = acknowledged.load(Ordering::SeqCst) + more;
                wait::until("no writes", || {
                    acknowledged.load(Ordering::SeqCst) >= target || writer.is_finished()
                });
            };
            wait_for(BETWEEN);
            let from = acknowledged.load(Ordering::SeqCst);
            for part in order {
                copy(server.data_dir(), directory.path(), part);
                wait_for(rng.below(BETWEEN));
            }
            done.store(true, Ordering::SeqCst);
            (writer.join().expect("the server takes every write"), from)
        });
        Copied {
            directory,
            from: events[from as usize - 1].index(),
            events,
        }
    }

    /// Starts the copy; gives what came of it.
    fn check(&self, launch: &Launch) -> String {
        let mut server = launch.clone().data_dir(self.directory.path()).spawn();
        if server.wait_ready().is_ok() {
            let index = self.check_served(&mut server);
            assert!(
                index >= self.from,
                "index {index} is served, {} was acknowledged before the copy",
                self.from
            );
            return format!("serves index {index} of {}", self.events.len());
        }
        let said = server.log();
        assert!(
            said.contains("copied while its node was running") || said.contains("was copied while"),
            "not told that it is a copy\n{said}"
        );
        if !said.contains("--accept-log-loss=") {
            return "refused for good".to_owned();
        }
        let kept = Refusal::of(said).kept();
        let again = loss::refused(&mut server);
        assert_eq!(again.kept(), kept);
        assert!(
            again.text().contains("this directory is a copy"),
            "{again:?}"
        );
        loss::accept(&mut server, kept);
        let index = self.check_served(&mut server);
        format!("refused; then serves index {index}")
    }

    /// What is served are exactly the writes up to some index, and it goes on from there.
    fn check_served(&self, server: &mut Server) -> u64 {
        let (tree, index) = history::list(server);
        let mut wanted = Tree::new();
        for event in self.events.iter().filter(|event| event.index() <= index) {
            apply(&mut wanted, event).expect("replies follow from each other");
        }
        assert!(tree == wanted, "index {index}\n{}", server.log_tail());
        assert_eq!(history::mark(server).index(), index + 1);
        let before = history::list(server);
        server.restart();
        assert!(history::list(server) == before, "{}", server.log_tail());
        index
    }
}

/// Writes until `done`.
fn write(server: &Server, seed: u64, done: &AtomicBool, acknowledged: &AtomicU64) -> Vec<Event> {
    let mut rng = Rng::new(seed);
    let mut connection = Connection::open(server.addr()).expect("a running server accepts");
    let mut events = Vec::new();
    while !done.load(Ordering::SeqCst) {
        let key = rng.below(KEYS);
        let target = format!("/v2/keys/copied/{key}");
        let request = match rng.chance(20) {
            true => Request::delete(&target),
            false => Request::put(&target, &format!("value={}", rng.next())),
        };
        let answer = connection.exchange(&request);
        let answer = answer.expect("a running server answers");
        if answer.status() == 404 {
            continue;
        }
        assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
        events.push(Event::parse(&answer.body));
        acknowledged.fetch_add(1, Ordering::SeqCst);
    }
    events
}

/// Copies one part, file by file; what vanishes meanwhile is left out.
fn copy(from: &Path, to: &Path, part: &str) {
    let source = from.join(part);
    let target = to.join(part);
    fs::create_dir_all(&target).expect("a directory can be made");
    let names = fs::read_dir(&source).expect("a running server has its directories");
    for entry in names {
        let entry = entry.expect("a directory can be read");
        if entry.path().is_dir() {
            continue;
        }
        let copied = File::open(entry.path()).and_then(|mut file| {
            let mut copy = File::create(target.join(entry.file_name()))?;
            io::copy(&mut file, &mut copy)
        });
        match copied {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => panic!("{}: {error}", entry.path().display()),
        }
    }
}
