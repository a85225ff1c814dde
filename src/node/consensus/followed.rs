//! Whether the leader that is followed has what this member knows to be committed. By the rules it always has. It lacks something only
//! where a member came back with less than it had acknowledged, and its vote made this one the leader.
//!
//! A leader says with each tick where its log ends, and that only grows. What is late says less than the leader has, so one word
//! proves nothing: for an election time-out there has to be no better one.

/// How many times an election time-out the words of a leader may be late: reads wait for so long in vain at most.
const OVERSTATED_PATIENCES: u64 = 5;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Followed {
    /// Leader and term.
    leader: (u64, u64),
    /// What was committed here when that one was first heard.
    committed: u64,
    /// Since when it says less.
    since: Option<u64>,
    /// Since when it says less than a client here was told.
    overstated: Option<u64>,
}

impl Followed {
    /// The leader of a term says that its log ends with entry `last`. Gives what it lacks, if that is sure: the last entry that was
    /// committed here. `patience` and `now` in nanoseconds.
    pub(super) fn says(
        &mut self,
        leader: (u64, u64),
        last: u64,
        committed: u64,
        (now, patience): (u64, u64),
    ) -> Option<u64> {
        if self.leader != leader {
            *self = Self {
                leader,
                committed,
                since: None,
                overstated: None,
            };
        }
        if last >= self.committed {
            self.since = None;
            return None;
        }
        let since = *self.since.get_or_insert(now);
        (now.saturating_sub(since) > patience).then_some(self.committed)
    }

    /// Whether clients here were told of an entry that there is not: what answers at the leader's address lied, and reads would wait for
    /// that entry for ever. Times as above.
    pub(super) fn was_overstated(
        &mut self,
        told: u64,
        last: u64,
        (now, patience): (u64, u64),
    ) -> bool {
        if told <= last {
            self.overstated = None;
            return false;
        }
        let since = *self.overstated.get_or_insert(now);
        now.saturating_sub(since) > OVERSTATED_PATIENCES * patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_leader_said_is_forgotten_after_a_while() {
        let mut followed = Followed::default();
        let mut told = |told, last, now| followed.was_overstated(told, last, (now, 100));
        assert!(!told(900, 10, 0));
        assert!(!told(900, 900, 400), "it was only late");
        assert!(!told(u64::MAX, 901, 500));
        assert!(!told(u64::MAX, 950, 1_000));
        assert!(told(u64::MAX, 950, 1_001));
    }

    #[test]
    fn a_leader_that_goes_on_to_lack_something_is_none() {
        let mut followed = Followed::default();
        let mut says = |term, last, now| followed.says((1, term), last, 40, (now, 100));
        assert_eq!(says(3, 40, 0), None);
        assert_eq!(says(3, 10, 10), None, "that was late");
        assert_eq!(says(3, 41, 90), None);
        assert_eq!(says(3, 10, 120), None, "so was that");
        assert_eq!(says(3, 10, 220), None);
        assert_eq!(says(4, 10, 230), None, "another term");
        assert_eq!(says(4, 10, 330), None);
        assert_eq!(says(4, 11, 331), Some(40));
    }
}
