//! Where old revisions are dropped: how far history is kept, who still needs it, and the two ways by which it goes, in
//! RocksDB's own compactions (`filter`) and by deletion in bounded pieces (`reclaim`).

pub(crate) mod filter;
pub(crate) mod floor;
pub(crate) mod pin;
pub(crate) mod reclaim;
