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
//! bounded, and a full one refuses with [`Failure::Overloaded`](outcome::Failure::Overloaded).

pub mod apply;
pub mod batch;
pub mod cluster_clock;
pub mod consensus;
pub mod context;
pub mod counters;
pub mod damage;
pub mod data_dir;
pub mod disk_space;
pub mod effects;
pub mod fatal;
pub mod flusher;
pub mod founding;
#[cfg(test)]
mod fuzz;
pub mod identity_file;
pub mod intake;
pub mod judgement;

pub mod log_worker;
pub mod marker;
pub mod missing_file;
pub mod outcome;
pub mod recovery;
pub mod refusal;
pub mod reserve;
pub mod rights;
pub mod runtime;
pub mod start;
pub mod status;
pub mod volume;
pub mod waiters;
pub mod watchdog;
pub mod witness_file;
pub mod worker_queue;

#[cfg(test)]
mod tests;
