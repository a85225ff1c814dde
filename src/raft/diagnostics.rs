//! The `raft` crate's log lines, handed on to `tracing`.

use std::fmt;

use slog::{Drain, KV, Key, Level, Logger, Never, OwnedKVList, Record, Serializer};

/// A logger whose lines become `tracing` events of target `etcd::raft`.
pub(super) fn logger() -> Logger {
    Logger::root(Forward, slog::o!())
}

struct Forward;

impl Drain for Forward {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, _: &OwnedKVList) -> Result<(), Never> {
        let mut pairs = LogPairs(String::new());
        // A pair that cannot be formatted is left out of the line; there is nobody to tell.
        let _ = record.kv().serialize(record, &mut pairs);
        let (message, pairs) = (record.msg(), pairs.0);
        match record.level() {
            Level::Critical | Level::Error => {
                tracing::error!(target: "etcd::raft", "{message}{pairs}");
            }
            Level::Warning => tracing::warn!(target: "etcd::raft", "{message}{pairs}"),
            // The crate's "info" tells of every election step: detail to our readers.
            Level::Info | Level::Debug => tracing::debug!(target: "etcd::raft", "{message}{pairs}"),
            Level::Trace => tracing::trace!(target: "etcd::raft", "{message}{pairs}"),
        }
        Ok(())
    }
}

struct LogPairs(String);

impl Serializer for LogPairs {
    fn emit_arguments(&mut self, key: Key, value: &fmt::Arguments<'_>) -> slog::Result {
        use fmt::Write;
        write!(self.0, " {key}={value}").map_err(|_| slog::Error::Other)
    }
}
