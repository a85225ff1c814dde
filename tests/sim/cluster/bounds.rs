//! What a member holds is bounded, whoever else is gone, and all of it goes once everything is decided.

use super::{Machine, SimulatedCluster, VOTERS};
use crate::node::sim::member::INTAKE;

/// Batches that may wait for a disk: those that the pipeline lets pass, and votes and terms beside them.
const MOST_BATCHES: usize = 1_024 + 64;
/// Calls of clients that wait at a member that is alone; the oldest gives up.
const PATIENT: usize = 24;
/// Those that gave up since a member last looked.
const UNSEEN: usize = 24;

impl SimulatedCluster {
    /// A client gives up; what it asked for may be done or not.
    pub(super) fn give_up(&mut self, at: usize) {
        let calls = &mut self.machines[at].calls;
        if !calls.is_empty() {
            let number = self.random.below(calls.len() as u64) as usize;
            calls.remove(number);
        }
    }

    /// Looks at the queues of a member.
    pub(super) fn measure(&mut self, at: usize) {
        let Some(member) = &self.machines[at].running else {
            return;
        };
        let (writes, batches) = (member.intake.waiting(), member.outbox.log.len());
        assert!(
            writes <= INTAKE.requests,
            "{writes} writes wait for consensus"
        );
        assert!(
            batches <= MOST_BATCHES,
            "{batches} batches wait for the log"
        );
        self.world.most_batches = self.world.most_batches.max(batches);
    }

    /// One member is left alone, and its clients go on for so many rounds. Most give up in time.
    pub(in crate::node::sim) fn leave_alone(&mut self, at: usize, rounds: u32) {
        self.await_peace("nobody leads", |cluster| cluster.leader().is_some());
        for other in (0..VOTERS.len()).filter(|other| *other != at) {
            self.crash(other, true);
        }
        for _ in 0..rounds {
            self.ask(at);
            self.get(at);
            self.decide(at);
            self.write_log(at);
            self.apply(at);
            self.measure(at);
            self.network.clear();
            self.pass_time(40_000_000);
            let machine = &mut self.machines[at];
            let late = machine.calls.len().saturating_sub(PATIENT);
            machine.calls.drain(..late);
            let waiting = machine.running.as_ref().map(|member| member.waiters.len());
            let waiting = waiting.expect("it runs");
            assert!(
                waiting <= PATIENT + UNSEEN,
                "{waiting} writes are kept for clients"
            );
        }
    }

    /// Every call is answered, and nothing is kept of any.
    pub(super) fn await_answers(&mut self) {
        let answered = |machine: &Machine| machine.calls.is_empty() && machine.mortals.is_empty();
        self.await_peace("calls are not answered", |cluster| {
            cluster.whole_machines().all(answered)
        });
        self.await_peace("a member keeps what is decided", |cluster| {
            cluster.whole_machines().all(Machine::is_idle)
        });
    }
}

impl Machine {
    fn is_idle(&self) -> bool {
        self.running.as_ref().is_some_and(|member| {
            let queued = member.outbox.log.len() + member.outbox.apply.len();
            let kept = member.waiters.len() + member.intake.waiting();
            queued == 0 && kept == 0 && member.is_attentive_to_nothing()
        })
    }
}
