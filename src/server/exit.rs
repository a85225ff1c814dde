//! Why the process ends, and with which status: the one place where a status is chosen.
//!
//! | status | when |
//! |---|---|
//! | 0 | told to stop, and stopped |
//! | 1 | the start was refused: configuration, ports, a directory in use |
//! | 2 | the command line cannot be read (`config::Exit` has these words) |
//! | 65 | the data is damaged, not ours, or an older copy |
//! | 70 | an invariant of the program does not hold (docs/invariants.md) |
//! | 74 | the disk failed while the server ran, or kept it from its end: start it again, it recovers from the log |

use std::process::ExitCode;

use crate::logging;
use crate::node::advice::WITHOUT_A_MEMBER;
use crate::node::consensus_error::ConsensusError;
use crate::node::fatal::FatalError;
use crate::node::status::Status;
use crate::service::ServiceError;

use super::error::ServerError;

/// See the table.
pub const EXIT_REFUSED: u8 = 1;
/// See the table.
const EXIT_DATA: u8 = 65;
/// See the table.
pub(super) const EXIT_INVARIANT: u8 = 70;
/// See the table.
pub(super) const EXIT_STORAGE: u8 = 74;

/// The end of a start that was refused.
pub(super) fn refused(error: &ServerError) -> ExitCode {
    logging::expect_the_end();
    tracing::error!("{error}");
    ExitCode::from(match error {
        ServerError::Start(error) if error.is_about_data() => EXIT_DATA,
        _ => EXIT_REFUSED,
    })
}

/// Whether starting again would come to the same.
fn is_about_histories(reason: &FatalError) -> bool {
    matches!(
        reason.downcast_ref(),
        Some(
            ConsensusError::OlderCopy { .. }
                | ConsensusError::OtherHistory { .. }
                | ConsensusError::LeaderLacks { .. }
        )
    )
}

/// The end of a server whose member could not be published: nobody was served.
pub(super) fn before_serving(error: ServiceError) -> Result<ExitCode, ServerError> {
    match error {
        ServiceError::Stopped => Ok(ExitCode::SUCCESS),
        ServiceError::StorageFailed(reason) => {
            tracing::error!("ending after a storage failure: {reason}");
            Ok(ExitCode::from(EXIT_STORAGE))
        }
        error => Err(ServerError::Found(error)),
    }
}

/// The end of a server that served; `failure` is what ended it, if it was not told to stop.
pub(super) fn after_serving(status: &Status, failure: Option<FatalError>) -> ExitCode {
    // What failed only during the stop was not flushed either.
    match failure.or_else(|| status.reason_of_failure()) {
        None => {
            tracing::info!("stopped");
            ExitCode::SUCCESS
        }
        Some(reason) if status.removed_log().is_some() && !status.has_failed() => {
            if status.is_sole_voter() {
                tracing::error!(
                    "ending, with everything flushed: {reason}; start again, the log begins anew behind the store"
                );
            } else {
                tracing::error!(
                    "ending, with everything flushed: {reason}; with its log this member has forgotten what it promised the others. \
                     Put the log back if it was moved; else {WITHOUT_A_MEMBER}"
                );
            }
            ExitCode::from(EXIT_STORAGE)
        }
        Some(reason) if is_about_histories(&reason) => {
            tracing::error!("ending: {reason}");
            ExitCode::from(EXIT_DATA)
        }
        Some(reason) => {
            tracing::error!(
                "ending after a storage failure ({reason}): start again to recover from the log"
            );
            ExitCode::from(EXIT_STORAGE)
        }
    }
}
