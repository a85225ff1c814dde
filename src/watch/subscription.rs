//! The part of a watch that hub and connection share: a bounded queue that the apply thread fills and a connection
//! drains.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use storage::operation::Event;

use super::budget::Budget;
use super::delivery::Delivery;
use super::matching::Target;

/// Undelivered events above which a watcher falls behind and continues from the store.
pub(crate) const QUEUE_LIMIT: usize = 128;
/// Bytes of undelivered events above which a watcher falls behind, unless it is one event alone.
pub(crate) const QUEUE_BYTES: usize = 1 << 20;

/// See the module.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) id: u64,
    pub(super) target: Target,
    /// Earlier events do not count.
    pub(super) from: u64,
    /// A long poll wants one event only.
    pub(super) once: bool,
    /// Revisions up to here follow the history rules, later ones the live rules.
    pub(super) history_until: u64,
    // Lock order: the hub's subscriptions before one of them. Held for a push or a pop.
    state: Mutex<SubscriptionState>,
}

#[derive(Debug)]
pub(super) struct SubscriptionState {
    pub(super) queue: VecDeque<(Arc<Delivery>, Instant)>,
    /// Bytes in the queue.
    bytes: usize,
    /// The first revision that is not in the queue and must come from the store; `None` when live.
    pub(super) behind: Option<u64>,
    pub(super) stopped: bool,
    /// Why nothing comes after what the store has.
    pub(super) mute: Option<Arc<str>>,
    pub(super) waker: Option<Waker>,
    /// It was woken and has not looked since.
    pub(super) woken: bool,
}

impl SubscriptionState {
    pub(super) fn pop(&mut self) -> Option<(Arc<Delivery>, Instant)> {
        let first = self.queue.pop_front()?;
        self.bytes -= first.0.bytes();
        Some(first)
    }

    /// Whoever gets the waker has to wake it.
    #[must_use]
    fn take_waker(&mut self) -> Option<Waker> {
        let waker = self.waker.take();
        self.woken |= waker.is_some();
        waker
    }
}

/// What became of an event that was handed to a watcher.
#[derive(Debug)]
pub(super) enum Pushed {
    /// It does not count, or will be read from the store.
    Passed,
    Queued(Option<Waker>),
    /// There is no room for it: the watcher has fallen behind.
    Behind(Option<Waker>),
}

impl Subscription {
    pub(super) fn new(id: u64, target: Target, from: u64, published: u64, once: bool) -> Self {
        let behind = (from != 0 && from <= published).then_some(from);
        let state = SubscriptionState {
            queue: VecDeque::new(),
            bytes: 0,
            behind,
            stopped: false,
            mute: None,
            waker: None,
            woken: false,
        };
        Self {
            id,
            target,
            from,
            once,
            history_until: published,
            state: Mutex::new(state),
        }
    }

    /// Hands over an event that matches; `delivery` makes what is queued, if the budget has room for it.
    pub(super) fn push(
        &self,
        event: &Event,
        published: Instant,
        budget: &Budget,
        delivery: impl FnOnce() -> Option<Arc<Delivery>>,
    ) -> Pushed {
        let mut state = self.lock();
        if event.revision < self.from
            || state.behind.is_some()
            || (self.once && !state.queue.is_empty())
        {
            return Pushed::Passed;
        }
        let fits = |held: usize, bytes: usize| {
            held == 0 || (held + bytes <= QUEUE_BYTES && budget.admits(bytes, held))
        };
        let queued = delivery().filter(|delivery| {
            state.queue.len() < QUEUE_LIMIT && fits(state.bytes, delivery.bytes())
        });
        match queued {
            Some(delivery) => {
                state.bytes += delivery.bytes();
                state.queue.push_back((delivery, published));
                Pushed::Queued(state.take_waker())
            }
            None => {
                state.behind = Some(event.revision);
                Pushed::Behind(state.take_waker())
            }
        }
    }

    /// The store is to decide about the events from `revision` on.
    #[must_use]
    pub(super) fn fall_behind(&self, revision: u64) -> Option<Waker> {
        let mut state = self.lock();
        state.behind.get_or_insert(revision);
        state.take_waker()
    }

    #[must_use]
    pub(super) fn stop(&self) -> Option<Waker> {
        let mut state = self.lock();
        state.stopped = true;
        state.take_waker()
    }

    /// What is published is still delivered; after that the watch ends.
    #[must_use]
    pub(super) fn mute(&self, reason: &Arc<str>) -> Option<Waker> {
        let mut state = self.lock();
        state.mute = Some(reason.clone());
        state.take_waker()
    }

    /// Under the hub's lock: everything up to `published` was considered.
    pub(super) fn caught_up(&self, next: u64, published: u64) {
        let live = next > published;
        let mut state = self.lock();
        assert!(
            state.behind.is_some() && state.queue.is_empty(),
            "invariant watch-behind: a watcher reads history up to {next}, with {} events in its queue and behind from {:?}",
            state.queue.len(),
            state.behind
        );
        state.behind = (!live).then_some(next);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, SubscriptionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
