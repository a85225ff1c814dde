//! The tree through its public doors: meaning, history, durability, opening, readers beside the
//! writer.

#[path = "../model/random.rs"]
mod random;

mod another_store;
mod compaction;
mod copied;
mod crash;
mod decision_table;
mod events;
mod expiry;
mod history;
mod merge;
mod moved;
mod old_revisions;
mod opening;
mod readers;
mod retention;
mod search;
mod server_nodes;
mod skipped;
mod support;
