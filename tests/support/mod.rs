//! Shared ground of the whole-system tests: real server processes that never outlive a test, an HTTP client that keeps
//! every byte it received, and random numbers that a failure can replay.
//!
//! Each file under `tests/` is a crate of its own and uses a part of this module.
// Every test crate compiles all of it and uses what it needs.
#![allow(dead_code, unused_imports)]

pub(crate) mod absent;
pub(crate) mod authority;
pub(crate) mod client;
pub(crate) mod cluster;
pub(crate) mod fake;
pub(crate) mod http;
pub(crate) mod json;
pub(crate) mod linearizable;
pub(crate) mod message;
pub(crate) mod place;
pub(crate) mod running;
pub(crate) mod seed;
pub(crate) mod server;
pub(crate) mod transcript;
pub(crate) mod wait;
