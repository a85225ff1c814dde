//! What a change of membership needs beside consensus, and why one is not made.

use std::future::Future;
use std::pin::Pin;

use super::error::ServiceError;
use crate::members::ChangeRefusal;

/// Lets other members reach a server that has been alone so far; the error says why they cannot.
pub(crate) type Growth =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MemberChangeError {
    /// It does not hold.
    #[error(transparent)]
    Refused(#[from] ChangeRefusal),
    /// Nobody could reach this server.
    #[error("membership: other members could not reach this one: {0}")]
    Unreachable(String),
    /// There was no answer, or none that says whether it was made.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// An id is drawn at random.
    #[error("the system gives no random number: {0}")]
    NoRandomNumber(getrandom::Error),
}
