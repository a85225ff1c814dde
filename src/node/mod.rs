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
//! Promises: a reply is sent only after the entry is durable on a quorum and applied, here or, where this log takes long, at
//! the leader; a failed sync is final; every queue is bounded, and a full one refuses with
//! [`Failure::Overloaded`](outcome::Failure::Overloaded).

pub(crate) mod advice;
pub(crate) mod alone;
mod apply;
mod batch;
pub(crate) mod change;
mod cluster_clock;
mod consensus;
pub(crate) mod consensus_error;
pub(crate) mod context;
mod counters;
mod damage;
mod data_dir;
mod disk_pace;
pub(crate) mod disk_space;
mod effects;
pub(crate) mod fatal;
mod flusher;
mod founding;
#[cfg(test)]
mod fuzz;
pub mod identity_file;
mod intake;
pub mod judgement;

mod log_worker;
mod marker;
mod missing_file;
pub(crate) mod outcome;
pub(crate) mod peer;
#[cfg(test)]
pub(crate) mod planted;
pub mod recovery;
pub(crate) mod refusal;
mod remote_waiters;
pub(crate) mod reserve;
mod rights;
pub(crate) mod runtime;
#[cfg(test)]
#[path = "../../tests/sim/mod.rs"]
mod sim;
pub(crate) mod snapshot;
pub(crate) mod start;
pub(crate) mod status;
mod store_pointer;
pub(crate) mod traffic;
mod volume;
mod waiters;
pub(crate) mod watchdog;
pub mod witness_file;
mod worker_queue;

#[cfg(test)]
mod tests;
