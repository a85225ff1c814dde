//! The client port of a real server process over real sockets: bytes, framing, limits of size and time, start and stop.
//!
//! Nothing here compares with the original (`differential` does); what is expected is the text of the reference.

#[path = "http/browsers.rs"]
mod browsers;
#[path = "http/bytes.rs"]
mod bytes;
#[path = "http/classic.rs"]
mod classic;
#[path = "http/connections.rs"]
mod connections;
#[path = "http/limits.rs"]
mod limits;
#[path = "http/listings.rs"]
mod listings;
#[path = "http/memory.rs"]
mod memory;
#[path = "http/metrics.rs"]
mod metrics;
#[path = "http/node.rs"]
mod node;
#[path = "http/open_metrics.rs"]
mod open_metrics;
#[path = "http/requests.rs"]
mod requests;
#[path = "http/rights.rs"]
mod rights;
#[path = "http/routes.rs"]
mod routes;
#[path = "http/several.rs"]
mod several;
#[path = "http/signals.rs"]
mod signals;
#[path = "http/slow_watches.rs"]
mod slow_watches;
#[path = "http/starting.rs"]
mod starting;
#[path = "http/stopping.rs"]
mod stopping;
mod support;
#[path = "http/timeouts.rs"]
mod timeouts;
#[path = "http/ttls.rs"]
mod ttls;
#[path = "http/unread.rs"]
mod unread;
#[path = "http/watching.rs"]
mod watching;
