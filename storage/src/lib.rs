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
//! byte tables stand in the modules `key`, `record`, `change`, `meta`.
//!
//! ```
//! use storage::{KeyPath, Operation, Content, Options};
//!
//! let options = Options { in_memory: true, ..Options::default() };
//! let (store, mut writer) = storage::open("example".as_ref(), options)?;
//! let path = KeyPath::new("/greeting").expect("a canonical path");
//! let content = Content::File("hello".into());
//!
//! let mut batch = writer.batch();
//! batch.apply_one(1, 0, &Operation::Set { path: path.clone(), content, lifetime: None, refresh: false })?;
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
//! whatever the batches. A read never shows half a batch. No old revision at or above the floor is
//! lost to compaction. **Limits.** One process per directory; no clock and no log of its own: times
//! and durability come from the caller.

#![forbid(unsafe_code)]

mod ancestors;
mod anchor;
mod apply;
mod attribution;
mod background;
mod batch;
mod bounds;
mod cache;
mod change;
mod columns;
mod core;
mod cursor;
mod damage;
mod database;
mod error;
mod events;
mod expiry;
mod filter;
mod floor;
mod gate;
mod hash;
mod history;
pub mod judge;
mod key;
mod lease;
mod merge;
mod meta;
mod mode;
mod names;
mod notices;
mod open;
pub mod operation;
mod overlay;
mod past;
pub mod path;
mod peek;
mod pin;
mod published;
mod read;
mod reclaim;
mod record;
mod reopen;
mod scratch;
mod search;
mod statistics;
mod store;
mod verify;
mod view;
mod walk;
mod write;

pub use batch::{Batch, Committed, Writer};
pub use bounds::BYTES_PERIOD;
#[doc(hidden)]
pub use bounds::Bounds;
pub use columns::Options;
pub use damage::Damage;
pub use error::Error;
pub use events::{EventFilter, Events};
pub use history::{Version, Versions};
pub use judge::{Judgement, judge};
pub use lease::Lease;
pub use meta::Applied;
pub use mode::{LEVEL0_FILES_MAX, LEVEL0_FILES_WARN, Mode};
pub use open::{open, open_judged, open_with};
pub use operation::{
    Action, Condition, Content, Event, Lifetime, Node, Operation, Outcome, Refusal, Retention,
};
pub use past::{PastView, PastWalk};
pub use path::{KeyPath, PathError};
pub use peek::{cut_torn_manifest, peek};
pub use pin::Pin;
pub use reclaim::Reclaim;
pub use search::{Search, Step};
pub use statistics::Statistics;
pub use store::Store;
pub use verify::Verified;
pub use view::View;
pub use walk::{Item, Walk};
