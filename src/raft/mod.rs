//! Consensus: what to persist, send and apply, decided without doing any of it.
//!
//! [`RaftCore`] owns the `raft` crate's node; [`log::LogView`] is the log as that crate reads it, a short tail in memory
//! over the durable log on disk. Nothing here blocks, syncs, sends or knows what an entry means.

mod core;
mod diagnostics;
pub mod entry;
pub mod log;
mod random;

pub use self::core::{Parameters, RaftCore, ReadReady, ReadyBatch, Role, SoftState};
pub use self::log::{LogRead, LogView};
pub use self::random::Randomness;
pub use raft::eraftpb::{ConfState, HardState, Message};

#[cfg(test)]
mod tests;
