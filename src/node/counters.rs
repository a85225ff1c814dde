//! The sixteen counters of `/v2/stats/store` (keys-api 10.1).
//!
//! Writes are counted where they are applied, so they rise on every member alike; reads where they are served.
//! Failures count as failures: the oddities of the original are not copied.

use std::sync::atomic::{AtomicU64, Ordering};

use storage::operation::{Operation, Outcome, WriteMode};

/// A pair of counters.
#[derive(Debug, Default)]
pub struct Pair {
    success: AtomicU64,
    fail: AtomicU64,
}

impl Pair {
    /// Counts one.
    pub fn add(&self, success: bool) {
        let counter = if success { &self.success } else { &self.fail };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// (successes, failures).
    pub fn read(&self) -> (u64, u64) {
        (
            self.success.load(Ordering::Relaxed),
            self.fail.load(Ordering::Relaxed),
        )
    }
}

/// See the module.
#[derive(Debug, Default)]
#[allow(missing_docs)] // named by the operations
pub struct Counters {
    pub gets: Pair,
    pub sets: Pair,
    pub deletes: Pair,
    pub updates: Pair,
    pub creates: Pair,
    pub compare_and_swaps: Pair,
    pub compare_and_deletes: Pair,
    pub expires: AtomicU64,
}

impl Counters {
    /// Counts one applied command; the server's own operations do not count.
    pub fn count(&self, operations: &[Operation], outcomes: &[Outcome]) {
        for (operation, outcome) in operations.iter().zip(outcomes) {
            let success = !matches!(outcome, Outcome::Refused { .. });
            match operation {
                Operation::Write(write) => self.writes(&write.mode).add(success),
                Operation::Delete { .. } => self.deletes.add(success),
                Operation::CompareAndDelete { .. } => self.compare_and_deletes.add(success),
                Operation::Expire { .. } => self.count_expired(outcome),
                Operation::System { .. }
                | Operation::Record { .. }
                | Operation::Retain(_)
                | Operation::Unless { .. } => {}
            }
        }
    }

    fn writes(&self, mode: &WriteMode) -> &Pair {
        match mode {
            WriteMode::Set => &self.sets,
            WriteMode::Create | WriteMode::CreateInOrder => &self.creates,
            WriteMode::Update => &self.updates,
            WriteMode::CompareAndSwap(_) => &self.compare_and_swaps,
        }
    }

    fn count_expired(&self, outcome: &Outcome) {
        if let Outcome::Expired { events, .. } = outcome {
            self.expires
                .fetch_add(events.len() as u64, Ordering::Relaxed);
        }
    }
}
