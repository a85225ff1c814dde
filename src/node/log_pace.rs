//! Whether this member's log takes long: what is committed is applied here only when this log has it, too.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// A sync that takes so long makes a member lag behind the others, as its clients see it.
pub(crate) const SLOW_SYNC: Duration = Duration::from_millis(100);
/// For how long one such sync counts: those that are slow now and then must not make it change its mind with each.
const COUNTS: Duration = Duration::from_secs(5);
/// So many of them, one after the other, and the log hears of it.
const FOR_GOOD: u32 = 3;

/// Times are nanoseconds by the clock that counts since boot.
#[derive(Debug, Default)]
pub(crate) struct LogPace {
    /// Until when the log counts as slow; 0 if it never was.
    slow_until: AtomicU64,
    /// Slow syncs since one was not.
    in_row: AtomicU32,
}

impl LogPace {
    /// A sync took so long and ended `now`. Whether somebody is to be told: once for each time that syncs are slow in a row.
    pub(crate) fn synced(&self, took: Duration, now: impl FnOnce() -> u64) -> bool {
        if took < SLOW_SYNC {
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

    /// Whether a sync was slow lately; `now` is asked for only if any ever was.
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
        let pace = LogPace::default();
        assert!(!pace.is_slow(|| 1));
        pace.synced(SLOW_SYNC / 2, || SECOND);
        assert!(!pace.is_slow(|| SECOND));
        pace.synced(SLOW_SYNC, || SECOND);
        assert!(pace.is_slow(|| 5 * SECOND));
        assert!(!pace.is_slow(|| 6 * SECOND));
    }

    #[test]
    fn several_in_a_row_are_told_once_and_a_quick_one_ends_it() {
        let pace = LogPace::default();
        let slow = || pace.synced(2 * SLOW_SYNC, || SECOND);
        assert_eq!(
            [slow(), slow(), slow(), slow()],
            [false, false, true, false]
        );
        pace.synced(SLOW_SYNC / 2, || SECOND);
        assert!(pace.is_slow(|| 2 * SECOND));
        assert_eq!([slow(), slow(), slow()], [false, false, true]);
    }
}
