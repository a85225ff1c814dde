//! Pins: history at or above a pinned revision is not removed while the pin is held (store-layout
//! 5.11).
//!
//! Compaction filters see no RocksDB snapshots, so a view is not enough to keep an old version
//! alive. Every view therefore pins what the filter may use at that moment, and a caller may pin a
//! revision across views.
//!
//! Invariant: no filter is ever made with a compact revision above a pin that was effective when the filter was
//! made, because a pin is effective only at or above every compact revision handed out before.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The revisions in use, and what may be removed below them.
#[derive(Debug, Default)]
pub(crate) struct Pins {
    // Held for a few map operations; taken inside no other lock.
    registry: Mutex<Registry>,
}

#[derive(Debug, Default)]
struct Registry {
    held: BTreeMap<u64, usize>,
    /// The compact revision of the last state known to be flushed: all that a filter may rely on (store-layout
    /// 5.10).
    flushed: u64,
    /// The highest compact revision up to which rows were deleted.
    deleted: u64,
}

impl Registry {
    fn bound(&self, compact_revision: u64) -> u64 {
        self.held
            .keys()
            .next()
            .map_or(compact_revision, |oldest| compact_revision.min(*oldest))
    }
}

impl Pins {
    fn registry(&self) -> MutexGuard<'_, Registry> {
        // The registry is consistent after every statement, so a panic elsewhere cannot have broken
        // it.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pins `revision`.
    pub(crate) fn hold(self: &Arc<Self>, revision: u64) -> Pin {
        let mut registry = self.registry();
        let effective = revision >= registry.flushed.max(registry.deleted);
        *registry.held.entry(revision).or_default() += 1;
        Pin {
            pins: Arc::clone(self),
            revision,
            effective,
        }
    }

    /// Pins all that a snapshot taken from now on may look at.
    pub(crate) fn hold_all(self: &Arc<Self>) -> Pin {
        let mut registry = self.registry();
        let revision = registry.flushed;
        *registry.held.entry(revision).or_default() += 1;
        Pin {
            pins: Arc::clone(self),
            revision,
            effective: true,
        }
    }

    /// The state with this compact revision is on disk; compactions that start from now on may use it.
    pub(crate) fn flushed(&self, compact_revision: u64) {
        let mut registry = self.registry();
        registry.flushed = registry.flushed.max(compact_revision);
    }

    /// The compact revision for a compaction that starts now.
    pub(crate) fn filter_revision(&self) -> u64 {
        let registry = self.registry();
        registry.bound(registry.flushed)
    }

    /// The compact revision for deletions in memory, where `compact_revision` is that of the state; they reach the disk with the
    /// oldest event itself.
    pub(crate) fn deletion_revision(&self, compact_revision: u64) -> u64 {
        let mut registry = self.registry();
        let bound = registry.bound(compact_revision);
        registry.deleted = registry.deleted.max(bound);
        bound
    }

    /// How many pins are held, and the oldest.
    pub(crate) fn summary(&self) -> (usize, Option<u64>) {
        let registry = self.registry();
        (
            registry.held.values().sum(),
            registry.held.keys().next().copied(),
        )
    }
}

/// Keeps history at or above its revision readable until it is dropped. Made by
/// [`crate::Store::pin`].
///
/// A pin holds back the removal of old versions on this member alone. Bound it in time: while it is
/// held, disk space grows with every overwrite.
#[derive(Debug)]
pub struct Pin {
    pins: Arc<Pins>,
    revision: u64,
    effective: bool,
}

impl Pin {
    /// What is pinned.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether both hold history of the same store.
    pub(crate) fn is_of_one_store(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.pins, &other.pins)
    }

    /// Whether the revision was still complete when it was pinned. If not, [`crate::View::at_pin`]
    /// refuses.
    pub fn is_effective(&self) -> bool {
        self.effective
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut registry = self.pins.registry();
        if let Some(count) = registry.held.get_mut(&self.revision) {
            *count -= 1;
            if *count == 0 {
                registry.held.remove(&self.revision);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_pin_bounds_the_base() {
        let pins = Arc::new(Pins::default());
        pins.flushed(50);
        let (late, early, twin) = (pins.hold(90), pins.hold(60), pins.hold(60));
        assert!(late.is_effective() && early.is_effective());
        pins.flushed(100);
        assert_eq!(
            (pins.filter_revision(), pins.deletion_revision(120)),
            (60, 60)
        );
        drop(early);
        assert_eq!(pins.filter_revision(), 60, "its twin still holds");
        drop(twin);
        assert_eq!(
            (pins.filter_revision(), pins.deletion_revision(120)),
            (90, 90)
        );
        drop(late);
        assert_eq!(
            (pins.filter_revision(), pins.deletion_revision(120)),
            (100, 120)
        );
        assert_eq!(pins.summary(), (0, None));
    }

    #[test]
    fn a_late_pin_says_so() {
        let pins = Arc::new(Pins::default());
        pins.flushed(50);
        assert!(!pins.hold(49).is_effective());
        assert!(pins.hold(50).is_effective());
        assert_eq!(pins.deletion_revision(70), 70);
        assert!(!pins.hold(69).is_effective());
        assert!(pins.hold(70).is_effective());
    }
}
