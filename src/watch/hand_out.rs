//! One group of events on its way into the queues of those whom they concern.

use std::ops::Bound;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use storage::operation::Event;
use storage::path::KeyPath;
use storage::{Lease, Store};

use super::delivery::{Deliveries, Delivery};
use super::matching::{Relation, relate};
use super::registry::WatchRegistry;
use super::subscription::{Pushed, Subscription};
use crate::metrics::Metrics;

/// Directories' removals ask for the past of each watched path below. For more of them than this in one group, the
/// watchers ask themselves: who publishes is who applies.
const ASKED_BELOW: usize = 64;

/// See the module.
pub(super) struct HandOut<'h> {
    store: &'h Store,
    deliveries: &'h Deliveries,
    metrics: &'h Metrics,
    now: Instant,
    /// Those that are to be woken once no lock is held.
    pub(super) wakers: Vec<Waker>,
    /// Watches below removed directories that were looked at.
    asked: usize,
}

impl<'h> HandOut<'h> {
    pub(super) fn new(
        store: &'h Store,
        deliveries: &'h Deliveries,
        metrics: &'h Metrics,
        now: Instant,
    ) -> Self {
        Self {
            store,
            deliveries,
            metrics,
            now,
            wakers: Vec::new(),
            asked: 0,
        }
    }

    pub(super) fn event(&mut self, registry: &WatchRegistry, event: &Arc<Event>) {
        // Made for the first watcher, and then given to all: `None` within if there is no room for it.
        let mut delivery = None;
        let path = &event.node.path;
        for watched in path.ancestors().chain([path.clone()]) {
            let Some(watches) = registry.by_path.get(watched.as_bytes()) else {
                continue;
            };
            for watch in watches.values() {
                if relate(&watch.target, event) == Relation::Match {
                    self.push(watch, event, &mut delivery);
                }
            }
        }
        if event.action.is_removal() && event.node.dir {
            self.below(registry, event, &mut delivery);
        }
    }

    /// Watches below a removed directory: those whose node existed hear of the directory's removal.
    fn below(
        &mut self,
        registry: &WatchRegistry,
        event: &Arc<Event>,
        delivery: &mut SharedDelivery,
    ) {
        let (low, high) = bounds_below(&event.node.path);
        let range = (
            Bound::Included(low.as_slice()),
            Bound::Excluded(high.as_slice()),
        );
        let mut watches = registry
            .by_path
            .range::<[u8], _>(range)
            .flat_map(|(_, watches)| watches.values())
            .peekable();
        if watches.peek().is_none() {
            return;
        }
        // Without a wait: who publishes is who would have to open it.
        let lease = self.store.lease_within(Duration::ZERO);
        let view = lease.as_ref().map(Lease::view);
        for watch in watches.filter(|watch| relate(&watch.target, event) == Relation::RemovedAbove)
        {
            self.asked += 1;
            let view = match &view {
                Ok(view) if self.asked <= ASKED_BELOW => view,
                // Being reopened, or a crowd: the watcher looks there itself, later.
                _ => {
                    self.wakers.extend(watch.fall_behind(event.revision));
                    continue;
                }
            };
            match view.existed(&watch.target.path, event.revision - 1) {
                Ok(true) => self.push(watch, event, delivery),
                Ok(false) => {}
                // A group larger than the history that is kept: the watcher ends visibly when it looks there.
                Err(error) => {
                    tracing::warn!(
                        "a watch below {} cannot be judged: {error}",
                        event.node.path
                    );
                    self.wakers.extend(watch.fall_behind(event.revision));
                }
            }
        }
    }

    fn push(&mut self, watch: &Subscription, event: &Arc<Event>, delivery: &mut SharedDelivery) {
        let deliveries = self.deliveries;
        let shared = || {
            delivery
                .get_or_insert_with(|| deliveries.claim(event.clone(), 0))
                .clone()
        };
        match watch.push(event, self.now, deliveries.budget(), shared) {
            Pushed::Passed => {}
            Pushed::Queued(waker) => {
                self.metrics.watch_events.inc();
                self.wakers.extend(waker);
            }
            Pushed::Behind(waker) => {
                self.metrics.watch_lagging.inc();
                self.wakers.extend(waker);
            }
        }
    }
}

/// What all watchers of one event get; the outer `None` before the first of them.
type SharedDelivery = Option<Option<Arc<Delivery>>>;

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
