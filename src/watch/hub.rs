//! Where events meet watchers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use storage::Store;
use storage::operation::Event;

use super::budget::Budget;
use super::deliveries::Deliveries;
use super::hand_out::HandOut;
use super::readers::Readers;
use super::slot::Slot;
use super::wakes::Wakes;
use super::watcher::Watcher;
use super::{SENDING_BYTES, Target, WAITING_BYTES};
use crate::metrics::Metrics;

/// The limit of watchers is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{limit} watches are open, no more are allowed (--max-watchers)")]
pub struct TooManyWatchers {
    /// The limit.
    pub limit: usize,
}

/// See the parent module.
pub struct Hub {
    // Guards the registry and orders registration against publication. Taken before any slot's lock; held while one
    // group of events is put into the queues of its watchers, and not while they are woken.
    registry: Mutex<Registry>,
    published: AtomicU64,
    store: Store,
    limit: usize,
    metrics: Arc<Metrics>,
    deliveries: Arc<Deliveries>,
    sending: Arc<Budget>,
    wakes: Wakes,
    readers: Readers,
}

#[derive(Default)]
pub(super) struct Registry {
    /// By watched path, so that the cost of an event is its depth and not the number of watchers.
    pub(super) by_path: BTreeMap<Bytes, Slots>,
    count: usize,
    next_id: u64,
    stopped: bool,
    /// Why nothing is published any more.
    mute: Option<Arc<str>>,
}

/// The watches of one path by their ids: in the order of registration, and one goes as fast from many as from few.
pub(super) type Slots = BTreeMap<u64, Arc<Slot>>;

impl Hub {
    /// A hub over a store; what the store holds counts as published.
    pub fn new(store: Store, limit: usize, metrics: Arc<Metrics>) -> Self {
        Self::with_room(store, limit, metrics, WAITING_BYTES)
    }

    /// The same with so many bytes for events that wait.
    pub(super) fn with_room(
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
        self.lock().count
    }

    /// Registers a watch from revision `from` on (0: from now) and returns it with the revision that is readable now.
    /// Events up to the last published one come from history, later ones as they happen.
    pub fn register(
        self: &Arc<Self>,
        target: Target,
        from: u64,
        once: bool,
    ) -> Result<(Watcher, u64), TooManyWatchers> {
        let mut registry = self.lock();
        if registry.count >= self.limit {
            return Err(TooManyWatchers { limit: self.limit });
        }
        let published = self.published();
        // "From now" is after all that a reader may have seen: a committed group is readable before it is published.
        let seen = self.store.revision().max(published);
        let from = if from == 0 { seen + 1 } else { from };
        registry.next_id += 1;
        let slot = Arc::new(Slot::new(registry.next_id, target, from, published, once));
        // Nobody waits at it yet.
        if registry.stopped {
            let _ = slot.stop();
        }
        if let Some(reason) = &registry.mute {
            let _ = slot.mute(reason);
        }
        registry
            .by_path
            .entry(slot.target.path.to_bytes())
            .or_default()
            .insert(slot.id, slot.clone());
        registry.count += 1;
        self.metrics.watchers.set(registry.count as i64);
        Ok((Watcher::new(slot, self.clone()), seen))
    }

    /// The apply thread publishes a committed group; `revision` is the store's after it. When it returns the events are
    /// in the queues of their watchers; a crowd of these may be woken later.
    pub fn publish(&self, events: &[Arc<Event>], revision: u64) {
        let registry = self.lock();
        let mut wakers = Vec::new();
        if registry.count > 0 {
            let mut out = HandOut::new(self);
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
    pub(super) fn catch_up(&self, slot: &Slot, next: u64) {
        let _registry = self.lock();
        slot.caught_up(next, self.published());
    }

    pub(super) fn forget(&self, slot: &Slot) {
        let mut registry = self.lock();
        let key = slot.target.path.to_bytes();
        let Some(slots) = registry.by_path.get_mut(&key) else {
            return;
        };
        if slots.remove(&slot.id).is_none() {
            return;
        }
        if slots.is_empty() {
            registry.by_path.remove(&key);
        }
        registry.count -= 1;
        self.metrics.watchers.set(registry.count as i64);
    }

    /// Ends all watches; later ones end at once.
    pub fn stop(&self) {
        let mut registry = self.lock();
        registry.stopped = true;
        let wakers = registry.slots().filter_map(Slot::stop).collect();
        drop(registry);
        self.wakes.wake(wakers);
    }

    /// From here on nothing is applied, for this reason: watches end when they have delivered what the store has, since
    /// a client that waits for an event that cannot come takes silence for health.
    pub fn mute(&self, reason: &str) {
        let mut registry = self.lock();
        if registry.mute.is_some() {
            return;
        }
        if registry.count > 0 {
            tracing::error!(
                "{} watches end, because no event will come any more: {reason}",
                registry.count
            );
        }
        let reason: Arc<str> = reason.into();
        let wakers = registry.slots().filter_map(|slot| slot.mute(&reason));
        let wakers = wakers.collect();
        registry.mute = Some(reason);
        drop(registry);
        self.wakes.wake(wakers);
    }

    /// The reason given to [`Self::mute`], if it was called.
    pub fn muted(&self) -> Option<Arc<str>> {
        self.lock().mute.clone()
    }

    /// A connection took an event that was published at `published`.
    pub(super) fn delivered(&self, published: Instant) {
        self.metrics
            .watch_delay_seconds
            .observe(published.elapsed().as_secs_f64());
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

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(super) fn wakes(&self) -> &Wakes {
        &self.wakes
    }

    pub(super) fn readers(&self) -> &Readers {
        &self.readers
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.by_path
            .values()
            .flat_map(BTreeMap::values)
            .map(Arc::as_ref)
    }
}
