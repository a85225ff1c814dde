//! Consensus: what to persist, send and apply, decided without doing any of it.
//!
//! [`RaftCore`] owns the `raft` crate's node; [`log::LogView`] is the log as that crate reads it, a short tail in memory
//! over the durable log on disk. Nothing here blocks, syncs, sends or knows what an entry means.

mod core;
mod diagnostics;
mod election;
pub(crate) mod entry;
mod fetch;
pub(crate) mod log;
mod log_read;
mod random;
mod succession;

pub(crate) use self::core::{Parameters, RaftCore, ReadyBatch, Role, SoftState};
pub(crate) use self::fetch::{Fetch, FetchedEntries};
pub(crate) use self::log::StateFile;
pub(crate) use self::log_read::LogRead;
pub(crate) use self::random::Randomness;

#[cfg(test)]
pub(crate) mod tests;
