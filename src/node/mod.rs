//! The node: consensus, log and store joined into one pipeline.
//!
//! ```text
//!  clients ──► Intake ──► consensus thread (ConsensusLoop) ──► log queue ──► fdatasync
//!                             ▲   │                        │
//!                  persisted ─┘   ├──► apply queue ──► store batch ──► hub ──► replies
//!                    applied ─────┘◄───────┘                │
//!                                           flusher ◄───────┘  (then old log segments are released)
//! ```
//!
//! Promises: a reply is sent only after the entry is durable and applied; a failed sync is final; every queue is
//! bounded, and a full one refuses with [`Failure::Overloaded`].

pub mod apply_worker;
pub mod clock;
pub mod context;
pub mod counters;
pub mod damage;
pub mod data_dir;
mod entries;
pub mod flusher;
pub mod founding;
pub mod identity_file;
pub mod intake;
pub mod judgement;

pub mod log_worker;
pub mod marker;
pub mod missing_file;
mod occupied;
pub mod recovery;
pub mod refusal;
pub mod reserve;
pub mod rest;
pub mod resume;
pub mod rights;
pub mod runtime;
pub mod start;
pub mod status;
pub mod turn;
pub mod volume;
pub mod wait_out;
mod waiters;
pub mod watchdog;
pub mod witness_file;
pub mod worker_queue;

pub use waiters::Waiters;

use storage::operation::Outcome;

/// What became of a write: it is durable and applied.
#[derive(Debug, Clone)]
pub struct AppliedWrite {
    /// One for each operation of the command.
    pub outcomes: Vec<Outcome>,
    /// Its place in the log.
    pub index: u64,
    /// Its term.
    pub term: u64,
}

/// Why a request got no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A queue is full; nothing was proposed.
    #[error("too many requests are waiting")]
    Overloaded,
    /// The node stops; a write that was proposed may still take effect.
    #[error("the node is stopping")]
    Stopped,
    /// Writes are refused for the time being; nothing was proposed.
    #[error(transparent)]
    Refused(#[from] refusal::WriteRefusal),
    /// The disk or the data failed; a write that was proposed may still take effect.
    #[error("storage failed: {0}")]
    Storage(String),
}

#[cfg(test)]
mod tests;
