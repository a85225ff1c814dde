//! The write-ahead log: a chain of entries and hard states on disk that is honest about what it lost. In short, then in
//! detail:
//!
#![doc = include_str!("../README.md")]
//!
//! # Threads
//!
//! One thread owns a [`Wal`] and appends; any number of [`Reader`]s read beside it. The log knows terms
//! and indexes and nothing else of what it holds: kinds and payloads are the caller's.
//!
//! ```text
//!  append ──> group buffer ──write──> newest segment ──sync──> durable
//!                                      │ full                    │
//!                                      ▼                         ▼
//!  spare (zero-filled ahead) ──> next segment               Witness, kept by the store
//!    ▲                                                           │
//!    └── release: oldest segments                   open: torn tail or damage?
//! ```
//!
//! # Promises
//!
//! * What [`Wal::sync`] covered is there after a crash or a power loss, or opening says which entries are
//!   lost, in which file, at which offset.
//! * What [`Wal::open`] returns is durable: bytes that may have come from the page cache alone are
//!   written and synced again first.
//! * Entries and hard states are found in the order of appending; what was never appended is never found.
//! * A failed sync ends the log ([`Error::Poisoned`]); a full disk, a read-only file system or too many
//!   segments do not ([`Error::is_temporary`]).
//! * Opening changes nothing on disk before the log is judged ([`judge()`]), and nothing at all when it is
//!   refused. It adds no file, however often a log is killed and opened.
//! * A log refused by its witness alone ([`Proof::Witness`]) is never opened without it.
//!
//! # Limits
//!
//! A payload has at most [`PAYLOAD_BYTES_MAX`]; a log that has [`Options::segments_max`] segments begins no
//! other before one is released. Memory:
//! the group buffer, 24 bytes per 64 KiB of log (384 KiB for 1 GiB), 16 bytes per change of term. A read
//! of one entry reads at most 64 KiB and one group.
//!
//! Assumed of the disk: a 512-byte sector is written whole or not at all, a successful `fdatasync`
//! means what it says, and a rename is atomic. Writes may reach the disk in any order until then.
//!
//! # Recovery
//!
#![doc = include_str!("replay/table.md")]
//!
//! # Durable steps
//!
//! What a failure of the process or the power leaves, before and after each step; every one is visited by
//! the tests, which stop a simulated machine at every operation.
//!
//! | step | fails before it | fails after it |
//! | --- | --- | --- |
//! | **write** a group | nothing of it on disk | any of its sectors; open keeps whole groups up to the first bad one |
//! | **sync** | as after the write | everything appended before is there |
//! | **cut** (begin a segment) 1: sync the full segment | as above | the segment is durable as a whole |
//! | 2: write and sync the header of a spare file | the spare's content means nothing | the same: it has no segment's name |
//! | 3: rename it | the log ends in the old segment | the log ends in an empty one, or, after a power loss, as before |
//! | 4: sync the directory | as after 3 | the segment is part of the log; groups may be acknowledged from it |
//! | **release** 1: rename or remove the oldest segment | it is part of the log | it is gone, or, after a power loss, still there |
//! | 2: sync the directory | as after 1 | gone for good; only now the next one is touched, so there is never a hole |
//! | **restart_at**: as cut, with a header that starts the log | the old log | the new log; open removes the old segments |
//! | **replace** 1: as cut, with a header that starts the log and says that it takes the place of another | the old log, damaged | the new log; open keeps the old segments aside |
//! | 2: remove what an earlier replace kept aside | as after 1 | as after 1 |
//! | 3: rename the old segments to `*.damaged`, sync the directory | as after 1 | done |
//! | **open** 1: sync the directory | nothing was changed | nothing of the log was changed |
//! | 2: copy a torn tail aside, if there is room | as after 1 | a copy more |
//! | 3: unproven groups written again in their place, zeros over the torn tail | as after 2 | the groups as before, any part of the tail |
//! | 4: sync the segment | as after 3 | the groups are durable, nothing lies behind them |
//! | 4b: only if 3 or 4 fail, unproven groups into a fresh segment, as cut | the old segment still has them | they are durable; the old segment ends at the proven place |
//! | 5: remove surplus segments, keep those of a replaced log aside | the next open finds them again | done |
#![forbid(unsafe_code)]

mod damage;
mod directory;
mod entry;
mod error;
mod format;
pub mod fs;
mod group_buffer;
mod index;
mod leftover;
mod log;
mod options;
mod reader;
mod recovery;
mod replay;
mod scan;
mod segment;
mod spare;
mod tail;
mod witness;

pub use damage::{Defect, LogDamage, Lost, Proof};
pub use entry::{Durable, Entry, HardState, Identity, Place, Position};
pub use error::Error;
pub use format::name::is_own_file;
pub use format::{FORMAT_VERSION, PAYLOAD_BYTES_MAX};
pub use log::Wal;
pub use options::Options;
pub use reader::Reader;
pub use recovery::{JudgedLog, Prefix, Recovery, inspect, judge, prefix};
pub use replay::{LogEnd, Replay, ReplayedGroup, TornTail};
pub use witness::{Witness, WitnessCheck};
