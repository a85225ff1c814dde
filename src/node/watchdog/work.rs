//! The operations of the disk that are watched, each by one thread at a time.

use std::path::PathBuf;

use crate::node::witness_file;

/// What is asked of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// A group is written to the log and synced.
    LogSync,
    /// Old segments are recycled or removed.
    LogRelease,
    /// Entries are applied.
    StoreWrite,
    /// The store's memtables are written out.
    StoreFlush,
    /// The log's worker looks whether there is room, and whether everything is where it was.
    LogLook,
    /// The flush thread looks whether everything is where it was.
    FlushLook,
    /// The witness file is written and synced.
    Witness,
}

impl Work {
    /// All of it.
    pub const ALL: [Self; 7] = [
        Self::LogSync,
        Self::LogRelease,
        Self::StoreWrite,
        Self::StoreFlush,
        Self::LogLook,
        Self::FlushLook,
        Self::Witness,
    ];

    /// The word in `/metrics`.
    pub fn label(self) -> &'static str {
        match self {
            Self::LogSync => "log_sync",
            Self::LogRelease => "log_release",
            Self::StoreWrite => "store_write",
            Self::StoreFlush => "store_flush",
            Self::LogLook => "log_look",
            Self::FlushLook => "flush_look",
            Self::Witness => "witness",
        }
    }

    /// Whether writes wait for it.
    pub(super) fn holds_writes(self) -> bool {
        match self {
            Self::LogSync | Self::LogRelease | Self::StoreWrite | Self::LogLook => true,
            Self::StoreFlush | Self::FlushLook | Self::Witness => false,
        }
    }

    /// What is done, for a sentence that names the place.
    pub(super) fn sentence(self, data_dir: Option<&PathBuf>) -> String {
        let place = |name: &str| match data_dir {
            Some(data_dir) if name.is_empty() => data_dir.display().to_string(),
            Some(data_dir) => data_dir.join(name).display().to_string(),
            None => name.to_owned(),
        };
        match self {
            Self::LogSync => format!("the log's sync of {}", place("wal")),
            Self::LogRelease => format!("the release of old log segments in {}", place("wal")),
            Self::StoreWrite => format!("a write to the store in {}", place("store")),
            Self::StoreFlush => format!("the flush of the store in {}", place("store")),
            Self::LogLook => format!("the log's look at the disk of {}", place("")),
            Self::FlushLook => format!("the flush thread's look at the disk of {}", place("")),
            Self::Witness => format!("the write of {}", place(witness_file::NAME)),
        }
    }
}
