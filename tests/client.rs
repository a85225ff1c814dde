//! The client library from outside: against servers that fail in a scripted way, and against real ones of both kinds,
//! killed and started again.
//!
//! What it must keep: an answer is found while any endpoint gives one; nothing that could take effect twice is sent
//! twice; a watch that goes on has neither a gap nor a repetition.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

#[path = "client/connection.rs"]
mod connection;
#[path = "client/fail_over.rs"]
mod fail_over;
#[path = "client/one_shot.rs"]
mod one_shot;
#[path = "client/redirect.rs"]
mod redirect;
#[path = "client/scripted.rs"]
mod scripted;
mod support;
#[path = "client/tls.rs"]
mod tls;
#[path = "client/watch.rs"]
mod watch;
