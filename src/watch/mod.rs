//! Watches: who is told of which change, and how nobody misses one or hears it twice.
//!
//! One rule carries it all: a watcher has a position, the next revision it has not yet considered. Registration and
//! publication exclude each other (one lock in the [`Hub`]), so at registration every revision is either published
//! (`<= P`, read from history) or not (`> P`, delivered live). A watcher is *live* when its position is above all
//! that is published; otherwise it is *behind* and reads the revisions it lacks from the store, then joins the live
//! ones under the same lock. A slow watcher simply falls behind again: apply never waits for it, and its memory is
//! bounded by [`QUEUE_LIMIT`] events.

mod hub;
mod matching;
mod replay;
mod watcher;

pub use hub::{Hub, TooManyWatchers};
pub use watcher::{Ended, Watcher};

/// Undelivered events above which a watcher falls behind and continues from the store.
pub const QUEUE_LIMIT: usize = 128;

/// What is watched.
#[derive(Debug, Clone)]
pub struct Target {
    /// The watched path.
    pub path: storage::path::KeyPath,
    /// Whether changes below count.
    pub recursive: bool,
}

#[cfg(test)]
mod tests;
