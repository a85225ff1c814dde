//! Why a judgement ends early: the directory cannot be read, or what was read is damaged.

use std::io;
use std::path::Path;

use super::fault::Fault;
use crate::error::Error;

/// The end of a judgement.
#[derive(Debug)]
pub(super) enum Ending {
    /// Nothing can be said.
    Error(Error),
    /// This can be said, and nothing more.
    Fault(Fault),
}

impl From<Error> for Ending {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Fault> for Ending {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Names the place of a failed read.
pub(super) fn unreadable(operation: &'static str, path: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::Io {
        operation,
        path: path.to_owned(),
        source,
    }
}
