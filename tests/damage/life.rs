//! The directories that are damaged, made by the server itself: each lives a while, is copied while it is stopped, and
//! goes on twice with different writes. What each must hold is known from the answers and from one sound start.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::image::{Image, is};
use super::model::{Ack, Model};
use super::reading;
use super::start::{LIMIT, Started, launch, start};
use super::support::seed::Rng;
use super::support::server::{Launch, Server};
use super::tables;
use super::writer::{Acks, Writer};

/// How a directory's lives end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// SIGTERM.
    Clean,
    /// SIGKILL under load; the store was never flushed but by starts.
    Killed,
    /// SIGKILL under load; the store was flushed many times, and the log's first segment was released.
    Compacted,
}

/// The bound within which a fresh write is proved by more than the log itself.
pub(crate) const WITNESS_AGE: Duration = Duration::from_secs(6);

/// Writes that come one by one while that bound passes.
const SLOW_WRITES: u32 = 14;

/// Between two writes of those that write beside: the directories stay small.
const PACE: Duration = Duration::from_millis(15);

/// A directory that was copied while the server wrote.
pub(crate) struct Copied {
    /// In which order.
    pub(crate) order: &'static str,
    /// The copy.
    pub(crate) image: Image,
    /// The highest index acknowledged before the copy began.
    pub(crate) acked: u64,
}

/// A directory, its past and its twin.
pub(crate) struct Made {
    /// How it ended.
    pub(crate) kind: Kind,
    /// How its server is started.
    pub(crate) launch: Launch,
    /// As it was left.
    pub(crate) image: Image,
    /// What it must hold.
    pub(crate) model: Model,
    /// When it was stopped.
    pub(crate) stopped: Instant,
    /// As it was earlier, and what it held then.
    pub(crate) older: (Image, Model),
    /// What it would have become with other writes.
    pub(crate) twin: (Image, Model),
    /// Copies made while it was written.
    pub(crate) copies: Vec<Copied>,
    /// Tables that the MANIFEST does not name: a kill left them, and any start may remove them.
    pub(crate) unnamed: BTreeSet<PathBuf>,
}

impl Made {
    /// A name for replays.
    pub(crate) fn name(&self) -> &'static str {
        match self.kind {
            Kind::Clean => "clean",
            Kind::Killed => "killed",
            Kind::Compacted => "compacted",
        }
    }

    /// Lives the whole life.
    ///
    /// # Panics
    /// When an undamaged server does not do its part.
    pub(crate) fn new(kind: Kind, seed: u64) -> Made {
        let launch = launch(if kind == Kind::Compacted { 20 } else { 50_000 });
        let mut rng = Rng::new(seed);
        let home = tempfile::tempdir().expect("a temporary directory");
        let mut life = Life::begin(kind, &launch, home, &mut rng);
        life.writer.write(100);
        life.let_some_expire();
        life.stop();
        let older = life.image();
        let mut twin = life.fork(&older, "twin");
        life.again("late");
        if kind == Kind::Compacted {
            for _ in 0..2 {
                life.writer.write(45);
                life.stop();
                life.again("later");
            }
        }
        life.writer.write(60);
        let copies = life.finish();
        twin.writer.write(75);
        twin.stop();
        let mut image = life.image();
        if kind == Kind::Compacted {
            release_first_segment(&mut image);
        }
        let model = truth(&launch, &image, life.taken());
        let mut acks = life.taken();
        acks.retain(|ack| ack.index <= life.forked_at);
        let older_model = truth(&launch, &older, acks.clone());
        acks.extend(twin.taken());
        let twin_image = twin.image();
        let twin_model = truth(&launch, &twin_image, acks);
        let unnamed = unnamed(&image);
        Made {
            kind,
            launch,
            image,
            model,
            stopped: life.stopped,
            older: (older, older_model),
            twin: (twin_image, twin_model),
            copies,
            unnamed,
        }
    }
}

/// A directory while it lives.
struct Life {
    kind: Kind,
    launch: Launch,
    home: TempDir,
    server: Option<Server>,
    writer: Writer,
    rng: Rng,
    acks: Acks,
    forked_at: u64,
    stopped: Instant,
}

impl Life {
    fn begin(kind: Kind, launch: &Launch, home: TempDir, rng: &mut Rng) -> Life {
        let acks = Acks::default();
        let server = running(launch, home.path());
        let writer = Writer::new(
            server.addr(),
            Rng::new(rng.next()),
            "main",
            "early",
            acks.clone(),
        );
        Life {
            kind,
            launch: launch.clone(),
            home,
            server: Some(server),
            writer: writer.expect("a running server accepts"),
            rng: Rng::new(rng.next()),
            acks,
            forked_at: 0,
            stopped: Instant::now(),
        }
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("this life goes on")
    }

    fn image(&self) -> Image {
        Image::take(self.home.path())
    }

    fn taken(&self) -> Vec<Ack> {
        self.acks.lock().expect("no writer panicked").clone()
    }

    fn acked(&self) -> u64 {
        let acks = self.taken();
        acks.iter().map(|ack| ack.index).max().unwrap_or(0)
    }

    /// Expiry is a command of the log and an event of history, so there must be some.
    fn let_some_expire(&mut self) {
        for _ in 0..3 {
            self.writer.expiring().expect("a running server answers");
        }
        let expected = self.server().index() + 3;
        let deadline = Instant::now() + LIMIT;
        while self.server().index() < expected {
            assert!(Instant::now() < deadline, "nothing expires");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn stop(&mut self) {
        let mut server = self.server.take().expect("this life goes on");
        if self.kind == Kind::Clean {
            let status = server.terminate(LIMIT);
            assert_eq!(status.code(), Some(0), "{}", server.log_tail());
        } else {
            server.kill();
        }
        self.stopped = Instant::now();
    }

    fn again(&mut self, label: &str) {
        if self.forked_at == 0 {
            self.forked_at = self.acked();
        }
        let server = running(&self.launch, self.home.path());
        let next = self.writer.go_on(server.addr(), label, self.acks.clone());
        self.writer = next.expect("a running server accepts");
        self.server = Some(server);
    }

    /// The same directory at another place, going on with writes of its own.
    fn fork(&self, image: &Image, label: &str) -> Life {
        let home = tempfile::tempdir().expect("a temporary directory");
        image.restore(home.path());
        let server = running(&self.launch, home.path());
        let acks = Acks::default();
        let mut writer = self
            .writer
            .go_on(server.addr(), label, acks.clone())
            .expect("a running server accepts");
        writer.reseed(self.rng.clone().next());
        Life {
            kind: self.kind,
            launch: self.launch.clone(),
            home,
            server: Some(server),
            writer,
            rng: self.rng.clone(),
            acks,
            forked_at: 0,
            stopped: Instant::now(),
        }
    }

    /// The last writes, from three connections at once, and the stop in the middle of them.
    fn finish(&mut self) -> Vec<Copied> {
        if self.kind != Kind::Clean {
            for _ in 0..SLOW_WRITES {
                self.writer.write(1);
                std::thread::sleep(WITNESS_AGE / SLOW_WRITES);
            }
            self.writer.write(20);
        }
        let mut others: Vec<Writer> = ["left", "right"]
            .into_iter()
            .map(|name| self.beside(name))
            .collect();
        let halt = AtomicBool::new(false);
        let copies = std::thread::scope(|scope| {
            // Set even when this thread panics, or the scope would never end.
            let ending = Halt(&halt);
            for other in &mut others {
                let halt = &halt;
                scope.spawn(move || {
                    while !halt.load(Ordering::Relaxed) && other.step().is_ok() {
                        std::thread::sleep(PACE);
                    }
                });
            }
            let copies = self.copies();
            self.writer.write(40);
            if self.kind != Kind::Clean {
                self.stop();
            }
            drop(ending);
            copies
        });
        if self.kind == Kind::Clean {
            self.stop();
        }
        copies
    }

    fn beside(&mut self, name: &str) -> Writer {
        let rng = Rng::new(self.rng.next());
        let addr = self.server().addr();
        Writer::new(addr, rng, name, "beside", self.acks.clone()).expect("a running server accepts")
    }

    /// Copies made file by file: the part named first is older than the rest by more writes than a flush takes.
    fn copies(&mut self) -> Vec<Copied> {
        let orders = [
            ("log first", ["wal", "store"]),
            ("store first", ["store", "wal"]),
        ];
        let rounds = if self.kind == Kind::Compacted { 2 } else { 1 };
        let mut copies = Vec::new();
        for (order, parts) in orders.into_iter().cycle().take(2 * rounds) {
            let acked = self.acked();
            let home = self.home.path().to_owned();
            let mut image = Image::default();
            image.add(&home, Path::new(parts[0]));
            image.add_top(&home);
            self.writer.write(25);
            image.add(&home, Path::new(parts[1]));
            let image = image.without_spares();
            copies.push(Copied {
                order,
                image,
                acked,
            });
        }
        copies
    }
}

/// Halts the writers when it goes.
struct Halt<'a>(&'a AtomicBool);

impl Drop for Halt<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn running(launch: &Launch, directory: &Path) -> Server {
    match start(launch, directory) {
        Started::Served(mut server) => {
            server.wait_ready().expect("a sound directory is served");
            *server
        }
        Started::Ended(status, log) => panic!("{status}\n{log}"),
        Started::Hung(log) => panic!("no start\n{log}"),
    }
}

/// The tables that a sound start may remove.
fn unnamed(image: &Image) -> BTreeSet<PathBuf> {
    let named = tables::named(image);
    let gone = named.iter().find(|path| !image.0.contains_key(*path));
    assert_eq!(gone, None, "the MANIFEST names a table that is not there");
    image
        .tables()
        .filter(|path| !named.contains(*path))
        .cloned()
        .collect()
}

/// What the image holds, by a sound start on a copy of it.
fn truth(launch: &Launch, image: &Image, acks: Vec<Ack>) -> Model {
    let home = tempfile::tempdir().expect("a temporary directory");
    image.clone().without_spares().restore(home.path());
    let server = running(launch, home.path());
    let mut model = Model {
        acks,
        ..Model::default()
    };
    // The acknowledged events lead to the last one; history then tells the rest.
    model.events = model
        .acks
        .iter()
        .map(|a| (a.index, a.event.clone()))
        .collect();
    let last = server.index();
    model
        .events
        .entry(last)
        .or_insert_with(|| serde_json::json!({}));
    let reading = reading::read(server.addr(), &model);
    assert_eq!(
        reading.faults,
        Vec::<String>::new(),
        "{}",
        server.log_tail()
    );
    model.last = reading.index;
    model.events = reading
        .history
        .into_iter()
        .map(|event| (super::model::index(&event).unwrap_or(0), event))
        .collect();
    let served = reading.tree.expect("a sound start lists");
    model.check(&served);
    model
}

/// What a release of the log leaves: its first segment is gone, whose entries the store holds.
fn release_first_segment(image: &mut Image) {
    let first = image.0.keys().find(|path| is(path, "wal")).cloned();
    let first = first.expect("a log has a segment");
    let segments = image.0.keys().filter(|path| is(path, "wal")).count();
    if segments > 1 && first.to_string_lossy().contains("/0000000000000001-") {
        image.0.remove(&first);
    }
}
