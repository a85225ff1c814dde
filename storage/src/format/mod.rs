//! What a row looks like on disk: keys, values, and the hash over them. Every layout stands here once, beside its byte
//! table, and knows nothing of RocksDB.

pub(crate) mod column;
pub(crate) mod event_row;
mod field;
pub(crate) mod file_name;
#[cfg(test)]
mod fuzz;
pub(crate) mod hash;
pub(crate) mod key;
pub(crate) mod meta;
pub(crate) mod node_row;
