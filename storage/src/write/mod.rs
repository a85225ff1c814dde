//! The writing half: one writer, its batches, and what each operation means (`apply`).

pub(crate) mod apply;
pub(crate) mod batch;
pub(crate) mod compaction;
pub(crate) mod expiry;
pub(crate) mod import;
pub(crate) mod moving;
pub(crate) mod overlay;
pub(crate) mod reopen;
pub(crate) mod retention;
pub(crate) mod row;
