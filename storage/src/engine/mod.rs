//! RocksDB behind typed errors: how it is set up and opened, what it says, the cache of nodes before it, and what of it is
//! published. Nothing here knows what an operation means.

pub(crate) mod anchor;
pub(crate) mod attribution;
pub(crate) mod background;
pub(crate) mod cache;
pub(crate) mod cursor;
pub(crate) mod damage_report;
pub(crate) mod database;
pub(crate) mod directory;
pub(crate) mod format_row;
pub(crate) mod home;
pub(crate) mod info_log;
pub(crate) mod merge;
pub(crate) mod mode;
pub(crate) mod options;
pub(crate) mod published;
pub(crate) mod scratch;
pub(crate) mod setup;
