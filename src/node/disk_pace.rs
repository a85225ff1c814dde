//! Whether the disk of this member takes long, at its log or at its store: what is committed is applied here only when this log has
//! it, too, and what is applied is seen only when the store has taken it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// A sync, or a write of the store, that takes so long makes a member lag behind the others, as its clients see it.
pub(crate) const SLOW: Duration = Duration::from_millis(100);
/// For how long one such counts: those that are slow now and then must not make it change its mind with each.
const COUNTS: Duration = Duration::from_secs(5);
/// So many of them, one after the other, and the log hears of it.
const FOR_GOOD: u32 = 3;

/// Times are nanoseconds by the clock that counts since boot.
#[derive(Debug, Default)]
pub(crate) struct DiskPace {
    /// Until when the disk counts as slow; 0 if it never was.
    slow_until: AtomicU64,
    /// Slow ones since one was not.
    in_row: AtomicU32,
}

impl DiskPace {
    /// One took so long and ended `now`. Whether somebody is to be told: once for each time that they are slow in a row.
    pub(crate) fn took(&self, took: Duration, now: impl FnOnce() -> u64) -> bool {
        if took < SLOW {
            if self.in_row.load(Ordering::Relaxed) != 0 {
                self.in_row.store(0, Ordering::Relaxed);
            }
            return false;
        }
        let until = now().saturating_add(COUNTS.as_nanos() as u64);
        self.slow_until.store(until, Ordering::Relaxed);
        let before = self.in_row.load(Ordering::Relaxed);
        self.in_row
            .store(before.saturating_add(1), Ordering::Relaxed);
        before + 1 == FOR_GOOD
    }

    /// Whether one was slow lately; `now` is asked for only if any ever was.
    pub(crate) fn is_slow(&self, now: impl FnOnce() -> u64) -> bool {
        let until = self.slow_until.load(Ordering::Relaxed);
        until != 0 && now() < until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_slow_sync_counts_for_a_while() {
        let pace = DiskPace::default();
        assert!(!pace.is_slow(|| 1));
        pace.took(SLOW / 2, || SECOND);
        assert!(!pace.is_slow(|| SECOND));
        pace.took(SLOW, || SECOND);
        assert!(pace.is_slow(|| 5 * SECOND));
        assert!(!pace.is_slow(|| 6 * SECOND));
    }

    #[test]
    fn several_in_a_row_are_told_once_and_a_quick_one_ends_it() {
        let pace = DiskPace::default();
        let slow = || pace.took(2 * SLOW, || SECOND);
        assert_eq!(
            [slow(), slow(), slow(), slow()],
            [false, false, true, false]
        );
        pace.took(SLOW / 2, || SECOND);
        assert!(pace.is_slow(|| 2 * SECOND));
        assert_eq!([slow(), slow(), slow()], [false, false, true]);
    }
}
