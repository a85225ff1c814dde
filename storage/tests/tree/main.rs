//! The tree through its public doors: meaning, history, durability, opening, readers beside the
//! writer.

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
mod reclaim;
mod retention;
mod server_nodes;
mod skipped;
mod support;
