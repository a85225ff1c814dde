//! What an operator has to hear, but not all day.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clock::Clock;

const AGAIN: Duration = Duration::from_secs(3_600);

/// Subjects that are remembered. Members are few, but ids on the wire can be anything: with more, all are forgotten.
const SUBJECTS_MAX: usize = 256;

/// Lets each subject pass once an hour.
#[derive(Debug)]
pub(super) struct OnceAnHour {
    clock: Clock,
    // Held for a look.
    told: Mutex<HashMap<(u64, &'static str), Instant>>,
}

impl OnceAnHour {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            told: Mutex::default(),
        }
    }

    /// Whether it is to be said now of `member` that `what`.
    pub(super) fn is_due(&self, member: u64, what: &'static str) -> bool {
        let now = self.clock.now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let last = told.get(&(member, what));
        if last.is_some_and(|last| now.saturating_duration_since(*last) < AGAIN) {
            return false;
        }
        if told.len() >= SUBJECTS_MAX {
            told.clear();
        }
        told.insert((member, what), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::SimulatedClock;

    #[test]
    fn each_subject_is_told_again_after_an_hour() {
        let clock = Arc::new(SimulatedClock::new(0, 0, 1));
        let notices = OnceAnHour::new(Clock::simulated(clock.clone()));
        assert!(notices.is_due(1, "clock"));
        assert!(!notices.is_due(1, "clock"));
        assert!(notices.is_due(2, "clock") && notices.is_due(1, "election"));
        clock.advance(AGAIN - Duration::from_secs(1));
        assert!(!notices.is_due(1, "clock"));
        clock.advance(Duration::from_secs(1));
        assert!(notices.is_due(1, "clock") && !notices.is_due(1, "clock"));
    }

    #[test]
    fn made_up_members_do_not_fill_memory() {
        let notices = OnceAnHour::new(Clock::system());
        for member in 0..10_000 {
            assert!(notices.is_due(member, "clock"));
        }
        assert!(notices.told.lock().unwrap().len() <= SUBJECTS_MAX);
    }
}
