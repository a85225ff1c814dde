//! `/v2/stats/*` (keys-api 10.1 to 10.3): counters of the store, the state of this member, and what the leader knows of its
//! followers. The vocabulary a node was started with decides the words.

pub(super) mod leader;
pub(super) mod own;
pub(super) mod store;
