//! What a member that is far behind needs: entries from the disk of another, or its whole state.
//!
//! Files go from one disk to another in one step, whole or half of them; who sent one hears of its end in another. All of it may
//! fail, as disks do: then it is told, and begun again.

use tokio::sync::oneshot::{self, error::TryRecvError};

use super::SimulatedCluster;
use crate::node::peer::{PeerInbox as _, SnapshotOutcome};
use crate::node::sim::member::{Letter, RunningMember};
use crate::node::snapshot::SnapshotEnd;

/// A snapshot that a member took, and another waits for.
pub(super) struct Transfer {
    from: u64,
    to: u64,
    ended: oneshot::Receiver<SnapshotEnd>,
}

impl SimulatedCluster {
    /// The threads that work for members that are behind have their turn.
    pub(super) fn help_others(&mut self, at: usize) {
        let id = self.random.next_u64();
        if let Some(member) = &mut self.machines[at].running {
            member.fetch();
            member.export(id);
        }
        self.tell_transfers();
    }

    /// A member writes its store out, and lets go of the log below.
    pub(super) fn flush(&mut self, at: usize) {
        let kept = [0, 0, 20][self.random.below(3) as usize];
        if let Some(member) = &mut self.machines[at].running {
            member.flush(kept);
        }
    }

    /// A letter that is lost, if it spoke of a snapshot: its sender always hears of that.
    pub(super) fn lose_snapshot(&self, letter: &Letter) {
        if letter.snapshot().is_some() {
            self.tell(letter.from, |member| {
                let missed = SnapshotOutcome::Missed;
                member.intake.snapshot_ended(letter.to, missed);
            });
        }
    }

    /// The file of a snapshot goes from one member to another, or half of it.
    pub(super) fn transfer(&mut self, letter: &Letter, whole: bool) {
        let (from, to) = (letter.from, letter.to);
        let (giver, taker) = (self.running(from), self.running(to));
        let file = letter.snapshot().zip(giver);
        let file = file.and_then(|(message, giver)| giver.open(message));
        let taken = file.zip(taker);
        match taken.and_then(|((head, bytes), taker)| taker.receive(&head, &bytes, whole)) {
            Some(ended) => self.transfers.push(Transfer { from, to, ended }),
            None => self.tell(from, |member| {
                // Half of it is there, and counts the next time.
                let outcome = match whole {
                    true => SnapshotOutcome::Unusable,
                    false => SnapshotOutcome::Missed,
                };
                member.intake.snapshot_ended(to, outcome);
            }),
        }
    }

    /// Who sent a snapshot hears what became of it.
    fn tell_transfers(&mut self) {
        let mut waiting = Vec::new();
        for mut transfer in std::mem::take(&mut self.transfers) {
            let outcome = match transfer.ended.try_recv() {
                Err(TryRecvError::Empty) => {
                    waiting.push(transfer);
                    continue;
                }
                Ok(SnapshotEnd::Installed) => SnapshotOutcome::Installed,
                Ok(SnapshotEnd::Overtaken(store)) => {
                    store.give_up();
                    SnapshotOutcome::Installed
                }
                Ok(SnapshotEnd::Refused(store)) => {
                    store.give_up();
                    SnapshotOutcome::Missed
                }
                Err(TryRecvError::Closed) => SnapshotOutcome::Missed,
            };
            self.world.note("transfer", outcome as u64);
            self.tell(transfer.from, |member| {
                member.intake.snapshot_ended(transfer.to, outcome);
            });
        }
        self.transfers = waiting;
    }

    pub(super) fn running(&self, member: u64) -> Option<&RunningMember> {
        let mut machines = self.machines.iter();
        let machine = machines.find(|machine| machine.id == member)?;
        machine.running.as_ref()
    }
}
