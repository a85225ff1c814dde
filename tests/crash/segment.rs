//! A server that was killed after writes of which each one's place in the log is known.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::event::{Event, Tree, apply};
use super::history;
use super::image::{Content, Image, content, end_of};
use super::loss;
use super::operation::Operation;
use super::subject;
use super::support::http::{Connection, Request};
use super::support::seed::Rng;
use super::support::server::Server;

/// How long a flush may be under way.
const FLUSH_LIMIT: Duration = Duration::from_secs(30);

/// A killed server whose newest log segment is known write by write.
pub(crate) struct Written {
    /// Not running.
    pub(crate) server: Server,
    /// Its data directory.
    pub(crate) image: Image,
    /// The newest segment, below the data directory.
    pub(crate) segment: PathBuf,
    /// The index before the first event.
    pub(crate) base: u64,
    /// The keys before the first event.
    pub(crate) before: Tree,
    /// The writes, one after the other, each acknowledged before the next was sent.
    pub(crate) events: Vec<Event>,
    /// The log index of each write, as its reply told it.
    pub(crate) log_indexes: Vec<u64>,
    /// `ends[i]`: where the segment's content ended when `i` of the events were acknowledged.
    pub(crate) ends: Vec<u64>,
}

impl Written {
    /// Starts a server, writes `count` times on one connection and kills it.
    ///
    /// # Panics
    /// When the server does not do its part.
    pub(crate) fn new(rng: &mut Rng, snapshot_count: u64, count: usize) -> Written {
        let mut server = subject::launch(snapshot_count).start();
        let mut connection = Connection::open(server.addr()).expect("a running server accepts");
        let mut write = |request: &Request| {
            let answer = connection
                .exchange(request)
                .expect("a running server answers");
            assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
            let log_index = answer.head.number("X-Raft-Index");
            let log_index = log_index.expect("a write's reply carries X-Raft-Index");
            (Event::parse(&answer.body), log_index)
        };
        let label = format!("segment-label-{:016x}", rng.next());
        let (first, _) = write(&Request::put("/v2/keys/label", &format!("value={label}")));
        let mut tree = Tree::new();
        apply(&mut tree, &first).expect("replies follow from each other");
        let before = tree.clone();
        let segment = find(server.data_dir(), label.as_bytes());
        let path = server.data_dir().join(&segment);
        let mut ends = vec![content(&path).bytes.len() as u64];
        let (mut events, mut log_indexes) = (Vec::new(), Vec::new());
        while events.len() < count {
            if events.len() == count / 2 && snapshot_count < count as u64 / 2 {
                wait_for_flush(&server);
            }
            let operation = Operation::random(rng, "/w0", events.len() as u64, &tree);
            // What expires while the test runs would write to the log by itself.
            if matches!(operation, Operation::Set { ttl: Some(seconds), .. } if seconds < 1_000) {
                continue;
            }
            let (event, log_index) = write(&operation.request());
            apply(&mut tree, &event).expect("replies follow from each other");
            events.push(event);
            log_indexes.push(log_index);
            ends.push(grown(&path, ends[ends.len() - 1]));
        }
        server.kill();
        Written {
            image: Image::take(server.data_dir()),
            server,
            segment,
            base: first.index(),
            before,
            events,
            log_indexes,
            ends,
        }
    }

    /// The keys when `index` was the last write.
    ///
    /// # Panics
    /// When no such index was written.
    pub(crate) fn tree_at(&self, index: u64) -> Tree {
        assert!(
            (self.base..=self.last()).contains(&index),
            "index {index} is not between {} and {}",
            self.base,
            self.last()
        );
        let mut tree = self.before.clone();
        for event in self.events.iter().filter(|event| event.index() <= index) {
            apply(&mut tree, event).expect("replies follow from each other");
        }
        tree
    }

    /// Up to which write the store alone holds everything: what a start without any log serves, once the loss of the
    /// log was accepted.
    ///
    /// # Panics
    /// When the server starts without its log unasked, or not when it is asked to.
    pub(crate) fn flushed(&mut self) -> u64 {
        let mut image = self.image.clone();
        image.remove("wal");
        image.restore(self.server.data_dir());
        let kept = loss::refused(&mut self.server).kept();
        loss::accept(&mut self.server, kept);
        let (_, index) = history::list(&self.server);
        self.server.kill();
        let held = self.log_indexes.iter().filter(|entry| **entry <= kept);
        let held = held.count();
        let last = self.events[..held].last().map_or(index, Event::index);
        assert_eq!(index, last, "the refusal names entry {kept}");
        index
    }

    /// The index of the last write.
    pub(crate) fn last(&self) -> u64 {
        self.events.last().map_or(self.base, Event::index)
    }

    /// Puts the directory back with a changed segment.
    pub(crate) fn restore_with(&self, change: impl FnOnce(&mut Content)) {
        let mut image = self.image.clone();
        change(image.file(&self.segment));
        image.restore(self.server.data_dir());
    }
}

/// Waits until the store was flushed at least once: that happens beside the writes, not before their replies.
///
/// # Panics
/// When that does not happen.
pub(crate) fn wait_for_flush(server: &Server) {
    const NAME: &str = "etcd2_store_flush_duration_seconds_count ";
    let deadline = Instant::now() + FLUSH_LIMIT;
    loop {
        let metrics = server.exchange(&Request::get("/metrics")).text();
        let line = metrics.lines().find_map(|line| line.strip_prefix(NAME));
        let count = line.unwrap_or_else(|| panic!("/metrics has no {NAME}\n{metrics}"));
        if count.trim() != "0" {
            return;
        }
        assert!(Instant::now() < deadline, "no flush\n{}", server.log_tail());
    }
}

/// The log file that holds `label`.
fn find(data: &Path, label: &[u8]) -> PathBuf {
    let image = Image::take(data);
    let holds = |content: &Content| content.bytes.windows(label.len()).any(|part| part == label);
    let found = image
        .below("wal")
        .into_iter()
        .find(|(_, content)| holds(content));
    let (path, _) = found.expect("an acknowledged write is in a file of the log");
    path.to_owned()
}

/// Where the content of the file at `path` ends, known to be at `from` or after.
fn grown(path: &Path, from: u64) -> u64 {
    use std::os::unix::fs::FileExt;
    /// More than one write of this test adds.
    const WINDOW_BYTES: usize = 64 << 10;
    let file = File::open(path).expect("the segment can be opened");
    let mut window = vec![0; WINDOW_BYTES];
    let read = file
        .read_at(&mut window, from)
        .expect("the segment can be read");
    from + end_of(&window[..read]) as u64
}
