//! The numbers at which apply changes its way of working.
//!
//! They are part of the replicated meaning: how many rows without a node an expiry passes decides
//! what expires, and when the bytes of history are looked at decides the oldest event. Members that differ
//! in one of them diverge, and a log that is replayed with others gives another state. So they are
//! no options of an operator: a server runs with [`Bounds::default`], whose values a test states,
//! and a change of one that matters needs a new version of the command (`src/command.rs` of the
//! server). Tests lower them, so that a case of a few commands meets every one.

/// Revisions between two looks at the bytes of history; each costs one read while the limit is not
/// reached.
pub const BYTES_PERIOD: u64 = 64;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Descendants, or expiry rows, that are removed one by one. Above it one range tombstone costs
    /// less, although each slows the first read after it down (store-layout 2.3). The expiry rows
    /// of descendants that went as one range stay behind, so this decides, with `stale_rows`, what
    /// expires when.
    pub point_deletes: usize,
    /// Expiry rows without a node that one expiry passes; at least 1, or it would never get on. A
    /// subtree of a million nodes that went leaves as many. The deadline it stops at is due
    /// already, so the next expiry follows at once.
    pub stale_rows: usize,
    /// Revisions between two looks at the bytes of history; at least 1.
    pub bytes_period: u64,
    /// Events deleted by one range tombstone: few, because every tombstone costs readers
    /// (store-layout 2.3). Local.
    pub events_step: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            point_deletes: 256,
            stale_rows: 50_000,
            bytes_period: BYTES_PERIOD,
            events_step: 8_192,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Logs were written under these: see the module before any of them is changed.
    #[test]
    fn the_values_are_part_of_the_format() {
        let bounds = Bounds {
            point_deletes: 256,
            stale_rows: 50_000,
            bytes_period: 64,
            events_step: 8_192,
        };
        assert_eq!(Bounds::default(), bounds);
        assert_eq!(crate::StoreOptions::default().bounds, bounds);
    }
}
