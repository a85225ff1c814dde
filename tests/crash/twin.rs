//! Two directories of one member that went different ways from a common beginning.

use std::path::Path;
use std::sync::LazyLock;
use std::thread;

use super::event::{Event, Tree};
use super::history;
use super::image::Image;
use super::segment::wait_for_flush;
use super::subject;
use super::support::http::Request;
use super::support::server::{Launch, START_TIMEOUT, Server};
use super::support::wait;
use etcd2::node::witness_file;
use wal::fs::OsFs;

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
pub(crate) enum End {
    /// Killed after a flush, with writes behind it that only the log has.
    Killed,
    /// Stopped: the store holds everything, and the witness file says so.
    Stopped,
}

/// One of the two, at its end.
pub(crate) struct Twin {
    pub(crate) image: Image,
    /// The keys before its first write.
    pub(crate) before: Tree,
    /// Its writes, with the log index of each.
    pub(crate) writes: Vec<(u64, Event)>,
}

/// Two of them, and how they came about.
pub(crate) struct Pair {
    pub(crate) told: String,
    pub(crate) end: End,
    twins: [Twin; 2],
}

/// Each twin of each pair with the other one.
pub(crate) fn both_ways() -> impl Iterator<Item = (&'static Pair, &'static Twin, &'static Twin)> {
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
        let (count, bytes) = shape.writes();
        let body = format!("value={}", letter.repeat(bytes));
        let mut writes = Vec::new();
        for number in 0..count {
            writes.push(put(&server, &format!("written/{number}"), &body));
        }
        let first = writes[0].0;
        if matches!(end, End::Killed) {
            wait_for_flush(&server);
            // Both know the twin's own way from here on, not just the start that is the same for both; the log alone has
            // the next ones.
            wait::until("the witness file is not renewed", || {
                witness_file::read(&OsFs, directory.path())
                    .expect("it stays")
                    .testimony()
                    .is_some_and(|said| said.witness.index > first)
            });
            writes.push(put(&server, "only-in-the-log", &body));
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
    pub(crate) fn last(&self) -> u64 {
        self.writes.last().map_or(0, |(_, event)| event.index())
    }
}

/// The server of both.
pub(crate) fn launch(directory: &Path) -> Launch {
    // Ten writes are then enough for a flush.
    subject::launch(8).data_dir(directory).settled()
}

/// Writes, and gives the entry of the log with the event.
fn put(server: &Server, key: &str, body: &str) -> (u64, Event) {
    let answer = server.exchange(&Request::put(&format!("/v2/keys/{key}"), body));
    assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
    let entry = answer.head.number("X-Raft-Index");
    let entry = entry.expect("a write's reply carries X-Raft-Index");
    (entry, Event::parse(&answer.body))
}
