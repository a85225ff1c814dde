//! How fast bytes come or go, lately: who holds what others wait for has to be faster than [`LEAST_RATE`].
//!
//! Told over windows of [`PATIENCE`]. An average since the begin would let a burst pay for minutes of nearly nothing.

use std::time::Duration;

use tokio::time::Instant;

/// Bytes a second.
pub(super) const LEAST_RATE: u64 = 64 << 10;
/// How long somebody is left alone before he is judged, and after each judgement.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Rate {
    since: Instant,
    bytes: u64,
    /// Bytes a second in the window before this one.
    before: Option<u64>,
}

impl Rate {
    pub(super) fn new(begun: Instant) -> Self {
        Self {
            since: begun,
            bytes: 0,
            before: None,
        }
    }

    /// So many bytes have come since the last call; where none come, to be called from time to time.
    pub(super) fn add(&mut self, bytes: usize, now: Instant) {
        self.bytes += bytes as u64;
        let age = now.saturating_duration_since(self.since);
        if age >= PATIENCE {
            self.before = Some(per_second(self.bytes, age));
            (self.since, self.bytes) = (now, 0);
        }
    }

    /// Bytes a second, if they are too few.
    pub(super) fn slowness(&self, now: Instant) -> Option<u64> {
        let age = now.saturating_duration_since(self.since);
        let rate = match age >= PATIENCE {
            true => Some(per_second(self.bytes, age)),
            false => self.before,
        };
        rate.filter(|rate| *rate < LEAST_RATE)
    }
}

fn per_second(bytes: u64, age: Duration) -> u64 {
    bytes.saturating_mul(1000) / (age.as_millis() as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_pays_for_no_later_window() {
        let begun = Instant::now();
        let at = |millis| begun + Duration::from_millis(millis);
        let mut rate = Rate::new(begun);
        assert_eq!(rate.slowness(at(1999)), None, "it has only begun");
        assert_eq!(rate.slowness(at(2000)), Some(0));
        rate.add(10 << 20, at(500));
        assert_eq!(rate.slowness(at(2000)), None);
        for second in 1..=3 {
            rate.add(1, at(1000 * second));
        }
        assert_eq!(
            rate.slowness(at(3000)),
            None,
            "the burst is in the window before"
        );
        rate.add(1, at(4000));
        assert_eq!(rate.slowness(at(4000)), Some(1));
        rate.add(1 << 20, at(5000));
        assert_eq!(
            rate.slowness(at(5000)),
            Some(1),
            "judged when its window ends"
        );
        rate.add(0, at(6000));
        assert_eq!(rate.slowness(at(6000)), None);
    }
}
