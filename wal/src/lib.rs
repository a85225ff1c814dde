//! The write-ahead log.
#![forbid(unsafe_code)]

mod entry;
mod error;
mod format;
pub mod fs;
mod index;
mod log;
mod options;
mod pending;
mod reader;
mod recovery;
mod scan;
mod segment;
mod spare;
mod tail;
mod witness;

pub use entry::{Durable, Entry, HardState, Identity, Place, Position};
pub use error::{Damage, Error, Proof, Reason};
pub use format::{FORMAT_VERSION, PAYLOAD_BYTES_MAX};
pub use log::Wal;
pub use options::Options;
pub use reader::Reader;
pub use recovery::{Cut, Recovery, inspect};
pub use witness::Witness;
