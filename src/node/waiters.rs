//! Clients that wait for the outcome of a write, found by request id.
//!
//! The consensus thread adds a group under one lock, the apply thread answers a group under one lock: the cost per
//! request is a map insertion and removal. Only the node that proposed a command has a waiter for it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::outcome::{Failure, WriteReply};
use super::remote_waiters::RemoteWaiters;

/// See the module.
#[derive(Debug, Default)]
pub struct Waiters {
    // Held for one group's insertions or removals.
    waiting: Mutex<HashMap<u64, WriteReply>>,
    remote: RemoteWaiters,
}

impl Waiters {
    /// Members that wait for what their clients asked.
    pub(crate) fn remote(&self) -> &RemoteWaiters {
        &self.remote
    }

    /// Registers a group.
    pub fn add(&self, group: Vec<(u64, WriteReply)>) {
        let mut waiting = self.lock();
        for (id, answer) in group {
            let other = waiting.insert(id, answer);
            assert!(
                other.is_none(),
                "invariant node-requests: two requests that wait for an answer have the id {id}"
            );
        }
    }

    /// Takes out the waiters of a group of requests; `None` where nobody waits here.
    pub fn take(&self, ids: impl Iterator<Item = u64>) -> Vec<Option<WriteReply>> {
        let mut waiting = self.lock();
        ids.map(|id| waiting.remove(&id)).collect()
    }

    /// Which of these requests somebody still waits for, in their order.
    pub fn wait_for(&self, ids: impl Iterator<Item = u64>) -> Vec<bool> {
        let waiting = self.lock();
        let waits = |id| {
            waiting
                .get(&id)
                .is_some_and(|answer: &WriteReply| !answer.is_closed())
        };
        ids.map(waits).collect()
    }

    /// Tells a group that it was not taken.
    pub fn refuse(&self, ids: &[u64], failure: &Failure) {
        self.remote.forget(ids);
        for answer in self.take(ids.iter().copied()).into_iter().flatten() {
            let _ = answer.send(Err(failure.clone()));
        }
    }

    /// Tells everybody but these.
    pub fn refuse_others(&self, kept: &BTreeSet<u64>, failure: &Failure) {
        let mut waiting = self.lock();
        let gone = waiting.extract_if(|request, _| !kept.contains(request));
        for (_, answer) in gone {
            let _ = answer.send(Err(failure.clone()));
        }
    }

    /// Forgets clients that gave up: an entry that was overwritten by another leader is never answered.
    pub fn sweep(&self) {
        self.lock().retain(|_, answer| !answer.is_closed());
    }

    /// Tells everyone: the node stops. What was proposed may still take effect.
    pub fn abandon(&self, failure: &Failure) {
        for (_, answer) in self.lock().drain() {
            let _ = answer.send(Err(failure.clone()));
        }
    }

    /// How many writes are on their way.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, WriteReply>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    #[should_panic(expected = "invariant node-requests")]
    fn an_id_that_two_requests_have_is_caught() {
        let waiters = Waiters::default();
        let group = || vec![(7, oneshot::channel().0)];
        waiters.add(group());
        waiters.add(group());
    }
}
