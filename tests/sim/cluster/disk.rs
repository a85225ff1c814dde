//! Disks that fail, tear, fill up or hang, each at a step of the member that works on it.
//!
//! A fault is planned for one step and forgotten after it: what it did to the bytes stays. Where the log or a start cannot go on,
//! the process ends, as a node's does, and sometimes takes the machine with it.

use wal::fs::sim::{SimFault, SimFs, SplitMix64};

use super::SimulatedCluster;
use crate::node::disk_pace::SLOW;
use crate::node::disk_space::SimulatedSpace;
use crate::node::sim::member::{Letter, RunningMember};

/// Bytes that a disk has left while all is well.
const ROOM: u64 = 1 << 40;
/// Operations of one step of the log, and of a start: a fault beyond them does not happen.
const LOG_OPERATIONS: u64 = 3;
/// The same where a snapshot takes the place of the store.
const INSTALL_OPERATIONS: u64 = 30;
const START_OPERATIONS: u64 = 60;

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy)]
enum DiskFault {
    /// The sync with this number, from now.
    Sync(u64),
    /// The operation with this number.
    Operation(u64, SimFault),
    /// That operation and all behind it: the power is about to go.
    End(u64),
}

impl DiskFault {
    fn draw(random: &mut SplitMix64, operations: u64) -> Self {
        let at = 1 + random.below(operations);
        match random.below(8) {
            0 | 1 => Self::Sync(1 + random.below(operations.div_ceil(3))),
            2 => Self::Operation(at, SimFault::Eio),
            3 => Self::Operation(at, SimFault::ShortWrite),
            4 => Self::Operation(at, SimFault::TornWrite),
            5 => Self::Operation(at, SimFault::NoSpace),
            6 => Self::Operation(at, SimFault::ReadOnly),
            _ => Self::End(at),
        }
    }

    fn plan(self, disk: &SimFs) {
        match self {
            Self::Sync(at) => disk.fail_sync(at),
            Self::Operation(at, fault) => disk.fail_operation(at, fault),
            Self::End(at) => disk.stop_at(at),
        }
    }
}

/// How full the disks are, and which hang.
#[derive(Debug)]
pub(super) struct DiskState {
    pub(super) space: std::sync::Arc<SimulatedSpace>,
    /// The step until which the disk has no room for new writes.
    full: u64,
    /// The step until which a sync does not return.
    hangs: u64,
}

impl DiskState {
    pub(super) fn new() -> Self {
        Self {
            space: std::sync::Arc::new(SimulatedSpace::new(ROOM, ROOM)),
            full: 0,
            hangs: 0,
        }
    }

    /// Room returns, and syncs do.
    pub(super) fn mend(&mut self) {
        (self.full, self.hangs) = (0, 0);
        self.space.set_bytes(ROOM);
    }

    fn is_full(&self) -> bool {
        self.full > 0
    }
}

impl SimulatedCluster {
    /// A disk fills up, or hangs, for a while.
    pub(super) fn trouble_disk(&mut self, at: usize) {
        let until = self.steps + 100 + self.random.below(900);
        let disk = &mut self.machines[at].disk_state;
        if self.random.one_in(3) {
            disk.hangs = until;
        } else {
            disk.full = until;
            disk.space.set_bytes(0);
            self.world.full_disks += 1;
        }
    }

    /// Syncs take long for a while, as the member sees it: the leader is to tell it what becomes of the writes of its clients.
    fn slow_disk(&self, at: usize) {
        if let Some(member) = &self.machines[at].running {
            let status = &member.status;
            status.log_pace().took(SLOW, || member.boottime());
        }
    }

    /// A member starts, or tries to.
    pub(super) fn start(&mut self, at: usize) {
        let seed = self.random.next_u64();
        let fault = (self.faults.failing_disks && self.steps > 0 && self.random.one_in(4))
            .then(|| DiskFault::draw(&mut self.random, START_OPERATIONS));
        let conf_state = self.first_known(at);
        let machine = &mut self.machines[at];
        if let Some(fault) = fault {
            fault.plan(&machine.disk);
        }
        let started = machine.start(self.now, seed, conf_state);
        if let Err(error) = started {
            assert!(fault.is_some(), "a member does not start: {error}");
            self.world.failed_starts += 1;
            self.end_of_process(at, fault);
        }
        self.machines[at].disk.heal();
        self.post(at);
    }

    /// The log's thread works.
    pub(super) fn write_log(&mut self, at: usize) {
        let disk = &mut self.machines[at].disk_state;
        if disk.is_full() && disk.full <= self.steps {
            disk.mend();
        }
        if disk.hangs > self.steps {
            return;
        }
        if self.faults.failing_disks && self.random.one_in(40) {
            self.slow_disk(at);
        }
        let running = self.machines[at].running.as_ref();
        let installs = running.is_some_and(RunningMember::is_to_install);
        let (chance, operations) = match installs {
            true => (3, INSTALL_OPERATIONS),
            false => (25, LOG_OPERATIONS),
        };
        let fault = (self.faults.failing_disks && self.random.one_in(chance))
            .then(|| DiskFault::draw(&mut self.random, operations));
        let machine = &mut self.machines[at];
        let Some(member) = &mut machine.running else {
            return;
        };
        if let Some(fault) = fault {
            fault.plan(&machine.disk);
        }
        let begun = member.boottime();
        let before = member.installed;
        let written = member.write_log();
        self.world.installed += member.installed - before;
        let slept = member.boottime() - begun;
        machine.disk.heal();
        match written {
            Ok(messages) => self.network.extend(messages.into_iter().map(Letter::of)),
            Err(error) => {
                assert!(fault.is_some(), "the log does not go on: {error}");
                self.world.failed_logs += 1;
                self.crash(at, false);
                self.end_of_process(at, fault);
            }
        }
        if slept > 0 {
            // For room, and nothing else of the world did anything meanwhile.
            self.wait_for(at, slept);
        }
    }

    /// What is left of a process that its disk ended; the one that was about to lose its power loses it.
    fn end_of_process(&mut self, at: usize, fault: Option<DiskFault>) {
        let seed = self.random.next_u64();
        let power = matches!(fault, Some(DiskFault::End(_))) || self.random.one_in(2);
        let machine = &mut self.machines[at];
        match power {
            true => {
                machine.disk.power_loss(seed);
                let wrong = self.faults.wrong_clocks.then_some(&mut self.random);
                machine.clocks.boot(self.now, wrong);
            }
            false => machine.disk.restart(),
        }
    }

    /// The witness file is written; a failure costs its freshness and no more.
    pub(super) fn testify(&mut self, at: usize) {
        let fault = (self.faults.failing_disks && self.random.one_in(20))
            .then(|| DiskFault::draw(&mut self.random, 3));
        let machine = &mut self.machines[at];
        let Some(member) = &mut machine.running else {
            return;
        };
        if let Some(fault) = fault {
            fault.plan(&machine.disk);
        }
        let refreshed = member.testify();
        machine.disk.heal();
        let excused = fault.is_some();
        assert!(refreshed.is_ok() || excused, "the witness: {refreshed:?}");
        if refreshed.is_err() {
            self.world.note("no witness", at as u64);
        }
    }

    /// The disk of whoever leads fills up and stays full: another member has to lead, and to be written to.
    pub(in crate::node::sim) fn fill_the_leaders_disk(&mut self) {
        self.await_peace("nobody leads", |cluster| cluster.leader().is_some());
        let full = self.leader().expect("somebody leads");
        let disk = &mut self.machines[full].disk_state;
        disk.full = u64::MAX;
        disk.space.set_bytes(0);
        let before = self.values;
        self.await_peace("who cannot write leads on", |cluster| {
            cluster.leader().is_some_and(|leader| leader != full)
        });
        self.await_peace("the others take no writes", |cluster| {
            cluster.world.history.written_above(before) >= 3
        });
    }
}
