//! A file system in memory that knows what was synced. Guarantees that the same seed and the same calls
//! lose, tear and fail the same things.
//!
//! ```
//! use std::path::Path;
//! use wal::fs::{File, Fs, sim::SimFs};
//!
//! let disk = SimFs::new(7);
//! disk.create_dir_all(Path::new("/log"))?;
//! let file = disk.create(Path::new("/log/a"))?;
//! file.write_all_at(0, b"synced")?;
//! file.sync_data()?;
//! disk.sync_dir(Path::new("/log"))?;
//! file.write_all_at(0, b"lost??")?;
//! disk.power_loss(1); // the handle is dead from here on
//! assert!(disk.exists(Path::new("/log/a"))?);
//! # Ok::<(), std::io::Error>(())
//! ```

mod call;
mod disk;
mod fault;
mod machine;
mod names;
mod random;
mod state;
#[cfg(test)]
mod tests;

pub use call::{SimDirectory, SimFile};
pub use fault::SimFault;
pub use machine::SimFs;
pub use random::SplitMix64;
