//! What RocksDB says while it works: its info log, heard line by line.
//!
//! A background flush or compaction that fails tells nobody who could act: RocksDB has an event
//! listener, the crate has none. The log has one line for each failure, in every version and with
//! every severity:
//!
//! ```text
//! [JOB n] Waiting after background flush error: STATUS, Accumulated background error counts: n
//! Waiting after background compaction error: STATUS, Accumulated background error counts: n
//! ```
//!
//! The property `rocksdb.background-errors` counts the same failures at the same place, but gives
//! no reason: it serves as the check that no line was missed (RocksDB counts first). The node's own
//! log gets every warning and error; RocksDB's LOG file, which held the same lines beside a dump of
//! the options, is not written any more.
//!
//! The callback may run under RocksDB's mutex: it calls nothing of RocksDB.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rocksdb::{InfoLogger, LogLevel};

use crate::shown_path::shown;

/// The first failure of each kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Failures {
    /// The status of the first failed flush.
    pub(crate) flush: Option<String>,
    /// The status of the first failed compaction.
    pub(crate) compaction: Option<String>,
    /// How many failed, both together.
    pub(crate) count: u64,
}

/// What was heard from one open RocksDB.
#[derive(Debug)]
pub(crate) struct InfoLog {
    path: PathBuf,
    // Held for one assignment; inside no other lock of ours.
    heard: Mutex<Failures>,
}

/// Said as a warning for each table that is taken in; nothing is wrong.
const PREFETCH: &str = "Tail prefetch size";
/// Said by each family again and again while flushes or compactions do not keep up. How long writes wait is told by those who wait.
const BACKPRESSURE: [&str; 2] = ["Stalling writes because", "Stopping writes because"];
const FLUSH: &str = "Waiting after background flush error: ";
const COMPACTION: &str = "Waiting after background compaction error: ";
const COUNT: &str = ", Accumulated background error counts";

impl InfoLog {
    /// What a store at this path says.
    pub(crate) fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            heard: Mutex::default(),
        }
    }

    /// The logger to give to RocksDB.
    pub(crate) fn logger(self: &Arc<Self>) -> InfoLogger {
        let notices = Arc::clone(self);
        InfoLogger::new_callback_logger(LogLevel::Warn, move |level, line| {
            notices.hear(level, line)
        })
    }

    fn hear(&self, level: LogLevel, line: &str) {
        let line = shown(line.trim_end(), &self.path);
        if line.contains(PREFETCH) {
            tracing::trace!(target: "storage::rocksdb", "{line}");
            return;
        }
        if BACKPRESSURE.iter().any(|said| line.contains(said)) {
            tracing::debug!(target: "storage::rocksdb", "{line}");
            return;
        }
        match level {
            LogLevel::Warn => tracing::warn!(target: "storage::rocksdb", "{line}"),
            LogLevel::Error | LogLevel::Fatal => {
                tracing::error!(target: "storage::rocksdb", "{line}");
            }
            // The dump of the options at every opening.
            LogLevel::Header | LogLevel::Info | LogLevel::Debug => {
                tracing::trace!(target: "storage::rocksdb", "{line}");
                return;
            }
        }
        let status = |from: &str| {
            let (_, rest) = line.split_once(from)?;
            let end = rest.find(COUNT).unwrap_or(rest.len());
            Some(rest[..end].to_owned())
        };
        let mut heard = self.lock();
        if let Some(status) = status(FLUSH) {
            heard.flush.get_or_insert(status);
            heard.count += 1;
        } else if let Some(status) = status(COMPACTION) {
            heard.compaction.get_or_insert(status);
            heard.count += 1;
        }
    }

    pub(crate) fn failures(&self) -> Failures {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Failures> {
        // Whole after every statement.
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_heard_and_the_first_of_each_kind_is_kept() {
        let notices = InfoLog::of(Path::new("/data/store"));
        let end = "Accumulated background error counts: 1";
        for line in [
            format!("[JOB 3] Waiting after background flush error: IO error: a, b, {end}"),
            format!("[JOB 4] Waiting after background flush error: IO error: c, {end}"),
            format!("Waiting after background compaction error: Corruption: d, {end}\n"),
            "something else".to_owned(),
        ] {
            notices.hear(LogLevel::Error, &line);
        }
        let expected = Failures {
            flush: Some("IO error: a, b".to_owned()),
            compaction: Some("Corruption: d".to_owned()),
            count: 3,
        };
        assert_eq!(notices.failures(), expected);
    }
}
