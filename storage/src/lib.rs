//! The MVCC tree: etcd v2 semantics over RocksDB, applied as a pure function.
//!
//! ```text
//! log entry ──> Writer::batch ──> apply ──> commit ──> published ──> Store::get, Lease → View
//!                 (one thread)    (pure)    (atomic)                  (any thread)
//! ```
//!
//! The store holds the tree as it is (`nodes`), as it was (`versions`), what happened (`events`),
//! what lapses when (`expiry`) and, beside them, how far the log has been applied. All of it
//! changes in one write per batch, and reaches the disk in one atomic flush: what a crash keeps is
//! always the state after some commit, and the log replays the rest. The order of the keys and the
//! byte tables stand in the modules of the folder `format`.
//!
//! ```
//! use storage::{Content, KeyPath, Operation, StoreOptions, Write, WriteMode};
//!
//! let options = StoreOptions { in_memory: true, ..StoreOptions::default() };
//! let (store, mut writer) = storage::open("example".as_ref(), options)?;
//! let path = KeyPath::new("/greeting").expect("a canonical path");
//! let content = Content::File("hello".into());
//!
//! let mut batch = writer.batch();
//! batch.apply_one(1, 0, &Operation::Write(Write::new(path.clone(), WriteMode::Set, content)))?;
//! batch.commit()?;
//!
//! let (node, revision) = store.get(&path)?;
//! assert_eq!((node.expect("it was just set").value, revision), (Some("hello".into()), 1));
//! # Ok::<(), storage::Error>(())
//! ```
//!
//! **Damage.** What cannot be read fails with [`Error::Damaged`] and its place ([`Damage`]); what
//! does not touch it goes on. A background compaction that meets it ends all writing, and is told by
//! [`Store::background_damage`]. [`Writer::reopen`] then opens the directory again under the
//! readers, around the damage ([`Mode`]): they hold it by [`Lease`]s, each for one request, and
//! never see the store go back.
//!
//! **Promises.** Equal commands in equal order give equal answers and hashes on every member,
//! whatever the batches. A read never shows half a batch. No old revision at or above the compact revision is
//! lost to compaction. **Limits.** One process per directory; no clock and no log of its own: times
//! and durability come from the caller.

#![forbid(unsafe_code)]

mod bounds;
mod compaction;
mod damage;
mod engine;
mod error;
mod format;
pub mod judge;
mod open;
pub mod operation;
pub mod path;
mod peek;
mod read;
mod shown_path;
mod write;

pub use bounds::BYTES_PERIOD;
#[doc(hidden)]
pub use bounds::Bounds;
pub use compaction::pin::Pin;
pub use damage::Damage;
pub use engine::mode::{LEVEL0_FILES_MAX, LEVEL0_FILES_WARN, Mode};
pub use engine::options::StoreOptions;
pub use error::Error;
pub use format::meta::Applied;
pub use judge::{StoreJudgement, judge};
pub use open::{open, open_judged, open_with};
pub use operation::{
    Action, Condition, Content, Event, Lifetime, Node, Operation, Outcome, Refusal, Retention,
    Write, WriteMode,
};
pub use path::{KeyPath, PathError};
pub use peek::{cut_torn_manifest, peek};
pub use read::event::{EventFilter, Events};
pub use read::export::{Export, RawRow};
pub use read::history::{Version, Versions};
pub use read::lease::Lease;
pub use read::past::{PastView, PastWalk};
pub use read::retired::RetiredStore;
pub use read::search::{Search, Step};
pub use read::statistics::Statistics;
pub use read::store::Store;
pub use read::verify::Verified;
pub use read::view::View;
pub use read::walk::{Item, Walk};
pub use write::batch::{Batch, Committed, Writer};
pub use write::compaction::CompactionStep;
pub use write::import::{Import, import};

/// The example of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
