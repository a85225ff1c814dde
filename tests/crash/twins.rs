//! Parts of two histories: one directory was copied while its node was stopped, and both went on, each in its own way,
//! over the same entries. A store, a log or a witness file of the other one must be found out, whoever has it.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::thread;

use super::event::{Event, Tree, apply};
use super::history;
use super::image::Image;
use super::ledger::difference;
use super::loss;
use super::segment::wait_for_flush;
use super::subject;
use super::support::http::Request;
use super::support::server::{Launch, START_TIMEOUT, Server};
use super::support::wait;

/// What a twin writes after the copy was made.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// Ten values of some 100 KB.
    Large,
    /// Two hundred values of some bytes.
    Small,
}

impl Shape {
    fn writes(self) -> (usize, usize) {
        match self {
            Shape::Large => (10, 100_000),
            Shape::Small => (200, 10),
        }
    }
}

/// How a twin ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// Killed after a flush, with writes behind it that only the log has.
    Killed,
    /// Stopped: the store holds everything, and the witness file says so.
    Stopped,
}

/// One of the two, at its end.
struct Twin {
    image: Image,
    /// The keys before its first write.
    before: Tree,
    /// Its writes, with the log index of each.
    writes: Vec<(u64, Event)>,
}

/// Two of them, and how they came about.
struct Pair {
    told: String,
    end: End,
    twins: [Twin; 2],
}

/// Without the witness file only the store can tell, by the witness that each of its flushes carries.
#[test]
fn a_store_beside_the_other_twins_log_is_refused() {
    for (pair, own, other) in both_ways() {
        let mut mixed = own.image.clone();
        mixed.replace("wal", &other.image);
        if matches!(pair.end, End::Killed) {
            refused_then_accepted(&mixed, own, &pair.told);
        }
        mixed.remove("WITNESS");
        refused_then_accepted(&mixed, own, &pair.told);
    }
}

#[test]
fn a_store_beside_all_else_of_the_other_twin_is_refused() {
    for (pair, own, other) in both_ways() {
        let mut mixed = other.image.clone();
        mixed.replace("store", &own.image);
        refused_then_accepted(&mixed, own, &pair.told);
    }
}

#[test]
fn a_witness_file_of_the_other_twin_is_refused() {
    for (pair, own, other) in both_ways() {
        let mut mixed = own.image.clone();
        mixed.replace("WITNESS", &other.image);
        refused_then_accepted(&mixed, own, &pair.told);
    }
}

/// The mark names the store beside it: the log of the other twin is set aside, and nothing of it is read.
#[test]
fn a_store_with_its_mark_of_a_clean_stop_takes_nothing_from_the_other_twins_log() {
    let stopped = both_ways().filter(|(pair, ..)| matches!(pair.end, End::Stopped));
    for (pair, own, other) in stopped {
        let mut mixed = own.image.clone();
        mixed.replace("wal", &other.image);
        let directory = tempfile::tempdir().expect("a temporary directory");
        mixed.restore(directory.path());
        let mut server = launch(directory.path()).start();
        let told = format!("{}\n{}", pair.told, server.log_tail());
        check_own(&server, own, own.last(), &told);
        assert!(server.log_tail().contains("set aside"), "{told}");
        goes_on(&mut server, &told);
    }
}

/// Refused without a change; with the accepted loss exactly the store is served, and the log is set aside.
fn refused_then_accepted(mixed: &Image, own: &Twin, told: &str) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    mixed.restore(directory.path());
    let mut server = launch(directory.path()).spawn();
    // What the first start leaves of the locks is no matter: it is started once more and compared.
    server.wait_exit(START_TIMEOUT);
    let refusal = loss::refused(&mut server);
    let told = format!("{told}\n{}", refusal.text());
    let kept = refusal.kept();
    loss::accept(&mut server, kept);
    let held = own.writes.iter().rfind(|(entry, _)| *entry <= kept);
    let (_, last) = held.unwrap_or_else(|| panic!("the store was flushed later: {told}"));
    check_own(&server, own, last.index(), &told);
    let aside = loss::set_aside(directory.path());
    assert_ne!(aside, 0, "the log is not kept: {told}");
    goes_on(&mut server, &told);
}

/// The keys are those of the own history up to `index`, and its events are served as they were.
fn check_own(server: &Server, own: &Twin, index: u64, told: &str) {
    let mut tree = own.before.clone();
    let events: Vec<&Event> = own.writes.iter().map(|(_, event)| event).collect();
    let events: Vec<&Event> = events
        .into_iter()
        .filter(|event| event.index() <= index)
        .collect();
    for event in &events {
        apply(&mut tree, event).expect("replies follow from each other");
    }
    let (served, at) = history::list(server);
    assert_eq!(at, index, "{told}");
    assert!(served == tree, "{}\n{told}", difference(&served, &tree));
    let first = events[0].index();
    // One more, so that the poll after the last one does not wait.
    history::mark(server);
    let served = history::poll(server, first, index);
    assert!(served.iter().eq(events), "another history: {told}");
}

/// What is written from here on outlives a kill.
fn goes_on(server: &mut Server, told: &str) {
    history::mark(server);
    let before = history::list(server);
    server.restart();
    assert!(history::list(server) == before, "{told}");
}

/// Each twin of each pair with the other one.
fn both_ways() -> impl Iterator<Item = (&'static Pair, &'static Twin, &'static Twin)> {
    static PAIRS: LazyLock<Vec<Pair>> = LazyLock::new(|| {
        let pairs = [
            (Shape::Large, Shape::Large, End::Killed),
            (Shape::Small, Shape::Small, End::Killed),
            (Shape::Large, Shape::Small, End::Killed),
            (Shape::Small, Shape::Small, End::Stopped),
            (Shape::Large, Shape::Small, End::Stopped),
        ];
        pairs.into_iter().map(Pair::new).collect()
    });
    PAIRS.iter().flat_map(|pair| {
        let [a, b] = &pair.twins;
        [(pair, a, b), (pair, b, a)]
    })
}

impl Pair {
    /// Two directories of the same member that part after a clean stop.
    fn new((first, second, end): (Shape, Shape, End)) -> Pair {
        let origin = tempfile::tempdir().expect("a temporary directory");
        let mut server = launch(origin.path()).start();
        for _ in 0..20 {
            history::mark(&server);
        }
        assert_eq!(server.terminate(START_TIMEOUT).code(), Some(0));
        drop(server);
        let common = Image::take(origin.path());
        let twins = thread::scope(|scope| {
            let twins = [("a", first), ("b", second)];
            let twins = twins.map(|(letter, shape)| {
                let common = &common;
                scope.spawn(move || Twin::new(common, letter, shape, end))
            });
            twins.map(|twin| twin.join().expect("a twin's server does its part"))
        });
        let told = format!("{first:?} and {second:?}, {end:?}");
        Pair { told, end, twins }
    }
}

impl Twin {
    fn new(common: &Image, letter: &str, shape: Shape, end: End) -> Twin {
        let directory = tempfile::tempdir().expect("a temporary directory");
        common.restore(directory.path());
        let mut server = launch(directory.path()).start();
        let (before, _) = history::list(&server);
        let witness = directory.path().join("WITNESS");
        let first_witness = fs::read(&witness).expect("a server keeps its witness file");
        let (count, bytes) = shape.writes();
        let body = format!("value={}", letter.repeat(bytes));
        let mut writes = Vec::new();
        let mut write = |key: String| {
            let answer = server.exchange(&Request::put(&format!("/v2/keys/{key}"), &body));
            assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
            let entry = answer.head.number("X-Raft-Index");
            let entry = entry.expect("a write's reply carries X-Raft-Index");
            writes.push((entry, Event::parse(&answer.body)));
        };
        for number in 0..count {
            write(format!("written/{number}"));
        }
        if matches!(end, End::Killed) {
            wait_for_flush(&server);
            // Both know the twin's own way from here on; the log alone has the next ones.
            wait::until("the witness file is not renewed", || {
                fs::read(&witness).expect("it stays") != first_witness
            });
            write("only-in-the-log".to_owned());
        }
        match end {
            End::Killed => server.kill(),
            End::Stopped => assert_eq!(server.terminate(START_TIMEOUT).code(), Some(0)),
        }
        Twin {
            image: Image::take(directory.path()),
            before,
            writes,
        }
    }

    /// The index of its last write.
    fn last(&self) -> u64 {
        self.writes.last().map_or(0, |(_, event)| event.index())
    }
}

fn launch(directory: &Path) -> Launch {
    // Ten writes are then enough for a flush.
    subject::launch(8).data_dir(directory).settled()
}
