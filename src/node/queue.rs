//! A hand-off between two threads that takes all that waits in one go.
//!
//! The consumer's speed decides the batch size: what arrives while it works is its next batch. The producer bounds
//! what is in flight (`turn::MAX_BATCHES_IN_FLIGHT` and its kin), so the queue itself never blocks or refuses.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Debug)]
struct State<T> {
    items: Vec<T>,
    closed: bool,
    sleeping: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Queue<T> {
    // Guards the items; held for a push or a swap.
    state: Mutex<State<T>>,
    wake: Condvar,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        let state = State { items: Vec::new(), closed: false, sleeping: false };
        Self { state: Mutex::new(state), wake: Condvar::new() }
    }
}

impl<T> Queue<T> {
    /// Appends; ignored after [`Self::close`].
    pub fn push(&self, item: T) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.items.push(item);
        if state.sleeping {
            state.sleeping = false;
            drop(state);
            self.wake.notify_one();
        }
    }

    /// Waits for items and takes them all; `None` once closed and empty.
    pub fn take(&self) -> Option<Vec<T>> {
        loop {
            match self.take_within(Duration::from_secs(3600)) {
                Some(items) if items.is_empty() => {}
                other => return other,
            }
        }
    }

    /// As [`Self::take`], but comes back with nothing after `patience`.
    pub fn take_within(&self, patience: Duration) -> Option<Vec<T>> {
        let mut state = self.lock();
        if state.items.is_empty() && !state.closed {
            state.sleeping = true;
            let waited = self.wake.wait_timeout_while(state, patience, |state| {
                state.items.is_empty() && !state.closed
            });
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            state.sleeping = false;
        }
        if state.items.is_empty() && state.closed {
            return None;
        }
        Some(std::mem::take(&mut state.items))
    }

    /// No more items; the consumer still gets what is there.
    pub fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
