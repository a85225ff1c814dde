//! The events as a server serves them after a crash, one long poll after the other or as one stream.

use super::event::{Event, Tree, listing};
use super::ledger::MARK;
use super::support::http::{Connection, EXCHANGE_TIMEOUT, Request};
use super::support::server::Server;

/// All files, and the index at which the listing was made.
///
/// # Panics
/// When the server does not answer with a listing.
pub(crate) fn list(server: &Server) -> (Tree, u64) {
    let answer = server.exchange(&Request::get("/v2/keys/?recursive=true&quorum=true"));
    assert_eq!(answer.status(), 200, "{}", answer.dump());
    let index = answer.etcd_index().expect("a read carries X-Etcd-Index");
    (listing(&answer.body), index)
}

/// One write of the checker itself; returns its event.
///
/// # Panics
/// When it is refused.
pub(crate) fn mark(server: &Server) -> Event {
    let answer = server.exchange(&Request::put(&format!("/v2/keys{MARK}"), "value=mark"));
    assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
    Event::parse(&answer.body)
}

/// The events from `first` to `last`, by one long poll each.
///
/// There must be an event after `last`, or the poll past it would wait for ever.
///
/// # Panics
/// When the server refuses, or an event's index is below the one asked for.
pub(crate) fn poll(server: &Server, first: u64, last: u64) -> Vec<Event> {
    let mut connection = Connection::open(server.addr()).expect("a running server accepts");
    let mut events = Vec::new();
    let mut next = first;
    while next <= last {
        let target = format!("/v2/keys/?wait=true&recursive=true&waitIndex={next}");
        let answer = connection
            .exchange(&Request::get(&target))
            .unwrap_or_else(|error| panic!("{target}: {error}\n{}", server.log_tail()));
        assert_eq!(answer.status(), 200, "{target}: {}", answer.dump());
        let event = Event::parse(&answer.body);
        assert!(
            event.index() >= next,
            "{target} delivered {}",
            event.index()
        );
        next = event.index() + 1;
        if event.index() <= last {
            events.push(event);
        }
    }
    events
}

/// The events from `first` to `last` by one stream.
///
/// # Panics
/// When the server refuses, or the events do not come in order.
pub(crate) fn stream(server: &Server, first: u64, last: u64) -> Vec<Event> {
    let mut connection = Connection::open(server.addr()).expect("a running server accepts");
    let target = format!("/v2/keys/?wait=true&recursive=true&stream=true&waitIndex={first}");
    connection
        .send(&Request::get(&target))
        .expect("a request can be sent");
    let head = connection
        .read_head(EXCHANGE_TIMEOUT)
        .expect("the head of a watch is sent at once");
    assert_eq!(head.status, 200, "{target} was refused");
    let mut events: Vec<Event> = Vec::new();
    loop {
        let chunk = connection
            .read_chunk(EXCHANGE_TIMEOUT)
            .unwrap_or_else(|error| panic!("{target}: {error}\n{}", server.log_tail()))
            .expect("a stream does not end by itself");
        let event = Event::parse(&chunk);
        let previous = events.last().map_or(first - 1, Event::index);
        assert!(event.index() > previous, "{previous} and then {event:?}");
        if event.index() > last {
            return events;
        }
        let done = event.index() == last;
        events.push(event);
        if done {
            return events;
        }
    }
}
