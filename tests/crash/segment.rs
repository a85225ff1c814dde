//! A data directory taken, changed at chosen bytes and put back, as a crash or a bad disk would leave it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::event::{Event, Tree, apply};
use super::history;
use super::operation::Operation;
use super::subject;
use super::support::http::{Connection, Request};
use super::support::seed::Rng;
use super::support::server::Server;

const BLOCK_BYTES: usize = 1 << 20;

/// How long a flush may be under way.
const FLUSH_LIMIT: Duration = Duration::from_secs(30);

/// The bytes of one file; zeros at its end are only counted.
#[derive(Clone, PartialEq)]
pub(crate) struct Content {
    /// Everything up to the last byte that is not zero.
    pub(crate) bytes: Vec<u8>,
    /// The file's length.
    pub(crate) length: u64,
}

/// All files of a directory, by path below it.
#[derive(Clone)]
pub(crate) struct Image(BTreeMap<PathBuf, Content>);

impl Image {
    /// Reads everything below `directory`.
    ///
    /// # Panics
    /// When a file cannot be read.
    pub(crate) fn take(directory: &Path) -> Image {
        let mut files = BTreeMap::new();
        collect(directory, Path::new(""), &mut files);
        Image(files)
    }

    /// The file at `path`.
    ///
    /// # Panics
    /// When there is none.
    pub(crate) fn file(&mut self, path: &Path) -> &mut Content {
        self.0.get_mut(path).expect("the image holds the file")
    }

    /// The files whose paths begin with `directory`.
    pub(crate) fn below(&self, directory: &str) -> BTreeMap<&Path, &Content> {
        let inside = self
            .0
            .iter()
            .filter(|(path, _)| path.starts_with(directory));
        inside
            .map(|(path, content)| (path.as_path(), content))
            .collect()
    }

    /// Replaces everything below `directory` by the image.
    ///
    /// # Panics
    /// When a file cannot be written.
    pub(crate) fn restore(&self, directory: &Path) {
        fs::remove_dir_all(directory).expect("the directory of a killed server can be removed");
        fs::create_dir_all(directory).expect("a directory can be made");
        for (path, content) in &self.0 {
            let path = directory.join(path);
            let parent = path.parent().expect("a file is in a directory");
            fs::create_dir_all(parent).expect("a directory can be made");
            let mut file = File::create(&path).expect("a file can be made");
            file.write_all(&content.bytes)
                .expect("a file can be written");
            file.set_len(content.length)
                .expect("a file can be extended");
        }
    }
}

fn collect(directory: &Path, below: &Path, files: &mut BTreeMap<PathBuf, Content>) {
    let entries = fs::read_dir(directory.join(below)).expect("a directory can be read");
    for entry in entries {
        let entry = entry.expect("a directory can be read");
        let path = below.join(entry.file_name());
        let kind = entry.file_type().expect("an entry has a type");
        if kind.is_dir() {
            collect(directory, &path, files);
        } else {
            files.insert(path.clone(), content(&directory.join(&path)));
        }
    }
}

/// Reads a file block by block: a segment of zeros never stands in memory.
fn content(path: &Path) -> Content {
    let mut file = File::open(path).expect("a file can be opened");
    let zeros = vec![0; BLOCK_BYTES];
    let (mut bytes, mut length) = (Vec::new(), 0_usize);
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let read = file.read(&mut block).expect("a file can be read");
        if read == 0 {
            break;
        }
        if block[..read] != zeros[..read] {
            bytes.resize(length, 0);
            bytes.extend_from_slice(&block[..read]);
        }
        length += read;
    }
    bytes.truncate(end_of(&bytes));
    Content {
        bytes,
        length: length as u64,
    }
}

/// The offset after the last byte that is not zero.
fn end_of(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1)
}

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

    /// Up to which write the store alone holds everything: what a start without any log serves.
    ///
    /// # Panics
    /// When the server does not start from its store alone.
    pub(crate) fn flushed(&mut self) -> u64 {
        let data = self.server.data_dir().to_owned();
        self.image.restore(&data);
        fs::remove_dir_all(data.join("wal")).expect("the log of a killed server can be removed");
        self.server.restart();
        let (_, index) = history::list(&self.server);
        self.server.kill();
        index
    }

    /// The log index of the write that took `index`; 0 for what was there before the first of them.
    pub(crate) fn log_index(&self, index: u64) -> u64 {
        let at = self.events.iter().position(|event| event.index() == index);
        at.map_or(0, |at| self.log_indexes[at])
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
fn wait_for_flush(server: &Server) {
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
