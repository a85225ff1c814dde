//! etcd2: a replicated, durable, hierarchical key-value store that speaks the etcd v2 API.
//!
//! The server is `wal` (the log), `storage` (the tree) and consensus joined by [`node`], reached through one
//! [`service`], served by `http` on the ports of `listen`. [`client`] is the other side of the wire: what `etcdctl`,
//! tests and benchmarks speak to a cluster with. ARCHITECTURE.md at the top of the repository draws the whole.

#![forbid(unsafe_code)]

pub mod bounded;
pub mod client;
mod clock;
mod command;
pub mod config;
mod dns;
mod escape;
mod formation;
pub mod go;
mod http;
pub mod json;
mod listen;
pub mod logging;
mod member_id;
mod members;
mod metrics;
pub mod node;
mod os_error;
mod raft;
pub mod server;
mod service;
mod tls;
mod transport;
mod version;
mod watch;
