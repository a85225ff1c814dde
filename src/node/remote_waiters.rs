//! Members that wait for the outcome of writes which they offered to this one, as their own logs take long.
//!
//! The consensus thread of a leader adds them before the writes are proposed, the apply thread puts the outcomes here, and the
//! consensus thread sends them. Nothing depends on it: what is not here, or lost, is told to the client by the member's own log.
//! So they are kept apart from the clients who wait at this member: a write that is replaced in the log is routed anew for
//! those, and for nobody else.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::outcome::AppliedWrite;
use super::peer::DecidedWrite;

/// Bytes of outcomes in one message, a larger one excepted.
const MESSAGE_BYTES: usize = 1 << 20;
/// An outcome that is larger (of values of megabytes, the one that was there among them) is left to the member's own log.
const OUTCOME_BYTES: usize = 4 << 20;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct RemoteWaiters {
    // Looked at for every group that is applied; the lock is taken only while somebody waits.
    any: AtomicBool,
    // Held for one group's insertions or removals.
    state: Mutex<RemoteState>,
}

#[derive(Debug, Default)]
struct RemoteState {
    /// The term in which the writes below were offered.
    term: u64,
    /// Who waits, by request.
    members: HashMap<u64, u64>,
    decided: Vec<(u64, DecidedWrite)>,
}

impl RemoteWaiters {
    /// A member waits for these, which it offered in this term. Those of another term are settled without this member.
    pub(crate) fn add(&self, member: u64, term: u64, requests: impl Iterator<Item = u64>) {
        let mut state = self.lock();
        if state.term != term {
            state.term = term;
            state.members.clear();
        }
        state
            .members
            .extend(requests.map(|request| (request, member)));
        self.note(&state);
    }

    /// Whether anybody waits, or is to be told something.
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// These were applied: each with its request. That a change of membership does not hold is
    /// told by the member's own log.
    pub(crate) fn applied(&self, done: &[(u64, AppliedWrite)]) {
        if !self.any() {
            return;
        }
        let mut state = self.lock();
        for (request, applied) in done {
            let Some(member) = state.members.remove(request) else {
                continue;
            };
            let write = DecidedWrite {
                request: *request,
                applied: applied.clone(),
            };
            let told = applied.refused.is_none() && write.bytes() <= OUTCOME_BYTES;
            if told {
                state.decided.push((member, write));
            }
        }
        self.note(&state);
    }

    /// What members are to be told, in messages of bounded size.
    pub(crate) fn take_decided(&self) -> Vec<(u64, Vec<DecidedWrite>)> {
        if !self.any() {
            return Vec::new();
        }
        let mut state = self.lock();
        let decided = std::mem::take(&mut state.decided);
        self.note(&state);
        drop(state);
        let mut open: BTreeMap<u64, (usize, Vec<DecidedWrite>)> = BTreeMap::new();
        let mut messages = Vec::new();
        for (member, write) in decided {
            let bytes = write.bytes();
            let (held, writes) = open.entry(member).or_default();
            if *held > 0 && *held + bytes > MESSAGE_BYTES {
                *held = 0;
                messages.push((member, std::mem::take(writes)));
            }
            *held += bytes;
            writes.push(write);
        }
        let open = open.into_iter();
        messages.extend(open.map(|(member, (_, writes))| (member, writes)));
        messages
    }

    /// These were not taken.
    pub(crate) fn forget(&self, requests: &[u64]) {
        if self.any() {
            let mut state = self.lock();
            for request in requests {
                state.members.remove(request);
            }
            self.note(&state);
        }
    }

    /// This member leads no more: whoever leads now has to be asked.
    pub(crate) fn forget_all(&self) {
        if self.any() {
            let mut state = self.lock();
            state.members = HashMap::new();
            self.note(&state);
        }
    }

    fn note(&self, state: &RemoteState) {
        let any = !state.members.is_empty() || !state.decided.is_empty();
        self.any.store(any, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, RemoteState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use storage::operation::{Condition, Outcome, Refusal};

    use super::*;

    fn compared(request: u64, bytes: usize) -> (u64, AppliedWrite) {
        let outcome = Outcome::Refused {
            refusal: Refusal::CompareFailed {
                condition: Condition::default(),
                value: Bytes::from(vec![0; bytes]),
                index: 3,
            },
            revision: 9,
        };
        let applied = AppliedWrite {
            outcomes: vec![outcome],
            index: 5 + request,
            term: 3,
            refused: None,
        };
        (request, applied)
    }

    fn requests(messages: &[(u64, Vec<DecidedWrite>)]) -> Vec<(u64, Vec<u64>)> {
        let of = |writes: &[DecidedWrite]| writes.iter().map(|write| write.request).collect();
        messages
            .iter()
            .map(|(member, writes)| (*member, of(writes)))
            .collect()
    }

    #[test]
    fn members_are_told_what_they_asked_for_and_once() {
        let waiters = RemoteWaiters::default();
        waiters.applied(&[compared(1, 1)]);
        waiters.add(2, 3, [1, 2].into_iter());
        waiters.add(3, 3, [7].into_iter());
        waiters.applied(&[compared(7, 1), compared(2, 1), compared(9, 1)]);
        let messages = waiters.take_decided();
        assert_eq!(requests(&messages), [(2, vec![2]), (3, vec![7])]);
        assert_eq!(messages[0].1[0].applied.index, 7);
        assert!(waiters.take_decided().is_empty());
        assert!(waiters.any(), "one waits still");
        waiters.forget(&[1]);
        assert!(!waiters.any());
    }

    #[test]
    fn another_term_forgets_them() {
        let waiters = RemoteWaiters::default();
        waiters.add(2, 3, [1].into_iter());
        waiters.add(2, 4, [2].into_iter());
        waiters.applied(&[compared(1, 1), compared(2, 1)]);
        assert_eq!(requests(&waiters.take_decided()), [(2, vec![2])]);
        waiters.add(2, 4, [3].into_iter());
        waiters.forget_all();
        assert!(!waiters.any());
    }

    #[test]
    fn messages_are_bounded_and_what_is_too_large_is_left_out() {
        let waiters = RemoteWaiters::default();
        waiters.add(2, 3, [1, 2, 3].into_iter());
        let half = MESSAGE_BYTES / 2;
        waiters.applied(&[
            compared(1, half),
            compared(2, half),
            compared(3, OUTCOME_BYTES),
        ]);
        assert_eq!(
            requests(&waiters.take_decided()),
            [(2, vec![1]), (2, vec![2])]
        );
        assert!(!waiters.any());
    }
}
