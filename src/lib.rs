//! etcd2: a replicated, durable, hierarchical key-value store that speaks the etcd v2 API.
//!
//! The server is `wal` (the log), `storage` (the tree) and consensus joined by [`node`], reached through one
//! [`service`], served by `http` on the ports of `listen`. [`client`] is the other side of the wire: what `etcdctl`,
//! tests and benchmarks speak to a cluster with. ARCHITECTURE.md at the top of the repository draws the whole.

#![forbid(unsafe_code)]

pub mod bounded;
pub mod client;
pub mod clock;
pub mod command;
pub mod config;
mod dns;
mod escape;
mod formation;
pub mod go;
mod http;
pub mod json;
mod listen;
pub mod logging;
pub mod members;
pub mod metrics;
pub mod node;
mod os_error;
pub mod raft;
pub mod server;
pub mod service;
mod tls;
mod version;
pub mod watch;
