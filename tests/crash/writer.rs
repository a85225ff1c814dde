//! One connection that writes to keys of its own, remembers every acknowledged write, and keeps the write whose answer
//! the crash swallowed as unknown.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::event::{Event, Tree};
use super::operation::Operation;
use super::support::http::{Connection, Response};
use super::support::seed::Rng;

/// What all connections of a round share.
#[derive(Debug, Default)]
pub(crate) struct Round {
    /// Writes acknowledged so far.
    pub(crate) acknowledged: AtomicU64,
    /// Set just before the kill: from then on a broken connection is expected.
    pub(crate) killed: AtomicBool,
    /// The highest index any answer has shown.
    pub(crate) seen_index: AtomicU64,
}

/// A writer and its knowledge, kept over all rounds.
#[derive(Debug)]
pub(crate) struct Writer {
    /// All its keys lie below this one.
    pub(crate) prefix: String,
    /// Its keys as the last acknowledged writes left them; short-lived ones may have expired since.
    pub(crate) known: Tree,
    /// Acknowledged writes of the round that are not checked against history yet.
    pub(crate) acknowledged: Vec<Event>,
    /// The write in flight at the last kill.
    pub(crate) unknown: Option<Operation>,
    rng: Rng,
    sequence: u64,
}

impl Writer {
    /// The writer with this number.
    pub(crate) fn new(seed: u64, number: u64) -> Writer {
        Writer {
            prefix: format!("/w{number}"),
            known: Tree::new(),
            acknowledged: Vec::new(),
            unknown: None,
            rng: Rng::new(seed ^ (number + 1).wrapping_mul(0x5851_f42d_4c95_7f2d)),
            sequence: 0,
        }
    }

    /// Writes until the connection breaks.
    ///
    /// # Panics
    /// When it breaks before the kill, or an answer is not what the keys' state asks for.
    pub(crate) fn run(&mut self, addr: SocketAddr, round: &Round) {
        let mut last_index = 0;
        let mut connection = match Connection::open(addr) {
            Ok(connection) => connection,
            Err(_) if round.killed.load(Ordering::SeqCst) => return,
            Err(error) => panic!("{}: no connection: {error}", self.prefix),
        };
        loop {
            self.sequence += 1;
            let operation =
                Operation::random(&mut self.rng, &self.prefix, self.sequence, &self.known);
            let response = match connection.exchange(&operation.request()) {
                Ok(response) => response,
                Err(error) => {
                    assert!(
                        round.killed.load(Ordering::SeqCst),
                        "{operation:?}: {error} although the server was not killed"
                    );
                    self.unknown = Some(operation);
                    return;
                }
            };
            let event = self.accept(&operation, &response);
            assert!(
                event.index() > last_index,
                "index {} after {last_index} on one connection",
                event.index()
            );
            last_index = event.index();
            round.seen_index.fetch_max(last_index, Ordering::SeqCst);
            round.acknowledged.fetch_add(1, Ordering::SeqCst);
            self.acknowledged.push(event);
        }
    }

    /// Takes its keys as they are after a crash.
    pub(crate) fn learn(&mut self, tree: &Tree) {
        let below = format!("{}/", self.prefix);
        let own = tree.iter().filter(|(key, _)| key.starts_with(&below));
        self.known = own.map(|(key, node)| (key.clone(), node.clone())).collect();
    }

    /// Checks an answer against the known state and learns from it.
    fn accept(&mut self, operation: &Operation, response: &Response) -> Event {
        let shown = || format!("{operation:?} was answered with\n{}", response.dump());
        assert!(matches!(response.status(), 200 | 201), "{}", shown());
        let event = Event::parse(&response.body);
        assert!(operation.explains(&event), "{}", shown());
        assert_eq!(response.etcd_index(), Some(event.index()), "{}", shown());
        let before = match event.node() {
            Some(node) => self.known.insert(event.key().to_owned(), node),
            None => self.known.remove(event.key()),
        };
        // A node with a TTL may have expired since its last write.
        let expired = event.previous().is_none()
            && before
                .as_ref()
                .is_some_and(|node| node.expiration().is_some());
        assert!(
            expired || before == event.previous(),
            "the former node is {before:?}, but {}",
            shown()
        );
        event
    }
}
