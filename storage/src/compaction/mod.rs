//! Where old revisions are dropped: how far history is kept, who still needs it, and the two ways by which it goes, in
//! RocksDB's own compactions (`filter`) and by deletion in bounded pieces (`tombstone`).

pub(crate) mod filter;
pub(crate) mod oldest_event;
pub(crate) mod pin;
pub(crate) mod tombstone;
