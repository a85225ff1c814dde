//! Judge first, open later: what a start is to do is decided from the whole directory (identity file, witness file,
//! store, log) before anything may write to it.
//!
#![doc = include_str!("table.md")]
//!
//! Nothing here opens a file for writing. What is told apart: *nothing was ever acknowledged* (founding may be repeated),
//! *nothing is missing*, *the store holds everything* (the clean-stop mark), *something is lost* (the operator decides).

mod decide;
mod explain;
mod facts;
mod log;
mod other_cluster;
mod plan;
pub mod refusal;
mod store;

use wal::fs::Fs;

pub use decide::StoreAction;
pub use facts::Question;
pub use plan::{PlannedLog, StartPlan};
pub use refusal::{LogLoss, StartRefusal};

use super::recovery::error::RecoveryError;
use decide::{StartVerdict, decide};
use facts::DirectoryFacts;

/// What a start is to do.
pub enum Judgement<F: Fs> {
    /// No node was ever finished here.
    Found,
    /// A node is here.
    Start(Box<StartPlan<F>>),
}

/// Judges a data directory.
///
/// # Errors
/// [`RecoveryError::Refused`] with what to do; anything else is a part that cannot even be looked at.
pub fn judge<F: Fs>(fs: &F, question: &Question<'_>) -> Result<Judgement<F>, RecoveryError> {
    let facts = DirectoryFacts::gather(fs, question.directory)?;
    let evidence = facts.evidence(question);
    match decide(evidence) {
        StartVerdict::Found => Ok(Judgement::Found),
        StartVerdict::Start(log, store) => Ok(Judgement::Start(Box::new(
            facts.plan(question, log, store)?,
        ))),
        // The first release's store, never flushed: without its log nothing is left to serve under any option.
        StartVerdict::Refuse(decide::RefusalCase::LogLoss | decide::RefusalCase::Member)
            if facts.voices().is_empty() =>
        {
            Err(RecoveryError::Nobody {
                directory: question.directory.to_owned(),
            })
        }
        StartVerdict::Refuse(refusal) => Err(facts.refuse(question, refusal).into()),
    }
}
