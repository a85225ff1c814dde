//! Faults that come together, at the member that leads: what chance alone brings about in one of thousands of seeds.

use super::SimulatedCluster;

/// For how many steps clients go on to ask a leader that stood still.
const VISIT: u64 = 300;

/// A member that clients like to read from, until a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visited {
    at: usize,
    until: u64,
}

impl SimulatedCluster {
    pub(super) fn aim(&mut self) {
        let Some(leader) = self.leader() else { return };
        match self.random.below(2) {
            0 => self.leave_behind(leader),
            _ => self.replace(leader),
        }
    }

    /// The leader's process stands still and its network is gone, long enough for the others to elect another. It wakes up without
    /// having heard of that, and clients read from it.
    fn leave_behind(&mut self, leader: usize) {
        let woken = self.steps + 200 + self.random.below(600);
        let machine = &mut self.machines[leader];
        machine.paused = woken;
        let id = machine.id;
        self.cut.clear();
        self.cut_off(id, 0);
        self.visited = Some(Visited {
            at: leader,
            until: woken + VISIT,
        });
    }

    /// A follower starts again, and before it has heard anything of the leader that one is gone.
    fn replace(&mut self, leader: usize) {
        let follower = (leader + 1 + self.random.below(2) as usize) % self.machines.len();
        if !self.world.was_member(self.machines[follower].id) {
            return;
        }
        if self.machines[follower].running.is_some() {
            let power = self.random.one_in(2);
            self.crash(follower, power);
        }
        self.machines[follower].paused = 0;
        self.start(follower);
        self.leave_behind(leader);
    }

    /// Where a client reads that would come to `at`.
    pub(super) fn visited_or(&mut self, at: usize) -> usize {
        match self.visited {
            Some(visited) if visited.until > self.steps && self.random.one_in(2) => visited.at,
            _ => at,
        }
    }
}
