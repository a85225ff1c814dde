//! RocksDB behind typed errors: how it is set up and opened, what it says, the cache of nodes before it, and what of it is
//! published. Nothing here knows what an operation means.

pub(crate) mod anchor;
pub(crate) mod attribution;
pub(crate) mod background;
pub(crate) mod cache;
pub(crate) mod columns;
pub(crate) mod cursor;
pub(crate) mod database;
pub(crate) mod info_log;
pub(crate) mod merge;
pub(crate) mod mode;
pub(crate) mod published;
pub(crate) mod scratch;
