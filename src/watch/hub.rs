//! Where events meet watchers.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use storage::operation::Event;
use storage::path::KeyPath;
use storage::{Lease, Store};

use super::Target;
use super::matching::{Relation, relate};
use super::watcher::{Slot, Watcher};
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
    // group of events is handed to its watchers.
    registry: Mutex<Registry>,
    published: AtomicU64,
    store: Store,
    limit: usize,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Registry {
    /// By watched path, so that the cost of an event is its depth and not the number of watchers.
    by_path: BTreeMap<Bytes, Vec<Arc<Slot>>>,
    count: usize,
    next_id: u64,
    stopped: bool,
    /// Why nothing is published any more.
    mute: Option<Arc<str>>,
}

impl Hub {
    /// A hub over a store; what the store holds counts as published.
    pub fn new(store: Store, limit: usize, metrics: Arc<Metrics>) -> Self {
        Self {
            published: AtomicU64::new(store.revision()),
            registry: Mutex::default(),
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
        if registry.stopped {
            slot.stop();
        }
        if let Some(reason) = &registry.mute {
            slot.mute(reason);
        }
        registry
            .by_path
            .entry(slot.target.path.to_bytes())
            .or_default()
            .push(slot.clone());
        registry.count += 1;
        self.metrics.watchers.set(registry.count as i64);
        Ok((Watcher::new(slot, self.clone(), self.store.clone()), seen))
    }

    /// The apply thread publishes a committed group; `revision` is the store's after it.
    pub fn publish(&self, events: &[Arc<Event>], revision: u64) {
        let registry = self.lock();
        if registry.count > 0 {
            let now = Instant::now();
            for event in events.iter().filter(|event| !event.refresh) {
                self.hand_out(&registry, event, now);
            }
        }
        self.published.store(revision, Ordering::Release);
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
        // Ids rise, so a path with many watchers is no reason to hold the lock for long.
        let Ok(at) = slots.binary_search_by_key(&slot.id, |other| other.id) else {
            return;
        };
        slots.remove(at);
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
        for slot in registry.by_path.values().flatten() {
            slot.stop();
        }
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
        for slot in registry.by_path.values().flatten() {
            slot.mute(&reason);
        }
        registry.mute = Some(reason);
    }

    /// The reason given to [`Self::mute`], if it was called.
    pub fn muted(&self) -> Option<Arc<str>> {
        self.lock().mute.clone()
    }

    fn hand_out(&self, registry: &Registry, event: &Arc<Event>, now: Instant) {
        let path = &event.node.path;
        for watched in path.ancestors().chain([path.clone()]) {
            for slot in registry
                .by_path
                .get(watched.as_bytes())
                .into_iter()
                .flatten()
            {
                if relate(&slot.target, event) == Relation::Match {
                    self.push(slot, event, now);
                }
            }
        }
        if event.action.is_removal() && event.node.dir {
            self.hand_out_below(registry, event, now);
        }
    }

    /// Watches below a removed directory: those whose node existed hear of the directory's removal.
    fn hand_out_below(&self, registry: &Registry, event: &Arc<Event>, now: Instant) {
        let (low, high) = bounds_below(&event.node.path);
        let range = (
            Bound::Included(low.as_slice()),
            Bound::Excluded(high.as_slice()),
        );
        let mut slots = registry
            .by_path
            .range::<[u8], _>(range)
            .flat_map(|(_, slots)| slots)
            .peekable();
        if slots.peek().is_none() {
            return;
        }
        // Without a wait: who publishes is who would have to open it.
        let lease = self.store.lease_within(Duration::ZERO);
        let view = lease.as_ref().map(Lease::view);
        for slot in slots.filter(|slot| relate(&slot.target, event) == Relation::RemovedAbove) {
            let view = match &view {
                Ok(view) => view,
                // Being reopened: the watcher looks there itself, later.
                Err(_) => {
                    slot.fall_behind(event.revision);
                    continue;
                }
            };
            match view.existed(&slot.target.path, event.revision - 1) {
                Ok(true) => self.push(slot, event, now),
                Ok(false) => {}
                // A group larger than the history that is kept: the watcher ends visibly when it looks there.
                Err(error) => {
                    tracing::warn!(
                        "a watch below {} cannot be judged: {error}",
                        event.node.path
                    );
                    slot.fall_behind(event.revision);
                }
            }
        }
    }

    /// A connection took an event that was published at `published`.
    pub(super) fn delivered(&self, published: Instant) {
        self.metrics
            .watch_delay_seconds
            .observe(published.elapsed().as_secs_f64());
    }

    fn push(&self, slot: &Slot, event: &Arc<Event>, now: Instant) {
        if slot.push(event, now) {
            self.metrics.watch_events.inc();
        } else {
            self.metrics.watch_lagging.inc();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Paths strictly below a directory: from `K/` to just before `K0` ('0' follows '/').
fn bounds_below(directory: &KeyPath) -> (Vec<u8>, Vec<u8>) {
    let mut low = directory.as_bytes().to_vec();
    if !directory.is_root() {
        low.push(b'/');
    }
    let mut high = low.clone();
    if let Some(last) = high.last_mut() {
        *last = b'0';
    }
    (low, high)
}
