//! Applying: committed entries become the tree, its events and the replies.
//!
//! | file | what |
//! |---|---|
//! | `worker` | the order of it all |
//! | `group` | how many entries go into one batch of the store |
//! | `context` | what others are told: events, then replies |
//! | `compaction` | where old revisions are dropped |
//! | `pace` | when a flush is asked for |
//! | `backlog` | entries that wait while the file system refuses the store |
//! | `reopen` | the store opened again around damaged history |

pub(super) mod backlog;
mod compaction;
pub(super) mod context;
pub(super) mod error;
mod group;
mod pace;
pub(super) mod reopen;
pub(super) mod worker;

#[cfg(test)]
mod tests;
