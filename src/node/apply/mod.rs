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

pub mod backlog;
mod compaction;
pub mod context;
pub mod error;
mod group;
mod pace;
pub mod reopen;
pub mod worker;

#[cfg(test)]
mod tests;
