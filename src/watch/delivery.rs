//! Events on their way to watchers: made once for all who want them, and counted once.
//!
//! Whoever does not read holds what he was given last. Without sharing, some tens of such clients at one large event
//! would hold all the room there is, and who reads at once would wait for them.

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use storage::operation::Event;

use super::budget::{Budget, Claim};

/// Bytes of undelivered events of all watchers together.
pub(crate) const WAITING_BYTES: usize = 64 << 20;

/// Smaller events are not looked for: each has its own.
const LARGE: usize = 4 << 10;
/// Forgotten events among the known ones are cleared away above this number, and above twice what is left then.
const KNOWN: usize = 128;

/// An event that waits to be sent, for one watcher or for many. It counts against the budget until the last has it.
pub struct Delivery {
    event: Arc<Event>,
    bytes: usize,
    _claim: Claim,
    // Held for a look.
    rendered: Mutex<Weak<Rendering>>,
}

/// What is sent of an event, shared by all who send it.
pub(crate) type Rendering = dyn AsRef<[u8]> + Send + Sync;

impl Delivery {
    fn new(event: Arc<Event>, bytes: usize, claim: Claim) -> Self {
        Self {
            event,
            bytes,
            _claim: claim,
            rendered: Mutex::new(Weak::<Vec<u8>>::new()),
        }
    }

    /// What it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What another watcher made of it, as long as that is being sent.
    pub fn rendered(&self) -> Option<Arc<Rendering>> {
        self.rendering().upgrade()
    }

    /// Tells the other watchers what was made of it.
    pub fn share(&self, rendered: &Arc<Rendering>) {
        *self.rendering() = Arc::downgrade(rendered);
    }

    fn rendering(&self) -> MutexGuard<'_, Weak<Rendering>> {
        self.rendered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("event", &self.event)
            .finish_non_exhaustive()
    }
}

impl Deref for Delivery {
    type Target = Event;

    fn deref(&self) -> &Event {
        &self.event
    }
}

/// What an event takes in memory.
pub(super) fn size(event: &Event) -> usize {
    size_of::<Delivery>() + event.bytes()
}

/// The room for what waits, and the large events that wait now.
#[derive(Debug)]
pub(super) struct Deliveries {
    budget: Arc<Budget>,
    // Held for one look; inside no other lock but the hub's and a subscription's.
    large: Mutex<Large>,
}

#[derive(Debug)]
struct Large {
    by_revision: HashMap<u64, Weak<Delivery>>,
    clear_above: usize,
}

impl Deliveries {
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            budget: Budget::new(bytes),
            large: Mutex::new(Large {
                by_revision: HashMap::new(),
                clear_above: KNOWN,
            }),
        }
    }

    /// `None` if a watcher that holds `held` bytes may not have the event now.
    pub(super) fn claim(&self, event: Arc<Event>, held: usize) -> Option<Arc<Delivery>> {
        let bytes = size(&event);
        let make = |event| {
            Some(Arc::new(Delivery::new(
                event,
                bytes,
                self.budget.claim(bytes, held)?,
            )))
        };
        if bytes <= LARGE {
            return make(event);
        }
        let mut large = self.large.lock().unwrap_or_else(PoisonError::into_inner);
        let revision = event.revision;
        if let Some(known) = large.by_revision.get(&revision).and_then(Weak::upgrade) {
            return Some(known);
        }
        let made = make(event)?;
        large.by_revision.insert(revision, Arc::downgrade(&made));
        if large.by_revision.len() > large.clear_above {
            large
                .by_revision
                .retain(|_, known| known.strong_count() > 0);
            large.clear_above = KNOWN.max(2 * large.by_revision.len());
        }
        Some(made)
    }

    pub(super) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use storage::operation::{Action, Node};
    use storage::path::KeyPath;

    use super::*;

    fn event(revision: u64, bytes: usize) -> Arc<Event> {
        let node = Node {
            path: KeyPath::new("/k").expect("canonical"),
            value: Some(Bytes::from(vec![b'v'; bytes])),
            dir: false,
            created: revision,
            modified: revision,
            lifetime: None,
        };
        Arc::new(Event {
            revision,
            action: Action::Set,
            node,
            prev: None,
            refresh: false,
            system: false,
            time: None,
        })
    }

    #[test]
    fn a_large_event_counts_once_as_long_as_somebody_has_it() {
        let deliveries = Deliveries::new(100_000);
        let all: Vec<_> = (0..50)
            .map(|_| deliveries.claim(event(1, 10_000), 0).expect("the same"))
            .collect();
        let used = deliveries.budget().used();
        assert!((10_000..11_000).contains(&used), "{used}");
        let other = deliveries
            .claim(event(2, 10_000), 0)
            .expect("there is room");
        assert!(deliveries.budget().used() > 20_000);
        drop((all, other));
        assert_eq!(deliveries.budget().used(), 0);
        for revision in 3..2_000 {
            assert!(deliveries.claim(event(revision, 10_000), 0).is_some());
        }
        let known = deliveries.large.lock().expect("no panic").by_revision.len();
        assert!(known <= KNOWN + 1, "{known}");
    }
}
