//! Why a watch ended before its client did.

use std::sync::Arc;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// History moved past a watcher that was too slow.
    #[error("the watch fell behind the history that is kept")]
    Compacted,
    /// The server stops.
    #[error("the server stops")]
    Stopped,
    /// Nothing is applied any more, so the event that it waits for cannot come.
    #[error("no event will come any more: {0}")]
    Mute(Arc<str>),
    /// The store could not be read.
    #[error("the history could not be read: {0}")]
    Failed(String),
    /// The part of the history that it needs is damaged.
    #[error("the history could not be read: {0}")]
    Damaged(Box<storage::Damage>),
}

impl From<storage::Error> for Ended {
    fn from(error: storage::Error) -> Self {
        match error {
            storage::Error::Compacted { .. } => Self::Compacted,
            other => match other.damage() {
                Some(damage) => Self::Damaged(Box::new(damage)),
                None => Self::Failed(other.to_string()),
            },
        }
    }
}
