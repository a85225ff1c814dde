//! What a start finds of clocks: from where cluster time goes on.
//!
//! A lone member goes on from its last command, whose times are its own clocks' readings. Among several the commands were
//! stamped by whoever led. Such a member knows two things:
//! - the latest stamp of its log: that much was counted. Where this very boot made it, boot time says what passed since;
//! - what its own clocks read when its store was last written, and how far time was then. What passed since by its own clocks
//!   counts only where one boot made every stamp from there to the log's end, and so does that reading: a leader that came
//!   later may have counted less than what passed (one that restarted did not know better), and time that begins ahead of it
//!   would end keys early. That boot may itself have followed such a leader in between: what it lost by that is not counted
//!   either. Else nothing counts but the stamps: keys end late, never early, and the first append of a leader says what time it is.

use crate::command::Stamp;
use crate::node::alone::is_alone;
use crate::node::cluster_clock::ClusterClock;
use crate::node::marker::Marker;
use crate::raft::entry::{self, changes_membership};

/// See the module.
#[derive(Debug)]
pub struct FoundClocks {
    /// What the store said when it was opened.
    stored: Stamp,
    /// This member's own readings beside it, if it has applied anything among others.
    own: Option<Stamp>,
    /// What they read at the first start of a boot in which nothing was applied.
    booted: Option<Stamp>,
    /// Whether every stamp is a reading of its own: also of what the log holds beyond the store.
    alone: bool,
    /// The stamp with the latest time among those behind the store's.
    latest: Stamp,
    /// Where all of them come from the boot that made the store's: the most that it counted less than what passed for it since.
    lost: Option<u64>,
}

impl FoundClocks {
    /// Of a store, before anything of the log is applied.
    pub(super) fn of(marker: &Marker) -> Self {
        Self {
            stored: marker.stamp,
            own: marker.own.is_some().then(|| *marker.readings()),
            booted: marker.booted,
            alone: is_alone(&marker.conf_state, marker.member),
            latest: marker.stamp,
            lost: Some(0),
        }
    }

    /// Entries of the log behind the store.
    pub(super) fn see(&mut self, entries: &[wal::Entry]) {
        // Others may have led behind a change of membership.
        self.alone &= !entries.iter().any(changes_membership);
        // The entry of a new leader has none.
        let commands = entries.iter().filter_map(entry::command);
        for stamp in commands.flat_map(|command| Stamp::decode(&command)) {
            let lost = lost_between(&self.stored, &stamp);
            self.lost = self.lost.zip(lost).map(|(before, lost)| before.max(lost));
            if stamp.cluster_time >= self.latest.cluster_time {
                self.latest = stamp;
            }
        }
    }

    /// Cluster time goes on from here. `last` is the last command that was applied.
    pub fn set(&self, clock: &ClusterClock, last: &Stamp) {
        if self.alone {
            clock.catch_up(last);
        } else {
            let own = self.own.as_ref().zip(self.lost);
            clock.catch_up_among(&self.latest, own, self.booted.as_ref());
        }
        clock.has_logged(&self.latest);
    }
}

/// How much less than what passed was counted between two stamps of one boot; `None` where they are of two.
fn lost_between(earlier: &Stamp, later: &Stamp) -> Option<u64> {
    let passed = later.boottime.saturating_sub(earlier.boottime);
    let counted = later.cluster_time.saturating_sub(earlier.cluster_time);
    (later.boot == earlier.boot).then(|| passed.saturating_sub(counted))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::{Clock, SimulatedClock};
    use crate::command::Proposal;

    const SECOND: u64 = 1_000_000_000;
    /// The boots of two leaders, and of this member's machine now.
    const LEADER: u64 = 5;
    const LATER: u64 = 6;
    const HERE: u64 = 9;

    /// Of a leader that counts all that passes by its clock.
    fn stamp(boot: u64, seconds: u64) -> Stamp {
        Stamp {
            request: 1,
            cluster_time: seconds * SECOND,
            wall: 1,
            behind: seconds * SECOND,
            boot,
            boottime: 1 + seconds * SECOND,
        }
    }

    fn entry(index: u64, stamp: &Stamp) -> wal::Entry {
        wal::Entry {
            index,
            kind: 0,
            term: 1,
            payload: Proposal::of_server(&[]).stamp(stamp).into(),
        }
    }

    /// Seconds of cluster time at a start, 60 seconds after a store was written at second 10; `log` is what stands behind it. A
    /// hundredth of what passed is not counted.
    fn starts_at(here: u64, own: Option<Stamp>, log: &[Stamp]) -> u64 {
        let marker = Marker {
            conf_state: raft::eraftpb::ConfState {
                voters: vec![1, 2, 3],
                ..raft::eraftpb::ConfState::default()
            },
            member: 1,
            stamp: stamp(LEADER, 10),
            own,
            ..Marker::default()
        };
        let machine = SimulatedClock::new(100 * SECOND, 1_070 * SECOND, here);
        let clock = Clock::simulated(Arc::new(machine));
        let resumed = ClusterClock::resume_among(clock, &marker.stamp, marker.readings());
        let mut found = FoundClocks::of(&marker);
        let entries = log
            .iter()
            .zip(1..)
            .map(|(stamp, index)| entry(index, stamp));
        found.see(&entries.collect::<Vec<_>>());
        found.set(&resumed, &marker.stamp);
        resumed.now() / SECOND
    }

    #[test]
    fn what_passed_counts_only_where_no_leader_can_have_counted_less() {
        let own = Some(Stamp {
            cluster_time: 10 * SECOND,
            wall: 1_010 * SECOND,
            behind: 0,
            boot: HERE - 1,
            ..Stamp::default()
        });
        // As that leader said it with its heartbeats, ten seconds behind its last command.
        let ahead = own.map(|own| Stamp {
            cluster_time: 20 * SECOND,
            ..own
        });
        for (here, own, log, seconds, why) in [
            (HERE, own, vec![], 69, "nothing came since"),
            (HERE, own, vec![stamp(LEADER, 15)], 69, "the same leader"),
            (
                HERE,
                own,
                vec![stamp(LATER, 12)],
                12,
                "another one, who may have lost time",
            ),
            (
                HERE,
                ahead,
                vec![stamp(LATER, 12)],
                12,
                "nor does the time that passed before another one came",
            ),
            (
                HERE,
                ahead,
                vec![stamp(LEADER, 15)],
                79,
                "the same leader said it",
            ),
            (
                HERE,
                own,
                vec![Stamp {
                    boottime: stamp(LEADER, 35).boottime,
                    ..stamp(LEADER, 15)
                }],
                49,
                "that boot followed one that lost 20 seconds in between",
            ),
            (
                HERE,
                own,
                vec![Stamp {
                    wall: 1_045 * SECOND,
                    behind: 0,
                    ..stamp(LEADER, 15)
                }],
                39,
                "a wall clock that was ahead by 30 seconds more since is no time",
            ),
            (
                HERE,
                None,
                vec![stamp(LEADER, 15)],
                15,
                "nothing is known of these clocks",
            ),
            (
                LATER,
                None,
                vec![stamp(LATER, 12)],
                99,
                "this very boot made the last one",
            ),
        ] {
            assert_eq!(starts_at(here, own, &log), seconds, "{why}");
        }
    }

    /// A wall clock that is set after the first start of a boot counts neither more than it showed then nor more than it shows now.
    #[test]
    fn a_later_start_of_a_boot_takes_the_less_of_what_the_wall_clock_ever_showed() {
        let own = Stamp {
            cluster_time: 10 * SECOND,
            wall: 1_010 * SECOND,
            behind: 0,
            boot: HERE - 1,
            ..Stamp::default()
        };
        // The present start sees 1,070 on the wall, and 100 since boot.
        for (boot, wall, boottime, seconds) in [
            (HERE, 1_020, 95, 24),
            (HERE, 9_000, 95, 69),
            (HERE, 900, 90, 19),
            (HERE - 2, 1_020, 95, 69),
        ] {
            let booted = Stamp {
                wall: wall * SECOND,
                boot,
                boottime: boottime * SECOND,
                ..Stamp::default()
            };
            let machine = SimulatedClock::new(100 * SECOND, 1_070 * SECOND, HERE);
            let clock = Clock::simulated(Arc::new(machine));
            let resumed = ClusterClock::resume_among(clock, &stamp(LEADER, 10), &own);
            resumed.catch_up_among(&stamp(LEADER, 10), Some((&own, 0)), Some(&booted));
            assert_eq!(resumed.now() / SECOND, seconds, "{wall} {boottime}");
        }
    }
}
