//! Where events meet watchers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use storage::Store;
use storage::operation::Event;

use super::budget::Budget;
use super::delivery::{Deliveries, WAITING_BYTES};
use super::hand_out::HandOut;
use super::matching::Target;
use super::readers::Readers;
use super::registry::WatchRegistry;
use super::subscription::Subscription;
use super::wakes::Wakes;
use crate::clock::Clock;
use crate::metrics::Metrics;

/// Bytes of rendered events that clients have not taken yet, all together; small events are not counted.
pub(crate) const SENDING_BYTES: usize = 64 << 20;

/// The limit of watchers is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{limit} watches are open, no more are allowed (--max-watchers)")]
pub struct TooManyWatchers {
    /// The limit.
    pub limit: usize,
}

/// See the parent module.
pub struct Hub {
    // Guards the registry and orders registration against publication. Taken before any subscription's lock; held while one
    // group of events is put into the queues of its watchers, and not while they are woken.
    registry: Mutex<WatchRegistry>,
    published: AtomicU64,
    clock: Clock,
    store: Store,
    limit: usize,
    metrics: Arc<Metrics>,
    deliveries: Arc<Deliveries>,
    sending: Arc<Budget>,
    wakes: Wakes,
    readers: Readers,
}

impl Hub {
    /// A hub over a store; what the store holds counts as published.
    pub fn new(clock: Clock, store: Store, limit: usize, metrics: Arc<Metrics>) -> Self {
        Self::with_room(clock, store, limit, metrics, WAITING_BYTES)
    }

    /// The same with so many bytes for events that wait.
    pub(super) fn with_room(
        clock: Clock,
        store: Store,
        limit: usize,
        metrics: Arc<Metrics>,
        waiting: usize,
    ) -> Self {
        let deliveries = Arc::new(Deliveries::new(waiting));
        Self {
            published: AtomicU64::new(store.revision()),
            registry: Mutex::default(),
            readers: Readers::new(store.clone(), deliveries.clone()),
            deliveries,
            sending: Budget::new(SENDING_BYTES),
            wakes: Wakes::default(),
            clock,
            store,
            limit,
            metrics,
        }
    }

    /// The last revision whose events were handed out.
    pub fn published(&self) -> u64 {
        self.published.load(Ordering::Acquire)
    }

    /// How many watches are open.
    pub fn watchers(&self) -> usize {
        self.lock().count()
    }

    /// Adds a watch, and gives the revision that is readable now: see [`Hub::register`].
    pub(super) fn subscribe(
        &self,
        target: Target,
        from: u64,
        once: bool,
    ) -> Result<(Arc<Subscription>, u64), TooManyWatchers> {
        let mut registry = self.lock();
        if registry.count() >= self.limit {
            return Err(TooManyWatchers { limit: self.limit });
        }
        let published = self.published();
        // "From now" is after all that a reader may have seen: a committed group is readable before it is published.
        let seen = self.store.revision().max(published);
        let from = if from == 0 { seen + 1 } else { from };
        let subscription = registry.add(target, from, published, once);
        self.metrics.watchers.set(registry.count() as i64);
        Ok((subscription, seen))
    }

    /// The apply thread publishes a committed group; `revision` is the store's after it. When it returns the events are
    /// in the queues of their watchers; a crowd of these may be woken later.
    pub fn publish(&self, events: &[Arc<Event>], revision: u64) {
        let registry = self.lock();
        let mut wakers = Vec::new();
        if registry.count() > 0 {
            let mut out = HandOut::new(
                &self.store,
                &self.deliveries,
                &self.metrics,
                self.clock.now(),
            );
            for event in events.iter().filter(|event| !event.refresh) {
                out.event(&registry, event);
            }
            wakers = out.wakers;
        }
        self.published.store(revision, Ordering::Release);
        drop(registry);
        self.wakes.wake(wakers);
    }

    /// A watcher has read everything below `next`: live if that is all there is.
    pub(super) fn catch_up(&self, subscription: &Subscription, next: u64) {
        let _registry = self.lock();
        subscription.caught_up(next, self.published());
    }

    pub(super) fn forget(&self, subscription: &Subscription) {
        let mut registry = self.lock();
        if registry.remove(subscription) {
            self.metrics.watchers.set(registry.count() as i64);
        }
    }

    /// Another store took the place of the one that was published, and stands at `revision`: no event of what lies between
    /// was handed out here, so every watch reads that from its history.
    pub fn jump(&self, revision: u64) {
        let mut registry = self.lock();
        let wakers = registry.fall_behind(self.published() + 1);
        self.published.store(revision, Ordering::Release);
        drop(registry);
        self.wakes.wake(wakers);
    }

    /// Ends all watches; later ones end at once.
    pub fn stop(&self) {
        let mut registry = self.lock();
        let wakers = registry.stop();
        drop(registry);
        self.wakes.wake(wakers);
    }

    /// From here on nothing is applied, for this reason: watches end when they have delivered what the store has, since
    /// a client that waits for an event that cannot come takes silence for health.
    pub fn mute(&self, reason: &str) {
        let mut registry = self.lock();
        if registry.muted().is_some() {
            return;
        }
        if registry.count() > 0 {
            tracing::error!(
                "{} watches end, because no event will come any more: {reason}",
                registry.count()
            );
        }
        let wakers = registry.mute(reason.into());
        drop(registry);
        self.wakes.wake(wakers);
    }

    /// The reason given to [`Self::mute`], if it was called.
    pub fn muted(&self) -> Option<Arc<str>> {
        self.lock().muted().cloned()
    }

    /// A connection took an event that was published at `published`.
    pub(super) fn delivered(&self, published: Instant) {
        self.metrics
            .watch_delay_seconds
            .observe(self.clock.elapsed(published).as_secs_f64());
    }

    /// The store that history is read from.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// For events in queues, and pages of history: [`WAITING_BYTES`].
    pub(super) fn waiting_bytes(&self) -> &Arc<Budget> {
        self.deliveries.budget()
    }

    /// Where events for queues and pages are made.
    pub(super) fn deliveries(&self) -> &Deliveries {
        &self.deliveries
    }

    /// For events on their way to clients: [`SENDING_BYTES`].
    pub fn sending_bytes(&self) -> &Arc<Budget> {
        &self.sending
    }

    pub(super) fn wakes(&self) -> &Wakes {
        &self.wakes
    }

    pub(super) fn readers(&self) -> &Readers {
        &self.readers
    }

    fn lock(&self) -> MutexGuard<'_, WatchRegistry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
