//! A stream watch on everything, running until the crash: what a client has seen happen must have happened.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use super::event::Event;
use super::support::http::{Connection, EXCHANGE_TIMEOUT, Request};
use super::writer::Round;

/// Events delivered to a connected observer.
#[derive(Debug)]
pub(crate) struct Observer {
    connection: Connection,
}

/// By how much the shown expiration may lie in the future of a wall clock that is being slewed.
const CLOCK_SLACK: Duration = Duration::from_millis(100);

impl Observer {
    /// Registers the watch; events after this call are delivered.
    ///
    /// # Panics
    /// When the server does not accept it.
    pub(crate) fn open(addr: SocketAddr) -> Observer {
        let mut connection = Connection::open(addr).expect("a running server accepts connections");
        let request = Request::get("/v2/keys/?wait=true&recursive=true&stream=true");
        connection.send(&request).expect("a request can be sent");
        let head = connection
            .read_head(EXCHANGE_TIMEOUT)
            .expect("the head of a watch is sent at once");
        assert_eq!(head.status, 200, "the watch was refused");
        Observer { connection }
    }

    /// Reads until the connection breaks.
    ///
    /// # Panics
    /// When something expires early.
    pub(crate) fn run(mut self, round: &Round) -> Vec<Event> {
        let seen = self.drain();
        if let Some(last) = seen.last() {
            round.seen_index.fetch_max(last.index(), Ordering::SeqCst);
        }
        seen
    }

    /// Everything delivered until the connection ends.
    ///
    /// # Panics
    /// When something expires early.
    pub(crate) fn drain(&mut self) -> Vec<Event> {
        let mut seen = Vec::new();
        while let Ok(Some(chunk)) = self.connection.read_chunk(EXCHANGE_TIMEOUT) {
            let event = Event::parse(&chunk);
            if event.action() == "expire" {
                let due = event.previous().and_then(|node| node.expiration());
                let due = due.expect("only nodes with a TTL expire");
                assert!(due <= SystemTime::now() + CLOCK_SLACK, "early: {event:?}");
            }
            seen.push(event);
        }
        seen
    }
}
