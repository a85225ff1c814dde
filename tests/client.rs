//! The client library from outside: against servers that fail in a scripted way, and against real ones of both kinds,
//! killed and started again.
//!
//! What it must keep: an answer is found while any endpoint gives one; nothing that could take effect twice is sent
//! twice; a watch that goes on has neither a gap nor a repetition.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

#[path = "client/answer.rs"]
mod answer;
#[path = "client/call.rs"]
mod call;
#[path = "client/connection.rs"]
mod connection;
#[path = "client/credential.rs"]
mod credential;
#[path = "client/fail_over.rs"]
mod fail_over;
#[path = "client/keys.rs"]
mod keys;
#[path = "client/member.rs"]
mod member;
#[path = "client/one_shot.rs"]
mod one_shot;
#[path = "client/outage.rs"]
mod outage;
#[path = "client/redirect.rs"]
mod redirect;
mod support;
#[path = "client/sync.rs"]
mod sync;
#[path = "client/user.rs"]
mod user;
#[path = "client/watch.rs"]
mod watch;
