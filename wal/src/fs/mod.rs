//! The file seam: every file operation, every sync and every injected fault of the log passes here.
//!
//! Guarantee to callers: nothing above this module touches the operating system's files by another
//! way, so [`sim::SimFs`] sees, and can fail or lose, each step that [`OsFs`] would do for real.
//!
//! What an implementation promises, and what it does not:
//!
//! * [`File::write_at`] reaches the page cache only. Until [`File::sync_data`] returns `Ok`, a power
//!   loss may keep any subset of the written 512-byte sectors, in any order.
//! * A failed [`File::sync_data`] is final for the bytes it covered: a later success says nothing
//!   about them. The only remedy is to write them again.
//! * [`Fs::create`], [`Fs::rename`] and [`Fs::remove`] are atomic for a running process and durable
//!   only after [`Fs::sync_dir`] of the directory.

mod os;
mod seam;
pub mod sim;

pub use os::{OsDirectory, OsFile, OsFs};
pub use seam::{Directory, File, Fs, is_no_space};
