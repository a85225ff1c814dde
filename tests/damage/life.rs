//! A directory while it lives: written by many kinds of requests, stopped and started, forked, copied under load.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::image::Image;
use super::model::Ack;
use super::start::{LIMIT, Started, start};
use super::support::seed::Rng;
use super::support::server::{Launch, Server};
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

/// A directory while it lives.
pub(crate) struct Life {
    kind: Kind,
    launch: Launch,
    home: TempDir,
    server: Option<Server>,
    /// Writes below `/main`.
    pub(crate) writer: Writer,
    rng: Rng,
    acks: Acks,
    /// The last index that it shares with what was forked from it.
    pub(crate) forked_at: u64,
    /// When it was stopped.
    pub(crate) stopped: Instant,
}

impl Life {
    /// A new directory and its server.
    pub(crate) fn begin(kind: Kind, launch: &Launch, home: TempDir, rng: &mut Rng) -> Life {
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

    /// The directory as it stands.
    pub(crate) fn image(&self) -> Image {
        Image::take(self.home.path())
    }

    /// What was acknowledged so far.
    pub(crate) fn taken(&self) -> Vec<Ack> {
        self.acks.lock().expect("no writer panicked").clone()
    }

    fn acked(&self) -> u64 {
        let acks = self.taken();
        acks.iter().map(|ack| ack.index).max().unwrap_or(0)
    }

    /// Expiry is a command of the log and an event of history, so there must be some.
    pub(crate) fn let_some_expire(&mut self) {
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

    /// Ends the server the way this life ends.
    pub(crate) fn stop(&mut self) {
        let mut server = self.server.take().expect("this life goes on");
        if self.kind == Kind::Clean {
            let status = server.terminate(LIMIT);
            assert_eq!(status.code(), Some(0), "{}", server.log_tail());
        } else {
            server.kill();
        }
        self.stopped = Instant::now();
    }

    /// Starts it again; values hold another label from here on.
    pub(crate) fn again(&mut self, label: &str) {
        if self.forked_at == 0 {
            self.forked_at = self.acked();
        }
        let server = running(&self.launch, self.home.path());
        let next = self.writer.go_on(server.addr(), label, self.acks.clone());
        self.writer = next.expect("a running server accepts");
        self.server = Some(server);
    }

    /// The same directory at another place, going on with writes of its own.
    pub(crate) fn fork(&self, image: &Image, label: &str) -> Life {
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

    /// Writes until the log has let its first segment go, whose entries two flushes of the store hold.
    pub(crate) fn write_until_released(&mut self) {
        let first = self
            .home
            .path()
            .join("wal/0000000000000001-0000000000000001.wal");
        for _ in 0..100 {
            if !first.exists() {
                return;
            }
            self.writer.write(25);
        }
        panic!("{} is never released", first.display());
    }

    /// The last writes, from three connections at once, and the stop in the middle of them.
    pub(crate) fn finish(&mut self) -> Vec<Copied> {
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

/// A server that must start.
pub(crate) fn running(launch: &Launch, directory: &Path) -> Server {
    match start(launch, directory) {
        Started::Served(mut server) => {
            server.wait_ready().expect("a sound directory is served");
            *server
        }
        Started::Ended(status, log) => panic!("{status}\n{log}"),
        Started::Hung(log) => panic!("no start\n{log}"),
    }
}
