//! Ports that speak HTTP/1: a bounded number of connections, each with limits of time, and an orderly end. What is said on
//! them is a [`Handler`]'s matter: nothing here knows keys, the service or the v2 API, so every port of a node can use it.
//!
//! ```text
//! bind      claims a port before the node is ready
//! accept    the loop: over the limit a refusal, else to one of the workers
//!   ├─ silent       those that have asked for nothing, and give way
//!   ├─ refusal      tells those over the limit so
//!   └─ connection   one connection on its worker, until it ends or is told to
//!        ├─ socket ─ head, chunked   its bytes, and what the HTTP library would not take of them
//!        ├─ activity                 what it is doing: facts that stream, requests and time limits share
//!        ├─ watchman ─ limit         the limits of time
//!        └─ handler ─ link           who answers, and what a request sees of its connection
//! drain     what connections are to do: serve, finish, go
//! ```
//!
//! Promises: memory and time for a connection are bounded by [`PortLimits`], whatever the client sends or does not read; a
//! request that is being answered when the port stops has [`PortLimits::drain_timeout`] to end.

mod accept;
mod activity;
mod bind;
mod chunked;
mod connection;
mod date;
mod drain;
#[cfg(test)]
mod fuzz;
mod handler;
mod head;
mod limit;
mod link;
mod refusal;
mod silent;
mod socket;
mod upgraded;
mod watchman;
mod workers;

pub(crate) use accept::serve;
pub(crate) use activity::{Activity, Exchange, UNCOUNTED};
pub(crate) use bind::{bind, listen};
pub(crate) use handler::Handler;
pub(crate) use limit::PortLimits;
pub(crate) use link::Link;
pub(crate) use upgraded::{UpgradedSocket, socket};
pub(crate) use workers::Workers;
