//! Snapshot and dump files. In short, then in detail:
//!
#![doc = include_str!("../README.md")]
//!
//! # The file
//!
//! One container for two uses: a state sent from one member to another, and a dump kept by an
//! operator. It holds typed sections of key-value pairs that this crate does not interpret, cut
//! into checksummed blocks:
//!
//! ```text
//! header | block 0 | block 1 | … | trailer        each block: section, number, length, checksums, pairs
//! ```
//!
//! # Promises
//!
//! * A changed, missing, moved or added byte is found, and no pair behind it is handed out; the
//!   error names file, offset and block. (Checksums are CRC-32: they find faults of disks and
//!   networks, not a forger.)
//! * A file has its name only when it is whole and synced: [`Draft`] and [`Receiver`] publish by
//!   rename.
//! * Reading, writing and receiving take the memory of one block: 64 KiB, or the largest pair.
//! * A transfer that breaks off continues at the last whole block ([`Receiver`]), and so does an
//!   interrupted reader ([`FileReader::resume`]).
//! * A required section of a later version is refused, an optional one is verified and passed over.
//!
//! # Limits
//!
//! Keys of 1 MiB, values of 16 MiB, 64 sections. What the pairs mean, which state they are read
//! from, and how many files are worth keeping is decided elsewhere. The bytes are described in
//! [`mod@format`].

#![forbid(unsafe_code)]

mod block;
mod directory;
mod draft;
mod error;
mod file;
pub mod format;
#[cfg(test)]
mod fuzz;
mod meta;
mod name;
mod position;
mod proof;
mod reader;
mod receiver;
mod section;
mod writer;

pub use block::{Block, Pairs};
pub use directory::{PublishedFile, SnapshotDirectory};
pub use draft::Draft;
pub use error::Error;
pub use file::{FileSink, FileSource};
pub use meta::{HASH_MAX, Hash, Meta, SectionSummary, Summary};
pub use position::FilePosition;
pub use reader::FileReader;
pub use receiver::Receiver;
pub use section::Section;
pub use writer::{BLOCK_BYTES, FileWriter};
