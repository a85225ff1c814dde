//! Members that are added, get a vote, move and leave, as operators ask for it at any member.
//!
//! Some machines stand by until one of them is added. One whose member was removed may go on with its old data until everything heals:
//! nobody is to mind.

use raft::eraftpb::ConfState;
use storage::operation::Outcome;
use tokio::sync::oneshot::error::TryRecvError;

use super::{Machine, SimulatedCluster, VOTERS};
use crate::command::{Change, Proposal};
use crate::node::outcome::PendingWrite;
use crate::node::sim::world::World;

/// Machines that stand by.
pub(super) const SPARES: [u64; 2] = [4, 5];
/// A machine that is not started whatever is wanted.
const ASLEEP: u64 = u64::MAX;
/// Operators leave so many members with a vote.
const LEAST_VOTERS: usize = 2;

/// A change that was asked for.
pub(super) struct PendingChange {
    change: Change,
    answer: PendingWrite,
}

impl SimulatedCluster {
    /// An operator asks this member for a change.
    pub(super) fn change(&mut self, at: usize) {
        let Some(change) = self.wanted_change() else {
            return;
        };
        let machine = &mut self.machines[at];
        let Some(member) = &machine.running else {
            return;
        };
        if let Ok(answer) = member.intake.submit(Proposal::of_change(&change)) {
            self.world.note("change asked", change.member());
            machine.changes.push(PendingChange { change, answer });
        }
    }

    /// One member sleeps while both others are replaced, one after the other. Then it wakes up among members that it has never heard of,
    /// and is needed: two of the three that are left have to agree.
    pub(in crate::node::sim) fn sleep_through_replacements(&mut self) {
        self.await_peace("nobody leads", |cluster| cluster.leader().is_some());
        let leader = self.leader().expect("it leads");
        let sleeper = (leader + 1) % VOTERS.len();
        self.crash(sleeper, false);
        self.machines[sleeper].away = ASLEEP;
        let others: Vec<u64> = VOTERS
            .into_iter()
            .filter(|id| *id != self.machines[sleeper].id)
            .collect();
        for (new, old) in SPARES.into_iter().zip(others) {
            let add = Change::Add {
                id: new,
                peer_urls: vec![format!("http://member-{new}")],
            };
            self.make(&add, |cluster| cluster.world.was_member(new));
            self.await_peace("a new member gets no vote", |cluster| {
                cluster.world.configuration().0.contains(&new)
            });
            self.make(&Change::Remove { id: old }, |cluster| {
                !cluster.world.configuration().0.contains(&old)
            });
            self.stop_the_removed();
        }
        self.machines[sleeper].away = 0;
        // Without it there is one of two, and no leader: it has to hear, and to be heard.
        let lost = self
            .machines
            .iter()
            .position(|machine| machine.id == SPARES[0]);
        let lost = lost.expect("it is there");
        self.crash(lost, false);
        self.machines[lost].away = ASLEEP;
        let healed = self.values;
        self.await_peace("no write succeeds with the one that slept", |cluster| {
            cluster.world.history.written_above(healed) >= 1
        });
        self.machines[lost].away = 0;
    }

    /// Asks whoever leads until it is so.
    fn make(&mut self, change: &Change, holds: impl Fn(&Self) -> bool) {
        let what = format!("{change:?} is not made");
        for _ in 0..20 {
            self.await_peace("nobody leads", |cluster| cluster.leader().is_some());
            let leader = self.leader().expect("it leads");
            let running = self.machines[leader].running.as_ref();
            // What comes of it the configuration shows; but nobody asks for what nobody waits for.
            let _waits = running.map(|member| member.intake.submit(Proposal::of_change(change)));
            (0..40).for_each(|_| self.round());
            if holds(self) {
                return;
            }
        }
        panic!("{what}\n{}", self.described());
    }

    fn wanted_change(&mut self) -> Option<Change> {
        let (voters, learners) = self.world.configuration();
        let mut one_of = |ids: &[u64]| {
            let count = ids.len() as u64;
            (count > 0).then(|| ids[self.random.below(count) as usize])
        };
        let both = [&*voters, &*learners].concat();
        let spares = SPARES.into_iter();
        let spares: Vec<u64> = spares.filter(|id| !self.world.was_member(*id)).collect();
        // Now and then nobody knows what holds.
        let anybody = one_of(&[1, 2, 3, 4, 5])?;
        let wanted = one_of(&[0, 1, 1, 2, 3, 4])?;
        match wanted {
            0 => one_of(&spares).map(|id| Change::Add {
                id,
                peer_urls: vec![format!("http://member-{id}")],
            }),
            1 => one_of(&learners).map(|id| Change::Promote { id }),
            2 if voters.len() > LEAST_VOTERS => one_of(&both).map(|id| Change::Remove { id }),
            3 => one_of(&both).map(|id| Change::Move {
                id,
                peer_urls: vec![format!("http://member-{id}-{anybody}")],
            }),
            _ => Some(Change::Promote { id: anybody }),
        }
    }

    /// Whether this machine's member belongs to the cluster, as far as anybody has applied it.
    pub(super) fn belongs(&self, at: usize) -> bool {
        let id = self.machines[at].id;
        let (voters, learners) = self.world.configuration();
        voters.contains(&id) || learners.contains(&id)
    }

    /// Machines of members that were added run. Those of members that were removed do too, or are taken away as soon as anybody has
    /// applied that.
    pub(super) fn start_members(&mut self) {
        for at in 0..self.machines.len() {
            let machine = &self.machines[at];
            let wanted = match self.without_removed {
                true => self.belongs(at),
                false => self.world.was_member(machine.id),
            };
            match (machine.running.is_some(), wanted) {
                (false, true) if machine.away == ASLEEP => {}
                (false, true) => self.start(at),
                (true, false) => self.crash(at, false),
                (true, true) | (false, false) => {}
            }
        }
    }

    /// Whom a machine is founded with: the founders know each other, and one that was added is told who else is a member now.
    pub(super) fn first_known(&self, at: usize) -> ConfState {
        let id = self.machines[at].id;
        if VOTERS.contains(&id) {
            return ConfState {
                voters: VOTERS.to_vec(),
                ..ConfState::default()
            };
        }
        let (voters, learners) = self.world.configuration();
        let others = voters.into_iter().chain(learners);
        ConfState {
            voters: others.filter(|other| *other != id).collect(),
            learners: vec![id],
            ..ConfState::default()
        }
    }

    /// From now on members that were removed are gone.
    pub(super) fn stop_the_removed(&mut self) {
        self.without_removed = true;
        self.start_members();
    }
}

impl Machine {
    /// Takes out the changes that were answered.
    pub(super) fn hear_of_changes(&mut self, world: &mut World) {
        self.changes
            .retain_mut(|PendingChange { change, answer }| match answer.try_recv() {
                Err(TryRecvError::Empty) => true,
                Err(TryRecvError::Closed) | Ok(Err(_)) => false,
                Ok(Ok(done)) => {
                    let carried_out = done.refused.is_none();
                    let events = |outcome: &Outcome| matches!(outcome, Outcome::Done(_));
                    let removes = matches!(change, Change::Remove { .. });
                    assert!(
                        removes || !done.outcomes.iter().any(events),
                        "{change:?} of a member that never started changes the tree"
                    );
                    world.note(
                        "change answered",
                        change.member() << 1 | u64::from(carried_out),
                    );
                    world.changes += u64::from(carried_out);
                    world.refused_changes += u64::from(!carried_out);
                    false
                }
            });
    }
}
