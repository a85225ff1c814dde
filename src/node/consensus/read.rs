//! Linearizable reads on their way: gathering, asked for, and waiting for the apply thread.
//!
//! One read index serves all reads that wait when it is asked for; those that come later share the next one.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::node::outcome::{Failure, ReadWaiter};
#[cfg(test)]
use crate::node::planted::{PlantedMistake, is_planted};
use crate::raft::{LogRead, RaftCore};

/// Nanoseconds after which a deadline that passed holds reads until its nodes are gone; for as long at most.
const EXPIRY_OVERDUE: u64 = 1_000_000_000;

/// See the module.
pub(super) struct PendingReads {
    /// What tells our read contexts from those of other members and other lives of this one: member, random word.
    mark: [u64; 2],
    /// An index that does not come within two ticks is asked for again.
    patience: u64,
    gathering: Vec<ReadWaiter>,
    asked: Option<AskedIndex>,
    applied_at: BTreeMap<u64, Vec<ReadWaiter>>,
    sequence: u64,
    /// Since when, in cluster time, those that gather have been held because of nodes that are overdue.
    held_since: Option<u64>,
}

/// A read index that was asked for.
struct AskedIndex {
    /// Answers carry it. It is compared whole: the sequence begins anew with each start, so an answer to the process before
    /// would pass as this one's, with an index from before this one's reads.
    context: Vec<u8>,
    /// By the clock that counts since boot.
    asked_at: u64,
    waiters: Vec<ReadWaiter>,
}

impl PendingReads {
    pub(super) fn new(member: u64, first_request: u64, tick: Duration) -> Self {
        Self {
            mark: [member, first_request],
            patience: 2 * tick.as_nanos() as u64,
            gathering: Vec::new(),
            asked: None,
            applied_at: BTreeMap::new(),
            sequence: 0,
            held_since: None,
        }
    }

    pub(super) fn gather(&mut self, reads: Vec<ReadWaiter>) {
        self.gathering.extend(reads);
    }

    /// These wait for nothing but that an entry is applied.
    pub(super) fn wait_behind(&mut self, reads: Vec<(u64, ReadWaiter)>, applied: u64) {
        if reads.is_empty() {
            return;
        }
        for (index, waiter) in reads {
            self.applied_at.entry(index).or_default().push(waiter);
        }
        self.release(applied);
    }

    /// Forgets readers that gave up: where this member's log hangs, nothing else would.
    pub(super) fn sweep(&mut self) {
        self.applied_at.retain(|_, waiters| {
            waiters.retain(|waiter| !waiter.is_closed());
            !waiters.is_empty()
        });
    }

    /// Whether reads wait for nodes that are overdue.
    pub(super) fn are_held(&self) -> bool {
        self.held_since.is_some()
    }

    /// Whether some wait for the apply thread alone.
    pub(super) fn wait_for_apply(&self) -> bool {
        !self.applied_at.is_empty()
    }

    /// Whether those that gather are to wait while an expiry is under way (`expiring`) for a deadline that passed.
    ///
    /// After a pause of the process the nodes that lapsed meanwhile go first, so that no read shows them. Reads that are
    /// asked for already are not held, and a wave that takes long holds none for long. `now` and the deadline are cluster
    /// time.
    pub(super) fn hold(
        &mut self,
        expiring: bool,
        now: impl FnOnce() -> u64,
        next_deadline: impl FnOnce() -> Option<u64>,
    ) -> bool {
        if !expiring || self.gathering.is_empty() {
            self.held_since = None;
            return false;
        }
        let now = now();
        let overdue =
            next_deadline().is_some_and(|deadline| deadline.saturating_add(EXPIRY_OVERDUE) < now);
        if !overdue {
            self.held_since = None;
            return false;
        }
        let since = *self.held_since.get_or_insert(now);
        now.saturating_sub(since) < EXPIRY_OVERDUE
    }

    /// Asks for an index for all that gather; `now` counts since boot.
    pub(super) fn ask<R: LogRead>(&mut self, core: &mut RaftCore<R>, now: u64) {
        if let Some(asked) = &self.asked {
            if now.saturating_sub(asked.asked_at) <= self.patience {
                return;
            }
            // The crate drops a read silently while a leader has committed nothing in its term: ask again.
            if let Some(asked) = self.asked.take() {
                self.gathering.extend(asked.waiters);
            }
        }
        self.gathering.retain(|waiter| !waiter.is_closed());
        if self.gathering.is_empty() || core.soft_state().leader == 0 {
            return;
        }
        #[cfg(test)]
        if is_planted(PlantedMistake::ReadIndexSkipped) {
            let commit = core.soft_state().commit;
            let waiters = std::mem::take(&mut self.gathering);
            self.applied_at.entry(commit).or_default().extend(waiters);
            return;
        }
        core.read_index(self.begin(now));
    }

    /// One index for all that gather: its context.
    fn begin(&mut self, now: u64) -> Vec<u8> {
        self.sequence += 1;
        let words = [self.mark[0], self.mark[1], self.sequence];
        let context: Vec<u8> = words.into_iter().flat_map(u64::to_le_bytes).collect();
        self.asked = Some(AskedIndex {
            context: context.clone(),
            asked_at: now,
            waiters: std::mem::take(&mut self.gathering),
        });
        context
    }

    /// The index of a read that was asked for is known.
    pub(super) fn ready(&mut self, context: &[u8], index: u64, applied: u64) {
        let ours = |asked: &mut AskedIndex| {
            #[cfg(test)]
            if is_planted(PlantedMistake::AnswersBySequence) {
                return asked.context.last_chunk::<8>() == context.last_chunk();
            }
            asked.context == context
        };
        if let Some(asked) = self.asked.take_if(ours) {
            let waiters = self.applied_at.entry(index).or_default();
            waiters.extend(asked.waiters);
            self.release(applied);
        }
    }

    /// Entries up to `applied` are applied.
    pub(super) fn release(&mut self, applied: u64) {
        while let Some(entry) = self.applied_at.first_entry() {
            if *entry.key() > applied {
                return;
            }
            for waiter in entry.remove() {
                // A reader that gave up is no longer there to be told.
                let _ = waiter.send(Ok(()));
            }
        }
    }

    /// Refuses all.
    pub(super) fn abandon(&mut self, failure: &Failure) {
        let asked = self.asked.take().map(|asked| asked.waiters);
        let gathering = std::mem::take(&mut self.gathering);
        let waiting = std::mem::take(&mut self.applied_at).into_values().flatten();
        let asked = asked.unwrap_or_default().into_iter();
        for waiter in asked.chain(gathering).chain(waiting) {
            let _ = waiter.send(Err(failure.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    /// Reads of a process, one of which has asked for its first index.
    fn asking(
        first_request: u64,
    ) -> (
        PendingReads,
        Vec<u8>,
        oneshot::Receiver<Result<(), Failure>>,
    ) {
        let mut reads = PendingReads::new(1, first_request, Duration::from_millis(100));
        let (waiter, answer) = oneshot::channel();
        reads.gather(vec![waiter]);
        let context = reads.begin(0);
        (reads, context, answer)
    }

    #[test]
    fn an_answer_to_the_process_before_is_none() {
        let (_, before, _) = asking(7);
        let (mut reads, own, mut answer) = asking(8);
        assert_eq!(before[16..], own[16..], "both were the first to be asked");
        reads.ready(&before, 3, 9);
        assert!(answer.try_recv().is_err(), "the index was another read's");
        reads.ready(&own, 5, 9);
        assert_eq!(answer.try_recv(), Ok(Ok(())));
    }
}
