//! The clocks of machines: they run a little fast or slow, and wall clocks are set, and wrong after a boot.
//!
//! What no wall clock does here is to be further ahead at a boot than it ever was before: then time passes that did not, which is
//! the stated exception (`src/node/cluster_clock/mod.rs`). One that was behind and is mended while its machine is off is such a one.

use std::time::Duration;

use wal::fs::sim::SplitMix64;

use super::SimulatedCluster;
use crate::clock::SimulatedClock;

const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3_600 * SECOND;
const YEAR: u64 = 8_766 * HOUR;
/// Every machine counts boot time from another begin, and shows another wall clock.
const SKEW: u64 = 7_000 * SECOND;
const WALL_SKEW: u64 = 3 * SECOND;
const EPOCH: u64 = 1_700_000_000 * SECOND;
/// No wall clock shows less.
const FURTHEST_BEHIND: i64 = -((40 * YEAR) as i64);
const MILLION: u64 = 1_000_000;

/// Parts in a million that a clock may be fast or slow.
pub(in crate::node::sim) const DRIFT: u64 = 3_000;

/// See the module. Times without a clock's name are those of the simulation.
#[derive(Debug)]
pub(super) struct MachineClocks {
    id: u64,
    /// How much this machine counts while a million passes.
    rate: u64,
    boot: u64,
    booted: u64,
    /// What the wall clock shows beside the truth, and the least that it ever did.
    off: i64,
    least: i64,
}

impl MachineClocks {
    pub(super) fn new(id: u64, rate: u64) -> Self {
        let off = -((id * WALL_SKEW) as i64);
        Self {
            id,
            rate,
            boot: 0,
            booted: 0,
            off,
            least: off,
        }
    }

    /// Any of those that there are.
    pub(super) fn draw_rate(random: &mut SplitMix64) -> u64 {
        MILLION - DRIFT + random.below(2 * DRIFT + 1)
    }

    /// One that keeps time.
    pub(super) fn right_rate() -> u64 {
        MILLION
    }

    fn counted(&self, time: u64) -> u64 {
        (u128::from(time) * u128::from(self.rate) / u128::from(MILLION)) as u64
    }

    fn boottime(&self, now: u64) -> u64 {
        self.id * SKEW + self.counted(now - self.booted)
    }

    fn wall(&self, now: u64) -> u64 {
        (EPOCH + self.counted(now)).saturating_add_signed(self.off)
    }

    /// For a process that starts.
    pub(super) fn read(&self, now: u64) -> SimulatedClock {
        let boot = self.id * 1_000 + self.boot;
        SimulatedClock::new(self.boottime(now), self.wall(now), boot)
    }

    /// The machine boots, with a wall clock that lost something, or all.
    pub(super) fn boot(&mut self, now: u64, random: Option<&mut SplitMix64>) {
        self.boot += 1;
        self.booted = now;
        let lost = random.map_or(0, |random| match random.below(8) {
            0 => random.below(3 * SECOND),
            1 => random.below(HOUR),
            2 => 10 * YEAR,
            _ => 0,
        });
        self.least = (self.least - lost as i64).max(FURTHEST_BEHIND);
        self.off = self.least;
    }

    /// Somebody sets the wall clock, right or not.
    fn set(&mut self, random: &mut SplitMix64) {
        let by = random.below(HOUR) as i64;
        self.off = match random.below(4) {
            0 => self.off - by,
            1 => self.off + by,
            2 => self.off - by / 1_000,
            _ => -((self.id * WALL_SKEW) as i64),
        };
        self.off = self.off.max(FURTHEST_BEHIND);
        self.least = self.least.min(self.off);
    }
}

impl SimulatedCluster {
    /// Time passes.
    pub(super) fn pass(&mut self, by: u64) {
        self.now += by;
        for machine in &self.machines {
            if let Some(member) = &machine.running {
                let target = machine.clocks.boottime(self.now);
                let by = target.saturating_sub(member.boottime());
                member.clock.advance(Duration::from_nanos(by));
            }
        }
    }

    /// A process waited while nothing else happened: that long by its machine's clock.
    pub(super) fn wait_for(&mut self, at: usize, slept: u64) {
        let rate = self.machines[at].clocks.rate;
        self.pass(slept * MILLION / rate + 1);
    }

    /// A follower's machine boots with a clock that is days ahead, hears the leader, and may lead after it: what was promised
    /// lives as long as it was to.
    pub(in crate::node::sim) fn boot_a_follower_ahead(&mut self) {
        self.await_peace("nobody leads", |cluster| cluster.leader().is_some());
        let leader = self.leader().expect("it leads");
        (0..8).for_each(|_| self.set_mortal(leader));
        self.await_peace("no key has a TTL", |cluster| cluster.world.mortal == 8);
        let leader = self.leader().expect("it leads");
        let follower = (leader + 1) % self.machines.len();
        // What its clocks read is written with its store.
        self.await_peace("the members do not come to the same entry", Self::is_level);
        self.flush(follower);
        self.crash(follower, true);
        self.machines[follower].clocks.off += 72 * HOUR as i64;
        self.machines[follower].away = 0;
        self.start(follower);
        (0..10).for_each(|_| self.round());
        self.crash(leader, false);
        self.await_peace("nobody leads in its place", |cluster| {
            cluster.leader().is_some()
        });
        // Each round applies, and what is applied ends nothing early.
        (0..20).for_each(|_| self.round());
        self.machines[leader].away = 0;
        self.start(leader);
    }

    pub(super) fn set_wall(&mut self, at: usize) {
        let machine = &mut self.machines[at];
        if let Some(member) = &machine.running {
            machine.clocks.set(&mut self.random);
            member.clock.set_wall(machine.clocks.wall(self.now));
        }
    }
}
