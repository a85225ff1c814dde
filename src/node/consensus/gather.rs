//! Writes wait a moment for one another, so that one message, one sync and a few wake-ups serve many of them.
//!
//! A sole voter's writes gather by themselves: its thread is busy with the log meanwhile. Among several members the thread is
//! free, and without this each write would go its own way through three logs. What comes while the last group is on its way
//! to this member's own log is proposed with the next one; followers sync at the same time, so it loses little. Where groups
//! are large, and processors the bound, the next one waits until the last is committed. A follower that has offered something
//! gathers until the leader has received it. All of it is bounded: a disk or a network that is slow must not add its own
//! time, since two other members may be quick.

use std::time::Duration;

use crate::node::intake::Gathering;
use crate::raft::{Role, SoftState};

/// How long a leader gathers at most.
const LEADER: Duration = Duration::from_millis(4);
/// How long a follower does.
const FOLLOWER: Duration = Duration::from_millis(1);

/// Entries of a group that is large.
const LARGE: u64 = 8;

/// When this member last let writes go, and as a leader which.
#[derive(Debug, Default)]
pub(super) struct Gather {
    sent_at: u64,
    last: u64,
    entries: u64,
}

/// What was let go and is still on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct UnderWay {
    /// A batch for this member's own log.
    pub(super) batch: bool,
    /// Entries up to this one are not.
    pub(super) commit: u64,
    /// An offer that the leader has not received, as far as is known.
    pub(super) offer: bool,
}

impl Gather {
    /// Writes were offered at `now`, in nanoseconds by the clock that counts since boot.
    pub(super) fn offered(&mut self, now: u64) {
        self.sent_at = now;
    }

    /// Writes were proposed, and are the entries after `before` up to `last`.
    pub(super) fn proposed(&mut self, now: u64, before: u64, last: u64) {
        *self = Self {
            sent_at: now,
            last,
            entries: last.saturating_sub(before),
        };
    }

    /// Until which moment writes wait, at `now`, and for what.
    pub(super) fn until(
        &self,
        soft: &SoftState,
        under_way: UnderWay,
        now: u64,
    ) -> Option<(u64, Gathering)> {
        let undecided = self.entries >= LARGE && under_way.commit < self.last;
        let (waits, longest, gathering) = match soft.role {
            Role::Leader if soft.sole_voter => return None,
            Role::Leader => (
                under_way.batch || undecided,
                LEADER,
                Gathering::UntilAnswered,
            ),
            _ => (under_way.offer, FOLLOWER, Gathering::UntilReceived),
        };
        let until = self.sent_at + longest.as_nanos() as u64;
        (waits && now < until).then_some((until, gathering))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soft(role: Role, sole_voter: bool) -> SoftState {
        SoftState {
            role,
            leader: 1,
            term: 1,
            commit: 1,
            sole_voter,
        }
    }

    #[test]
    fn writes_wait_for_what_is_under_way_and_not_for_long() {
        let mut gather = Gather::default();
        gather.proposed(1_000, 10, 11);
        let under_way = |batch, offer| UnderWay {
            batch,
            commit: 10,
            offer,
        };
        let leader = soft(Role::Leader, false);
        let longest = LEADER.as_nanos() as u64;
        let waits = gather.until(&leader, under_way(true, false), 1_000 + longest - 1);
        assert_eq!(waits, Some((1_000 + longest, Gathering::UntilAnswered)));
        let over = gather.until(&leader, under_way(true, false), 1_000 + longest);
        assert_eq!(over, None, "a disk that is slow");
        assert_eq!(gather.until(&leader, under_way(false, true), 1_001), None);
        let alone = soft(Role::Leader, true);
        assert_eq!(gather.until(&alone, under_way(true, false), 1_001), None);
        let follower = soft(Role::Follower, false);
        gather.offered(2_000);
        let until = 2_000 + FOLLOWER.as_nanos() as u64;
        let waits = gather.until(&follower, under_way(true, true), 2_001);
        assert_eq!(waits, Some((until, Gathering::UntilReceived)));
        assert_eq!(gather.until(&follower, under_way(true, false), 2_001), None);
        assert_eq!(gather.until(&follower, under_way(true, true), until), None);
    }

    #[test]
    fn after_a_large_group_writes_wait_until_it_is_committed() {
        let mut gather = Gather::default();
        let leader = soft(Role::Leader, false);
        let committed = |commit| UnderWay {
            batch: false,
            commit,
            offer: false,
        };
        gather.proposed(1_000, 10, 9 + LARGE);
        assert_eq!(gather.until(&leader, committed(10), 1_001), None, "small");
        gather.proposed(1_000, 10, 10 + LARGE);
        let waits = gather.until(&leader, committed(9 + LARGE), 1_001);
        assert!(waits.is_some());
        assert_eq!(gather.until(&leader, committed(10 + LARGE), 1_001), None);
    }
}
