//! Why a watch ended before its client did.

use std::sync::Arc;

/// See the module.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Ended {
    /// History moved past a watcher: it was too slow, or its member went on from the state of another.
    #[error(
        "the watch wants revision {requested}, and the history that is kept begins with {oldest}"
    )]
    Compacted {
        /// The oldest event that can be read.
        oldest: u64,
        /// What the watch wants next.
        requested: u64,
    },
    /// The server stops.
    #[error("the server stops")]
    Stopped,
    /// Nothing is applied any more, so the event that it waits for cannot come.
    #[error("no event will come any more: {0}")]
    Mute(Arc<str>),
    /// The store could not be read.
    #[error("the history could not be read: {0}")]
    Failed(#[source] Arc<storage::Error>),
    /// The system gave no thread to read with.
    #[error("the history could not be read: no thread to read it with: {0}")]
    NoThread(#[source] Arc<std::io::Error>),
    /// A mistake of the program.
    #[error("the history could not be read: a thread that read it panicked")]
    Panicked,
    /// The part of the history that it needs is damaged.
    #[error("the history could not be read: {0}")]
    Damaged(Box<storage::Damage>),
}

impl From<storage::Error> for Ended {
    fn from(error: storage::Error) -> Self {
        match error {
            storage::Error::Compacted {
                oldest_event,
                revision,
            } => Self::Compacted {
                oldest: oldest_event,
                requested: revision,
            },
            other => match other.damage() {
                Some(damage) => Self::Damaged(Box::new(damage)),
                None => Self::Failed(Arc::new(other)),
            },
        }
    }
}
