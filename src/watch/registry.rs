//! All open watches, by the path they watch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;

use super::matching::Target;
use super::subscription::Subscription;

/// See the module.
#[derive(Default)]
pub(super) struct WatchRegistry {
    /// By watched path, so that the cost of an event is its depth and not the number of watchers.
    pub(super) by_path: BTreeMap<Bytes, PathWatches>,
    count: usize,
    next_id: u64,
    stopped: bool,
    /// Why nothing is published any more.
    mute: Option<Arc<str>>,
}

/// The watches of one path by their ids: in the order of registration, and one goes as fast from many as from few.
type PathWatches = BTreeMap<u64, Arc<Subscription>>;

impl WatchRegistry {
    /// How many watches are open.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Why nothing is published any more, if so.
    pub(super) fn muted(&self) -> Option<&Arc<str>> {
        self.mute.as_ref()
    }

    /// A new watch; it ends at once where all have ended.
    pub(super) fn add(
        &mut self,
        target: Target,
        from: u64,
        published: u64,
        once: bool,
    ) -> Arc<Subscription> {
        self.next_id += 1;
        let id = self.next_id;
        let subscription = Arc::new(Subscription::new(id, target, from, published, once));
        // Nobody waits at it yet.
        if self.stopped {
            let _ = subscription.stop();
        }
        if let Some(reason) = &self.mute {
            let _ = subscription.mute(reason);
        }
        let path = subscription.target.path.to_bytes();
        let watches = self.by_path.entry(path).or_default();
        watches.insert(id, subscription.clone());
        self.count += 1;
        subscription
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, subscription: &Subscription) -> bool {
        let path = subscription.target.path.to_bytes();
        let Some(watches) = self.by_path.get_mut(&path) else {
            return false;
        };
        if watches.remove(&subscription.id).is_none() {
            return false;
        }
        if watches.is_empty() {
            self.by_path.remove(&path);
        }
        self.count -= 1;
        true
    }

    /// Ends all watches, and later ones at once. Who is to be woken.
    #[must_use]
    pub(super) fn stop(&mut self) -> Vec<Waker> {
        self.stopped = true;
        self.all().filter_map(Subscription::stop).collect()
    }

    /// All watches end behind what was published. Who is to be woken.
    #[must_use]
    pub(super) fn mute(&mut self, reason: Arc<str>) -> Vec<Waker> {
        let wakers = self.all().filter_map(|watch| watch.mute(&reason)).collect();
        self.mute = Some(reason);
        wakers
    }

    /// The store is to decide about the events from `revision` on, for all watches. Who is to be woken.
    #[must_use]
    pub(super) fn fall_behind(&mut self, revision: u64) -> Vec<Waker> {
        self.mute = None;
        let behind = |watch: &Subscription| watch.fall_behind(watch.from.max(revision));
        self.all().filter_map(behind).collect()
    }

    fn all(&self) -> impl Iterator<Item = &Subscription> {
        self.by_path
            .values()
            .flat_map(BTreeMap::values)
            .map(Arc::as_ref)
    }
}
