//! Three members, a network between them and whatever happens to both, one step at a time, all drawn from one seed.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use raft::eraftpb::ConfState;
use storage::operation::{Content, Operation, Write, WriteMode};
use storage::path::KeyPath;
use wal::fs::Fs as _;
use wal::fs::sim::{SimFs, SplitMix64};

use super::member::{ELECTION_TICKS, Letter, MemberPlace, RunningMember, TICK};
use super::world::{MortalKey, PendingMortal, World};
use crate::command::Ttl;
use crate::node::disk_space::DiskSpace;
use crate::node::peer::PeerInbox as _;
use crate::node::planted::{PlantedMistake, is_planted};
use crate::raft::Role;
use crate::watch::Watcher;

mod aim;
mod bounds;
mod clients;
mod disk;
mod members;
mod snapshots;
mod time;
mod watches;

use aim::Visited;
use clients::PendingCall;
use disk::DiskState;
use members::{PendingChange, SPARES};
use snapshots::Transfer;
pub(super) use time::DRIFT;
use time::MachineClocks;
use watches::WatchClient;

const VOTERS: [u64; 3] = [1, 2, 3];
const KEYS: u64 = 5;
const SECOND: u64 = 1_000_000_000;
/// The longest that time moves in one step.
const MOMENT: u64 = 30_000_000;
/// An election time-out, and how many of them may pass, once all faults have ended, until whatever is waited for comes.
const TIMEOUT: u64 = TICK.as_nanos() as u64 * ELECTION_TICKS as u64;
const PEACE: u64 = 10;

/// What may happen beside messages that are lost, doubled, late and out of order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Faults {
    /// Processes and machines die and come back.
    pub(super) crashes: bool,
    /// Members that hear, or are heard by, nobody.
    pub(super) partitions: bool,
    /// Processes that stand still while time goes on.
    pub(super) pauses: bool,
    /// A machine that comes back with an empty disk: one of the three.
    pub(super) emptied_disks: bool,
    /// Disks that fail, tear, fill up and hang.
    pub(super) failing_disks: bool,
    /// Clocks that run fast or slow, and wall clocks that are set, and wrong after a boot.
    pub(super) wrong_clocks: bool,
    /// Members come and go, with every other seed. No disk is emptied then: nobody could tell how many are left that count.
    pub(super) changes: bool,
}

impl Faults {
    /// Whether several may come together.
    fn can_aim(&self) -> bool {
        self.crashes && self.partitions && self.pauses
    }

    /// None of them.
    pub(super) const NONE: Self = Self {
        crashes: false,
        partitions: false,
        pauses: false,
        emptied_disks: false,
        failing_disks: false,
        wrong_clocks: false,
        changes: false,
    };

    /// All of them.
    pub(super) const ALL: Self = Self {
        crashes: true,
        partitions: true,
        pauses: true,
        emptied_disks: true,
        failing_disks: true,
        wrong_clocks: true,
        changes: true,
    };
}

/// A member's machine, and the member while it runs.
struct Machine {
    id: u64,
    disk: SimFs,
    disk_state: DiskState,
    directory: tempfile::TempDir,
    running: Option<RunningMember>,
    /// It started before, and its disk has forgotten it: it is never admitted again.
    emptied: bool,
    clocks: MachineClocks,
    /// The step before which it does not come back after a crash.
    away: u64,
    /// The step until which its process stands still.
    paused: u64,
    calls: Vec<PendingCall>,
    /// By the number of the client.
    watches: Vec<Option<Watcher>>,
    mortals: Vec<PendingMortal>,
    changes: Vec<PendingChange>,
}

/// See the module.
pub(super) struct SimulatedCluster {
    machines: Vec<Machine>,
    network: Vec<Letter>,
    transfers: Vec<Transfer>,
    watchers: Vec<WatchClient>,
    /// Who is not heard by whom.
    cut: BTreeSet<(u64, u64)>,
    visited: Option<Visited>,
    pub(super) world: World,
    random: SplitMix64,
    faults: Faults,
    values: u64,
    /// Nanoseconds, by the clock of the simulation.
    now: u64,
    steps: u64,
    /// Machines of members that were removed start no more.
    without_removed: bool,
}

impl SimulatedCluster {
    /// Founded, and about to elect its first leader.
    pub(super) fn new(seed: u64, mut faults: Faults) -> Self {
        let mut random = SplitMix64::new(seed);
        faults.changes &= !seed.is_multiple_of(2);
        faults.emptied_disks &= !faults.changes;
        let spares: &[u64] = if faults.changes { &SPARES } else { &[] };
        let machines = VOTERS.iter().chain(spares).map(|id| {
            let rate = match faults.wrong_clocks {
                true => MachineClocks::draw_rate(&mut random),
                false => MachineClocks::right_rate(),
            };
            Machine::new(*id, seed, rate)
        });
        let mut cluster = Self {
            machines: machines.collect(),
            network: Vec::new(),
            transfers: Vec::new(),
            watchers: WatchClient::all(),
            cut: BTreeSet::new(),
            visited: None,
            world: World::default(),
            random,
            faults,
            values: seed << 32,
            now: SECOND,
            steps: 0,
            without_removed: false,
        };
        cluster.world.founded(&VOTERS);
        (0..VOTERS.len()).for_each(|at| cluster.start(at));
        cluster
    }

    fn may_return(&self, at: usize) -> bool {
        let machine = &self.machines[at];
        machine.running.is_none() && machine.away <= self.steps && self.world.was_member(machine.id)
    }

    /// What a member has to send is on its way.
    fn post(&mut self, at: usize) {
        if let Some(member) = &mut self.machines[at].running {
            self.world
                .note("posted", member.outbox.letters.len() as u64);
            self.network.append(&mut member.outbox.letters);
        }
    }

    fn decide(&mut self, at: usize) {
        let machine = &mut self.machines[at];
        let Some(member) = &mut machine.running else {
            return;
        };
        member.decide();
        if member.status.role() == Role::Leader {
            self.world.leads(machine.id, member, self.now);
        }
        self.post(at);
        self.measure(at);
    }

    fn apply(&mut self, at: usize) {
        let machine = &mut self.machines[at];
        let Some(member) = &mut machine.running else {
            return;
        };
        let world = &mut self.world;
        member.apply(|entry| world.applies(machine.id, entry));
        let store = &member.outbox.store;
        world.stands(machine.id, &store.applied());
        world.configured(&store.applied(), &member.apply.marker().conf_state);
        world.answered_mortals(&mut machine.mortals);
        world.nothing_ends_early(store, self.now);
        machine.hear_answers(world);
        machine.hear_of_changes(world);
    }

    fn crash(&mut self, at: usize, power: bool) {
        let seed = self.random.next_u64();
        let empties =
            self.faults.emptied_disks && self.machines.iter().all(|machine| !machine.emptied);
        let machine = &mut self.machines[at];
        if machine.running.take().is_some() {
            machine.hear_answers(&mut self.world);
            self.world.answered_mortals(&mut machine.mortals);
            machine.forget();
            match power {
                true => {
                    machine.disk.power_loss(seed);
                    let wrong = self.faults.wrong_clocks.then_some(&mut self.random);
                    machine.clocks.boot(self.now, wrong);
                    if empties && self.random.one_in(12) {
                        machine.empty(seed);
                    }
                }
                false => machine.disk.restart(),
            }
            self.world.crashes += 1;
            if self.random.one_in(4) {
                // Long enough for the others to forget what it needs.
                machine.away = self.steps + 600 + self.random.below(1_500);
            }
            let dead = machine.id;
            for other in self.others(dead) {
                // A connection that was closed tells of the end of a process, where it still can.
                if self.random.one_in(2) && !self.cut.contains(&(dead, other)) {
                    self.tell(other, |member| member.intake.ended(dead));
                }
            }
        }
    }

    fn pass_time(&mut self, most: u64) {
        let by = self.random.below(most);
        self.pass(by);
    }

    /// One of the first messages on their way arrives, or is lost, or arrives and is sent a second time.
    fn deliver(&mut self, faults: bool) {
        let reach = if faults { self.network.len().min(8) } else { 1 };
        if self.network.is_empty() {
            return;
        }
        let at = self.random.below(reach as u64) as usize;
        let alone = self.network[at].snapshot().is_some();
        let letter = match faults && !alone && self.random.one_in(40) {
            true => self.network[at].clone(),
            false => self.network.remove(at),
        };
        let cut = self.cut.contains(&(letter.from, letter.to));
        if faults && (cut || self.random.one_in(30)) {
            self.lose_snapshot(&letter);
            if self.random.one_in(8) {
                // A transport may notice, and need not.
                self.tell(letter.from, |member| member.intake.unreachable(letter.to));
            }
            return;
        }
        self.world.note("delivered", letter.to << 8 ^ letter.kind());
        if alone {
            let whole = !faults || !self.random.one_in(4);
            return self.transfer(&letter, whole);
        }
        let Letter { from, to, message } = letter;
        self.tell(to, |member| member.intake.receive(from, message));
    }

    /// Something reaches a member, if it runs.
    fn tell(&self, member: u64, what: impl FnOnce(&RunningMember)) {
        if let Some(member) = self.running(member) {
            what(member);
        }
    }

    fn set_mortal(&mut self, at: usize) {
        self.values += 1;
        let seconds = 1 + self.random.below(8);
        let path = KeyPath::root()
            .child(b"mortal")
            .child(self.values.to_string().as_bytes());
        let content = Content::File(Bytes::from_static(b"v"));
        let operation = Operation::Write(Write {
            lifetime: Ttl::new(seconds),
            ..Write::new(path.clone(), WriteMode::Set, content)
        });
        let asked = self.now;
        let machine = &mut self.machines[at];
        if let Some(answer) = machine.submit(&operation) {
            let key = MortalKey {
                path,
                asked,
                ttl: seconds * SECOND,
                index: 0,
            };
            machine.mortals.push(PendingMortal { key, answer });
        }
    }

    fn cut_or_mend(&mut self) {
        if !self.cut.is_empty() {
            self.cut.clear();
            return;
        }
        let victim = 1 + self.random.below(self.machines.len() as u64);
        let way = self.random.below(3);
        self.cut_off(victim, way);
    }

    fn others(&self, member: u64) -> Vec<u64> {
        let ids = self.machines.iter().map(|machine| machine.id);
        ids.filter(|id| *id != member).collect()
    }

    /// Nobody hears it (2), it hears nobody (1), or both.
    fn cut_off(&mut self, victim: u64, way: u64) {
        for other in self.others(victim) {
            if way != 1 {
                self.cut.insert((victim, other));
            }
            if way != 2 {
                self.cut.insert((other, victim));
            }
        }
    }

    /// One thing happens somewhere.
    pub(super) fn step(&mut self) {
        self.steps += 1;
        let at = self.random.below(self.machines.len() as u64) as usize;
        if self.machines[at].paused > self.steps {
            return self.pass_time(MOMENT);
        }
        let what = self.random.below(48);
        self.world.note("step", what << 8 | at as u64);
        match what {
            0 => self.set_mortal(at),
            1..=3 => self.ask(at),
            4..=6 => {
                let at = self.visited_or(at);
                self.get(at);
            }
            7..=13 => self.decide(at),
            14..=18 => self.write_log(at),
            19..=23 => self.apply(at),
            24..=34 => self.deliver(true),
            35 if self.random.one_in(3) => self.flush(at),
            36 if self.faults.crashes && self.random.one_in(20) => {
                let power = !self.random.one_in(4);
                self.crash(at, power);
            }
            37 if self.may_return(at) && self.random.one_in(3) => self.start(at),
            38 if self.faults.partitions && self.random.one_in(12) => self.cut_or_mend(),
            39 if self.faults.pauses && self.random.one_in(36) => {
                self.machines[at].paused = self.steps + 100 + self.random.below(1_200);
            }
            40 if self.faults.changes && self.random.one_in(2) => self.change(at),
            40 => self.testify(at),
            42 if self.faults.wrong_clocks && self.random.one_in(12) => self.set_wall(at),
            41 if self.faults.failing_disks && self.random.one_in(25) => self.trouble_disk(at),
            43 | 44 => self.watch(at),
            45 if self.random.one_in(4) => self.give_up(at),
            46 if self.random.one_in(2) => self.help_others(at),
            47 if self.faults.can_aim() && self.random.one_in(20) => self.aim(),
            _ => self.pass_time(MOMENT),
        }
    }

    /// Every fault ends. The cluster must go on, and its members must come to agree.
    pub(super) fn heal(&mut self) {
        self.cut.clear();
        let changed = self.faults.changes;
        self.faults = Faults::NONE;
        for machine in &mut self.machines {
            machine.paused = 0;
            machine.disk_state.mend();
        }
        if changed && self.random.one_in(2) {
            self.stop_the_removed();
        }
        self.start_members();
        // What was asked for before may be answered now, and shows nothing.
        let healed = self.values;
        self.await_peace("no write succeeds", |cluster| {
            cluster.world.history.written_above(healed) >= VOTERS.len()
        });
        self.await_peace("the members do not come to the same entry", Self::is_level);
        self.stop_the_removed();
        self.await_answers();
        self.await_peace("the members do not come to the same entry", Self::is_level);
        let whole = (0..self.machines.len()).filter(|at| self.is_whole(*at));
        let whole: Vec<usize> = whole.collect();
        let first = whole.first().expect("one disk is emptied at most");
        self.judge_watches(*first);
        let whole = whole.into_iter();
        let running = whole.filter_map(|at| self.machines[at].running.as_ref());
        for member in running {
            self.world.reads_all(&member.outbox.store, KEYS);
            self.world.judge(&member.outbox.store);
        }
    }

    /// Rounds until something holds. Until somebody was answered, clients write.
    fn await_peace(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let (begun, healed, mut rounds) = (self.now, self.values, 0u64);
        while !holds(self) {
            let waited = (self.now - begun) / TIMEOUT;
            assert!(
                waited < PEACE,
                "{what}: {waited} election time-outs\n{}",
                self.described()
            );
            self.round();
            rounds += 1;
            let quiet = self.world.history.written_above(healed) >= VOTERS.len();
            for at in (0..self.machines.len()).filter(|_| rounds.is_multiple_of(8) && !quiet) {
                self.set(at);
            }
        }
        self.world.longest_wait = self.world.longest_wait.max(self.now - begun);
    }

    /// How the members stand, for a failure's words.
    fn described(&self) -> String {
        let describe = |machine: &Machine| {
            let calls = machine.calls.len() + machine.mortals.len();
            let running = machine.running.as_ref().map(RunningMember::described);
            let running = running.unwrap_or_else(|| "down".to_owned());
            let emptied = if machine.emptied { ", emptied" } else { "" };
            format!(
                "member {}{emptied}: {running}, {calls} calls wait\n",
                machine.id
            )
        };
        self.machines.iter().map(describe).collect()
    }

    /// Who leads, as far as it knows.
    fn leader(&self) -> Option<usize> {
        self.machines.iter().position(|machine| {
            let running = machine.running.as_ref();
            running.is_some_and(|member| member.status.role() == Role::Leader)
        })
    }

    /// Everybody works, everything arrives, time goes on.
    fn round(&mut self) {
        if self.machines.len() > VOTERS.len() {
            self.start_members();
        }
        for at in 0..self.machines.len() {
            self.decide(at);
            self.write_log(at);
            self.decide(at);
            self.apply(at);
            self.help_others(at);
        }
        while !self.network.is_empty() {
            self.deliver(false);
        }
        self.pass_time(40_000_000);
    }

    /// Whether everybody has come to what was applied anywhere. That they are equal is not enough: they may be on their way.
    fn is_level(&self) -> bool {
        let last = self.world.last_applied();
        self.whole()
            .all(|member| member.outbox.store.applied().index == last)
    }

    /// Those that run and have their disk.
    fn whole(&self) -> impl Iterator<Item = &RunningMember> {
        self.whole_machines()
            .filter_map(|machine| machine.running.as_ref())
    }

    fn whole_machines(&self) -> impl Iterator<Item = &Machine> {
        let whole = (0..self.machines.len()).filter(|at| self.is_whole(*at));
        whole.map(|at| &self.machines[at])
    }

    fn is_whole(&self, at: usize) -> bool {
        !self.machines[at].emptied && self.belongs(at)
    }
}

impl Machine {
    fn new(id: u64, seed: u64, rate: u64) -> Self {
        let machine = Self {
            id,
            disk: SimFs::new(seed * 10 + id),
            disk_state: DiskState::new(),
            directory: scratch(),
            running: None,
            emptied: false,
            clocks: MachineClocks::new(id, rate),
            away: 0,
            paused: 0,
            calls: Vec::new(),
            watches: WatchClient::all().iter().map(|_| None).collect(),
            mortals: Vec::new(),
            changes: Vec::new(),
        };
        machine.make_directory();
        machine
    }

    fn make_directory(&self) {
        let directory = self.directory.path();
        self.disk.create_dir_all(directory).expect("made");
        for parent in directory.ancestors().skip(1) {
            self.disk.sync_dir(parent).expect("synced");
        }
    }

    /// `conf_state` counts where it is founded now.
    fn start(&mut self, now: u64, seed: u64, conf_state: ConfState) -> Result<(), Box<dyn Error>> {
        let clock = self.clocks.read(now);
        let place = MemberPlace {
            id: self.id,
            admitted: !self.emptied || is_planted(PlantedMistake::EmptyMemberSpeaks),
            conf_state,
            disk: &self.disk,
            directory: self.directory.path(),
            space: DiskSpace::simulated(self.disk_state.space.clone()),
        };
        self.running = Some(RunningMember::start(&place, Arc::new(clock), seed)?);
        Ok(())
    }

    /// The disk is replaced by an empty one.
    fn empty(&mut self, seed: u64) {
        self.emptied = true;
        self.disk = SimFs::new(seed);
        self.directory = scratch();
        self.make_directory();
    }

    /// Clients whose connection was cut know nothing.
    fn forget(&mut self) {
        self.calls.clear();
        self.end_watches();
        self.mortals.clear();
        self.changes.clear();
    }
}

/// In memory where that can be: stores are opened and flushed all the time.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = match memory.is_dir() {
        true => tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()),
        false => tempfile::tempdir(),
    };
    made.expect("a temporary directory")
}
