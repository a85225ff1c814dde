//! The time that members may take for the present: never more than was counted since any entry of their log was stamped.
//!
//! Every deadline is a stamp and a TTL, so a leader for whom that holds ends no key early, whatever keys there are. It is looked
//! at where a member begins to lead, which finds a fault that no key of the simulation was there to suffer from.

use std::collections::BTreeMap;

use super::cluster::DRIFT;
use crate::command::Stamp;
use crate::raft::entry;

const MILLISECOND: u64 = 1_000_000;

/// When entries were stamped. Nanoseconds; `now` counts from the same moment for everybody.
#[derive(Debug, Default)]
pub(super) struct Stamped {
    /// By index and term: cluster time, and the time of the simulation.
    first: BTreeMap<(u64, u64), (u64, u64)>,
}

impl Stamped {
    /// A leader hands these to its log.
    pub(super) fn leader_writes<'a>(
        &mut self,
        entries: impl Iterator<Item = &'a wal::Entry>,
        now: u64,
    ) {
        for found in entries {
            let command = entry::command(found).unwrap_or_default();
            if let Ok(stamp) = Stamp::decode(&command) {
                let place = (found.index, found.term);
                self.first.entry(place).or_insert((stamp.cluster_time, now));
            }
        }
    }

    /// A member with this log leads, and takes `cluster_time` for the present. Time goes on at the rate of some member's clock, so
    /// it may be ahead by their drift, and by no more.
    pub(super) fn may_begin(&self, member: u64, log: &[wal::Entry], cluster_time: u64, now: u64) {
        for found in log {
            let Some((stamped, at)) = self.first.get(&(found.index, found.term)) else {
                continue;
            };
            let passed = now - at;
            let counted = cluster_time.saturating_sub(*stamped);
            let most = passed + passed * DRIFT / 1_000_000 + MILLISECOND;
            assert!(
                counted <= most,
                "member {member} begins to lead {} ms ahead: it counts {} ms since entry {} of term {} was stamped, {} ms ago",
                (counted - passed) / MILLISECOND,
                counted / MILLISECOND,
                found.index,
                found.term,
                passed / MILLISECOND
            );
        }
    }
}
