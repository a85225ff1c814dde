//! Whether this member's log takes long: what is committed is applied here only when this log has it, too.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A sync that takes so long makes a member lag behind the others, as its clients see it.
pub(crate) const SLOW_SYNC: Duration = Duration::from_millis(100);
/// For how long one such sync counts: those that are slow now and then must not make it change its mind with each.
const COUNTS: Duration = Duration::from_secs(5);

/// Times are nanoseconds by the clock that counts since boot.
#[derive(Debug, Default)]
pub(crate) struct LogPace {
    /// Until when the log counts as slow; 0 if it never was.
    slow_until: AtomicU64,
}

impl LogPace {
    /// A sync took so long and ended `now`. Whether the log becomes slow with it.
    pub(crate) fn synced(&self, took: Duration, now: u64) -> bool {
        if took < SLOW_SYNC {
            return false;
        }
        let until = now.saturating_add(COUNTS.as_nanos() as u64);
        let before = self.slow_until.swap(until, Ordering::Relaxed);
        before < now
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

    #[test]
    fn a_slow_sync_counts_for_a_while_and_is_told_once() {
        let pace = LogPace::default();
        let second = 1_000_000_000;
        assert!(!pace.is_slow(|| 1));
        assert!(!pace.synced(SLOW_SYNC / 2, second));
        assert!(!pace.is_slow(|| second));
        assert!(pace.synced(SLOW_SYNC, second));
        assert!(!pace.synced(SLOW_SYNC, 3 * second), "it was slow already");
        assert!(pace.is_slow(|| 7 * second));
        assert!(!pace.is_slow(|| 8 * second));
        assert!(pace.synced(2 * SLOW_SYNC, 9 * second), "again");
    }
}
