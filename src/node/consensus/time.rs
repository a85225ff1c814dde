//! Cluster time between members: that of the leader counts, and who does not lead goes by it.

use super::ConsensusLoop;
use crate::command::Stamp;
use crate::node::consensus_error::ConsensusError;
use crate::node::effects::Effects;
use crate::node::peer::WriteMessage;
#[cfg(test)]
use crate::node::planted::{PlantedMistake, is_planted};
use crate::raft::{LogRead, Role, entry};

const SECOND: u64 = 1_000_000_000;
/// Wall clocks that differ by more are worth a word, now and again: times that are shown then differ between members.
const WALL_DIFFERENCE: u64 = 5 * SECOND;
const AGAIN: u64 = 3_600 * SECOND;

impl<R: LogRead> ConsensusLoop<R> {
    /// Entries of another leader carry its time.
    pub(super) fn follow(&self, entries: &[wal::Entry]) {
        #[cfg(test)]
        if is_planted(PlantedMistake::DeadlinesFromStamps) {
            return;
        }
        if self.leads() {
            return;
        }
        // The entry of a new leader has none.
        let commands = entries.iter().rev().filter_map(entry::command);
        let mut stamps = commands.flat_map(|command| Stamp::decode(&command));
        if let Some(stamp) = stamps.next() {
            self.clock.follow(&stamp);
        }
    }

    /// A leader says its time with each tick. Where nobody writes, the others would go on by their own clocks: one that runs fast, or
    /// a wall clock that was wrong at a boot, would be ahead of the time that counts, and end keys early once that member leads.
    pub(super) fn tell_time(&self, effects: &mut impl Effects) {
        let soft = self.core.soft_state();
        if soft.role != Role::Leader || soft.sole_voter || soft.term != self.led {
            return;
        }
        let (term, stamp) = (soft.term, self.clock.reading());
        let last = self.core.last_index();
        for member in self.core.others() {
            effects.send_write(member, WriteMessage::Time { term, stamp, last });
        }
    }

    /// What was on its way for long is behind by that: keys end late by it until the next word, and never early.
    ///
    /// It counts where the leader has all that stands in the log here, which is so once an entry of its term is the last. What
    /// stands here and not there may have been stamped when less was counted: a member that led, lost the lead before anybody had its
    /// entries, heard its successor say more and leads again with them would end their keys early.
    pub(super) fn hear_time(&mut self, from: u64, term: u64, stamp: &Stamp) {
        // Heard by everybody, it puts right what these begin with.
        #[cfg(test)]
        if is_planted(PlantedMistake::DeadlinesFromStamps)
            || is_planted(PlantedMistake::ClocksOfTwoMachines)
        {
            return;
        }
        let soft = self.core.soft_state();
        if (soft.leader, soft.term) == (from, term) && soft.role != Role::Leader {
            if self.core.last_term() == term {
                self.clock.hear(stamp);
            }
            self.compare_walls(stamp);
        }
    }

    /// A leader says where its log ends, and has to have all that is committed here.
    pub(super) fn compare_logs(
        &mut self,
        from: u64,
        term: u64,
        last: u64,
    ) -> Result<(), ConsensusError> {
        let soft = self.core.soft_state();
        let follows = (soft.leader, soft.term) == (from, term) && soft.role != Role::Leader;
        // One of an earlier build does not say it. A leader's log holds an entry of its own at least.
        if !follows || last == 0 {
            return Ok(());
        }
        let now = self.clock.machine().boottime();
        let times = (now, self.handover.patience());
        if self
            .followed
            .was_overstated(self.status.answered(), last, times)
        {
            tracing::warn!(
                "a client here was told of entry {}, and the log of the leader ends with {last}: does another server answer at the leader's \
                 --advertise-client-urls?",
                self.status.answered()
            );
            self.status.bound_answered(last);
        }
        match self.followed.says((from, term), last, soft.commit, times) {
            Some(committed) => Err(ConsensusError::LeaderLacks {
                leader: from,
                committed,
                last,
            }),
            None => Ok(()),
        }
    }

    /// Greetings are compared too, but streams last for weeks, and a clock may be set meanwhile.
    fn compare_walls(&mut self, stamp: &Stamp) {
        let machine = self.clock.machine();
        let (own, now) = (machine.wall(), machine.boottime());
        let difference = own.abs_diff(stamp.wall);
        if difference < WALL_DIFFERENCE || self.wall_told.is_some_and(|told| now < told + AGAIN) {
            return;
        }
        self.wall_told = Some(now);
        tracing::warn!(
            leader = format_args!("{:x}", self.core.soft_state().leader),
            seconds = difference / SECOND,
            "the wall clock of the leader differs from the one here: let a time service set both"
        );
    }
}

#[cfg(test)]
mod tests;
