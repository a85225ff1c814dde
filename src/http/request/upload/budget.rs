//! One budget of bytes for all bodies of requests that are being read: a form may take 10 MiB and five minutes, and
//! thousands of connections may send one at a time.
//!
//! What a body is longer than [`FREE_BYTES`] is taken from the budget as it arrives, and given back when the request
//! needs the body no more. A short body costs no look at the budget, so short requests go on while it is spent.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What each body may take beside the budget.
pub(crate) const FREE_BYTES: usize = 64 << 10;

/// How long a refusal says that there is too little.
const SHORT: Duration = Duration::from_secs(5);

/// The bytes that are left for everybody.
#[derive(Debug)]
pub(crate) struct UploadBudget {
    left: AtomicUsize,
    begun: Instant,
    /// Milliseconds after the begin when a body was refused last; 0 is never.
    refused: AtomicU64,
}

/// The part of the budget that one body holds, until it is dropped.
#[derive(Debug)]
pub(crate) struct UploadClaim<'a> {
    budget: &'a UploadBudget,
    bytes: usize,
}

impl UploadBudget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            left: AtomicUsize::new(bytes),
            begun: Instant::now(),
            refused: AtomicU64::new(0),
        }
    }

    /// Whether somebody was refused a moment ago: who sends slowly gives up his part then.
    pub(crate) fn is_short(&self) -> bool {
        let refused = Duration::from_millis(self.refused.load(Ordering::Relaxed));
        !refused.is_zero() && self.begun.elapsed().saturating_sub(refused) < SHORT
    }

    /// For one body, of which nothing has come yet.
    pub(crate) fn claim(&self) -> UploadClaim<'_> {
        UploadClaim {
            budget: self,
            bytes: 0,
        }
    }

    fn take(&self, bytes: usize) -> bool {
        // Nothing but the number itself is shared, so no order is needed.
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            })
            .is_ok()
    }
}

impl UploadClaim<'_> {
    /// Makes room for a body of `length` bytes in all. False if there is none: the body cannot be read on.
    #[must_use]
    pub(crate) fn covers(&mut self, length: usize) -> bool {
        let missing = length.saturating_sub(FREE_BYTES).saturating_sub(self.bytes);
        if missing == 0 {
            return true;
        }
        let taken = self.budget.take(missing);
        if taken {
            self.bytes += missing;
        } else {
            let now = self.budget.begun.elapsed().as_millis() as u64;
            self.budget.refused.store(now.max(1), Ordering::Relaxed);
        }
        taken
    }
}

impl Drop for UploadClaim<'_> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.left.fetch_add(self.bytes, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_given_back_and_no_more_is_taken_than_there_is() {
        let budget = UploadBudget::new(100);
        let mut first = budget.claim();
        assert!(first.covers(FREE_BYTES));
        assert!(first.covers(FREE_BYTES + 60));
        assert!(first.covers(FREE_BYTES + 60), "it is covered already");
        let mut second = budget.claim();
        assert!(second.covers(FREE_BYTES + 40));
        assert!(!second.covers(FREE_BYTES + 41));
        assert!(budget.claim().covers(FREE_BYTES), "short bodies go on");
        drop(first);
        assert!(second.covers(FREE_BYTES + 100));
        drop(second);
        assert_eq!(budget.left.into_inner(), 100);
    }
}
